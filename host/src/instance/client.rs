//! Whether the client of a request is still there for its answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Response, StatusCode};
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error;

use super::ResponseBody;
use crate::manifest::ClientLeft;

/// A client that waits for its answer. Dropped before it had all of it, it has left.
pub(super) struct Client {
    had_all: oneshot::Sender<()>,
    /// Of the answer, a client of `HEAD` gets the head.
    wants_body: bool,
}

/// Whether a client had its whole answer.
type HadAll = oneshot::Receiver<()>;

impl Client {
    /// A client, where it matters whether it stays.
    pub fn followed(client_left: ClientLeft, method: &Method) -> (Option<Self>, Option<HadAll>) {
        match client_left {
            ClientLeft::Finish => (None, None),
            ClientLeft::End => {
                let (had_all, receiver) = oneshot::channel();
                (Some(Client { had_all, wants_body: method != Method::HEAD }), Some(receiver))
            }
        }
    }

    /// The answer, which tells when the client had all of it.
    pub fn takes(self, answer: Response<ResponseBody>) -> Response<ResponseBody> {
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&answer.status());
        if !self.wants_body || bodiless {
            let _ = self.had_all.send(());
            return answer;
        }
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        answer.map(|body| Taken { body, length, taken: 0, had_all: Some(self.had_all) }.boxed_unsync())
    }
}

/// Ready when a client is gone; never, where that does not matter.
pub(super) async fn gone(had_all: Option<HadAll>) {
    if let Some(had_all) = had_all
        && had_all.await.is_err()
    {
        return;
    }
    std::future::pending().await
}

/// The body of an answer, as far as the client took it.
struct Taken {
    body: ResponseBody,
    /// As the head says.
    length: Option<u64>,
    taken: u64,
    had_all: Option<oneshot::Sender<()>>,
}

impl Taken {
    fn all(&mut self) {
        if let Some(had_all) = self.had_all.take() {
            let _ = had_all.send(());
        }
    }
}

impl Body for Taken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(None) => self.all(),
            Poll::Ready(Some(Ok(frame))) => {
                self.taken += frame.data_ref().map_or(0, |data| data.len() as u64);
                // Nothing is asked for beyond it.
                if self.length == Some(self.taken) {
                    self.all();
                }
            }
            _ => {}
        }
        frame
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
        if self.body.is_end_stream() {
            self.all();
        }
    }
}
