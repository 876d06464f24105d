//! The hosts and providers of a scenario: the real command, in processes of its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use hyper::Method;
use steadfast_demo::guests::Guests;

use super::process::{LOOK, PATIENCE, Process};
use super::server::Server;
use steadfast_demo::client::{self, Answer};
use steadfast_demo::scenario::{Components, Step};
use steadfast_demo::table::Row;

/// What the subjects begin with.
const PREFIX: &str = "demo";

/// Where a scenario plays.
pub struct Stage<'a> {
    pub guests: &'a Guests,
    pub components: &'a Components,
    /// The command `steadfast`.
    pub command: &'a Path,
    pub nats_server: &'a Path,
    /// For the logs and the manifests.
    pub folder: PathBuf,
    pub verbose: bool,
}

impl Stage<'_> {
    pub async fn server(&self) -> Result<Server, String> {
        Server::start(self.nats_server, &self.folder, self.verbose).await
    }

    /// `steadfast serve` with a manifest, in which `{package}` is the file of a component.
    pub async fn host(&self, name: &str, manifest: &str) -> Result<Host, String> {
        let file = self.folder.join(format!("{name}.toml"));
        let written = std::fs::write(&file, self.components.fill(manifest));
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let mut command = Command::new(self.command);
        command.args(["serve", "--listen", "127.0.0.1:0", "--manifest"]).arg(file);
        let mut process = self.start(name, &mut command)?;
        const LISTENING: &str = "listening on http://";
        // The line is whole as soon as its end is there.
        let said = process.says(LISTENING, 1).await?;
        let address = said.split_once(LISTENING).and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let address = address.ok_or_else(|| format!("{name} did not say where it listens"))?;
        Ok(Host { process, address })
    }

    /// http-hello, whose greeter is behind `server`, when it is connected; with `more` at the top of its manifest.
    pub async fn linked_host(&self, server: &Server, more: &str) -> Result<Host, String> {
        let link = format!("'acme:greeter/api' = {{ nats = '{}', prefix = '{PREFIX}' }}", server.url());
        let host = self.host("http-hello", &format!("component = '{{http-hello}}'\n{more}\n[links]\n{link}\n")).await?;
        host.connected().await?;
        Ok(host)
    }

    /// `steadfast provide` with a component, when the server knows that it is the one of `count` providers.
    pub async fn provider(&self, name: &str, package: &str, server: &Server, count: usize) -> Result<Provider, String> {
        let mut command = Command::new(self.command);
        command.args(["provide", "--nats", &server.url(), "--prefix", PREFIX]).arg(self.guests.file(package));
        let mut process = self.start(name, &mut command)?;
        process.says("serving ", 1).await?;
        server.has_providers(count).await?;
        Ok(Provider { process })
    }

    fn start(&self, name: &str, command: &mut Command) -> Result<Process, String> {
        // Each call over the lattice has a line in the log, and nothing but its level decides that.
        command.env("RUST_LOG", "info,steadfast::lattice=debug").env_remove("NATS_URL");
        Process::start(&self.folder, name, self.verbose, command)
    }
}

/// `steadfast serve`, and what it is asked.
pub struct Host {
    process: Process,
    address: SocketAddr,
}

impl Host {
    /// Gets what the step asks for; what came of it, beside what was promised.
    pub async fn ask(&self, step: Step) -> Result<Row, String> {
        let before = self.calls();
        let answer = get(self.address, step.ask.path()).await?;
        Ok(step.row(&answer, self.calls() - before))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many calls went over the lattice and are over.
    pub fn calls(&self) -> u64 {
        self.process.log().matches("call=\"acme:greeter/api#greet\"").count() as u64
    }

    /// Waits until calls leave the process.
    async fn connected(&self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            // Without a provider, the answer is another: 503.
            if get(self.address, "/strict/anybody").await?.status != 502 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("the host was not connected to the NATS server within {PATIENCE:?}"))
    }

    /// Waits until it has lost its connection.
    pub async fn knows_of_the_loss(&mut self) -> Result<(), String> {
        self.process.says("lost the connection to", 1).await.map(drop)
    }

    /// Waits until it has made its connection once more, without a request that would tell.
    pub async fn connected_again(&mut self) -> Result<(), String> {
        self.process.says("connected to", 2).await.map(drop)
    }
}

/// One request.
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer, String> {
    let answer = tokio::time::timeout(PATIENCE, client::send(address, Method::GET, path, "")).await;
    answer.unwrap_or_else(|_| Err(format!("GET {path}: no answer within {PATIENCE:?}")))
}

/// `steadfast provide`, and what it does.
pub struct Provider {
    process: Process,
}

impl Provider {
    /// Waits until `name` is being greeted.
    pub async fn greets(&mut self, name: &str) -> Result<(), String> {
        self.process.says(&format!("executed {name}"), 1).await.map(drop)
    }

    pub fn kill(&mut self) -> Result<(), String> {
        self.process.kill()
    }

    /// Pauses it at a moment when it greets somebody; whom.
    pub async fn pause_at_work(&self) -> Result<BTreeSet<String>, String> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            self.process.pause().await?;
            let returned: BTreeSet<_> = self.names("returned ").into_iter().collect();
            let executing: BTreeSet<_> = self.executed().into_iter().filter(|name| !returned.contains(name)).collect();
            if !executing.is_empty() {
                return Ok(executing);
            }
            self.process.resume()?;
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("a provider had nothing to do for {PATIENCE:?}"))
    }

    /// Asks it to end, and lets it go on if it was paused.
    pub fn terminate(&self) -> Result<(), String> {
        self.process.terminate()?;
        self.process.resume()
    }

    pub async fn ended(&mut self) -> Result<ExitStatus, String> {
        self.process.ended().await
    }

    /// Whom it has begun to greet, once for each time.
    pub fn executed(&self) -> Vec<String> {
        self.names("executed ")
    }

    fn names(&self, what: &str) -> Vec<String> {
        let log = self.process.log();
        let names = log.lines().filter_map(|line| line.split_once(what)?.1.split_whitespace().next());
        names.map(str::to_string).collect()
    }
}
