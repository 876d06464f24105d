//! One request to the upstream, and what its failures mean.

use std::time::Duration;

use steadfast::{Cause, Delivery, Failure};
use wstd::http::body::Bytes;
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Method, Request, Response};

const UPSTREAM: &str = "http://quotes.test";

/// Why there is no answer to pass on.
#[derive(Debug)]
pub enum Unanswered {
    /// The request failed on its way.
    Lost(Error),
    /// The upstream is overloaded, and may say for how long.
    Busy(Option<Duration>),
}

/// Sends one request.
pub async fn forward(method: &Method, path: &str, body: Bytes) -> Result<Response<Body>, Unanswered> {
    let request = Request::builder().method(method).uri([UPSTREAM, path].concat()).body(Body::from(body));
    let request = request.map_err(|error| Unanswered::Lost(error.into()))?;
    let response = Client::new().send(request).await.map_err(Unanswered::Lost)?;
    match response.status().as_u16() {
        429 | 503 => {
            let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
            Err(Unanswered::Busy(after.map(Duration::from_secs)))
        }
        _ => Ok(response),
    }
}

impl Unanswered {
    fn code(&self) -> Option<&ErrorCode> {
        match self {
            Unanswered::Lost(error) => error.downcast_ref(),
            Unanswered::Busy(_) => None,
        }
    }
}

impl Failure for Unanswered {
    fn cause(&self) -> Cause {
        use ErrorCode::*;

        match self.code() {
            None if matches!(self, Unanswered::Busy(_)) => Cause::Overloaded,
            Some(HttpRequestDenied) => Cause::NoLink,
            Some(ConnectionRefused | DnsError(_) | DestinationNotFound | DestinationUnavailable) => Cause::NoTarget,
            Some(ConnectionTimeout | ConnectionReadTimeout | HttpResponseTimeout) => Cause::Timeout,
            Some(ConnectionTerminated | DestinationIpUnroutable | HttpResponseIncomplete) => Cause::Disconnected,
            _ => Cause::Other,
        }
    }

    fn delivery(&self) -> Delivery {
        use ErrorCode::*;

        match self.code() {
            Some(HttpRequestDenied | ConnectionRefused | DnsError(_) | DestinationNotFound) => Delivery::NotSent,
            Some(DestinationUnavailable | DestinationIpUnroutable | ConnectionTimeout) => Delivery::NotSent,
            // An upstream that is busy may have begun all the same.
            _ => Delivery::Unknown,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Unanswered::Busy(after) => *after,
            Unanswered::Lost(_) => None,
        }
    }
}
