//! Components, clients and peers that behave badly: what the host makes of each.

mod answers;
mod connections;
mod given;
mod heads;
#[cfg(target_os = "linux")]
mod loading;
#[cfg(unix)]
mod log;
#[cfg(target_os = "linux")]
mod memories;
mod memory;
#[cfg(target_os = "linux")]
mod passing;
#[cfg(target_os = "linux")]
mod process;
mod requests;
#[cfg(unix)]
mod serving;

#[path = "../../../tests/stage/mod.rs"]
mod stage;

use std::net::SocketAddr;

use stage::{component, manifest};
use steadfast_host::Host;
use steadfast_host::sim::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves the hostile component, with `rest` in its manifest.
async fn serve(rest: &str) -> SocketAddr {
    let host = Host::load(&manifest(component("hostile"), &[], rest), Time::Real).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { host.serve(listener, std::future::pending()).await });
    address
}

/// A connection that has sent `bytes`.
async fn send(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    socket
}

/// All that a connection still brings, until the host closes it.
async fn rest(mut socket: TcpStream) -> String {
    let mut reply = Vec::new();
    // Where the host did not read all that was sent, the end is a reset.
    let _ = socket.read_to_end(&mut reply).await;
    String::from_utf8(reply).unwrap()
}

async fn reply(address: SocketAddr, request: &str) -> String {
    rest(send(address, request).await).await
}

/// What a host of the hostile component replies to `requests`, each over a connection of its own.
async fn replies(rest: &str, requests: &[&str]) -> Vec<String> {
    let address = serve(rest).await;
    let mut replies = Vec::new();
    for request in requests {
        replies.push(reply(address, request).await);
    }
    replies
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

fn get_and_close(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}
