//! A real NATS server for a test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use futures_util::StreamExt;

/// A server on a port of its own, which is killed with this.
pub struct Server {
    port: u16,
    child: Child,
}

impl Server {
    /// Starts a server; `None` where none is installed, which is no fault unless the variable `CI` is set.
    pub async fn start() -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing; install the package nats-server");
            println!("skipped: nats-server not found");
            return None;
        }
        let port = free_port();
        let server = Server { port, child: spawn(port) };
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
        self.child = spawn(self.port);
        self.wait().await;
    }

    /// Until it takes connections.
    async fn wait(&self) {
        while async_nats::connect(self.url()).await.is_err() {
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

fn spawn(port: u16) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was found before")
}
