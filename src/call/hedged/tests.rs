//! Hedged calls as a user sees them: latencies and results in, results, times and events out.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;

use crate::observe::Change;
use crate::platform::clock::{AsyncClock, Instant, nanos};
use crate::platform::rng::below;
use crate::policy::{Guard, HedgeKind, Moment, Outcome, Permit, Rejected, RetryPart};
use crate::testing::{ManualClock, Recorder, SplitMix, TestClock, block_on};
use crate::{
    AttemptTimeout, Backoff, Breaker, Budget, Cause, Deadline, Delivery, Event, Failed, Failure, Hedge, Jitter, Policy,
    Reason, Retry, RpcError, Verdict,
};

mod course;
mod permits;
mod quantile;

type Reply = Result<&'static str, RpcError>;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn error(cause: Cause) -> Reply {
    let delivery = if cause == Cause::Timeout { Delivery::Unknown } else { Delivery::NotSent };
    Err(RpcError::new(cause, delivery))
}

/// A target with a latency and a result for each attempt, in the order in which they start.
struct Target<'c, T = Reply> {
    clock: &'c ManualClock,
    script: RefCell<VecDeque<(u64, T)>>,
    /// When attempts started, in milliseconds.
    started: RefCell<Vec<u128>>,
    under_way: Cell<u32>,
    most_under_way: Cell<u32>,
}

impl<'c, T> Target<'c, T> {
    fn new(clock: &'c ManualClock, script: impl IntoIterator<Item = (u64, T)>) -> Self {
        Target {
            clock,
            script: RefCell::new(script.into_iter().collect()),
            started: RefCell::default(),
            under_way: Cell::new(0),
            most_under_way: Cell::new(0),
        }
    }

    async fn ask(&self) -> T {
        struct Leave<'l>(&'l Cell<u32>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() - 1);
            }
        }
        self.started.borrow_mut().push(self.clock.passed().as_millis());
        self.under_way.set(self.under_way.get() + 1);
        self.most_under_way.set(self.most_under_way.get().max(self.under_way.get()));
        let _leave = Leave(&self.under_way);
        let (latency, result) = self.script.borrow_mut().pop_front().expect("one attempt more than expected");
        if latency > 0 {
            self.clock.sleep_async(millis(latency)).await;
        }
        result
    }

    fn started(&self) -> Vec<u128> {
        self.started.borrow().clone()
    }
}

fn scripted<'c>(clock: &'c ManualClock, script: impl IntoIterator<Item = (u64, Reply)>) -> Target<'c> {
    Target::new(clock, script)
}

/// A bulkhead as simple as can be: so many at once, and it may ask to wait.
#[derive(Clone, Copy, Debug)]
struct Slots {
    most: u32,
    delay: Duration,
}

#[derive(Debug)]
struct Slot<'m>(&'m Taken, u64);

#[derive(Debug, Default)]
struct Taken {
    now: Cell<u32>,
    successes: Cell<u32>,
    failures: Cell<u32>,
    ignored: Cell<u32>,
}

fn more(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

impl crate::policy::sealed::Sealed for Slots {}
impl Guard for Slots {
    type Memory = Taken;
    type Permit<'p> = Slot<'p>;
    const WAITS: bool = true;
    const NEW: Taken =
        Taken { now: Cell::new(0), successes: Cell::new(0), failures: Cell::new(0), ignored: Cell::new(0) };

    fn admit<'p>(&'p self, taken: &'p Taken, _: &impl Moment) -> Result<Slot<'p>, Rejected> {
        if taken.now.get() == self.most {
            let (reason, cause) = (Reason::BulkheadFull, Cause::Overloaded);
            return Err(Rejected { reason, cause, retry_after: 0 });
        }
        more(&taken.now);
        // The first is let through at once.
        let delay = if taken.now.get() > 1 { nanos(self.delay) } else { 0 };
        Ok(Slot(taken, delay))
    }
}

impl Permit for Slot<'_> {
    fn delay(&self) -> u64 {
        self.1
    }
    fn settle(self, outcome: Outcome, _: &impl Moment) -> Option<Change> {
        match outcome {
            Outcome::Success => more(&self.0.successes),
            Outcome::Failure(_) => more(&self.0.failures),
        }
        // The drop that follows counts every slot as ignored.
        self.0.ignored.set(self.0.ignored.get().wrapping_sub(1));
        None
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.now.set(self.0.now.get() - 1);
        self.0.ignored.set(self.0.ignored.get().wrapping_add(1));
    }
}

crate::policy::parts::fills! {
    [] Slots => Bulkhead;
}

fn hedging<W: HedgeKind>(hedge: Hedge<W>, slots: Slots) -> Policy<(Slots, Hedge<W>)> {
    Policy::of((), (), (), slots, (), (), hedge, ())
}

const ROOMY: Slots = Slots { most: u32::MAX, delay: Duration::ZERO };

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
