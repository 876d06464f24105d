//! One request over `wasi:http`: its body is sent while the response is awaited, and what the response says counts.

use core::future::{Future as _, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method as WasiMethod, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme as WasiScheme,
};
use wstd::http::body::HttpBody;
use wstd::http::error::ErrorCode;
use wstd::http::{Body, HeaderMap, Method, Request, Response, Scheme};
use wstd::io::{AsyncOutputStream, AsyncPollable};

use super::body::{Content, Outgoing};
use super::response;
use crate::failure::http::Error;

/// A body that is not finished: dropped like this, it is one that the host does not take for whole.
pub(super) struct Unfinished {
    // Before what it is a child of, which has to outlive it.
    output: AsyncOutputStream,
    body: OutgoingBody,
}

enum Written {
    Whole(Option<Fields>),
    NotTaken,
}

/// The timeouts that the host keeps, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timeouts {
    pub connect: Option<u64>,
    pub first_byte: Option<u64>,
    pub between_bytes: Option<u64>,
}

pub(super) fn nanos(timeout: Duration) -> Option<u64> {
    Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

/// Makes the request once. Dropping the future closes the request.
pub(super) async fn send(request: &Request<Outgoing>, timeouts: Timeouts) -> Result<Response<Body>, Error> {
    let (future, upload) = begin(request, timeouts).map_err(Error::transport)?;
    let answered = AsyncPollable::new(future.subscribe());
    let Some((upload, content)) = upload else {
        answered.wait_for().await;
        return response::of(answer(&future)?, None);
    };
    let (early, end) = {
        let mut writing = pin!(write(&upload.output, content));
        // Nothing is waited for any longer than it has to be: what is ready keeps the reactor awake.
        let first = {
            let mut waiting = answered.wait_for();
            poll_fn(|context| match writing.as_mut().poll(context) {
                Poll::Ready(end) => Poll::Ready(Some(end)),
                Poll::Pending => Pin::new(&mut waiting).poll(context).map(|()| None),
            })
            .await
        };
        if first.is_some() {
            (None, first)
        } else {
            let response = answer(&future)?;
            // A success may be told while the server still reads, and what it then misses is missing. What any other
            // status says does not depend on the rest.
            let end = if (200..300).contains(&response.status()) { Some(writing.await) } else { None };
            (Some(response), end)
        }
    };
    let unfinished = match end {
        None => Some(upload),
        Some(end) => {
            upload.end(end?)?;
            None
        }
    };
    let response = match early {
        Some(response) => response,
        None => {
            answered.wait_for().await;
            answer(&future)?
        }
    };
    response::of(response, unfinished)
}

/// When there is one.
fn answer(future: &FutureIncomingResponse) -> Result<IncomingResponse, Error> {
    let outcome = match future.get() {
        Some(Ok(outcome)) => outcome,
        // A host that keeps to `wasi:http` has an answer when it says so. Of the request, nothing is known.
        _ => Err(ErrorCode::ConnectionTerminated),
    };
    outcome.map_err(|code| Error::transport(code.into()))
}

type Begun = (FutureIncomingResponse, Option<(Unfinished, Content)>);

fn begin(request: &Request<Outgoing>, timeouts: Timeouts) -> Result<Begun, wstd::http::Error> {
    let outgoing = OutgoingRequest::new(fields(request.headers())?);
    let uri = request.uri();
    let path = uri.path_and_query().map(|path| path.as_str());
    outgoing.set_method(&method(request.method())).map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    outgoing
        .set_scheme(Some(&scheme(uri.scheme())))
        .and_then(|()| outgoing.set_authority(uri.authority().map(|authority| authority.as_str())))
        .and_then(|()| path.map_or(Ok(()), |path| outgoing.set_path_with_query(Some(path))))
        .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    // Neither was taken before, so both are there.
    let body = outgoing.body().map_err(|()| ErrorCode::InternalError(None))?;
    let output = body.write().map_err(|()| ErrorCode::InternalError(None))?;
    let future = outgoing_handler::handle(outgoing, options(timeouts)?)?;
    let content = request.body().next();
    if content.is_empty() {
        drop(output);
        OutgoingBody::finish(body, None)?;
        return Ok((future, None));
    }
    Ok((future, Some((Unfinished { output: AsyncOutputStream::new(output), body }, content))))
}

async fn write(output: &AsyncOutputStream, content: Content) -> Result<Written, Error> {
    let Content { bytes: mut chunk, mut stream } = content;
    let mut trailers = None;
    loop {
        // A host that takes no more has an answer, or a reason for having none, and tells that as the response: that
        // the connection was refused, say.
        if !chunk.is_empty() && output.write_all(&chunk).await.is_err() {
            return Ok(Written::NotTaken);
        }
        let Some(stream) = &mut stream else { break };
        let Some(frame) = poll_fn(|context| Pin::new(&mut *stream).poll_frame(context)).await else { break };
        match frame.map_err(Error::of_stream)?.into_data() {
            Ok(data) => chunk = data,
            Err(frame) => {
                chunk.clear();
                if let Ok(headers) = frame.into_trailers() {
                    trailers = Some(fields(&headers).map_err(Error::transport)?);
                }
            }
        }
    }
    Ok(Written::Whole(trailers))
}

impl Unfinished {
    fn end(self, written: Written) -> Result<(), Error> {
        let Unfinished { output, body } = self;
        drop(output);
        match written {
            Written::Whole(trailers) => {
                OutgoingBody::finish(body, trailers).map_err(|code| Error::transport(code.into()))
            }
            // A host that waits for the rest now learns that there is none.
            Written::NotTaken => Ok(()),
        }
    }
}

fn fields(headers: &HeaderMap) -> Result<Fields, wstd::http::Error> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name.as_str(), value.as_bytes()).map_err(|error| {
            let rejected = ["the host does not send the header ", name.as_str(), ": leave it out"].concat();
            wstd::http::Error::from(error).context(rejected)
        })?;
    }
    Ok(fields)
}

