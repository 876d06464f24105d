//! Why there is no response, or none that the caller can use.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use wstd::http::{Body, Response, StatusCode, error::ErrorCode};

use super::{Cause, Delivery, Facts, Failure};

/// Why a request failed: there was no response, or one with a status that is a [failure](crate::http::ByStatus).
///
/// ```no_run
/// use steadfast::{Failed, Policy, Retry, http::{self, Client}};
/// use wstd::http::{Body, Request, Response};
///
/// static PAGES: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
///
/// /// Whatever the server says is passed on, a last 503 too.
/// async fn proxy(request: Request<Body>) -> Result<Response<Body>, Failed<http::Error>> {
///     match Client::new(&PAGES).send(request).await {
///         Err(failed) => match failed.last().and_then(http::Error::take_response) {
///             Some(response) => Ok(response),
///             None => Err(failed),
///         },
///         answered => answered,
///     }
/// }
/// ```
pub struct Error {
    facts: Facts,
    what: What,
}

enum What {
    Status(StatusCode, Kept),
    Transport(wstd::http::Error),
}

/// A response that may be the last. The next attempt drops it first: it stands for a connection.
// A mutex, since a body is `Send` and not `Sync`, and errors that are not both do not pass through `?` into others.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<Option<Response<Body>>>>);

impl Kept {
    pub fn take(&self) -> Option<Response<Body>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Error {
    pub(crate) fn transport(error: wstd::http::Error) -> Self {
        let facts = Facts::new(error.cause(), error.delivery(), error.retry_after());
        Error { facts, what: What::Transport(error) }
    }

    /// The body that was to be sent failed by itself. What its error says of how far a request got, it does not say of
    /// this one.
    pub(crate) fn of_stream(error: wstd::http::Error) -> Self {
        let facts = Facts::new(error.cause(), Delivery::Unknown, None);
        Error { facts, what: What::Transport(error.context("sending the body of a request")) }
    }

    /// There was a response, and it is invalid.
    pub(crate) fn of_response(error: wstd::http::Error) -> Self {
        let facts = Facts::new(Cause::Protocol, Delivery::Delivered, None);
        Error { facts, what: What::Transport(error.context("reading the head of a response")) }
    }

    /// There was a response, and its body ended early. What its error says of how far the request got is known better.
    pub(crate) fn of_body(error: wstd::http::Error) -> Self {
        let error = match error.downcast::<Error>() {
            Ok(told) => return told,
            Err(error) => error,
        };
        match error.cause() {
            // Whatever it was, the rest of the body does not come.
            Cause::Other => Error::while_reading(error, Cause::Disconnected),
            cause => Error::while_reading(error, cause),
        }
    }

    /// The same where a text is all that the host tells. It says whether that was a timeout.
    pub(crate) fn of_body_text(text: String) -> Self {
        let has = |part: &[u8]| text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
        let cause = if has(b"timeout") || has(b"timed out") { Cause::Timeout } else { Cause::Disconnected };
        Error::while_reading(wstd::http::Error::msg(text), cause)
    }

    fn while_reading(error: wstd::http::Error, cause: Cause) -> Self {
        let facts = Facts::new(cause, Delivery::Delivered, None);
        Error { facts, what: What::Transport(error.context("reading the body of a response")) }
    }

    /// There was a response, and its body is larger than the caller takes.
    pub(crate) fn of_size(limit: usize) -> Self {
        let facts = Facts::new(Cause::Protocol, Delivery::Delivered, None);
        let error = wstd::http::Error::msg(format!("the body of the response has more than {limit} bytes"));
        Error { facts, what: What::Transport(error) }
    }

    /// The error, and the response that is kept in it.
    pub(crate) fn of_status(response: Response<Body>, facts: Facts) -> (Self, Kept) {
        let status = response.status();
        let kept = Kept(Arc::new(Mutex::new(Some(response))));
        (Error { facts, what: What::Status(status, kept.clone()) }, kept)
    }

    /// The status of the response, where there was one.
    ///
    /// ```
    /// # fn show(failed: &steadfast::Failed<steadfast::http::Error>) {
    /// println!("{:?}", failed.last().and_then(|error| error.status())); // Some(503), say
    /// # }
    /// ```
    pub const fn status(&self) -> Option<StatusCode> {
        match self.what {
            What::Status(status, _) => Some(status),
            What::Transport(_) => None,
        }
    }

    /// The error of `wasi:http`, where the host made one.
    ///
    /// ```
    /// # fn show(failed: &steadfast::Failed<steadfast::http::Error>) {
    /// println!("{:?}", failed.last().and_then(|error| error.code())); // Some(ConnectionRefused), say
    /// # }
    /// ```
    pub fn code(&self) -> Option<&ErrorCode> {
        match &self.what {
            What::Status(..) => None,
            What::Transport(error) => error.downcast_ref(),
        }
    }

    /// The response with the status that is a failure, for a caller that can use its body or passes it on. It is there
    /// once, and only where no later attempt was begun.
    ///
    /// ```
    /// # fn show(failed: &steadfast::Failed<steadfast::http::Error>) {
    /// let response = failed.last().and_then(|error| error.take_response());
    /// # }
    /// ```
    pub fn take_response(&self) -> Option<Response<Body>> {
        match &self.what {
            What::Status(_, kept) => kept.take(),
            What::Transport(_) => None,
        }
    }
}

impl Failure for Error {
    fn cause(&self) -> Cause {
        self.facts.cause
    }
    fn delivery(&self) -> Delivery {
        self.facts.delivery
    }
    fn retry_after(&self) -> Option<Duration> {
        self.facts.retry_after.map(Duration::from_nanos)
    }
}

// The text is a log line, so it may carry internals.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Status(status, _) => write!(f, "the server answered with status {}", status.as_str()),
            What::Transport(error) => fmt::Display::fmt(error, f),
        }
    }
}

// Without the response, whose headers and body would bring along what shows them.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Status(status, _) => write!(f, "Status({})", status.as_str()),
            What::Transport(error) => write!(f, "Transport({error:?})"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.what {
            What::Status(..) => None,
            What::Transport(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_whether_a_body_ended_by_a_timeout() {
        for (text, cause) in [
            ("connection read timeout", Cause::Timeout),
            ("ConnectionReadTimeout", Cause::Timeout),
            ("hyper error: error reading a body from connection: operation timed out", Cause::Timeout),
            ("hyper error: error reading a body from connection: end of file", Cause::Disconnected),
            ("", Cause::Disconnected),
        ] {
            let error = Error::of_body_text(text.to_owned());
            assert_eq!((error.cause(), error.delivery()), (cause, Delivery::Delivered), "{text}");
        }
    }
}
