//! A host as a process: what it makes of signals, and of few descriptors.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::NamedTempFile;

use crate::stage::component;
use crate::{get, get_and_close, reply, rest, send};

/// `steadfast serve`, which is killed with this.
pub struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: NamedTempFile,
    _manifest: NamedTempFile,
}

impl Process {
    /// Of the hostile component, with `before` in front of the command.
    fn start(before: &[&str], rest: &str) -> Self {
        Process::serve(before, component("hostile"), rest)
    }

    pub fn serve(before: &[&str], app: &Path, rest: &str) -> Self {
        let manifest = NamedTempFile::new().unwrap();
        let app = app.display();
        std::fs::write(&manifest, format!("component = '{app}'\nlisten = '127.0.0.1:0'\n{rest}")).unwrap();
        let log = NamedTempFile::new().unwrap();
        let steadfast = env!("CARGO_BIN_EXE_steadfast");
        let words: Vec<&str> = before.iter().copied().chain([steadfast, "serve", "--manifest"]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(manifest.path()).env_remove("RUST_LOG");
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Process { child, stdout, log, _manifest: manifest }
    }

    /// The address in the next line that it prints.
    pub fn address(&mut self) -> std::net::SocketAddr {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap();
        address.parse().unwrap_or_else(|_| panic!("{line:?}, and logged: {}", self.log()))
    }

    /// The most memory that it had at a time, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    fn signal(&self, signal: &str, process: u32) {
        let status = Command::new("kill").args([signal, &process.to_string()]).status();
        assert!(status.unwrap().success());
    }

    fn terminate(&self) {
        self.signal("-TERM", self.child.id());
    }

    /// How it ended.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        (status.code(), self.log())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The machine code that a host kept in a folder: its files have no extension, as those about their use have.
fn machine_code(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { machine_code(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_none()).collect()
}

/// Waits until a process takes SIGTERM.
fn until_it_takes_signals(process: u32) {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        if u64::from_str_radix(caught, 16).unwrap() & 1 << 14 != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_host_that_is_told_to_stop_while_it_loads_stops() {
    // It compiles, which takes a while.
    let process = Process::start(&["env", "STEADFAST_CACHE=off"], "");
    until_it_takes_signals(process.child.id());
    process.terminate();
    let (status, log) = process.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn the_first_process_of_a_container_stops_when_told() {
    // As root, or where users may make namespaces.
    let process = Process::start(&["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"], "");
    let children = format!("/proc/{0}/task/{0}/children", process.child.id());
    let host = loop {
        match std::fs::read_to_string(&children).unwrap().split_whitespace().next() {
            Some(child) => break child.parse().unwrap(),
            None => std::thread::yield_now(),
        }
    };
    // Until it is the host, it is `unshare` itself.
    until_it_takes_signals(host);
    process.signal("-TERM", host);
    let (status, log) = process.end();
    assert_eq!(status, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_lets_requests_end_and_takes_no_more() {
    let mut process = Process::start(&[], "request-timeout = '3s'");
    let address = process.address();
    let under_way = send(address, &get("/forever")).await;
    let mut head = [0; 15];
    under_way.readable().await.unwrap();
    assert_eq!(under_way.peek(&mut head).await.unwrap(), head.len());
    process.terminate();
    // The socket is closed while the request is at work.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    while !process.log().contains("stopping; requests under way, which have 10s to end: 1") {
        tokio::task::yield_now().await;
    }
    assert!(rest(under_way).await.ends_with("abc\r\n"));
    let (status, log) = process.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains(" stopped\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_host_at_once() {
    let mut process = Process::start(&[], "request-timeout = '1h'");
    let address = process.address();
    let under_way = send(address, &get("/forever")).await;
    under_way.readable().await.unwrap();
    process.terminate();
    while !process.log().contains("stopping") {
        tokio::task::yield_now().await;
    }
    process.terminate();
    let (status, log) = process.end();
    assert_eq!(status, Some(143), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_descriptors_the_admin_port_and_requests_are_answered() {
    let mut process = Process::start(&["prlimit", "--nofile=300:300"], "admin = 'localhost:0'");
    let (admin, address) = (process.address(), process.address());
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(send(address, "GET / HT").await);
    }
    let health = reply(admin, &get_and_close("/healthz")).await;
    assert!(health.starts_with("HTTP/1.1 200 "), "{health:?}");
    let whole = reply(address, &get_and_close("/whole")).await;
    assert!(whole.starts_with("HTTP/1.1 200 "), "{whole:?}");
    assert!(!process.log().contains("cannot accept"), "{}", process.log());
    let mut rest = Vec::new();
    process.terminate();
    process.stdout.read_to_end(&mut rest).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_that_is_damaged_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = format!("STEADFAST_CACHE={}", folder.path().display());
    let answer = async || {
        let mut process = Process::start(&["env", &cache], "");
        let answer = reply(process.address(), &get_and_close("/whole")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}, and logged: {}", process.log());
    };
    answer().await;
    let kept = machine_code(folder.path());
    let sizes = || kept.iter().map(|file| std::fs::metadata(file).unwrap().len()).collect::<Vec<_>>();
    let whole = sizes();
    assert!(!kept.is_empty());
    kept.iter().for_each(|file| std::fs::write(file, "damaged").unwrap());
    answer().await;
    assert_eq!(sizes(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_is_kept_where_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let home = format!("HOME={}", folder.path().display());
    let no_folder = format!("STEADFAST_CACHE={}", file.display());
    for (variable, told) in
        [("STEADFAST_CACHE=off", false), ("STEADFAST_CACHE=", true), ("STEADFAST_CACHE=here", true), (&no_folder, true)]
    {
        let mut process = Process::start(&["env", "-u", "XDG_CACHE_HOME", &home, variable], "");
        process.address();
        let log = process.log();
        assert_eq!(log.contains("STEADFAST_CACHE names no folder for machine code"), told, "{variable}: {log}");
    }
    assert_eq!(machine_code(folder.path()), [file]);
}
