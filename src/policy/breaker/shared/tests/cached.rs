//! Instances that are kept, and trust for a second what they have read.

use core::time::Duration;

use crate::testing::{MemoryStore, TestClock};
use crate::{Breaker, Cause, Delivery, Failed, Failure, Policy, Reason, RpcError, SharedBreaker};

type Kept = Policy<(SharedBreaker<&'static MemoryStore>,)>;

fn instance(store: &'static MemoryStore) -> Kept {
    let breaker = Breaker::consecutive_failures(5).open_for(Duration::from_secs(10));
    Policy::new().shared_breaker(breaker.shared("it", store).cached_for(Duration::from_secs(1)))
}

/// Clocks of two instances and of their store, which move together.
struct Clocks(TestClock, &'static MemoryStore);

impl Clocks {
    fn advance(&self, millis: u64) {
        let time = Duration::from_millis(millis);
        self.0.advance(time);
        self.1.advance(time);
    }

    fn call(&self, instance: &Kept, up: bool) -> Result<(), Failed> {
        let answer = || if up { Ok(()) } else { Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)) };
        instance.with(&self.0).call(answer)
    }
}

#[test]
fn a_second_of_successes_costs_one_operation() {
    static STORE: MemoryStore = MemoryStore::new();
    let (clocks, kept) = (Clocks(TestClock::new(), &STORE), instance(&STORE));
    for _ in 0..30 {
        clocks.call(&kept, true).unwrap();
        clocks.advance(100);
    }
    assert_eq!(STORE.asked(), 3);
}

#[test]
fn an_opening_is_seen_within_the_time_and_its_end_at_once() {
    static STORE: MemoryStore = MemoryStore::new();
    let (clocks, one, other) = (Clocks(TestClock::new(), &STORE), instance(&STORE), instance(&STORE));
    clocks.call(&other, true).unwrap();
    for _ in 0..5 {
        clocks.call(&one, false).unwrap_err();
    }
    assert_eq!(clocks.call(&one, true).unwrap_err().reason(), Reason::BreakerOpen, "what it did itself, at once");
    clocks.advance(999);
    clocks.call(&other, true).unwrap();
    clocks.advance(1);
    let failed = clocks.call(&other, true).unwrap_err();
    assert_eq!((failed.reason(), failed.retry_after()), (Reason::BreakerOpen, Some(Duration::from_secs(9))));
    // Rejections cost nothing either.
    let before = STORE.asked();
    clocks.advance(500);
    let failed = clocks.call(&other, true).unwrap_err();
    assert_eq!((failed.retry_after(), STORE.asked()), (Some(Duration::from_millis(8_500)), before));
    clocks.advance(8_500);
    clocks.call(&other, true).unwrap();
    clocks.call(&one, true).unwrap();
}

#[test]
fn failures_of_all_instances_count_although_they_are_cached() {
    static STORE: MemoryStore = MemoryStore::new();
    let clocks = Clocks(TestClock::new(), &STORE);
    let kept: [Kept; 5] = core::array::from_fn(|_| instance(&STORE));
    for instance in &kept {
        clocks.call(instance, true).unwrap();
    }
    for instance in &kept {
        clocks.call(instance, false).unwrap_err();
    }
    clocks.advance(1_000);
    for instance in &kept {
        assert_eq!(clocks.call(instance, true).unwrap_err().reason(), Reason::BreakerOpen);
    }
}

#[test]
fn a_success_forgets_the_failures_that_it_knows_of() {
    static STORE: MemoryStore = MemoryStore::new();
    let (clocks, kept) = (Clocks(TestClock::new(), &STORE), instance(&STORE));
    for _ in 0..3 {
        for _ in 0..4 {
            clocks.call(&kept, false).unwrap_err();
        }
        clocks.call(&kept, true).unwrap();
        let before = STORE.asked();
        clocks.call(&kept, true).unwrap();
        assert_eq!(STORE.asked(), before, "and is cached again");
    }
}

#[test]
fn longer_than_a_break_counts_as_a_break() {
    static STORE: MemoryStore = MemoryStore::new();
    let breaker = Breaker::consecutive_failures(1).open_for(Duration::from_secs(10)).shared("it", &STORE);
    let clocks = Clocks(TestClock::new(), &STORE);
    let kept = Policy::new().shared_breaker(breaker.cached_for(Duration::MAX));
    clocks.call(&kept, true).unwrap();
    clocks.advance(9_999);
    clocks.call(&kept, true).unwrap();
    assert_eq!(STORE.asked(), 1);
    clocks.advance(1);
    clocks.call(&kept, true).unwrap();
    assert_eq!(STORE.asked(), 2);
}
