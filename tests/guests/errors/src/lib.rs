//! A call through a policy whose error is a resource of the host.

use std::time::Duration;

use steadfast::{Backoff, Failure, Policy, Retry};

steadfast::bindgen!();

use test::errors::handler;

static POLICY: Policy<(Retry,)> =
    Policy::new().retry(Retry::attempts(3).backoff(Backoff::constant(Duration::from_nanos(1))));

struct Component;

impl Guest for Component {
    fn judge(text: String) -> String {
        match handler::client(&POLICY).fail(&text) {
            Ok(()) => "no failure".to_string(),
            Err(failed) => {
                let said = failed.last().map(ToString::to_string).unwrap_or_default();
                let (cause, delivery) = (failed.cause(), failed.delivery());
                format!("{cause:?}, {delivery:?}, attempts: {}, said: {said}", failed.attempts())
            }
        }
    }
}

export!(Component);
