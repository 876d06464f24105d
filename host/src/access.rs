//! The access log: an event for each request that came in, once its answer is over. It costs nothing where it is off.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;
use tracing::Level;
use wasmtime_wasi_http::Error;

use crate::excerpt::excerpt;
use crate::instance::ResponseBody;

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
    end: End,
}

/// How the body of an answer ended.
#[derive(PartialEq, Eq)]
enum End {
    NotYet,
    Whole,
    Cut,
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
            end: End::NotYet,
        })
    }

    /// Goes on until the end of the answer's body.
    pub fn watch(mut self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        self.status = Some(response.status());
        let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if self.method == Method::HEAD || bodiless || response.body().is_end_stream() {
            self.end = End::Whole;
        }
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        response.map(|body| Watched { access: self, length, body }.boxed_unsync())
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let outcome = match (self.status, &self.end) {
            (Some(_), End::Whole) => "answered",
            (Some(_), End::Cut) => "the answer was cut short",
            (Some(_), End::NotYet) => "the client left before the end of the answer",
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

/// The body of an answer.
struct Watched {
    access: Access,
    /// What the head says of it; once that is reached, it is not asked for more.
    length: Option<u64>,
    body: ResponseBody,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                this.access.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if frame.is_trailers() || this.body.is_end_stream() || Some(this.access.bytes) == this.length {
                    this.access.end = End::Whole;
                }
            }
            Some(Err(_)) => this.access.end = End::Cut,
            None => this.access.end = End::Whole,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
