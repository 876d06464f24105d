//! A job that the host runs on schedule, and that calls another component.

use steadfast::{Failed, RpcError, resilient};

steadfast::bindgen!();
use acme::greeter::api as greeter;
use exports::acme::jobs::job::Guest;

steadfast::policy! {
    /// How this calls the greeter: at most 6 attempts in 8 s, so that a run is over before the next.
    static GREETER = deadline("8s") + retry(attempts = 6, backoff = exponential("250ms"));
}

struct Job;

impl Guest for Job {
    /// An error ends this run, and the host logs it.
    fn run() -> Result<(), RpcError> {
        println!("{}", greet("Ada")?);
        Ok(())
    }
}

#[resilient(GREETER)]
fn greet(name: &str) -> Result<String, Failed> {
    greeter::greet(name)
}

export!(Job);

#[cfg(test)]
mod tests {
    use steadfast::testing::{Script, TestClock};
    use steadfast::{Cause, Delivery};

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
