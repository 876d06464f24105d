//! Requests of guests over the network: whom TLS trusts, and that connections are kept. Sockets are what is under test, so
//! time is real.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::io::TokioIo;

use crate::stage::{Answer, Stage, whole};

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// A host whose component may send requests to all ports of this machine.
fn host(http: &str) -> Stage {
    let manifest =
        "component = '<caller>'\ninvocation-timeout = '500ms'\n[http]\nallow = ['localhost:*', '127.0.0.1:*']";
    Stage { host: Host::load(&whole(&format!("{manifest}\n{http}")), Time::Real).unwrap() }
}

async fn fetch(stage: &Stage, url: &str) -> Answer {
    stage.get(&format!("/fetch/{url}")).await
}

/// Listens, and has `serve` serve each connection; and how many there were.
async fn listen<S: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> S + Clone + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let serve = serve.clone();
            tokio::spawn(async move { serve(stream).await });
        }
    });
    (address, connections)
}

/// Serves a connection as servers do: until the client ends it, or a request was for `/last`.
async fn served(stream: TcpStream) {
    let answer = async |request: Request<hyper::body::Incoming>| {
        let last = request.uri().path() == "/last";
        let answer = Response::builder().header("connection", if last { "close" } else { "keep-alive" });
        answer.body(Full::new(Bytes::from("served")))
    };
    // A client that ends the connection is no failure.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

/// Writes the certificate of an authority to `ca.pem`, and to `server.pem` one of `localhost` that it signed.
fn certify(folder: &Path) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let (authority, key) = (Issuer::new(params, key), KeyPair::generate().unwrap());
    let params = CertificateParams::new(["localhost".to_string()]).unwrap();
    std::fs::write(folder.join("server.pem"), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

/// A server that serves HTTPS: what `nats-server` tells of itself.
struct Https {
    child: Child,
    address: SocketAddr,
}

impl Https {
    /// `None` where none is installed, which is no fault unless the variable `CI` is set.
    async fn start(folder: &Path) -> Option<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let tls = format!("tls {{ cert_file: '{}', key_file: '{}' }}", file("server.pem"), file("server.key"));
        std::fs::write(folder.join("nats.conf"), format!("port: -1\nhttps: '{address}'\n{tls}\n")).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("--config").arg(folder.join("nats.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing; install the package nats-server");
            println!("skipped: nats-server not found");
            return None;
        };
        let server = Https { child, address };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), listens).await.expect("nats-server serves HTTPS");
        Some(server)
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_is_trusted_whose_certificate_is_of_it_and_of_the_ca() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify(folder.path());
    certify(other.path());
    let ca = |folder: &tempfile::TempDir| format!("ca = '{}'", folder.path().join("ca.pem").display());
    run(async {
        let Some(server) = Https::start(folder.path()).await else { return };
        // In front of it, so that connections are counted.
        let there = server.address;
        let (address, connections) = listen(move |mut stream| async move {
            let mut server = TcpStream::connect(there).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut server).await;
        })
        .await;
        let port = address.port();
        let trusting = host(&ca(&folder));
        for _ in 0..10 {
            let answer = fetch(&trusting, &format!("https://localhost:{port}/healthz")).await;
            assert_eq!((answer.body.as_str(), answer.calls), ("200 {\"status\":\"ok\"}", vec![Ok(())]));
        }
        assert!(connections.load(Ordering::Relaxed) < 10, "some were kept");

        let refused = vec![Err((Cause::Protocol, Delivery::NotSent))];
        for (http, name) in [
            // None that the public authorities signed.
            (String::new(), "localhost"),
            (ca(&other), "localhost"),
            // Its certificate is of `localhost`.
            (ca(&folder), "127.0.0.1"),
        ] {
            let answer = fetch(&host(&http), &format!("https://{name}:{port}/healthz")).await;
            assert_eq!(answer.body, "ErrorCode::TlsCertificateError", "{http} {name}");
            assert_eq!(answer.calls, refused, "{http} {name}");
        }
    });
}

