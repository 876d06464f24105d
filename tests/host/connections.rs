//! Requests of guests over the network: whom TLS trusts, and that connections are kept. Sockets are what is under test, so
//! time is real.

use std::net::SocketAddr;
use std::path::Path;
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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
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
async fn served(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let answer = async |request: Request<hyper::body::Incoming>| {
        let last = request.uri().path() == "/last";
        let answer = Response::builder().header("connection", if last { "close" } else { "keep-alive" });
        answer.body(Full::new(Bytes::from("served")))
    };
    // A client that ends the connection is no failure.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

/// Writes the certificate of an authority to a file, and gives what serves with one of `localhost` that it signed.
fn tls(ca: &Path) -> TlsAcceptor {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(ca, params.self_signed(&key).unwrap().pem()).unwrap();
    let (authority, key) = (Issuer::new(params, key), KeyPair::generate().unwrap());
    let params = CertificateParams::new(["localhost".to_string()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    Arc::new(config).into()
}

#[test]
fn a_server_is_trusted_whose_certificate_is_of_it_and_of_the_ca() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
    let acceptor = tls(&ca);
    tls(&other);
    run(async {
        let (address, connections) = listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    served(stream).await;
                }
            }
        })
        .await;
        let port = address.port();
        let trusting = host(&format!("ca = '{}'", ca.display()));
        for _ in 0..10 {
            let answer = fetch(&trusting, &format!("https://localhost:{port}/")).await;
            assert_eq!((answer.body.as_str(), answer.calls), ("200 served", vec![Ok(())]));
        }
        assert!(connections.load(Ordering::Relaxed) < 10, "some were kept");

        let refused = vec![Err((Cause::Protocol, Delivery::NotSent))];
        for (http, name) in [
            // None that the public authorities signed.
            (String::new(), "localhost"),
            (format!("ca = '{}'", other.display()), "localhost"),
            // Its certificate is of `localhost`.
            (format!("ca = '{}'", ca.display()), "127.0.0.1"),
        ] {
            let answer = fetch(&host(&http), &format!("https://{name}:{port}/")).await;
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
            // Until the end of the connection is here.
            tokio::time::sleep(Duration::from_millis(100)).await;
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
