//! The admin port: how the process is, over HTTP, and where that is allowed, the switches of its faults.

mod guard;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use crate::error::Error;
use crate::escape;
use crate::health::Health;
#[cfg(feature = "metrics")]
use crate::metrics::Metrics;
use crate::server::{self, Bounds};
use crate::switches::Switches;
use guard::Guard;

/// A probe asks once, in some hundred bytes; longer than any network takes, and the answer takes no time.
const BOUNDS: Bounds = Bounds {
    connections: 64,
    // The least that hyper takes.
    head_bytes: 8 << 10,
    head: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    write: Duration::from_secs(5),
    keep_alive: false,
};

/// Of a fault, in bytes; the longest that makes sense is a few lines.
const MAX_FAULT_BYTES: usize = 4 << 10;

/// Where to ask how a host or a provider is, and to switch faults on and off where that is allowed.
///
/// ```no_run
/// # async fn example(host: steadfast_host::Host) -> Result<(), Box<dyn std::error::Error>> {
/// use steadfast_host::Admin;
/// use tokio::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:9090").await?;
/// let (asked, switched) = (host.clone(), host.clone());
/// let admin = Admin::new(move || asked.health()).with_faults(move || switched.faults(), &listener, None)?;
/// tokio::spawn(admin.serve(listener));
/// # Ok(())
/// # }
/// ```
pub struct Admin {
    health: Ask<Health>,
    faults: Option<(Ask<Switches>, Guard)>,
    #[cfg(feature = "metrics")]
    metrics: Option<Metrics>,
}

/// Gives what there is now: a host may have taken the place of another.
type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

impl Admin {
    /// Answers `GET /healthz` and `GET /readyz`, and changes nothing. Both answer with
    /// [`to_json`](Health::to_json): `/healthz` always with 200, and `/readyz` with 503 while the process [is not
    /// ready](Health::is_ready).
    pub fn new(health: impl Fn() -> Health + Send + Sync + 'static) -> Self {
        Admin {
            health: Box::new(health),
            faults: None,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }

    /// The same, and `GET /metrics`: the [page](Metrics::to_open_metrics) of all metrics.
    ///
    /// ```no_run
    /// # async fn example(health: steadfast_host::Health) -> std::io::Result<()> {
    /// use steadfast_host::{Admin, Metrics};
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
    /// let admin = Admin::new(move || health.clone()).with_metrics(Metrics::start(|provider| provider));
    /// tokio::spawn(admin.serve(listener));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Admin { metrics: Some(metrics), ..self }
    }

    /// The same, and the faults: `GET /faults` lists them, `POST /faults` switches one on, given as
    /// [`switch_on`](Switches::switch_on) takes it, `DELETE /faults/7` switches number 7 off, and `DELETE /faults` all.
    ///
    /// Requests for faults must have the `token`, as `Authorization: Bearer …`. Without a token, they must be for this
    /// machine by their `Host`, and `listener` must be reachable from this machine only. In either case, one that a page
    /// of another origin sends, by its `Origin`, is refused.
    ///
    /// # Errors
    /// [`Error::Admin`], when there is no token and `listener` can be reached from other machines, or when the token is
    /// empty.
    pub fn with_faults(
        self,
        faults: impl Fn() -> Switches + Send + Sync + 'static,
        listener: &TcpListener,
        token: Option<String>,
    ) -> Result<Self, Error> {
        Ok(Admin { faults: Some((Box::new(faults), Guard::new(listener, token)?)), ..self })
    }

    /// Answers on `listener`, until this is dropped.
    ///
    /// Clients are bounded: 64 connections at a time, one request for each, and 5 s to send it. Beyond that, the one
    /// that has waited longest makes room.
    pub async fn serve(self, listener: TcpListener) {
        let admin = Arc::new(self);
        let answer = move |request| {
            let admin = admin.clone();
            async move { admin.answer(request).await }
        };
        server::serve(listener, BOUNDS, answer, std::future::pending()).await;
    }

    async fn answer<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path().to_string();
        match (path.as_str(), &self.faults) {
            ("/healthz", _) => read(request.method(), || self.health(|_| true)),
            ("/readyz", _) => read(request.method(), || self.health(Health::is_ready)),
            #[cfg(feature = "metrics")]
            ("/metrics", _) if let Some(metrics) = &self.metrics => {
                read(request.method(), || full(StatusCode::OK, Metrics::CONTENT_TYPE, metrics.to_open_metrics()))
            }
            (path, Some((faults, guard))) if path == "/faults" || path.starts_with("/faults/") => {
                match guard.refuses(request.headers()) {
                    Some((status, why)) => told(status, why),
                    None => switch(&faults(), path, request).await,
                }
            }
            _ => bare(StatusCode::NOT_FOUND),
        }
    }

    fn health(&self, is_fine: impl Fn(&Health) -> bool) -> Response<Full<Bytes>> {
        let health = (self.health)();
        json(if is_fine(&health) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, health.to_json())
    }
}

impl Health {
    /// Answers on `listener`, as an [`Admin`] that changes nothing.
    ///
    /// ```no_run
    /// # async fn example(health: steadfast_host::Health) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
    /// tokio::spawn(health.serve(listener));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(self, listener: TcpListener) {
        Admin::new(move || self.clone()).serve(listener).await;
    }
}

