//! The access log: an event for each request that came in, once its answer is over. It costs nothing where it is off.

use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;
use tracing::Span;

use crate::excerpt::excerpt;
use crate::instance::{End, ResponseBody, watch};

/// A request under way. Dropped, it is over.
pub(crate) struct Access {
    /// What happens for the request is within it.
    span: Span,
    component: Option<String>,
    method: Method,
    uri: Uri,
    began: Instant,
    /// Of the answer, if there is one.
    status: Option<StatusCode>,
    /// What the answer says of where the time went.
    server_timing: Option<HeaderValue>,
    /// How many bytes of the answer's body the connection took.
    bytes: u64,
    /// How the answer ended.
    end: End,
}

impl Access {
    /// Begins to watch a request for `component`, where the log has such events.
    pub fn begin<B>(component: Option<&str>, request: &Request<B>) -> Option<Self> {
        // Not `enabled!`: where each layer has its own filter, it leaves their answers behind for the next event.
        let unwanted = tracing::debug_span!(target: "steadfast::access", "request").is_disabled();
        (!unwanted).then(|| Access {
            span: tracing::trace_span!(target: "steadfast::access", "request"),
            component: component.map(String::from),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
            status: None,
            server_timing: None,
            bytes: 0,
            end: End::Left,
        })
    }

    /// The span of what happens for the request.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Goes on until the end of the answer's body.
    pub fn watch(mut self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        self.status = Some(response.status());
        self.server_timing = response.headers().get("server-timing").cloned();
        let method = self.method.clone();
        watch(response, &method, move |end, bytes| self.over(end, bytes))
    }

    fn over(mut self, end: End, bytes: u64) {
        (self.end, self.bytes) = (end, bytes);
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let outcome = match (self.status, self.end) {
            (Some(_), End::Whole) => "answered",
            (Some(_), End::Cut) => "the answer was cut short",
            (Some(_), End::Left) => "the client left before the end of the answer",
            (None, _) => "the client left before the answer",
        };
        let _within = self.span.enter();
        tracing::debug!(
            target: "steadfast::access",
            component = self.component.as_deref(),
            method = %excerpt(self.method.as_str()),
            // Without the query, which may hold secrets.
            path = %excerpt(self.uri.path()),
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            took = ?self.began.elapsed(),
            server_timing = self.server_timing.as_ref().map(|value| excerpt(value.to_str().unwrap_or("?"))).as_deref(),
            "{outcome}"
        );
    }
}
