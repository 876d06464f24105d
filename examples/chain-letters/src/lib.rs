//! The second of three components in a row: it writes letters, and lets the greeter begin them.

use std::time::Duration;

use steadfast::{Backoff, Deadline, Policy, Retry, RpcError};

steadfast::bindgen!("chain-letters");
use acme::greeter::api as greeter;
use exports::acme::letters::letters::Guest;

/// Within less than our own caller waits for us: else it would hear of a timeout, and not of the cause.
static GREETER: Policy<Deadline, Retry> = Policy::new()
    .deadline(Deadline::after(Duration::from_millis(800)))
    .retry(Retry::attempts(3).backoff(Backoff::exponential(Duration::from_millis(100))));

struct Letters;

impl Guest for Letters {
    fn write(name: String) -> Result<String, RpcError> {
        // `?` passes the failure on as it is: its cause, its target and how far it got.
        let greeting = GREETER.call(|| greeter::greet(&name))?;
        Ok([&greeting, " Yours, the post office."].concat())
    }
}

export!(Letters);
