//! A handler and calls with `#[resilient]`.

use steadfast::{Failed, RpcError, resilient};
use wstd::http::{Body, Request, Response};

steadfast::bindgen!({ path: "../../../examples/http-hello/wit", world: "http-hello" });
use acme::greeter::api as greeter;

#[cfg_attr(not(feature = "before"), wstd::http_server)]
#[resilient(deadline = "5s")]
#[cfg_attr(feature = "before", wstd::http_server)]
async fn main(request: Request<Body>) -> Result<Response<Body>, Failed> {
    let text = match request.uri().path().trim_start_matches('/').split_once('/') {
        Some(("strict", name)) => strict(name)?,
        Some(("owned", name)) => owned(name.into()).await?,
        Some(("patient", name)) => patient(name)?,
        Some(("client", name)) => greeter::client(&PATIENT).greet(name)?,
        Some(("chained", name)) => chained(name)?,
        Some((_, name)) => hello(name)?,
        None => String::new(),
    };
    Ok(Response::new(text.into()))
}

#[resilient(retry(attempts = 4, backoff = constant("100ms", jitter = none)), deadline = "3s")]
fn strict(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

#[resilient(retry(attempts = 3, backoff = constant("100ms", jitter = none)))]
async fn owned(name: String) -> Result<String, Failed> {
    greeter::greet(&name)
}

/// More patient than the handler around it.
#[resilient(retry(attempts = 100, backoff = constant("1s", jitter = none)), deadline = "1m")]
fn patient(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

steadfast::policy! {
    /// The same as a policy for clients.
    static PATIENT = retry(attempts = 100, backoff = constant("1s", jitter = none)) + deadline("1m");
}

#[resilient(retry(attempts = 2), fallback = stranger)]
fn hello(name: &str) -> Result<String, RpcError> {
    greeter::greet(name)
}

fn stranger(_: &str, failed: Failed) -> String {
    format!("Hello, stranger! ({} attempts)", failed.attempts())
}

/// As an exported interface would pass its failures on.
fn chained(name: &str) -> Result<String, RpcError> {
    Ok(strict(name)?)
}
