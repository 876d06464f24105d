//! `steadfast dev` and `steadfast fault`, as a person uses them: real processes, keys, requests and changes.
#![cfg(unix)]

#[path = "../../../tests/stage/mod.rs"]
mod stage;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use stage::component;
use tempfile::TempDir;

const MANIFEST: &str = "
component = 'hello.wasm'
listen = '127.0.0.1:0'
admin = '127.0.0.1:0'

[links]
'acme:greeter/api' = { component = 'greeter.wasm' }
";

/// A folder with a manifest and components, and no package of Cargo.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("steadfast.toml"), MANIFEST).unwrap();
    fs::copy(component("http-hello"), folder.path().join("hello.wasm")).unwrap();
    fs::copy(component("greeter"), folder.path().join("greeter.wasm")).unwrap();
    folder
}

/// A command that runs until it is killed with this.
struct Process {
    child: Child,
    keys: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    address: String,
    admin: String,
}

impl Process {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env_remove("STEADFAST_ADMIN_TOKEN");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (keys, lines) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Process { child, keys, lines, address: String::new(), admin: String::new() }
    }

    fn dev(folder: &Path, arguments: &[&str]) -> Self {
        let mut process = Process::start(folder, &[&["dev"], arguments].concat());
        process.address = process.until("listening on http://");
        process.admin = process.until("admin on http://");
        process.until("press  d: targets down");
        process
    }

    /// What follows `start`, in the next line that begins so.
    fn until(&mut self, start: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "it ended before `{start}`, and said:\n{seen}");
            if let Some(rest) = line.trim_end().strip_prefix(start) {
                return rest.into();
            }
            seen += &line;
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// The status of the answer to a request, and the line that is about it.
    fn get(&mut self, path: &str) -> (String, String) {
        let status = get(&self.address, path);
        (status, self.until(&format!("GET {path}  ")))
    }

    fn fault(&self, arguments: &[&str]) -> Output {
        fault(&self.admin, arguments, None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of the answer to a request.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).unwrap();
    status.split(' ').nth(1).unwrap_or(&status).into()
}

fn fault(admin: &str, arguments: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.arg("fault").args(arguments).args(["--admin", admin]).env_remove("STEADFAST_ADMIN_TOKEN");
    command.envs(token.map(|token| ("STEADFAST_ADMIN_TOKEN", token))).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    str::from_utf8(&output.stdout).unwrap()
}

/// The one line of a command that failed.
fn refusal(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    str::from_utf8(&output.stderr).unwrap().strip_prefix("error: ").unwrap().trim_end()
}

#[test]
fn a_key_breaks_what_is_called_and_another_mends_it() {
    let folder = project();
    let mut dev = Process::dev(folder.path(), &[]);
    let (status, line) = dev.get("/strict/Ada");
    assert_eq!(status, "200");
    assert!(line.starts_with("200  ") && line.contains("[acme:greeter/api#greet ok]"), "{line}");
    dev.press("d");
    dev.until("on: targets are down");
    let (status, line) = dev.get("/strict/Ada");
    assert_eq!(status, "503");
    assert!(line.contains("[acme:greeter/api#greet no-target ×4]"), "{line}");
    assert!(line.ends_with("greeter;desc=\"4 attempts, no-target\""), "{line}");
    dev.press("d");
    dev.until("off: targets are down");
    assert_eq!(dev.get("/strict/Ada").0, "200");
    // Where standard input is no terminal, keys may come with the ends of lines.
    dev.press("o\nc\n");
    dev.until("on: targets are overloaded");
    dev.until("all faults are off");
    assert_eq!(dev.get("/strict/Ada").0, "200");
    dev.press("q");
    assert!(dev.child.wait().unwrap().success());
}

#[test]
fn the_fault_command_switches_what_dev_runs() {
    let folder = project();
    let mut dev = Process::dev(folder.path(), &[]);
    assert_eq!(stdout(&dev.fault(&["list"])), "no faults are on\n");
    assert_eq!(
        stdout(&dev.fault(&["on", "overloaded", "acme:greeter/api", "--retry-after", "20s"])),
        "fault 1 is on\n"
    );
    assert_eq!(stdout(&dev.fault(&["on", "latency", "--delay", "1ms"])), "fault 2 is on\n");
    let (status, line) = dev.get("/strict/Ada");
    assert_eq!(status, "503");
    assert!(line.contains("[acme:greeter/api#greet overloaded]"), "{line}");
    assert_eq!(
        stdout(&dev.fault(&["list"])),
        "   1  overloaded    acme:greeter/api, retry after 20.0 s, calls hit: 1\n   \
            2  latency       everything, delay 0.001 s, calls hit: 0\n"
    );
    assert_eq!(stdout(&dev.fault(&["off", "1"])), "fault 1 is off\n");
    assert_eq!(dev.get("/strict/Ada").0, "200");
    assert_eq!(stdout(&dev.fault(&["off"])), "all faults are off\n");
    assert_eq!(stdout(&dev.fault(&["list"])), "no faults are on\n");
    let at = format!("cannot switch faults at {}: ", dev.admin);
    for (arguments, problem) in [
        (&["off", "7"][..], "there is no fault with the number \"7\""),
        (
            &["on", "no-targets"],
            "cannot switch the fault on: unknown variant `no-targets`, did you mean `no-target`? Expected",
        ),
        (
            &["on", "no-target", "acme:greter/api"],
            "cannot switch the fault on: the fault is on `acme:greter/api`, and no",
        ),
        (&["on", "latency"], "cannot switch the fault on: a fault of kind \"latency\" needs a `delay`"),
    ] {
        let output = dev.fault(arguments);
        let said = refusal(&output);
        assert!(said.starts_with(&format!("{at}{problem}")), "{said}");
    }
}

