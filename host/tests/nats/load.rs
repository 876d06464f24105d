//! Ten thousand requests, 64 at a time, from a client over HTTP to the guest, over NATS to a provider, and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use steadfast_host::sim::Time;
use steadfast_host::{Host, Manifest};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use wasmtime_wasi_http::io::TokioIo;

use crate::{Provider, Server, component};

const REQUESTS: usize = 10_000;
const AT_A_TIME: usize = 64;

/// A host that serves HTTP, and whose calls have as much time as a slow machine needs.
async fn serve(url: &str) -> (Host, SocketAddr) {
    let text = format!(
        "component = '{}'\ninvocation-timeout = '60s'\nrequest-timeout = '60s'\n\
         [links]\n'test:guests/hostile' = {{ nats = '{url}', prefix = 'test' }}",
        component("caller").display()
    );
    let host = Host::load(&Manifest::parse(&text, "test.toml").unwrap(), Time::Real).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = host.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    // Until calls leave the process.
    while ask(&mut connect(address).await, "/count").await != "200 1" {
        tokio::task::yield_now().await;
    }
    (host, address)
}

async fn connect(address: SocketAddr) -> http1::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The status and the body of an answer.
async fn ask(client: &mut http1::SendRequest<Empty<Bytes>>, path: &str) -> String {
    client.ready().await.unwrap();
    let request = Request::get(path).header("host", "localhost").body(Empty::new()).unwrap();
    let response = client.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    format!("{status} {}", String::from_utf8_lossy(&body))
}

/// How often which answer came, over `AT_A_TIME` connections to each host.
async fn load(hosts: &[SocketAddr]) -> BTreeMap<String, usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for address in (0..AT_A_TIME).map(|client| hosts[client % hosts.len()]) {
        let next = next.clone();
        clients.spawn(async move {
            let mut client = connect(address).await;
            let mut answers = BTreeMap::<String, usize>::new();
            while next.fetch_add(1, Ordering::Relaxed) < REQUESTS {
                *answers.entry(ask(&mut client, "/count").await).or_default() += 1;
            }
            answers
        });
    }
    let mut all = BTreeMap::new();
    for (answer, times) in clients.join_all().await.into_iter().flatten() {
        *all.entry(answer).or_default() += times;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_are_answered_without_an_error() {
    let Some(server) = Server::start().await else { return };
    // Each with room for all.
    let _providers = [Provider::start(&server.url()), Provider::start(&server.url())];
    let (one, other) = (serve(&server.url()).await, serve(&server.url()).await);
    let before = one.0.journal().total() + other.0.journal().total();
    assert_eq!(load(&[one.1, other.1]).await, BTreeMap::from([("200 1".into(), REQUESTS)]));
    // No policy helped: each request is one call.
    assert_eq!(one.0.journal().total() + other.0.journal().total() - before, REQUESTS as u64);
}
