//! A real NATS server: where it is found, how it is started, and who is connected to it.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hyper::Method;

use super::process::{LOOK, PATIENCE, Process};
use steadfast_demo::client;

/// Where Debian's package puts it, which is not in everybody's PATH.
const SYSTEM: &str = "/usr/sbin";

/// The server to run, which is `asked` or the one that is installed.
pub fn find(asked: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = asked {
        return match path.is_file() {
            true => Ok(path.to_path_buf()),
            false => Err(format!("there is no file {}, which `--nats-server` names", path.display())),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([SYSTEM.into()]);
    folders.map(|folder| folder.join("nats-server")).find(|file| file.is_file()).ok_or_else(|| {
        "`nats-server` is not in PATH; install it (on Debian and Ubuntu: apt-get install nats-server; others: \
         https://docs.nats.io/running-a-nats-service/introduction/installation), or say where it is with \
         `--nats-server PATH`"
            .into()
    })
}

/// A server on a port of its own, also after it was killed and started again.
pub struct Server {
    program: PathBuf,
    folder: PathBuf,
    verbose: bool,
    port: u16,
    /// Where it tells who is connected.
    monitor: u16,
    /// More that it is told.
    options: Vec<String>,
    process: Process,
}

impl Server {
    pub async fn start(program: &Path, folder: &Path, verbose: bool) -> Result<Self, String> {
        Server::start_with(program, folder, verbose, Vec::new()).await
    }

    /// One that keeps streams in its folder.
    pub async fn with_streams(program: &Path, folder: &Path) -> Result<Self, String> {
        let store = folder.join("streams").display().to_string();
        Server::start_with(program, folder, false, vec!["--jetstream".into(), "--store_dir".into(), store]).await
    }

    async fn start_with(program: &Path, folder: &Path, verbose: bool, options: Vec<String>) -> Result<Self, String> {
        let (port, monitor) = (free_port()?, free_port()?);
        let process = spawn(program, folder, verbose, port, monitor, &options).await?;
        Ok(Server { program: program.into(), folder: folder.into(), verbose, port, monitor, options, process })
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub async fn start_again(&mut self) -> Result<(), String> {
        self.process = spawn(&self.program, &self.folder, self.verbose, self.port, self.monitor, &self.options).await?;
        Ok(())
    }

    pub fn kill(&mut self) -> Result<(), String> {
        self.process.kill()
    }

    pub async fn pause(&self) -> Result<(), String> {
        self.process.pause().await
    }

    pub fn resume(&self) -> Result<(), String> {
        self.process.resume()
    }

    /// Waits until it passes calls of the greeter on to so many providers.
    pub async fn has_providers(&self, count: usize) -> Result<(), String> {
        let monitor = SocketAddr::from((Ipv4Addr::LOCALHOST, self.monitor));
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let answer = client::send(monitor, Method::GET, "/subsz?subs=1", "").await?;
            let answer: serde_json::Value = serde_json::from_str(&answer.body)
                .map_err(|error| format!("the NATS server answers with what is no JSON: {error}"))?;
            let serves = |subscription: &&serde_json::Value| {
                subscription["subject"].as_str().is_some_and(|subject| subject.contains("acme:greeter/api"))
            };
            if answer["subscriptions_list"].as_array().map_or(0, |all| all.iter().filter(serves).count()) == count {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("the NATS server did not have {count} providers within {PATIENCE:?}"))
    }
}

async fn spawn(
    program: &Path,
    folder: &Path,
    verbose: bool,
    port: u16,
    monitor: u16,
    options: &[String],
) -> Result<Process, String> {
    let mut command = Command::new(program);
    command.args(options);
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--http_port", &monitor.to_string()]);
    let mut process = Process::start(folder, "nats-server", verbose, &mut command)?;
    process.says("Server is ready", 1).await?;
    Ok(process)
}

/// From below those that systems hand out by themselves, so that nobody is given it while the server is down.
fn free_port() -> Result<u16, String> {
    let begin = RandomState::new().hash_one("port") as u16 % 10_000;
    let mut ports = (0..10_000).map(|step| 20_000 + (begin + step) % 10_000);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(free).ok_or_else(|| "no port from 20000 to 29999 is free".into())
}
