//! The admin port: what [`Health`] knows, over HTTP, for whoever watches the process.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::io::TokioIo;

use crate::Health;

/// At a time; further ones wait in the system's queue until one of these is over.
const CONNECTIONS: usize = 64;

/// For one connection, which asks once: longer than any network takes, and the answer takes no time.
const LIMIT: Duration = Duration::from_secs(5);

/// Of a request, headers and all; a probe sends some hundred bytes. The least that hyper takes.
const REQUEST: usize = 8 << 10;

impl Health {
    /// Answers `GET /healthz` and `GET /readyz` on `listener`, until it is dropped. Both answer with
    /// [`to_json`](Self::to_json): `/healthz` always with 200, and `/readyz` with 503 while this [is not
    /// ready](Self::is_ready).
    ///
    /// Clients are bounded: 64 connections at a time, one request and 5 s for each.
    ///
    /// ```no_run
    /// # async fn example(health: steadfast_host::Health) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
    /// tokio::spawn(health.serve(listener));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(self, listener: TcpListener) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        // Dropped with this, and the connections with it.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            // It is never closed.
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            let connection = match listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) => {
                    // Out of file descriptors, most likely; some will be free again.
                    tracing::error!("cannot accept a connection of the admin port: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let health = self.clone();
            connections.spawn(async move {
                let _permit = permit;
                let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&health, &request))));
                let mut http = http1::Builder::new();
                let serving =
                    http.keep_alive(false).max_buf_size(REQUEST).serve_connection(TokioIo::new(connection), service);
                match tokio::time::timeout(LIMIT, serving).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!("a connection of the admin port ended: {error}"),
                    Err(_) => tracing::debug!("a connection of the admin port was not over within {LIMIT:?}"),
                }
            });
        }
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
