//! `steadfast serve`, as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::get_and_close;
use crate::stage::component;

/// A process, which is killed with this.
pub struct Serve {
    child: Child,
    address: String,
    /// Standard error, a pipe that is read when a test says so.
    log: BufReader<ChildStderr>,
    _folder: tempfile::TempDir,
}

impl Serve {
    /// Serves a component, with more in its manifest and in the environment, and waits until it listens.
    pub fn start(package: &str, more: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("test.toml");
        let text = format!("component = '{}'\n{more}", component(package).display());
        std::fs::write(&file, text).expect("the folder is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--manifest"]).arg(file);
        command.env_remove("RUST_LOG").envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("text");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_string();
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        Serve { child, address, log, _folder: folder }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("it listens")
    }

    /// The whole answer to a request.
    pub async fn ask(&self, request: &str) -> String {
        let mut socket = self.connect().await;
        socket.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("it answers");
        String::from_utf8(answer).expect("text")
    }

    /// The whole answer to a GET, which is to be a 200.
    pub async fn get(&self, path: &str) -> String {
        let answer = self.ask(&get_and_close(path)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        answer
    }

    /// Reads its log as far as the line with this in it.
    pub fn log_until(&mut self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(text)) {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).expect("text"), 0, "no `{text}` in {lines:#?}");
            lines.push(line.trim_end().into());
        }
        lines
    }

    /// Tells it to end, and waits until it has, before more of its log is read; its status, and what it logged.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("every Unix has it").success());
        let status = self.child.wait().expect("it was started");
        let mut log = Vec::new();
        self.log.read_to_end(&mut log).expect("a pipe");
        let log = String::from_utf8_lossy(&log);
        (status, log.lines().map(String::from).collect())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
