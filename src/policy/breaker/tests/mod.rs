//! A breaker and the calls through it: what the tests have in common.

mod control;
mod cost;
mod half_open;
mod jitter;
mod model;
mod reference;
mod settings;
mod snapshot;
mod states;
mod waiting;
mod windows;

use core::time::Duration;

use super::memory::Memory;
use super::{Breaker, BreakerControl, BreakerCounts, BreakerPermit, Window};
use crate::failure::Cause;
use crate::observe::BreakerState;
use crate::observe::Change;
use crate::platform::clock::{Clock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{Guard, Moment, Outcome, Permit, Rejected};

const SECOND: Duration = Duration::from_secs(1);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A moment in milliseconds: when the attempt began, and now.
#[derive(Clone, Copy, Debug)]
struct At(u64, u64);

impl Moment for At {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.1 * 1_000_000)
    }
    fn began(&self) -> Instant {
        Instant::from_nanos(self.0 * 1_000_000)
    }
    fn draw(&self) -> u64 {
        unreachable!("without jitter no number is drawn")
    }
}

impl Rng for At {
    fn draw(&self) -> u64 {
        Moment::draw(self)
    }
}

impl Clock for At {
    fn now(&self) -> Instant {
        Moment::now(self)
    }
    fn sleep(&self, _: Duration) {
        unreachable!("a breaker does not sleep")
    }
}

/// A moment, and the number that is drawn then.
#[derive(Clone, Copy, Debug)]
struct Drawing(At, u64);

impl Moment for Drawing {
    fn now(&self) -> Instant {
        Moment::now(&self.0)
    }
    fn began(&self) -> Instant {
        self.0.began()
    }
    fn draw(&self) -> u64 {
        self.1
    }
}

impl Clock for Drawing {
    fn now(&self) -> Instant {
        Moment::now(self)
    }
    fn sleep(&self, _: Duration) {
        unreachable!("a breaker does not sleep")
    }
}

impl Rng for Drawing {
    fn draw(&self) -> u64 {
        self.1
    }
}

struct Subject<W: Window> {
    breaker: Breaker<W>,
    memory: Memory<W::Tally>,
}

impl<W: Window> Subject<W> {
    fn new(breaker: Breaker<W>) -> Self {
        Subject { breaker: breaker.check().expect("sound settings"), memory: Memory::NEW }
    }

    fn ask(&self, now: u64) -> Result<BreakerPermit<'_, W>, Rejected> {
        self.breaker.admit(&self.memory, &At(now, now))
    }

    /// A call that takes no time.
    fn call(&self, now: u64, outcome: Outcome) -> Option<Change> {
        self.ask(now).expect("let through").settle(outcome, &At(now, now))
    }

    fn succeed(&self, now: u64) -> Option<Change> {
        self.call(now, Outcome::Success)
    }

    fn fail(&self, now: u64) -> Option<Change> {
        self.call(now, Outcome::Failure(Cause::NoTarget))
    }

    fn control(&self, now: u64) -> BreakerControl<'_, (), At> {
        BreakerControl::new(&self.breaker, &self.memory, &()).with(At(now, now))
    }

    fn state(&self) -> BreakerState {
        self.control(0).state()
    }

    fn counts(&self, now: u64) -> (u32, u32, u32) {
        let BreakerCounts { calls, failures, slow_calls } = self.control(now).counts();
        (calls, failures, slow_calls)
    }

    /// For how long a call is turned away.
    fn rejects_for(&self, now: u64) -> Duration {
        Duration::from_nanos(self.ask(now).unwrap_err().retry_after)
    }

    /// Opens a breaker that trips at the first failure after `successes`.
    fn opened(breaker: Breaker<W>) -> Self {
        let subject = Subject::new(breaker);
        subject.control(0).trip();
        subject
    }
}

fn rejected(cause: Cause, retry_after: Duration) -> Rejected {
    Rejected {
        reason: crate::failure::Reason::BreakerOpen,
        cause,
        retry_after: crate::platform::clock::nanos(retry_after),
    }
}
