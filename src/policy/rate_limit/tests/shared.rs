//! Calls through policies that share a rate limit, each policy that of a fresh instance.

use super::*;
use crate::testing::{MemoryStore, Recorder, TestClock};
use crate::{Event, Failed, Failure, Policy, RpcError};

const LIMIT: RateLimit = RateLimit::tokens(3).every(secs(10));

/// Makes one call in a fresh instance, and says what the store was asked for it.
fn call(limit: RateLimit, store: &'static MemoryStore) -> (Result<(), Failed>, u64) {
    let before = store.asked();
    let policy = Policy::new().shared_rate_limit(limit.shared("it", store));
    let result = policy.with(TestClock::new()).call(|| Ok::<_, RpcError>(()));
    (result, store.asked() - before)
}

#[test]
fn of_200_fresh_instances_three_pass_in_a_slot() {
    static STORE: MemoryStore = MemoryStore::new();
    for slot in 0..5 {
        STORE.advance(secs(2));
        let passed = (0..40).filter(|_| match call(LIMIT, &STORE).0 {
            Ok(()) => true,
            Err(failed) => {
                assert_eq!((failed.reason(), failed.retry_after()), (Reason::RateLimited, Some(secs(8))));
                false
            }
        });
        assert_eq!(passed.count(), 3, "slot {slot}");
        STORE.advance(secs(8));
    }
}

#[test]
fn a_call_is_one_operation_and_the_first_in_a_slot_four() {
    static STORE: MemoryStore = MemoryStore::new();
    let cost = || call(LIMIT, &STORE).1;
    assert_eq!([cost(), cost(), cost(), cost()], [3, 1, 1, 1], "there is nothing to delete yet");
    for _ in 0..4 {
        STORE.advance(secs(10));
        cost();
    }
    STORE.advance(secs(10));
    assert_eq!([cost(), cost(), cost(), cost()], [4, 1, 1, 1]);
}

#[test]
fn slots_that_are_over_are_deleted() {
    static STORE: MemoryStore = MemoryStore::new();
    let second = RateLimit::per_second(1);
    let mut most = 0;
    for pause in (0..100).map(|number| if number % 10 == 9 { 500 } else { 1 }) {
        STORE.advance(secs(pause));
        assert!(call(second, &STORE).0.is_ok());
        most = most.max(STORE.len());
    }
    assert_eq!(most, 8, "this second, the six before, and where they begin and end");
}

#[test]
fn a_call_that_waits_has_a_place_in_a_later_slot() {
    static STORE: MemoryStore = MemoryStore::new();
    let limit = RateLimit::tokens(1).every(secs(10)).wait_up_to(secs(20));
    let waits = || {
        let (policy, clock) = (Policy::new().shared_rate_limit(limit.shared("it", &STORE)), TestClock::new());
        let called = policy.with(&clock).call(|| Ok::<_, RpcError>(()));
        called.map(|()| clock.slept()).map_err(|failed| failed.retry_after())
    };
    STORE.advance(secs(4));
    assert_eq!(waits(), Ok(vec![]));
    assert_eq!(waits(), Ok(vec![secs(6)]));
    assert_eq!(waits(), Ok(vec![secs(16)]));
    assert_eq!(waits(), Err(Some(secs(26))));
    STORE.advance(secs(26));
    assert_eq!(waits(), Ok(vec![]));
}

#[test]
fn nothing_waits_for_longer_than_four_slots() {
    static STORE: MemoryStore = MemoryStore::new();
    let limit = RateLimit::per_second(1).wait_up_to(secs(60)).shared("it", &STORE);
    let policy = Policy::new().shared_rate_limit(limit);
    let clock = TestClock::new();
    for _ in 0..5 {
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    }
    assert_eq!(clock.slept(), [1, 2, 3, 4].map(secs));
    let failed = policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap_err();
    assert_eq!(failed.retry_after(), Some(secs(5)));
}

#[test]
fn an_instance_asks_no_more_for_a_slot_that_it_knows_to_be_full() {
    static STORE: MemoryStore = MemoryStore::new();
    let policy = Policy::new().shared_rate_limit(LIMIT.shared("it", &STORE));
    let call = || policy.with(TestClock::new()).call(|| Ok::<_, RpcError>(())).is_ok();
    assert_eq!([call(), call(), call(), call()], [true, true, true, false]);
    let asked = STORE.asked();
    assert_eq!([call(), call(), call()], [false; 3]);
    assert_eq!(STORE.asked(), asked);
    STORE.advance(secs(10));
    assert!(call());
}

#[test]
fn a_call_goes_on_by_itself_where_the_store_fails() {
    static STORE: MemoryStore = MemoryStore::new();
    static SEEN: Recorder = Recorder::new();
    let clock = TestClock::new();
    let policy = Policy::new().shared_rate_limit(LIMIT.shared("it", &STORE)).observer(&SEEN);
    let call = || policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok();
    STORE.fail(true);
    assert!(call());
    assert!(SEEN.take().contains(&Event::StoreFailed));
    let asked = STORE.asked();
    assert_eq!([call(), call(), call()], [true, true, false], "by what this instance has counted");
    assert_eq!(STORE.asked(), asked, "it is left alone");
    assert!(!SEEN.take().contains(&Event::StoreFailed));
    STORE.fail(false);
    clock.advance(secs(1));
    assert!(call(), "no other instance has called");
}

#[test]
fn what_is_no_span_of_slots_is_replaced() {
    static STORE: MemoryStore = MemoryStore::new();
    for garbage in [&b"garbage"[..], &[0; 16], &[0xff; 16], &[0; 17]] {
        crate::Store::set(&&STORE, "steadfast/it/0/slots", garbage).unwrap();
        assert!(call(LIMIT, &STORE).0.is_ok());
        STORE.advance(secs(10));
    }
    assert!(STORE.len() <= 5);
}

#[test]
fn two_breakers_and_limits_of_one_name_do_not_meet() {
    static STORE: MemoryStore = MemoryStore::new();
    let breaker = || crate::Breaker::consecutive_failures(5).shared("it", &STORE);
    let policy = || Policy::new().shared_breaker(breaker()).shared_rate_limit(LIMIT.shared("it", &STORE));
    let call = || policy().with(TestClock::new()).call(|| Ok::<_, RpcError>(())).map_err(|failed| failed.reason());
    assert_eq!([call(), call(), call(), call()], [Ok(()), Ok(()), Ok(()), Err(Reason::RateLimited)]);
    assert_eq!(breaker().state().unwrap().generation, 0);
}

#[test]
fn what_slots_do_not_have_is_refused() {
    static STORE: MemoryStore = MemoryStore::new();
    let refused = |limit: RateLimit, name| limit.shared(name, &STORE).check().unwrap_err().to_string();
    assert_eq!(
        refused(RateLimit::per_second(5).burst(2), "it"),
        "rate limit shared, burst: 2 is not allowed: it must be left out, or as many as in a period"
    );
    assert_eq!(
        refused(RateLimit::tokens(5).every(Duration::from_millis(999)), "it"),
        "rate limit shared, every: 999ms is not allowed: it must be 1 s or longer"
    );
    assert_eq!(
        refused(RateLimit::per_second(5), "a b"),
        "shared state, a byte of the name: 32 is not allowed: it must be a letter, a digit, or one of - _ . /"
    );
    assert_eq!(refused(RateLimit::per_second(0), "it"), "rate limit calls: 0 is not allowed: it must be 1 or more");
}
