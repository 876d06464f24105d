//! An HTTP handler whose breaker remembers, though each request has an instance of its own: its state is in the store
//! of the host.

use steadfast::{Failed, resilient};
use wstd::http::{Body, Request, Response};

steadfast::bindgen!("shared-breaker");
use acme::greeter::api as greeter;

#[wstd::http_server]
#[resilient]
async fn main(request: Request<Body>) -> Result<Response<Body>, Failed> {
    let greeting = greet(request.uri().path().trim_start_matches('/'))?;
    Ok(Response::new(greeting.into()))
}

/// The policy has a name, so a host can say that each instance is to have a breaker of its own: `shared = "never"`.
#[resilient(policy = "greeter", breaker(failures = 5, open_for = "2s", shared = "keyvalue", name = "acme/greeter"))]
fn greet(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}
