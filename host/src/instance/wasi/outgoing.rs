//! A guest's own HTTP requests go over the lattice; what the network says of them becomes the error codes of `wasi:http`.

use std::io::{self, ErrorKind};

use hyper::{Request, Response};
use wasmtime_wasi_http::p2::bindings::http::types::{DnsErrorPayload, ErrorCode};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::instance::Work;

/// An answer, and what has to be done for the rest of its body.
type Exchange = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// One instance's way out.
pub(in crate::instance) struct Outgoing {
    pub work: Work,
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Exchange, Error>> + Send> {
        let Work { network, depth, deadline, trace } = self.work.clone();
        let answer = network.send((depth, deadline.now(), trace), request, options.unwrap_or_default());
        // The rest comes by itself.
        Box::new(async { Ok((answer.await?, Box::new(async { Ok(()) }) as _)) })
    }

    fn p2_error_from_connect(&mut self, error: &io::Error) -> ErrorCode {
        match error.kind() {
            ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
            ErrorKind::TimedOut => ErrorCode::ConnectionTimeout,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => ErrorCode::ConnectionTerminated,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => ErrorCode::DestinationIpUnroutable,
            // The standard library has no kind for a name that does not resolve.
            _ if error.to_string().starts_with("failed to lookup address") => {
                ErrorCode::DnsError(DnsErrorPayload { rcode: None, info_code: None })
            }
            _ => ErrorCode::DestinationUnavailable,
        }
    }

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if cause.downcast_ref::<io::Error>().is_some() {
                return ErrorCode::ConnectionTerminated;
            }
            source = cause.source();
        }
        if error.is_timeout() {
            ErrorCode::HttpResponseTimeout
        } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            ErrorCode::ConnectionTerminated
        } else {
            ErrorCode::HttpProtocolError
        }
    }
}
