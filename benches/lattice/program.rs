//! Programs that are measured, each a process of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;

/// A process, which is killed with this.
pub struct Program {
    pub name: &'static str,
    /// What followed the words by which it said that it is ready.
    pub said: String,
    child: Child,
}

impl Program {
    /// Starts it, and waits until it has written a line with `ready` in it.
    pub async fn start(name: &'static str, mut command: Command, ready: &'static str) -> Outcome<Self> {
        // One of them says it on standard output, another on standard error.
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] =
            [child.stdout.take().map(|out| Box::new(out) as _), child.stderr.take().map(|out| Box::new(out) as _)];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            // For as long as it runs: one whose output nobody reads would stand still.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        drop(sender);
        let mut all = String::new();
        while let Some(line) = lines.recv().await {
            if let Some((_, said)) = line.split_once(ready) {
                return Ok(Program { name, said: said.trim().into(), child });
            }
            all += &line;
            all.push('\n');
        }
        Err(format!("{name} ended, and never said `{ready}`, but:\n{all}").into())
    }

    /// A NATS server on a free port, and its address.
    pub async fn nats_server(folder: &Path) -> Outcome<(Self, String)> {
        Program::nats_server_with(folder, &[]).await
    }

    /// The same with further arguments.
    pub async fn nats_server_with(folder: &Path, arguments: &[&str]) -> Outcome<(Self, String)> {
        let port = free_port()?;
        let mut command = Command::new("nats-server");
        command.args(["--addr", "127.0.0.1", "--port", &port]).args(arguments).current_dir(folder);
        let server = Program::start("nats-server", command, "Server is ready").await;
        let server = server.map_err(|error| format!("nats-server cannot be started ({error}); is it installed?"))?;
        Ok((server, format!("nats://127.0.0.1:{port}")))
    }

    /// A Redis server on a free port, which keeps nothing, and its address.
    pub async fn redis_server(folder: &Path) -> Outcome<(Self, String)> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", ""]).current_dir(folder);
        let server = Program::start("redis-server", command, "Ready to accept connections").await;
        let server = server.map_err(|error| format!("redis-server cannot be started ({error}); is it installed?"))?;
        Ok((server, format!("redis://127.0.0.1:{port}")))
    }

    /// The processor time that it has had, where the system says so.
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // Behind the name, which may have spaces in it: the 14th and the 15th field, in hundredths of a second.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }
}

fn free_port() -> std::io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string())
}

impl Program {
    /// Its memory, as a line of the system's report that begins with `name`, in bytes.
    pub fn memory(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }

    /// How many files and sockets it has open.
    pub fn descriptors(&self) -> Option<u64> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok()?.count() as u64)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