#[test]
fn a_server_that_begins_no_tls_was_sent_nothing() {
    run(async {
        async fn silent(mut stream: TcpStream) {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        let (address, _) = listen(silent).await;
        let answer = fetch(&host(""), &format!("https://{address}/")).await;
        let not_sent = vec![Err((Cause::Timeout, Delivery::NotSent))];
        assert_eq!((answer.body.as_str(), answer.calls), ("ErrorCode::ConnectionTimeout", not_sent));
    });
}

#[test]
fn connections_are_kept_unless_the_server_says_otherwise() {
    run(async {
        for (path, expected) in [("", 1..6), ("last", 10..11)] {
            let (address, connections) = listen(served).await;
            let host = host("");
            for _ in 0..10 {
                assert_eq!(fetch(&host, &format!("http://{address}/{path}")).await.body, "200 served");
            }
            let connections = connections.load(Ordering::Relaxed);
            assert!(expected.contains(&connections), "/{path}: {connections}");
        }
    });
}

#[test]
fn a_server_that_closes_a_kept_connection_gets_the_next_request_over_another() {
    run(async {
        async fn once(mut stream: TcpStream) {
            // What it does is said in no header.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nonce").await;
        }
        let (address, connections) = listen(once).await;
        let host = host("");
        for number in 1..=3 {
            assert_eq!(fetch(&host, &format!("http://{address}/")).await.body, "200 once");
            assert_eq!(connections.load(Ordering::Relaxed), number);
        }
    });
}

#[test]
fn an_answer_without_its_end_leaves_no_connection_to_be_used_again() {
    run(async {
        async fn broken(mut stream: TcpStream) {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\nonce").await;
        }
        let (address, connections) = listen(broken).await;
        let host = host("");
        for number in 1..=2 {
            assert_eq!(fetch(&host, &format!("http://{address}/")).await.body, "200 (cut off)");
            assert_eq!(connections.load(Ordering::Relaxed), number);
        }
    });
}

#[test]
fn a_port_that_no_server_has_is_no_place() {
    run(async {
        for port in ["65536", "99999999999"] {
            let answer = fetch(&host(""), &format!("http://localhost:{port}/")).await;
            let not_sent = vec![Err((Cause::Protocol, Delivery::NotSent))];
            assert_eq!((answer.body.as_str(), answer.calls), ("ErrorCode::HttpRequestUriInvalid", not_sent), "{port}");
        }
    });
}

#[test]
fn a_connection_ends_when_its_request_is_given_up() {
    run(async {
        for (says, expected) in [
            // Nothing: the request is given up when its time is over.
            ("", "ErrorCode::HttpResponseTimeout"),
            // All that there is to say, and reads no more of the request.
            ("HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nless", "413 less"),
        ] {
            let (ended, mut ends) = tokio::sync::mpsc::channel(1);
            let (given_up, was_given_up) = tokio::sync::watch::channel(false);
            let (address, _) = listen(move |mut stream| {
                let (ended, mut given_up) = (ended.clone(), was_given_up.clone());
                async move {
                    let _ = stream.read(&mut [0; 64]).await;
                    let _ = stream.write_all(says.as_bytes()).await;
                    let _ = given_up.wait_for(|given_up| *given_up).await;
                    // What is not read hides the end; what is written to a closed connection comes back.
                    while stream.write_all(b"?").await.is_ok() {
                        tokio::task::yield_now().await;
                    }
                    let _ = ended.send(()).await;
                }
            })
            .await;
            let host = host("");
            let answer = host.get(&format!("/upload/http://{address}/")).await;
            assert_eq!(answer.body, expected);
            given_up.send(true).unwrap();
            let end = tokio::time::timeout(Duration::from_secs(10), ends.recv()).await;
            assert!(end.is_ok(), "the connection of `{expected}` is still there");
        }
    });
}

#[test]
fn what_comes_after_an_answer_was_given_up_is_no_answer_to_the_next_request() {
    run(async {
        let (given_up, was_given_up) = tokio::sync::watch::channel(false);
        let (address, connections) = listen(move |mut stream| {
            let mut given_up = was_given_up.clone();
            async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 49\r\n\r\nmine").await;
                let _ = given_up.wait_for(|given_up| *given_up).await;
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
                let _ = stream.read(&mut [0; 4096]).await;
            }
        })
        .await;
        let host = host("");
        assert_eq!(host.get(&format!("/glance/http://{address}/")).await.body, "200");
        given_up.send(true).unwrap();
        let answer = fetch(&host, &format!("http://{address}/")).await.body;
        assert!(answer.starts_with("200 mineHTTP/1.1 404"), "{answer}");
        assert_eq!(connections.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_answers_in_http_1_0_gets_each_request_over_a_connection_of_its_own() {
    run(async {
        async fn old(mut stream: TcpStream) {
            // Says what it does not do: a client that believes it sends the next request in HTTP/1.0.
            let answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold";
            while stream.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {
                let _ = stream.write_all(answer).await;
            }
        }
        let (address, connections) = listen(old).await;
        let host = host("");
        for number in 1..=3 {
            assert_eq!(fetch(&host, &format!("http://{address}/")).await.body, "200 old");
            assert_eq!(connections.load(Ordering::Relaxed), number);
        }
    });
}

#[test]
fn a_file_without_a_certificate_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let manifest = whole(&format!("component = '<caller>'\nhttp.ca = '{}'", file.display()));
    let problem = Host::load(&manifest, Time::Real).err().expect("a problem").to_string();
    let expected =
        format!("`ca`: {} has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`", file.display());
    assert!(problem.ends_with(&expected), "{problem}");
    let missing = whole("component = '<caller>'\nhttp.ca = 'none.pem'");
    let problem = Host::load(&missing, Time::Real).err().expect("a problem").to_string();
    assert!(problem.contains("`ca`: cannot read ") && problem.contains("none.pem"), "{problem}");
}
