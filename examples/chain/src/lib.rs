//! The front of three components in a row. Whatever goes wrong behind the second, this one's client is told of it.

use steadfast::{RpcError, resilient};
use wstd::http::{Body, Request, Response};

steadfast::bindgen!("chain");
use acme::letters::letters;

/// No retry here: the one next to the failure retries, and a retry of retries would multiply the calls.
#[wstd::http_server]
#[resilient]
async fn main(request: Request<Body>) -> Result<Response<Body>, RpcError> {
    let letter = letters::write(request.uri().path().trim_start_matches('/'))?;
    Ok(Response::new(letter.into()))
}
