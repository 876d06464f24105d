//! The second of three components in a row: it writes letters, and lets the greeter begin them.

use steadfast::{RpcError, resilient};

steadfast::bindgen!("chain-letters");
use acme::greeter::api as greeter;
use exports::acme::letters::letters::Guest;

struct Letters;

// Within less than our own caller waits for us: else it would hear of a timeout, and not of the cause. What the policy
// gives up with is passed on as it was: its cause, its target and how far it got.
#[resilient(deadline = "800ms", retry(attempts = 3, backoff = exponential("100ms")))]
impl Guest for Letters {
    fn write(name: String) -> Result<String, RpcError> {
        let greeting = greeter::greet(&name)?;
        Ok([&greeting, " Yours, the post office."].concat())
    }
}

export!(Letters);