async fn switch<B: Body<Data = Bytes>>(faults: &Switches, path: &str, request: Request<B>) -> Response<Full<Bytes>>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(number) = path.strip_prefix("/faults/") else {
        return match *request.method() {
            Method::GET | Method::HEAD => json(StatusCode::OK, faults.to_json()),
            Method::DELETE => {
                faults.clear();
                tracing::info!("all faults are off, at the admin port");
                bare(StatusCode::NO_CONTENT)
            }
            Method::POST => switch_on(faults, request.into_body()).await,
            _ => not_allowed("GET, HEAD, POST, DELETE"),
        };
    };
    match (request.method(), number.parse()) {
        (&Method::DELETE, Ok(id)) if faults.switch_off(id) => {
            tracing::info!("fault {id} is off, at the admin port");
            bare(StatusCode::NO_CONTENT)
        }
        (&Method::DELETE, _) => told(StatusCode::NOT_FOUND, &format!("there is no fault with the number {number:?}")),
        _ => not_allowed("DELETE"),
    }
}

async fn switch_on<B: Body<Data = Bytes>>(faults: &Switches, body: B) -> Response<Full<Bytes>>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, MAX_FAULT_BYTES).collect();
    let Ok(Ok(body)) = tokio::time::timeout(BOUNDS.head, body).await else {
        return told(StatusCode::BAD_REQUEST, "the fault is longer than 4 KiB, or did not arrive within 5 s");
    };
    let Ok(text) = String::from_utf8(body.to_bytes().into()) else {
        return told(StatusCode::BAD_REQUEST, "the fault is not UTF-8 text");
    };
    match faults.switch_on(&text) {
        Ok(id) => {
            tracing::info!("fault {id} is on, at the admin port: {}", text.trim().replace('\n', ", "));
            json(StatusCode::CREATED, format!("{{\"id\":{id}}}"))
        }
        Err(error) => told(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn read(method: &Method, answer: impl FnOnce() -> Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    match *method {
        Method::GET | Method::HEAD => answer(),
        _ => not_allowed("GET, HEAD"),
    }
}

fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut refused = bare(StatusCode::METHOD_NOT_ALLOWED);
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    refused
}

fn json(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    full(status, "application/json", text + "\n")
}

/// An answer that says in words what is wrong.
fn told(status: StatusCode, problem: &str) -> Response<Full<Bytes>> {
    full(status, "text/plain; charset=utf-8", format!("{}\n", escape::Escaped(problem)))
}

fn full(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// The port of what is ready, or else not yet.
    async fn port(ready: bool) -> SocketAddr {
        let health = if ready { Health::default() } else { Health::loading() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(health.serve(listener));
        address
    }

    /// All that comes back.
    async fn answer_to(address: SocketAddr, request: &str) -> String {
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        connection.write_all(request.as_bytes()).await.expect("it reads");
        rest(connection).await
    }

    async fn rest(mut connection: TcpStream) -> String {
        let mut answer = Vec::new();
        // Whoever is refused in the middle of a request may find the connection reset behind the answer.
        let _ = connection.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("text")
    }

    #[tokio::test]
    async fn both_places_say_how_it_is_and_one_by_its_status() {
        for (ready, path, status) in
            [(true, "/healthz", "200"), (true, "/readyz", "200"), (false, "/healthz", "200"), (false, "/readyz", "503")]
        {
            let address = port(ready).await;
            let request = |method: &str| format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n");
            let got = answer_to(address, &request("GET")).await;
            let word = if ready { "ready" } else { "waiting" };
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
            assert!(got.contains("content-type: application/json\r\n"), "{got}");
            assert!(got.ends_with(&format!("\r\n\r\n{{\"status\":\"{word}\",\"nats\":[]}}\n")), "{got}");
            // The same head, and no body.
            let head = answer_to(address, &request("HEAD")).await;
            let length = |text: &str| text.lines().find(|line| line.starts_with("content-length")).map(String::from);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && head.ends_with("\r\n\r\n"), "{head}");
            assert_eq!(length(&head), length(&got));
        }
    }

    #[tokio::test]
    async fn there_is_nothing_else_to_ask_for_and_nothing_to_change() {
        let address = port(true).await;
        for (request, status) in [
            ("GET / HTTP/1.1", "404"),
            ("POST /quit HTTP/1.1", "404"),
            ("GET /healthz/ HTTP/1.1", "404"),
            ("POST /healthz HTTP/1.1", "405"),
            ("DELETE /readyz HTTP/1.1", "405"),
            ("GET /healthz?verbose HTTP/1.1", "200"),
            ("nonsense", "400"),
        ] {
            let answer = answer_to(address, &format!("{request}\r\nhost: a\r\n\r\n")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert_eq!(answer.contains("allow: GET, HEAD\r\n"), status == "405", "{answer}");
        }
    }

    #[tokio::test]
    async fn endless_headers_are_cut_off() {
        let address = port(true).await;
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        let mut sent = connection.write_all(b"GET /healthz HTTP/1.1\r\n").await;
        let mut bytes = 0;
        while sent.is_ok() {
            bytes += 1 << 10;
            assert!(bytes < 64 << 20, "it reads on and on");
            sent = connection.write_all(&[b'a'; 1 << 10]).await;
        }
    }

    #[tokio::test]
    async fn those_who_say_nothing_are_left_and_the_others_have_their_turn() {
        let address = port(true).await;
        let mut silent = Vec::new();
        for _ in 0..BOUNDS.connections + 1 {
            let mut connection = TcpStream::connect(address).await.expect("it listens");
            connection.write_all(b"GET /healthz HTTP/1.1\r\nslow: ").await.expect("the system takes it");
            silent.push(connection);
        }
        let answer = answer_to(address, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(rest(silent.remove(0)).await, "");
    }
}
