//! A real NATS server for a test.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A server on a port of its own, which is killed with this.
pub struct Server {
    port: u16,
    config: Option<PathBuf>,
    child: Child,
}

impl Server {
    /// Starts a server; `None` where none is installed, which is no fault unless the variable `CI` is set.
    pub async fn start() -> Option<Self> {
        Server::configured(None).await
    }

    /// Starts one with the configuration in a file.
    pub async fn configured(config: Option<PathBuf>) -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing; install the package nats-server");
            println!("skipped: nats-server not found");
            return None;
        }
        let port = free_port();
        let child = spawn(port, config.as_deref());
        let server = Server { port, config, child };
        server.wait().await;
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The most bytes that it takes in one message.
    pub async fn max_payload(&self) -> usize {
        self.client().await.server_info().max_payload
    }

    /// A client that is none of ours.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.expect("the server is ready")
    }

    /// Waits for a message on a subject that others subscribe to, and leaves them alone again.
    pub async fn overhear(&self, subject: &str) -> impl AsyncFnOnce() + use<> {
        let (client, mut messages) = self.subscriber(subject).await;
        async move || {
            messages.next().await.expect("a message");
            messages.unsubscribe().await.expect("it is subscribed");
            heard(&client).await;
        }
    }

    /// A client that is none of ours, and what is published on a subject.
    pub async fn subscriber(&self, subject: &str) -> (async_nats::Client, async_nats::Subscriber) {
        let client = self.client().await;
        let messages = client.subscribe(subject.to_string()).await.expect("it is a subject");
        heard(&client).await;
        (client, messages)
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was started");
    }

    pub async fn start_again(&mut self) {
        self.child = spawn(self.port, self.config.as_deref());
        self.wait().await;
    }

    /// Until it takes connections, whatever it wants to see of them.
    async fn wait(&self) {
        let greeted = async || {
            let mut greeting = [0; 4];
            TcpStream::connect(("127.0.0.1", self.port)).await?.read_exact(&mut greeting).await?;
            Ok::<_, std::io::Error>(&greeting == b"INFO")
        };
        while !greeted().await.unwrap_or(false) {
            tokio::task::yield_now().await;
        }
    }
}

/// Waits until the server has read what the client has written.
pub async fn heard(client: &async_nats::Client) {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.expect("it is a subject");
    client.publish(inbox, "".into()).await.expect("it is a subject");
    echo.next().await.expect("its echo");
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn spawn(port: u16, config: Option<&Path>) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    command.args(config.iter().flat_map(|file| [OsStr::new("--config"), file.as_os_str()]));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was found before")
}
