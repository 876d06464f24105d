//! A target that fails as often as it is told to.

use std::cell::Cell;

use steadfast::testing::TestClock;
use steadfast::{Cause, Delivery, RpcError};

pub struct Target {
    pub clock: TestClock,
    failures: Cell<u32>,
    calls: Cell<u32>,
}

pub fn no_target() -> RpcError {
    RpcError { target: "acme:greeter/api#greet".into(), ..RpcError::new(Cause::NoTarget, Delivery::NotSent) }
}

impl Target {
    pub fn failing(failures: u32) -> Self {
        Target { clock: TestClock::new(), failures: Cell::new(failures), calls: Cell::new(0) }
    }

    pub fn fail(&self, failures: u32) {
        self.failures.set(failures);
    }

    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    pub fn call<T>(&self, value: T) -> Result<T, RpcError> {
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
