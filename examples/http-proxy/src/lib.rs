//! A proxy before an upstream that has bad days: what may be repeated is repeated, and what goes wrong all the same
//! is told.

use std::time::Duration;

use steadfast::handler::{Settings, answer};
use steadfast::http::Client;
use steadfast::{Backoff, Breaker, Deadline, Policy, Retry};
use wstd::http::{Body, Error, Request, Response};

const UPSTREAM: &str = "http://quotes.test";

/// How we talk to the upstream: at most 3 tries within 3 s, and quiet for 5 s after 6 failures in a row.
static POLICY: Policy<Deadline, Retry, Breaker> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(3)))
    .retry(Retry::attempts(3).backoff(Backoff::exponential(Duration::from_millis(100))))
    .breaker(Breaker::consecutive_failures(6).open_for(Duration::from_secs(5)));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    answer(Settings::new(), request, forward).await
}

async fn forward(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    // The client knows by the method what may be repeated; and the body has to be here as a whole for that.
    let request = Request::builder().method(head.method).uri([UPSTREAM, head.uri.path()].concat());
    Ok(Client::new(&POLICY).send(request.body(body.bytes_contents().await?)?).await?)
}