fn method(method: &Method) -> WasiMethod {
    match *method {
        Method::GET => WasiMethod::Get,
        Method::HEAD => WasiMethod::Head,
        Method::POST => WasiMethod::Post,
        Method::PUT => WasiMethod::Put,
        Method::DELETE => WasiMethod::Delete,
        Method::CONNECT => WasiMethod::Connect,
        Method::OPTIONS => WasiMethod::Options,
        Method::TRACE => WasiMethod::Trace,
        Method::PATCH => WasiMethod::Patch,
        _ => WasiMethod::Other(method.as_str().to_owned()),
    }
}

fn scheme(scheme: Option<&Scheme>) -> WasiScheme {
    match scheme.map(Scheme::as_str) {
        Some("http") => WasiScheme::Http,
        Some("https") | None => WasiScheme::Https,
        Some(other) => WasiScheme::Other(other.to_owned()),
    }
}

fn options(timeouts: Timeouts) -> Result<Option<RequestOptions>, ErrorCode> {
    let Timeouts { connect: None, first_byte: None, between_bytes: None } = timeouts else {
        let options = RequestOptions::new();
        // A timeout that is not set is one that the host chooses, so none is set to none.
        let set = |timeout: Option<u64>, set: fn(&RequestOptions, Option<u64>) -> Result<(), ()>| {
            timeout.map_or(Ok(()), |_| set(&options, timeout)).map_err(|()| ErrorCode::ConfigurationError)
        };
        set(timeouts.connect, RequestOptions::set_connect_timeout)?;
        set(timeouts.first_byte, RequestOptions::set_first_byte_timeout)?;
        set(timeouts.between_bytes, RequestOptions::set_between_bytes_timeout)?;
        return Ok(Some(options));
    };
    Ok(None)
}
