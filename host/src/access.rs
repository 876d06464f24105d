//! The access log: an event for each request that came in, once its answer is over. It costs nothing where it is off.

use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;
use tracing::Level;

use crate::excerpt::excerpt;
use crate::instance::{End, ResponseBody, watch};

/// A request under way. Dropped, it is over.
pub(crate) struct Access {
    component: Option<String>,
    method: Method,
    uri: Uri,
    began: Instant,
    /// Of the answer, if there is one.
    status: Option<StatusCode>,
    /// How many bytes of the answer's body the connection took.
    bytes: u64,
    /// How the answer ended.
    end: End,
}

impl Access {
    /// Begins to watch a request for `component`, where the log has such events.
    pub fn begin<B>(component: Option<&str>, request: &Request<B>) -> Option<Self> {
        tracing::enabled!(target: "steadfast::access", Level::DEBUG).then(|| Access {
            component: component.map(String::from),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
            status: None,
            bytes: 0,
            end: End::Left,
        })
    }

    /// Goes on until the end of the answer's body.
    pub fn watch(mut self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        self.status = Some(response.status());
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
        tracing::debug!(
            target: "steadfast::access",
            component = self.component.as_deref(),
            method = %excerpt(self.method.as_str()),
            // Without the query, which may hold secrets.
            path = %excerpt(self.uri.path()),
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            took = ?self.began.elapsed(),
            "{outcome}"
        );
    }
}
