//! A client that a host does not know: HTTP over loopback.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use tokio::net::TcpStream;
use wasmtime_wasi_http::io::TokioIo;

/// What a client got.
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// As text.
    pub body: String,
    /// From the connection to the end of the body.
    pub took: Duration,
}

/// Sends one request on a connection of its own.
pub async fn send(address: SocketAddr, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{method} http://{address}{path}: {error}");
    let start = Instant::now();
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    tokio::spawn(connection);
    let request = Request::builder().method(&method).uri(path).header("host", address.to_string());
    let request = request.body(Full::new(body.into()));
    let request = request.map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
    let (retry_after, content_type) = (header("retry-after"), header("content-type"));
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, retry_after, content_type, body, took: start.elapsed() })
}
