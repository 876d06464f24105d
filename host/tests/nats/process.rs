//! A command as a process of its own: what it prints, what it logs, and what it says at its admin port.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `steadfast` with an admin port, which is killed with this.
pub struct Process {
    pub child: Child,
    pub stdout: BufReader<ChildStdout>,
    log: NamedTempFile,
    /// Where the admin port is.
    pub admin: String,
}

impl Process {
    /// Starts it in `folder`, with all that it can log, and waits for its admin port.
    pub fn start(folder: &Path, arguments: &[String], variables: &[(&str, String)]) -> Self {
        let log = NamedTempFile::new().expect("a file for the log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(arguments).args(["--admin", "127.0.0.1:0"]).current_dir(folder);
        command.envs(variables.iter().cloned()).env("RUST_LOG", "trace,async_nats=trace");
        command.stdout(Stdio::piped()).stderr(log.reopen().expect("it is there"));
        let mut child = command.spawn().expect("the command runs");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut process = Process { child, stdout, log, admin: String::new() };
        let line = process.line();
        let admin = line.strip_prefix("admin on http://");
        process.admin = admin.unwrap_or_else(|| panic!("{line:?}, and logged: {}", process.log())).into();
        process
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line.trim_end().into()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("text")
    }

    /// The status and the body that it answers with at its admin port.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(&self.admin, path).await
    }

    /// Waits until it has the status at `path`; the body that comes with it.
    pub async fn until(&self, path: &str, status: u16) -> String {
        self.wait(path, |answered, _| answered == status).await
    }

    /// Waits until what it answers at `path` is as it should be; the body.
    pub async fn wait(&self, path: &str, expected: impl Fn(u16, &str) -> bool) -> String {
        loop {
            let (status, body) = self.get(path).await;
            if expected(status, &body) {
                return body;
            }
            tokio::task::yield_now().await;
        }
    }

    #[cfg(unix)]
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.expect("every Unix has it").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of an answer.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head[9..12].parse().expect("a status"), body.trim_end().into())
}

/// All that comes back for a request, as it is on the wire.
pub async fn ask(address: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("it listens");
    connection.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("it answers");
    answer
}
