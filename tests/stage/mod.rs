//! A host in simulated time, with a lattice as its manifest says, and a client that asks it.
#![allow(dead_code, reason = "each test program needs its part of it")]

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use steadfast_demo::guests::Guests;
use steadfast_host::sim::{self, Time};
use steadfast_host::{Cause, Delivery, Host, Manifest};
use tokio::time::Instant;
use tracing_subscriber::util::SubscriberInitExt;

/// Built all at once, side by side.
const PACKAGES: [&str; 17] = [
    "http-hello",
    "greeter",
    "http-hello-plain",
    "http-proxy",
    "quotes",
    "chain",
    "chain-letters",
    "cron",
    "postgres",
    "postgres-table",
    "caller",
    "callee",
    "wrpc-hello",
    "wrpc-greeting",
    "hostile",
    "keeper",
    "sharer",
];

/// The components of this workspace, built at first use.
pub fn component(package: &str) -> &'static Path {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    let build = || Guests::build(&PACKAGES).unwrap();
    GUESTS.get_or_init(build).file(package)
}

/// A manifest for `app`, with links from interfaces to packages, and `rest` of the file.
pub fn manifest(app: &Path, links: &[(&str, &str)], rest: &str) -> Manifest {
    let mut text = format!("component = '{}'\n{rest}\n[links]\n", app.display());
    for (interface, package) in links {
        text += &format!("'{interface}' = {{ component = '{}' }}\n", component(package).display());
    }
    Manifest::parse(&text, "test.toml").unwrap()
}

/// A whole manifest, in which `<package>` stands for the file of that component.
pub fn whole(text: &str) -> Manifest {
    let fill =
        |text: String, package: &&str| text.replace(&format!("<{package}>"), &component(package).display().to_string());
    Manifest::parse(&PACKAGES.iter().fold(text.to_string(), fill), "test.toml").unwrap()
}

/// What a client got, and what went over the lattice for it.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: String,
    /// In simulated time.
    pub took: Duration,
    pub calls: Vec<Result<(), (Cause, Delivery)>>,
}

impl Answer {
    /// A member of the problem that the body is, as JSON.
    pub fn member(&self, name: &str) -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&self.body).unwrap_or_default()[name].clone()
    }
}

/// A running host and its client.
pub struct Stage {
    pub host: Host,
}

impl Stage {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: &'static str) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// How the calls went that are in the journal after so many entries; what is asked of a store is none.
    pub fn calls_since(&self, before: usize) -> Vec<Result<(), (Cause, Delivery)>> {
        let entries = self.host.journal().entries().into_iter().skip(before);
        entries.filter(|entry| !entry.target.starts_with("wasi:keyvalue/")).map(|entry| entry.outcome).collect()
    }

    async fn send(&self, method: Method, path: &str, body: &'static str) -> Answer {
        let before = self.host.journal().entries().len();
        let start = Instant::now();
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes())));
        let response = self.host.handle(request.unwrap()).await;
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_string());
        let (status, retry_after) = (response.status().as_u16(), header("retry-after"));
        let problem = header("content-type").as_deref() == Some("application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        // A problem says that it is one, and nothing else says so.
        assert_eq!(problem, serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|body| body.is_object()));
        assert!(!problem || status >= 500);
        Answer { status, retry_after, body, took: start.elapsed(), calls: self.calls_since(before) }
    }
}

/// Runs `play` on a host in simulated time.
pub fn simulate<T>(manifest: &Manifest, play: impl AsyncFnOnce(Stage) -> T) -> T {
    sim::run(async { play(Stage { host: Host::load(manifest, Time::Simulated).unwrap() }).await })
}

/// What `work` returns, and the lines that components printed to standard error meanwhile.
pub fn overhear<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let log = Log::default();
    let writer = log.clone();
    let format = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let format = format.without_time().with_level(false).with_target(false).with_ansi(false);
    // Of this thread alone, which is the one that simulations run on.
    let guard = format.finish().set_default();
    let result = work();
    drop(guard);
    let log = String::from_utf8(std::mem::take(&mut log.0.lock().unwrap())).unwrap();
    // The line, then whose it is.
    let line = |line: &str| Some(line.strip_suffix(r#" stream="stderr""#)?.rsplit_once(" component=")?.0.into());
    (result, log.lines().filter_map(line).collect())
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
