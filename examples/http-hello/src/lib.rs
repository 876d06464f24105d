//! An HTTP handler over a custom interface, that has an answer when the other end of it is gone.

use steadfast::{Failed, resilient};
use wstd::http::{Body, Request, Response, StatusCode};

steadfast::bindgen!("http-hello");
use acme::greeter::api as greeter;

steadfast::policy! {
    /// How we talk to the greeter: at most 4 tries within 3 s, and quiet for exactly 2 s after 8 failures in a row.
    static GREETER = deadline("3s") + retry(attempts = 4, backoff = exponential("100ms"))
                   + breaker(failures = 8, open_for = "2s", jitter = 0);
}

/// The real greeting, or why there is none: a failure that leaves the handler is an answer that says so.
#[wstd::http_server]
#[resilient]
async fn main(request: Request<Body>) -> Result<Response<Body>, Failed> {
    match request.uri().path().trim_start_matches('/').split_once('/') {
        Some(("strict", name)) => Ok(Response::new(greet(name)?.into())),
        Some(("again", name)) => Ok(Response::new(greet_again(name)?.into())),
        Some(("hello", name)) => Ok(Response::new(greet_anyhow(name)?.into())),
        _ => Ok(not_found()),
    }
}

#[resilient(GREETER)]
fn greet(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

/// Whoever was greeted already may be greeted again, so what nobody knows to have happened is repeated too.
#[resilient(GREETER, idempotent)]
fn greet_again(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

/// Any greeting is better than none.
#[resilient(GREETER, fallback = stranger)]
fn greet_anyhow(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

fn stranger(_name: &str, failed: Failed) -> String {
    eprintln!("{failed}"); // the log has the truth
    "Hello, stranger!".into()
}

fn not_found() -> Response<Body> {
    let mut response = Response::new("Try /hello/NAME, /strict/NAME or /again/NAME\n".to_string().into());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use steadfast::testing::{Script, TestClock};
    use steadfast::{Cause, Delivery, RpcError};

    use super::GREETER;

    #[test]
    fn a_greeter_that_starts_is_waited_for() {
        let no_target = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
        let clock = TestClock::new();
        let mut greeter = Script::new([no_target(), no_target(), Ok("Hello, Ada!")]);

        assert_eq!(GREETER.with(&clock).call(|| greeter.next()).unwrap(), "Hello, Ada!");
        assert_eq!(clock.slept(), [Duration::from_millis(100), Duration::from_millis(200)]);
    }
}
