//! Answers `GET /NAME` with a greeting, which comes from another component.

use steadfast::{Failed, resilient};
use wstd::http::{Body, Request, Response};

steadfast::bindgen!();
use acme::greeter::api as greeter;

steadfast::policy! {
    /// How this calls the greeter: at most 4 attempts in 3 s, and none for 5 s after 8 failures in a row.
    static GREETER = deadline("3s") + retry(attempts = 4) + breaker(failures = 8, open_for = "5s");
}

/// A failure that leaves this function becomes an HTTP answer that says what failed.
#[wstd::http_server]
#[resilient]
async fn main(request: Request<Body>) -> Result<Response<Body>, Failed> {
    let name = request.uri().path().trim_start_matches('/');
    Ok(Response::new(greet(name)?.into()))
}

#[resilient(GREETER)]
fn greet(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

#[cfg(test)]
mod tests {
    use steadfast::testing::{Script, TestClock};
    use steadfast::{Cause, Delivery, RpcError};

    use super::*;

    #[test]
    fn a_greeter_that_is_down_for_a_moment_is_called_again() {
        let down = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
        let mut greeter = Script::new([down(), down(), Ok("Hello!")]);
        // Its sleeps return at once.
        let clock = TestClock::new();
        let greeting = GREETER.with(&clock).call(|| greeter.next());
        assert_eq!(greeting.unwrap(), "Hello!");
        assert_eq!(clock.slept().len(), 2);
    }
}
