//! Links over a real NATS server: what arrives, and what a caller is told when something is down, dies or lies.
#![cfg(feature = "nats")]

mod leaving;
mod outage;
mod peers;
mod provider;
mod server;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use server::Server;
use steadfast_demo::guests::Guests;
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host, Manifest};

/// What became of the invocations of one request.
type Calls = Vec<Result<(), (Cause, Delivery)>>;

fn component(package: &str) -> &'static Path {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| Guests::build(&["caller", "callee"]).unwrap()).file(package)
}

/// The component that calls, on a host whose links lead to `url`.
struct Caller(Host);

impl Caller {
    /// One that is not yet connected.
    fn of(url: &str) -> Self {
        let mut text = format!("component = '{}'\ninstances = 'reuse'\n[links]\n", component("caller").display());
        for interface in ["values", "hostile"] {
            text += &format!("'test:guests/{interface}' = {{ nats = '{url}', prefix = 'test' }}\n");
        }
        Caller(Host::load(&Manifest::parse(&text, "test.toml").unwrap(), Time::Real).unwrap())
    }

    /// One that is connected.
    async fn at(server: &Server) -> Self {
        let caller = Caller::of(&server.url());
        caller.connected().await;
        caller
    }

    /// Waits until calls leave the process.
    async fn connected(&self) {
        while self.get("/count").await.1 == [Err((Cause::Disconnected, Delivery::NotSent))] {
            tokio::task::yield_now().await;
        }
    }

    /// The answer to a request, and its invocations.
    async fn get(&self, path: &str) -> (String, Calls) {
        let before = self.0.journal().entries().len();
        let request = Request::get(path).header("host", "localhost").body(Full::new(Bytes::new())).unwrap();
        let body = self.0.handle(request).await.into_body().collect().await.unwrap().to_bytes();
        let calls = self.0.journal().entries().into_iter().skip(before).map(|entry| entry.outcome).collect();
        (String::from_utf8(body.to_vec()).unwrap(), calls)
    }
}

/// `steadfast provide`, as a process of its own, which is killed with this.
struct Provider(Child);

impl Provider {
    /// Starts it, and waits until the server knows of it.
    fn start(url: &str) -> Self {
        Provider::with(url, &[])
    }

    fn with(url: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["provide", "--nats", url, "--prefix", "test"]).args(more).arg(component("callee"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("text");
        assert!(line.starts_with("serving "), "{line:?}");
        Provider(child)
    }

    #[cfg(unix)]
    fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(status.expect("every Unix has it").success());
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
