//! Handlers that export `wasi:http/incoming-handler` themselves, without a server of `wstd`.

use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse};
pub use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use super::request_timeout::{REQUEST_TIMEOUT, left};
use super::run::Run;
use super::{IntoProblem, Settings};
use crate::failure::problem::{CONTENT_TYPE, Problem};
use crate::platform::clock::System;

/// What a handler without `wstd` answers: a status, headers and a body in memory.
///
/// A text or bytes are an answer with status 200. An answer that is streamed is beyond it: for that, use `wstd` and
/// `answer`.
///
/// ```
/// use steadfast::handler::Reply;
///
/// let reply = Reply::new("<h1>Hello!</h1>").status(203).header("content-type", "text/html");
/// # let _: [Reply; 3] = [reply, "Hello!".into(), vec![0xff].into()];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Reply {
    /// Status 200, no headers, and this body.
    ///
    /// ```
    /// let reply = steadfast::handler::Reply::new("Hello!");
    /// ```
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Reply { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// With this status. One that HTTP does not have makes the answer a bare 500, and the host is told.
    ///
    /// ```
    /// let reply = steadfast::handler::Reply::new("Made.").status(201);
    /// ```
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With this header, beside those of the same name. One that the host does not take makes the answer a bare 500,
    /// and the host is told.
    ///
    /// ```
    /// let reply = steadfast::handler::Reply::new("{}").header("content-type", "application/json");
    /// ```
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends it. That the client is gone is not an error: there is no one to tell.
    fn send(self, out: ResponseOutparam) {
        let response = match self.head() {
            Ok(response) => response,
            Err(wrong) => return ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(wrong)))),
        };
        // It is taken once, here.
        let body = response.body();
        ResponseOutparam::set(out, Ok(response));
        let Ok(body) = body else { return };
        if let Ok(stream) = body.write() {
            // As much as one such write may take.
            for chunk in self.body.chunks(4096) {
                if stream.blocking_write_and_flush(chunk).is_err() {
                    return;
                }
            }
        }
        let _ = OutgoingBody::finish(body, None);
    }

    fn head(&self) -> Result<OutgoingResponse, String> {
        let headers = Fields::new();
        for (name, value) in &self.headers {
            headers.append(name, value).map_err(|error| format!("the answer has a bad header `{name}`: {error}"))?;
        }
        let response = OutgoingResponse::new(headers);
        match response.set_status_code(self.status) {
            Ok(()) => Ok(response),
            Err(()) => Err(format!("the answer has a bad status {}", self.status)),
        }
    }
}

impl From<Vec<u8>> for Reply {
    fn from(body: Vec<u8>) -> Self {
        Reply::new(body)
    }
}

impl From<String> for Reply {
    fn from(body: String) -> Self {
        Reply::new(body)
    }
}

impl From<&str> for Reply {
    fn from(body: &str) -> Self {
        Reply::new(body)
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let reply = Reply::new(problem.body()).status(problem.status()).header("content-type", CONTENT_TYPE);
        match problem.retry_after() {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }
}

/// Has `handler` answer `request` on `out`; see [the module](super). It is for a component that implements
/// `wasip2::exports::http::incoming_handler::Guest` itself. The handler blocks, so nothing interrupts it at its
/// deadline.
///
/// ```
/// use steadfast::Failed;
/// use steadfast::handler::{IncomingRequest, Reply, ResponseOutparam, Settings, answer_incoming};
/// use wasip2::exports::http::incoming_handler::Guest;
///
/// struct Hello;
///
/// impl Guest for Hello {
///     fn handle(request: IncomingRequest, out: ResponseOutparam) {
///         answer_incoming(Settings::new(), request, out, |_request| -> Result<Reply, Failed> {
///             Ok("Hello!".into())
///         })
///     }
/// }
/// ```
pub fn answer_incoming<R: Into<Reply>, E: IntoProblem>(
    settings: Settings,
    request: IncomingRequest,
    out: ResponseOutparam,
    handler: impl FnOnce(IncomingRequest) -> Result<R, E>,
) {
    let target = request.path_with_query().unwrap_or_default();
    // A query may carry secrets.
    let path = target.split_once('?').map_or(target.as_str(), |(path, _)| path);
    let run = Run::new(System, settings, || left(request.headers().get(REQUEST_TIMEOUT)));
    let reply = match run.answer(path, || handler(request)) {
        Ok(reply) => reply.into(),
        Err(problem) => problem.into(),
    };
    let reply = match run.server_timing() {
        Some(value) => reply.header("server-timing", value),
        None => reply,
    };
    reply.send(out);
}
