//! Links over a real NATS server: what arrives, and what a caller is told when something is down, dies or lies.
#![cfg(feature = "wrpc")]

mod access;
mod admin;
mod call;
mod callers;
mod chain;
mod credentials;
mod deadline;
mod forged;
mod keyvalue;
mod leases;
mod leaving;
mod load;
mod messages;
mod outage;
mod peers;
mod process;
mod provider;
mod server;
mod serving;
mod stock;
mod traces;

use std::io::{BufRead, BufReader, Write};
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
    GUESTS
        .get_or_init(|| {
            Guests::build(&[
                "caller",
                "callee",
                "greeter",
                "keeper",
                "messenger",
                "sharer",
                "tasks",
                "wrpc-greeting",
                "wrpc-hello",
            ])
            .unwrap()
        })
        .file(package)
}

/// A manifest in which the links for `interfaces` lead to `url`.
fn links(component: &Path, interfaces: &[&str], url: &str) -> String {
    let links = interfaces.iter().map(|it| format!("'{it}' = {{ nats = '{url}', prefix = 'test' }}\n"));
    format!("component = '{}'\ninstances = 'reuse'\n[links]\n{}", component.display(), links.collect::<String>())
}

/// A component that calls, on a host whose links lead to a server.
struct Caller(Host);

impl Caller {
    /// What the guest `caller` does, in TOML.
    fn manifest(url: &str) -> String {
        links(component("caller"), &["test:guests/values", "test:guests/hostile"], url)
    }

    /// `component` with links for `interfaces`, which is not yet connected.
    fn of(component: &Path, interfaces: &[&str], url: &str) -> Self {
        Caller::load(&links(component, interfaces, url))
    }

    /// The guest `caller` with more in its manifest, not yet connected.
    fn with(url: &str, more: &str) -> Self {
        Caller::load(&format!("{more}\n{}", Caller::manifest(url)))
    }

    fn load(manifest: &str) -> Self {
        Caller(Host::load(&Manifest::parse(manifest, "test.toml").unwrap(), Time::Real).unwrap())
    }

    /// The guest `caller`, connected.
    async fn at(server: &Server) -> Self {
        let caller = Caller::with(&server.url(), "");
        caller.connected("/count").await;
        caller
    }

    /// The same, with as much time for a call as a large one may take on a busy machine.
    async fn patient(server: &Server) -> Self {
        let caller = Caller::with(&server.url(), "invocation-timeout = '25s'");
        caller.connected("/count").await;
        caller
    }

    /// Waits until the call that a request leads to leaves the process.
    async fn connected(&self, path: &str) {
        while self.get(path).await.1.last() == Some(&Err((Cause::Disconnected, Delivery::NotSent))) {
            tokio::task::yield_now().await;
        }
    }

    /// The answer to a request, and its invocations.
    async fn get(&self, path: &str) -> (String, Calls) {
        self.get_with(path, &[]).await
    }

    /// The same of a request with more headers.
    async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> (String, Calls) {
        let before = self.0.journal().entries().len();
        let request = Request::get(path).header("host", "localhost");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(Bytes::new())).unwrap();
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
        Provider::of(component("callee"), url, more)
    }

    fn of(component: &Path, url: &str, more: &[&str]) -> Self {
        Provider::at(component, url, "test", more)
    }

    fn at(component: &Path, url: &str, prefix: &str, more: &[&str]) -> Self {
        Provider::run(url, prefix, &[more, &[component.to_str().expect("text")]].concat())
    }

    /// The guest `callee`, whose calls may take as long as a busy machine needs.
    fn patient(url: &str) -> Self {
        Provider::patient_with(url, &[])
    }

    fn patient_with(url: &str, more: &[&str]) -> Self {
        let mut manifest = tempfile::NamedTempFile::new().expect("a temporary file");
        let component = component("callee").display();
        write!(manifest, "component = '{component}'\nrequest-timeout = '10m'").expect("it is open");
        Provider::run(url, "test", &[more, &["--manifest", manifest.path().to_str().expect("text")]].concat())
    }

    fn run(url: &str, prefix: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["provide", "--nats", url, "--prefix", prefix]).args(more);
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
