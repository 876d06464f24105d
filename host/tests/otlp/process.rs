//! `steadfast serve` and `steadfast provide`, as processes of their own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use steadfast_demo::guests::Guests;
use tokio::net::TcpStream;
use tokio::sync::watch;
use wasmtime_wasi_http::io::TokioIo;

/// Before a test gives up: far longer than anything takes, and far shorter than what would keep a process from its end.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PACKAGES: [&str; 8] =
    ["caller", "callee", "chain", "chain-letters", "greeter", "hostile", "quotes", "shared-breaker"];

pub fn component(package: &str) -> &'static Path {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| Guests::build(&PACKAGES).unwrap()).file(package)
}

/// A process, which is killed with this.
pub struct Steadfast {
    child: Child,
    /// That it serves, and where.
    said: String,
    /// The address of its admin port.
    admin: Option<String>,
    log: watch::Receiver<String>,
    _folder: tempfile::TempDir,
}

impl Steadfast {
    /// Serves a manifest, in which `<package>` stands for the file of that component, with variables of the environment.
    pub fn serve(manifest: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let fill = |text: String, package: &&str| {
            text.replace(&format!("<{package}>"), &component(package).display().to_string())
        };
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("test.toml");
        std::fs::write(&file, PACKAGES.iter().fold(manifest.to_string(), fill)).expect("the folder is ours");
        let file = file.to_str().expect("a path of text");
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--manifest", file], arguments].concat();
        Steadfast::start(folder, &arguments, variables)
    }

    /// Serves the exports of a component at a NATS server.
    pub fn provide(package: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let file = component(package).to_str().expect("a path of text");
        let folder = tempfile::tempdir().expect("a folder for the test");
        Steadfast::start(folder, &[&["provide", file], arguments].concat(), variables)
    }

    /// Starts it, and waits until it says that it serves.
    fn start(folder: tempfile::TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What a developer has set.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        let mut child = command.envs(variables.iter().copied()).spawn().expect("the command runs");
        let mut stderr = child.stderr.take().expect("it is piped");
        let (sender, log) = watch::channel(String::new());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                sender.send_modify(|log| log.push_str(&String::from_utf8_lossy(&bytes[..count])));
            }
        });
        let (mut said, mut admin) = (String::new(), None);
        let mut lines = BufReader::new(child.stdout.as_mut().expect("it is piped"));
        while !said.contains("ing ") {
            said.clear();
            assert_ne!(lines.read_line(&mut said).expect("text"), 0, "{:?}", log.borrow());
            admin = said.trim().strip_prefix("admin on http://").map(String::from).or(admin);
        }
        Steadfast { child, said, admin, log, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        self.said.trim().rsplit([' ', '/']).next().expect("an address")
    }

    /// The page of its metrics.
    pub async fn metrics(&self) -> String {
        let admin = self.admin.as_deref().expect("it has an admin port");
        let (status, page) = ask(admin, "GET", "/metrics", &[]).await;
        assert_eq!(status, 200, "{page}");
        page
    }

    /// The status and the text of the answer to a request, or that it is cut short.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        ask(self.address(), "GET", path, headers).await
    }

    /// Waits for something in its log.
    pub async fn says(&self, text: &str) {
        let mut log = self.log.clone();
        let said = tokio::time::timeout(PATIENCE, log.wait_for(|log| log.contains(text))).await;
        said.unwrap_or_else(|_| panic!("no `{text}` in {:?}", self.log.borrow())).expect("it goes on");
    }

    /// Tells it to end, and waits until it has; all that it said.
    pub async fn end(mut self) -> (ExitStatus, String) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("every Unix has it").success());
        // Its log ends with it.
        let ended = async { while self.log.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends");
        let status = self.child.wait().expect("it was started");
        let log = self.log.borrow().clone();
        (status, log)
    }
}

impl Drop for Steadfast {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the text of the answer to a request, or that it is cut short.
pub async fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", address);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = sender.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.expect("an answer");
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(body) => (status, String::from_utf8(body.to_bytes().to_vec()).expect("text")),
        Err(_) => (status, "cut short".into()),
    }
}
