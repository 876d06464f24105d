//! An HTTP handler over a custom interface, that has an answer when the other end of it is gone.

use std::time::Duration;

use steadfast::{Backoff, Breaker, Deadline, Policy, Retry};
use wstd::http::{Body, Error, Request, Response, StatusCode};

steadfast::bindgen!("http-hello");
use acme::greeter::api as greeter;

/// How we talk to the greeter: at most 4 tries within 3 s, and quiet for 2 s after 8 failures in a row.
static GREETER: Policy<Deadline, Retry, Breaker> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(3)))
    .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(100))))
    .breaker(Breaker::consecutive_failures(8).open_for(Duration::from_secs(2)));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    Ok(match path.trim_start_matches('/').split_once('/') {
        Some(("hello", name)) => hello(name),
        Some(("strict", name)) => strict(name, path),
        _ => not_found(),
    })
}

/// Any greeting is better than none.
fn hello(name: &str) -> Response<Body> {
    let text = GREETER.fallback(|_| "Hello, stranger!".to_string()).call(|| greeter::greet(name));
    Response::new(text.into())
}

/// The real greeting, or why there is none.
fn strict(name: &str, path: &str) -> Response<Body> {
    match GREETER.call(|| greeter::greet(name)) {
        Ok(text) => Response::new(text.into()),
        Err(failed) => {
            eprintln!("{failed}"); // the log has the whole truth, the client what it can act on
            failed.problem(path).into()
        }
    }
}

fn not_found() -> Response<Body> {
    let mut response = Response::new("Try /hello/NAME or /strict/NAME\n".to_string().into());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