#[test]
fn a_change_is_served_without_a_request_lost() {
    let folder = project();
    fs::write(folder.path().join("build.sh"), "exit 0").unwrap();
    let mut dev = Process::dev(folder.path(), &["--build", "sh build.sh"]);
    assert_eq!(dev.get("/strict/Ada").0, "200");
    dev.press("l");
    dev.until("on: answers are lost");
    dev.press("s");
    dev.until("on: calls are 500 ms slower");
    // It is under way, for half a second, when the host behind it is replaced: one attempt, whose answer is lost.
    let address = dev.address.clone();
    let under_way = std::thread::spawn(move || get(&address, "/strict/Grace"));
    fs::write(folder.path().join("steadfast.toml"), MANIFEST.replace("greeter.wasm", "other.wasm")).unwrap();
    dev.until("error: cannot read");
    dev.until("what was built before still serves; waiting for a change");
    fs::copy(component("greeter"), folder.path().join("other.wasm")).unwrap();
    dev.until("reloaded in ");
    assert_eq!(under_way.join().unwrap(), "502");
    // What was switched on is still on.
    assert_eq!(dev.get("/strict/Ada").0, "502");
    fs::write(folder.path().join("build.sh"), "exit 7").unwrap();
    dev.until("the build failed (exit status: 7): sh -c sh build.sh");
    dev.until("what was built before still serves");
    assert_eq!(dev.get("/strict/Ada").0, "502");
    // By the same key, on the host that has taken the place of the other.
    dev.press("l");
    dev.until("off: answers are lost");
    assert_eq!(dev.get("/strict/Ada").0, "200");
}

#[test]
fn a_project_that_is_wrong_at_first_is_waited_for() {
    let folder = project();
    fs::remove_file(folder.path().join("greeter.wasm")).unwrap();
    let mut dev = Process::start(folder.path(), &["dev"]);
    dev.until("error: cannot read ");
    dev.until("nothing is served yet; waiting for a change");
    fs::copy(component("greeter"), folder.path().join("greeter.wasm")).unwrap();
    dev.address = dev.until("listening on http://");
    assert_eq!(get(&dev.address, "/strict/Ada"), "200");
}

#[test]
fn serve_switches_faults_only_where_that_is_allowed() {
    let folder = project();
    let start = |arguments: &[&str]| {
        let mut process = Process::start(folder.path(), &[&["serve"], arguments].concat());
        process.admin = process.until("admin on http://");
        process
    };
    let closed = start(&[]);
    let output = closed.fault(&["list"]);
    assert!(refusal(&output).ends_with("it answers, and switches nothing; start it with --admin-faults"), "{output:?}");
    let open = start(&["--admin-faults"]);
    assert_eq!(stdout(&open.fault(&["list"])), "no faults are on\n");
}

#[test]
fn where_a_token_is_set_it_is_asked_for() {
    let folder = project();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["serve", "--admin", "0.0.0.0:0", "--admin-faults"]).current_dir(folder.path()).env_remove("RUST_LOG");
    let refused = command.env_remove("STEADFAST_ADMIN_TOKEN").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("error: faults cannot be switched on 0.0.0.0:") && said.contains("without a token"),
        "{said}"
    );

    command.env("STEADFAST_ADMIN_TOKEN", "secret").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let mut process = Process { child, keys: None, lines, address: String::new(), admin: String::new() };
    let admin = process.until("admin on http://").replace("0.0.0.0", "127.0.0.1");
    assert_eq!(stdout(&fault(&admin, &["list"], Some("secret"))), "no faults are on\n");
    for token in [None, Some("other")] {
        let output = fault(&admin, &["on", "trap"], token);
        assert!(refusal(&output).ends_with("the token is missing or wrong; give it in STEADFAST_ADMIN_TOKEN"));
    }
}

#[test]
fn every_kind_of_project_ignores_what_it_builds() {
    let folder = tempfile::tempdir().unwrap();
    let wit = folder.path().join("own.wit");
    fs::write(&wit, "package a:b; interface c { f: func() -> result<u32>; }").unwrap();
    let from = ["--from", wit.to_str().unwrap()];
    let kinds = [&["--handler"][..], &["--provider"], &["--cron"], &from, &["--provider", from[0], from[1]]];
    for (kind, name) in kinds.iter().zip(["one", "two", "three", "four", "five"]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        let made = command.args(["new", name]).args(*kind).current_dir(folder.path()).output().unwrap();
        assert!(stdout(&made).starts_with(&format!("made {name}: ")), "{made:?}");
        let file = |file: &str| fs::read_to_string(folder.path().join(name).join(file)).unwrap();
        assert_eq!(file(".gitignore"), "/target\n");
        assert!(!file("Cargo.toml").contains("{{") && !file("steadfast.toml").contains("{{"));
    }
}
