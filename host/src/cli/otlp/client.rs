//! What sends to a collector.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Runtime;

/// The most that is read of a collector's answer, in which nothing is of use.
const MAX_ANSWER: usize = 64 << 10;

/// Makes the requests, each over a connection of its own.
#[derive(Debug)]
pub(super) struct Client {
    pub collector: String,
    /// What is sent, for messages.
    pub what: &'static str,
    pub timeout: Duration,
    pub runtime: Runtime,
    /// Whether the last export failed.
    pub failing: AtomicBool,
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sending>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        // The exporter has a thread of its own, which waits for nothing else.
        let response = self.runtime.block_on(async {
            let response = tokio::time::timeout(self.timeout, send(request)).await;
            response.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout).into()))
        });
        let problem = match &response {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let (collector, what) = (&self.collector, self.what);
        match (problem, self.failing.load(Ordering::Relaxed)) {
            (Some(problem), false) => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::warn!("cannot send {what} to {collector}: {problem}; they are lost until it takes them");
            }
            (None, true) => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!("{collector} takes {what} again");
            }
            (Some(_), true) | (None, false) => {}
        }
        Box::pin(std::future::ready(response))
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = HeaderValue::from_str(authority)?;
    request.headers_mut().insert(HOST, host);
    let request = request.map(|body| Full::new(body).map_err(|never| match never {}));
    let (response, connection) = wasmtime_wasi_http::default_send_request(request, None).await?;
    let (head, body) = response.into_parts();
    // The connection brings the body.
    let connection = tokio::spawn(connection);
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}
