//! A proxy before an upstream that has bad days: what may be repeated is repeated, and what goes wrong all the same
//! is told.

mod upstream;

use std::time::Duration;

use steadfast::{Backoff, Breaker, Deadline, Failed, Policy, Retry};
use wstd::http::{Body, Error, Method, Request, Response};

use upstream::{Unanswered, forward};

/// How we talk to the upstream: at most 3 tries within 3 s, and quiet for 5 s after 6 failures in a row.
static UPSTREAM: Policy<Deadline, Retry, Breaker> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(3)))
    .retry(Retry::attempts(3).backoff(Backoff::exponential(Duration::from_millis(100))))
    .breaker(Breaker::consecutive_failures(6).open_for(Duration::from_secs(5)));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path();
    // Whole, so that it can be sent again.
    let body = body.bytes_contents().await?;
    let attempt = async || forward(&head.method, path, body.clone()).await;
    let answer: Result<_, Failed<Unanswered>> = match head.method {
        // Repeating these does no harm (RFC 9110, 9.2.2); repeating others may.
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS => {
            UPSTREAM.idempotent().call_async(attempt).await
        }
        _ => UPSTREAM.call_async(attempt).await,
    };
    Ok(match answer {
        Ok(response) => response,
        Err(failed) => {
            eprintln!("{failed}");
            failed.problem(path).into()
        }
    })
}
