//! The command as a process of its own: `steadfast serve`, and how much memory a process had.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most memory that a process has had, where the system says it.
pub fn peak_mib(process: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

/// `steadfast serve`, which is killed with this.
pub struct Host {
    pub child: Child,
    address: String,
    _manifest: NamedTempFile,
}

impl Host {
    /// Serves `component` with more in its manifest, and waits until it listens.
    pub fn start(component: &Path, more: &str) -> Self {
        let mut manifest = NamedTempFile::new().expect("a temporary file");
        write!(manifest, "component = '{}'\n{more}", component.display()).expect("it is open");
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--manifest"]).arg(manifest.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("text");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_string();
        Host { child, address, _manifest: manifest }
    }

    /// The answer to a request, head and body.
    pub async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
