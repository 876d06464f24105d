//! What a function with `#[resilient]` does when its call fails.

use std::cell::Cell;
use std::time::Duration;

use steadfast::testing::TestClock;
use steadfast::{Cause, Delivery, Failed, Reason, RpcError, resilient};

fn no_target() -> RpcError {
    RpcError { target: "acme:greeter/api#greet".into(), ..RpcError::new(Cause::NoTarget, Delivery::NotSent) }
}

/// Fails `failures` times, then succeeds.
struct Target {
    clock: TestClock,
    failures: Cell<u32>,
    calls: Cell<u32>,
}

impl Target {
    fn failing(failures: u32) -> Self {
        Target { clock: TestClock::new(), failures: Cell::new(failures), calls: Cell::new(0) }
    }

    fn call<T>(&self, value: T) -> Result<T, RpcError> {
        self.calls.set(self.calls.get() + 1);
        match self.failures.get() {
            0 => Ok(value),
            failures => {
                self.failures.set(failures - 1);
                Err(no_target())
            }
        }
    }
}

#[resilient(retry(attempts = 4), clock = &target.clock)]
fn greet(target: &Target, name: &str) -> Result<String, RpcError> {
    target.call(format!("Hello, {name}!"))
}

#[test]
fn a_function_is_retried() {
    let target = Target::failing(3);
    assert_eq!(greet(&target, "Ada"), Ok("Hello, Ada!".into()));
    assert_eq!(target.calls.get(), 4);
    let millis = [50, 100, 200].map(Duration::from_millis);
    assert_eq!(target.clock.slept(), millis);
}

#[test]
fn its_error_says_what_the_policy_did() {
    let error = greet(&Target::failing(4), "Ada").unwrap_err();
    assert_eq!((error.cause, error.delivery), (Cause::NoTarget, Delivery::NotSent));
    assert_eq!(error.target, "acme:greeter/api#greet");
    assert_eq!(error.message, "gave up after 4 attempts, 350 ms after the first failed");
}

#[resilient(retry(attempts = 2), clock = &target.clock)]
fn whole(target: &Target) -> Result<(), Failed> {
    target.call(())?;
    Ok(())
}

#[test]
fn a_function_that_returns_failed_hands_it_on_whole() {
    let failed = whole(&Target::failing(2)).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 2));
    assert_eq!(failed.last(), Some(&no_target()));
}
