//! How much of an answer its client takes, and whether that is all of it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Response, StatusCode};
use wasmtime_wasi_http::Error;

use super::ResponseBody;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client took all of it.
    Whole,
    /// Its body broke off.
    Cut,
    /// It was not asked for to the end.
    Left,
}

/// The answer to a request by `method`, which tells `ended` how it ended, and how many bytes of its body were taken.
pub(crate) fn watch(
    answer: Response<ResponseBody>,
    method: &Method,
    ended: impl FnOnce(End, u64) + Send + 'static,
) -> Response<ResponseBody> {
    let bodiless = method == Method::HEAD
        || matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || answer.body().is_end_stream();
    let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let end = if bodiless { End::Whole } else { End::Left };
    answer.map(|body| Taken { body, length, bytes: 0, end, ended: Some(Box::new(ended)) }.boxed_unsync())
}

/// The body of an answer, as far as it was taken.
struct Taken {
    body: ResponseBody,
    /// What the head says of it; once that is reached, it is not asked for more.
    length: Option<u64>,
    bytes: u64,
    end: End,
    ended: Option<Box<dyn FnOnce(End, u64) + Send>>,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if frame.is_trailers() || this.body.is_end_stream() || Some(this.bytes) == this.length {
                    this.end = End::Whole;
                }
            }
            Some(Err(_)) => this.end = End::Cut,
            None => this.end = End::Whole,
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

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            ended(self.end, self.bytes);
        }
    }
}
