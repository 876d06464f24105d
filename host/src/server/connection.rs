//! One connection of a client: HTTP/1.1, until the client or its time is over.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;
use wasmtime_wasi_http::io::TokioIo;

use super::Bounds;
use super::activity::{Activity, Noted, Wait, Work};

/// Answers the requests of `stream`, until it ends, its client is late, or `stopped` says so and none is at work.
pub(super) async fn serve<A, F, B>(
    stream: TcpStream,
    bounds: Bounds,
    activity: Arc<Activity>,
    answer: A,
    mut stopped: watch::Receiver<()>,
) where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Else the next part of an answer waits until the client has confirmed the one before.
    let _ = stream.set_nodelay(true);
    let begins = activity.clone();
    let service = service_fn(move |request| {
        let work = begins.work();
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await.map(|body| Answer { body, _work: work })) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(bounds.keep_alive).max_buf_size(bounds.head_bytes);
    let stream = TokioIo::new(Noted { stream, activity: activity.clone() });
    let mut connection = std::pin::pin!(http.serve_connection(stream, service));
    let mut sleep = std::pin::pin!(tokio::time::sleep(bounds.head));
    let mut stop = std::pin::pin!(stopped.changed());
    let mut stopping = false;
    let outcome = poll_fn(|context| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(Ok(ended));
            }
            if stopping || stop.as_mut().poll(context).is_pending() {
                return late(&activity, &bounds, sleep.as_mut(), context).map(Err);
            }
            stopping = true;
            connection.as_mut().graceful_shutdown();
        }
    });
    match outcome.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a connection ended: {error}"),
        Err(Wait::Idle) => tracing::debug!("a connection ended: no request came within {:?}", bounds.idle),
        Err(Wait::Write) => tracing::debug!("a connection ended: its client took nothing for {:?}", bounds.write),
        Err(Wait::Head) => {
            tracing::debug!("a connection ended: the head of a request was not complete within {:?}", bounds.head);
            activity.no_head();
        }
    }
}

/// Ready when the client of a connection is late. To be asked each time the connection was polled, since that changes
/// what it waits for. The timer is only set where the time that it has is too late: a connection that goes from request
/// to request sets none.
fn late(activity: &Activity, bounds: &Bounds, mut sleep: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<Wait> {
    loop {
        let Some((deadline, wait)) = activity.deadline(bounds) else { return Poll::Pending };
        if sleep.is_elapsed() && sleep.deadline() >= deadline {
            return Poll::Ready(wait);
        }
        if sleep.is_elapsed() || sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(context));
    }
}

/// The body of an answer. Its connection is at work until this is dropped.
struct Answer<B> {
    body: B,
    _work: Work,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
