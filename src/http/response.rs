//! A response of `wasi:http` as one of `wstd`, which has no public way to make it.

use core::future::{Future as _, poll_fn};
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use wasip2::http::types::{Fields, FutureTrailers, IncomingBody, IncomingResponse, http_error_code};
use wasip2::io::streams::{InputStream, StreamError};
use wstd::http::body::{BodyHint, Bytes, Frame, HttpBody, SizeHint};
use wstd::http::{Body, HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use wstd::io::AsyncPollable;
use wstd::runtime::WaitFor;

use super::transport::Unfinished;
use crate::failure::http::Error;

type Unreadable = wstd::http::Error;

/// How much is read at once, in bytes, as `wstd` does.
const CHUNK: u64 = 64 * 1024;

/// With what is left of the request's body, if anything.
pub(super) fn of(incoming: IncomingResponse, request: Option<Unfinished>) -> Result<Response<Body>, Error> {
    read(incoming, request).map_err(Error::of_response)
}

fn read(incoming: IncomingResponse, request: Option<Unfinished>) -> Result<Response<Body>, Unreadable> {
    let headers = headers(&incoming.headers())?;
    let size = BodyHint::from_headers(&headers)?;
    let status = StatusCode::from_u16(incoming.status())?;
    let taken = |()| Unreadable::msg("the body of the response was taken before: the host does not keep to wasi:http");
    let body = incoming.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let received = Received { waiting: None, rest: Rest::Data(stream, body), size, request };
    let mut response = Response::new(Body::from_http_body(received));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn headers(fields: &Fields) -> Result<HeaderMap, Unreadable> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        headers.try_append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::try_from(value)?)?;
    }
    Ok(headers)
}

/// A body that is read as it arrives.
struct Received {
    // Resources come before those that they are made of, which have to outlive them.
    waiting: Option<WaitFor>,
    rest: Rest,
    size: BodyHint,
    // Kept, and no more of it sent: a host may end a response whose request is dropped before it was whole.
    request: Option<Unfinished>,
}

enum Rest {
    Data(InputStream, IncomingBody),
    Trailers(FutureTrailers),
    Nothing,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = Unreadable;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unreadable>>> {
        let body = self.get_mut();
        loop {
            if let Some(waiting) = &mut body.waiting {
                ready!(Pin::new(waiting).poll(context));
                body.waiting = None;
            }
            let pollable = match &body.rest {
                Rest::Data(stream, _) => match stream.read(CHUNK) {
                    Ok(bytes) if bytes.is_empty() => stream.subscribe(),
                    Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                    Err(StreamError::Closed) => {
                        if let Rest::Data(stream, incoming) = mem::replace(&mut body.rest, Rest::Nothing) {
                            drop(stream);
                            body.rest = Rest::Trailers(IncomingBody::finish(incoming));
                        }
                        continue;
                    }
                    Err(StreamError::LastOperationFailed(error)) => {
                        let error = match http_error_code(&error) {
                            Some(code) => Error::of_body(code.into()),
                            // Wasmtime has no code for it, but a text.
                            None => Error::of_body_text(error.to_debug_string()),
                        };
                        body.end();
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
                Rest::Trailers(trailers) => match trailers.get() {
                    None => trailers.subscribe(),
                    Some(outcome) => {
                        body.end();
                        return Poll::Ready(match outcome {
                            Ok(Ok(Some(trailers))) => {
                                let trailers = self::headers(&trailers).map(Frame::trailers);
                                Some(trailers.map_err(|error| Error::of_response(error).into()))
                            }
                            Ok(Err(code)) => Some(Err(Error::of_body(code.into()).into())),
                            Ok(Ok(None)) | Err(()) => None,
                        });
                    }
                },
                Rest::Nothing => return Poll::Ready(None),
            };
            body.waiting = Some(AsyncPollable::new(pollable).wait_for());
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match self.size {
            BodyHint::ContentLength(length) => SizeHint::with_exact(length),
            BodyHint::Unknown => SizeHint::default(),
        }
    }
}

/// The response with its body read, which may have so many bytes.
pub(super) async fn collect(response: Response<Body>, limit: usize) -> Result<Response<Vec<u8>>, Error> {
    let (head, body) = response.into_parts();
    let mut body = body.into_boxed_body();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // Trailers are not kept.
        let Ok(data) = frame.map_err(Error::of_body)?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(Error::of_size(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Response::from_parts(head, bytes))
}

impl Received {
    /// Nothing more is read, and the connection is not held up by what was not sent.
    fn end(&mut self) {
        self.rest = Rest::Nothing;
        self.request = None;
    }
}

#[cfg(test)]
mod tests;
