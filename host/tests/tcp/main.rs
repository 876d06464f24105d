//! Links over TCP, in wRPC's own framing: what arrives, what a caller is told when something dies or lies, and peers
//! that nobody here wrote.
#![cfg(feature = "wrpc")]

mod hostile;
mod keyvalue;
#[path = "../nats/serving.rs"]
mod serving;
mod stock;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use steadfast_demo::guests::Guests;
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host, Manifest, Provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What became of the invocations of one request.
type Calls = Vec<Result<(), (Cause, Delivery)>>;

fn component(package: &str) -> &'static Path {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| Guests::build(&["caller", "callee", "hostile"]).unwrap()).file(package)
}

/// The component that calls, on a host whose links lead to an address.
struct Caller(Host);

impl Caller {
    /// One that waits as long as a busy machine needs.
    fn of(address: SocketAddr) -> Self {
        Caller::with_timeout(address, "1m")
    }

    fn with_timeout(address: SocketAddr, timeout: &str) -> Self {
        let mut text = format!("component = '{}'\ninstances = 'reuse'\n", component("caller").display());
        text += &format!("invocation-timeout = '{timeout}'\nrequest-timeout = '2m'\n[links]\n");
        for interface in ["values", "hostile", "masses"] {
            text += &format!("'test:guests/{interface}' = {{ tcp = '{address}' }}\n");
        }
        Caller(Host::load(&Manifest::parse(&text, "test.toml").unwrap(), Time::Real).unwrap())
    }

    /// The answer to a request, and its invocations.
    async fn get(&self, path: &str) -> (String, Calls) {
        let before = self.0.journal().entries().len();
        let request = Request::get(path).header("host", "localhost").body(Full::new(Bytes::new())).unwrap();
        let body = self.0.handle(request).await.into_body().collect().await.unwrap().to_bytes();
        let calls = self.0.journal().entries().into_iter().skip(before).map(|entry| entry.outcome).collect();
        (String::from_utf8(body.to_vec()).unwrap(), calls)
    }
}

/// `steadfast provide --tcp`, as a process of its own, which is killed with this.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(more: &[&str]) -> Self {
        Process::of(component("callee").as_ref(), more)
    }

    /// One of a provider of the host, or of a file.
    fn of(what: &std::ffi::OsStr, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(["provide", "--tcp", "127.0.0.1:0"]).args(more).arg(what);
        Process::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("text");
        let address = line.trim().rsplit(' ').next().unwrap().parse().expect("an address");
        Process { child, address }
    }

    /// The most memory that it had at a time, in bytes, where the system says so.
    fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// All that a caller sends, until it is silent.
async fn whole_call(stream: &mut TcpStream) -> Vec<u8> {
    let mut call = Vec::new();
    stream.read_to_end(&mut call).await.unwrap();
    call
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went() {
    let provider = Process::start(&[]);
    let answer = Caller::of(provider.address).get("/values").await;
    assert_eq!((answer.0.as_str(), answer.1), ("every value came back", vec![Ok(()); 6]));
}

#[tokio::test]
async fn a_failure_at_the_provider_reaches_the_caller_as_it_was() {
    let provider = Process::start(&[]);
    let caller = Caller::of(provider.address);
    for (path, call) in [
        ("/trap", Err((Cause::Trapped, Delivery::Delivered))),
        ("/hog", Err((Cause::Trapped, Delivery::Delivered))),
        // The provider's own error, as the middle of a chain returns it.
        ("/overloaded", Err((Cause::Overloaded, Delivery::Unknown))),
        ("/modest", Ok(())),
    ] {
        assert_eq!(caller.get(path).await.1, [call], "{path}");
    }
    let hasty = Caller::with_timeout(provider.address, "1s");
    assert_eq!(hasty.get("/spin").await.1, [Err((Cause::Timeout, Delivery::Unknown))]);
}

#[tokio::test]
async fn where_nothing_listens_nothing_was_sent() {
    let (listener, address) = listen().await;
    drop(listener);
    let caller = Caller::of(address);
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
}

#[tokio::test]
async fn calls_beyond_the_most_at_a_time_are_refused() {
    let provider = Process::start(&["--calls", "0"]);
    let calls = Caller::of(provider.address).get("/count").await.1;
    assert_eq!(calls, [Err((Cause::Overloaded, Delivery::NotSent))]);
}

#[tokio::test]
async fn a_provider_that_is_killed_in_mid_call_leaves_it_unknown() {
    let mut provider = Process::start(&[]);
    // Between the two, to know when the call is on its way.
    let (listener, address) = listen().await;
    let kill = async {
        let (mut caller, _) = listener.accept().await.unwrap();
        let mut stream = TcpStream::connect(provider.address).await.unwrap();
        stream.write_all(&whole_call(&mut caller).await).await.unwrap();
        stream.shutdown().await.unwrap();
        provider.child.kill().unwrap();
        // However the connection ended, the caller's ends so too.
        let _ = tokio::io::copy(&mut stream, &mut caller).await;
    };
    let caller = Caller::of(address);
    let ((_, calls), ()) = tokio::join!(caller.get("/spin"), kill);
    assert_eq!(calls, [Err((Cause::Disconnected, Delivery::Unknown))]);
    let caller = Caller::of(provider.address);
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
}

#[tokio::test]
async fn a_provider_that_is_told_to_stop_finishes_the_calls_it_has() {
    let (listener, provider) = listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = Provider::load(component("callee")).unwrap().serve_tcp(listener, || {}, async { drop(stopped.await) });
    let serving = tokio::spawn(serve);

    let (between, address) = listen().await;
    let caller = Caller::of(address);
    let relay = async {
        let (mut caller, _) = between.accept().await.unwrap();
        let call = whole_call(&mut caller).await;
        let mut stream = TcpStream::connect(provider).await.unwrap();
        stream.write_all(&call[..call.len() - 1]).await.unwrap();
        // Connections are accepted in their order: once a later call is answered, the first was accepted.
        assert_eq!(Caller::of(provider).get("/count").await.1, [Ok(())]);
        stop.send(()).unwrap();
        // Until it listens no more.
        while TcpStream::connect(provider).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(&call[call.len() - 1..]).await.unwrap();
        stream.shutdown().await.unwrap();
        tokio::io::copy(&mut stream, &mut caller).await.unwrap();
    };
    let (answer, ()) = tokio::join!(caller.get("/count"), relay);
    assert_eq!(answer, ("1".into(), vec![Ok(())]));
    serving.await.unwrap().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_provider_that_stops_waits_for_components_that_it_asked() {
    use std::io::{Read, Write};

    let mut manifest = tempfile::NamedTempFile::new().unwrap();
    let (callee, hostile) = (component("callee").display(), component("hostile").display());
    write!(manifest, "component = '{callee}'\nhttp.upstreams.'hostile.test' = {{ component = '{hostile}' }}").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["provide", "--tcp", "127.0.0.1:0", "--manifest"]).arg(manifest.path()).stderr(Stdio::piped());
    let mut provider = Process::spawn(command);
    // The answer is whole, and the component that gave it works on for half a second.
    assert_eq!(Caller::of(provider.address).get("/afterwards").await, ("200".into(), vec![Ok(())]));
    assert!(Command::new("kill").args(["-TERM", &provider.child.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    provider.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("and has worked on"), "{log}");
    assert!(provider.child.wait().unwrap().success());
}
