//! The admin port: what [`Health`] knows, over HTTP, for whoever watches the process.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use crate::health::Health;
use crate::server::{self, Bounds};

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

impl Health {
    /// Answers `GET /healthz` and `GET /readyz` on `listener`, until it is dropped. Both answer with
    /// [`to_json`](Self::to_json): `/healthz` always with 200, and `/readyz` with 503 while this [is not
    /// ready](Self::is_ready).
    ///
    /// Clients are bounded: 64 connections at a time, one request for each, and 5 s to send it. Beyond that, the one
    /// that has waited longest makes room.
    ///
    /// ```no_run
    /// # async fn example(health: steadfast_host::Health) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
    /// tokio::spawn(health.serve(listener));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(self, listener: TcpListener) {
        let answer = move |request| std::future::ready(answer(&self, &request));
        server::serve(listener, BOUNDS, answer, std::future::pending()).await;
    }
}

fn answer<B>(health: &Health, request: &Request<B>) -> Response<Full<Bytes>> {
    let ready = match request.uri().path() {
        "/healthz" => true,
        "/readyz" => health.is_ready(),
        _ => return bare(StatusCode::NOT_FOUND),
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = bare(StatusCode::METHOD_NOT_ALLOWED);
        refused.headers_mut().insert(ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let mut answer = Response::new(Full::from(health.to_json() + "\n"));
    if !ready {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
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
