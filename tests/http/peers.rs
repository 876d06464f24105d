//! Servers that a host only pretends to reach, for what real sockets leave to chance: which end of a request is told
//! first.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::{Request, Response};
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, WasiBody};

pub type Exchange = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);
pub type Sending = Box<dyn Future<Output = Result<Exchange, Error>> + Send>;

/// What becomes of a request to one of them; a request to any other authority comes back.
pub fn answer(request: Request<WasiBody>) -> Result<Sending, Box<Request<WasiBody>>> {
    let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let mut body = match authority.as_str() {
        "refused.test" | "refused-midway.test" | "closed.test" | "full.test" | "streamed.test" | "slow-body.test" => {
            request.into_body()
        }
        _ => return Err(Box::new(request)),
    };
    Ok(match authority.as_str() {
        // The body is gone before its first byte is written, and only then there is a reason.
        "refused.test" => {
            drop(body);
            Box::new(async { Err(Error::ConnectionRefused) })
        }
        // The same when some of it is written.
        "refused-midway.test" => Box::new(async move {
            body.frame().await;
            drop(body);
            later().await;
            Err(Error::ConnectionRefused)
        }),
        // The answer comes after the connection was closed.
        "closed.test" => Box::new(async move {
            body.frame().await;
            drop(body);
            later().await;
            Ok((busy(async { Ok(Bytes::from("busy")) }), Box::new(async { Ok(()) }) as Box<_>))
        }),
        // It answers and reads no further. Like a real connection, this one breaks with the request.
        "full.test" => Box::new(async move {
            body.frame().await;
            let text = async move {
                later().await;
                let mut rest = Box::pin(async move {
                    while let Some(frame) = body.frame().await {
                        frame?;
                    }
                    Ok(())
                });
                let read = poll_fn(|context| Poll::Ready(rest.as_mut().poll(context))).await;
                // The guest could go on writing, and does not, nor does it wait to.
                later().await;
                match read {
                    Poll::Ready(Err(aborted)) => Err(aborted),
                    Poll::Ready(Ok(())) | Poll::Pending => Ok(Bytes::from("full")),
                }
            };
            Ok((busy(text), Box::new(async { Ok(()) }) as Box<_>))
        }),
        // Its body does not come, and the host gives it up.
        "slow-body.test" => Box::new(async {
            let text = async { Err(Error::ConnectionReadTimeout) };
            Ok((Response::new(Later::body(text)), Box::new(async { Ok(()) }) as Box<_>))
        }),
        // It answers at once that all is well, goes on reading and then says how much there was.
        _ => Box::new(async move {
            let (sender, receiver) = oneshot::channel();
            let reading = async move {
                let read = body.collect().await.map(|body| Bytes::from(body.to_bytes().len().to_string()));
                let _ = sender.send(read);
                Ok(())
            };
            let text = async { receiver.await.unwrap_or(Err(Error::HttpProtocolError)) };
            Ok((Response::new(Later::body(text)), Box::new(reading) as Box<_>))
        }),
    })
}

/// When everybody else had a turn, and what the guest was to notice is noticed.
async fn later() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn busy(text: impl Future<Output = Result<Bytes, Error>> + Send + 'static) -> Response<WasiBody> {
    Response::builder().status(503).header("retry-after", "7").body(Later::body(text)).unwrap()
}

/// A body that is ready when the future is.
struct Later<F>(Option<Pin<Box<F>>>);

impl<F: Future<Output = Result<Bytes, Error>> + Send + 'static> Later<F> {
    fn body(text: F) -> WasiBody {
        Later(Some(Box::pin(text))).boxed_unsync()
    }
}

impl<F: Future<Output = Result<Bytes, Error>>> Body for Later<F> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(text) = &mut self.0 else { return Poll::Ready(None) };
        let text = std::task::ready!(text.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(Some(text.map(Frame::data)))
    }
}
