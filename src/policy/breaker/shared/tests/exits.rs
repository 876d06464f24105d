//! What instances see of one another at the edges: late probes, dropped ones, waits, and records of other versions.

use core::future::{Future, pending};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::super::super::wire::{Writer, checksum};
use super::super::record::{Phase, Record};
use crate::platform::clock::nanos;
use crate::platform::rng::Rng;
use crate::platform::state::Store;
use crate::testing::{ManualClock, MemoryStore, Recorder, TestClock};
use crate::{Breaker, Cause, Change, Delivery, Event, Failed, Failure, Policy, RateLimit, Reason, Retry, RpcError};

const BREAKER: Breaker = Breaker::consecutive_failures(1).open_for(Duration::from_secs(10));

fn down() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::Overloaded, Delivery::NotSent))
}

/// Makes one call in a fresh instance.
fn call(store: &'static MemoryStore, result: Result<(), RpcError>) -> Result<(), Failed> {
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", store));
    policy.with(TestClock::new()).call(|| result.clone())
}

#[test]
fn a_failure_that_opens_it_ends_the_call_without_a_wait() {
    static STORE: MemoryStore = MemoryStore::new();
    let breaker = BREAKER.jitter(1.0).shared("it", &STORE);
    let policy = Policy::new().retry(Retry::attempts(10)).shared_breaker(breaker);
    let clock = TestClock::new();
    let failed = policy.with(&clock).call(down).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), clock.slept()), (Reason::BreakerOpen, 1, vec![]));
    assert_eq!(failed.retry_after(), Some(Duration::from_secs(20)), "with all of the jitter");
}

#[test]
fn a_fresh_instance_tells_the_cause_of_the_break() {
    static STORE: MemoryStore = MemoryStore::new();
    call(&STORE, down()).unwrap_err();
    let failed = call(&STORE, Ok(())).unwrap_err();
    assert_eq!((failed.reason(), failed.cause()), (Reason::BreakerOpen, Cause::Overloaded));
}

#[test]
fn a_name_has_letters_digits_and_few_signs() {
    static STORE: MemoryStore = MemoryStore::new();
    let most: &'static str = "x".repeat(100).leak();
    let too_long: &'static str = "x".repeat(101).leak();
    let allowed = |name| BREAKER.shared(name, &STORE).check().is_ok();
    assert!(["it", "a-B_c.d/9", most].into_iter().all(allowed));
    assert!(!["", "a b", "b:", "\u{e4}", too_long].into_iter().any(allowed));
}

#[test]
fn a_probe_that_took_too_long_is_late() {
    static STORE: MemoryStore = MemoryStore::new();
    static SEEN: Recorder = Recorder::new();
    call(&STORE, down()).unwrap_err();
    for result in [Ok(()), down()] {
        STORE.advance(Duration::from_secs(30));
        let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE)).observer(&SEEN);
        let slow = || {
            STORE.advance(Duration::from_secs(10));
            result.clone()
        };
        assert_eq!(policy.with(TestClock::new()).call(slow).is_ok(), result.is_ok());
        let seen = SEEN.take();
        assert!(seen.contains(&Event::BreakerChanged(Change::HalfOpened)), "{seen:?}");
        assert!(seen.contains(&Event::Late), "{seen:?}");
    }
}

#[test]
fn a_probe_that_is_dropped_makes_room_for_the_next() {
    static STORE: MemoryStore = MemoryStore::new();
    call(&STORE, down()).unwrap_err();
    STORE.advance(Duration::from_secs(10));
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE));
    let clock = ManualClock::new();
    let call_it = policy.with(&clock);
    let mut probe = Box::pin(call_it.call_async(pending::<Result<(), RpcError>>));
    assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(probe);
    call(&STORE, Ok(())).unwrap();
}

#[test]
fn a_call_that_waited_asks_the_store_again() {
    static STORE: MemoryStore = MemoryStore::new();
    let second = Duration::from_secs(1);
    let limit = RateLimit::per_second(1).burst(1).wait_up_to(second);
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE)).rate_limit(limit);
    let clock = ManualClock::new();
    let call_it = policy.with(&clock);
    call_it.call(|| Ok::<_, RpcError>(())).unwrap();
    let mut waiting = Box::pin(call_it.call_async(async || Ok::<_, RpcError>(())));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    call(&STORE, down()).unwrap_err();
    clock.advance(second);
    let Poll::Ready(Err(failed)) = waiting.as_mut().poll(&mut context) else { panic!("let through") };
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 0));
}

#[test]
fn a_record_of_another_version_is_none() {
    let read = |version: u8, more: &[u8]| {
        let mut writer = Writer::EMPTY;
        writer.bytes(&[version, 0, 0]);
        [7, 0, 0].into_iter().for_each(|number| writer.u64(number));
        writer.bytes(more);
        writer.u32(checksum(writer.written()));
        Record::read(&BREAKER.settings, writer.written()).map(|record| record.generation)
    };
    assert_eq!([read(1, &[]), read(2, &[]), read(1, &[0])], [Some(7), None, None]);
}

fn set(store: &'static MemoryStore, key: &str, record: &Record) {
    store.set(key, record.write().written()).unwrap();
}

#[test]
fn the_key_of_a_generation_says_what_it_is() {
    static STORE: MemoryStore = MemoryStore::new();
    let found = |key| (&STORE).get(key).unwrap().is_some();
    call(&STORE, down()).unwrap_err();
    assert_eq!(["steadfast/it/1/open", "steadfast/it/1/closed"].map(found), [true, false]);
    STORE.advance(Duration::from_secs(10));
    call(&STORE, Ok(())).unwrap();
    assert_eq!(["steadfast/it/2/open", "steadfast/it/2/closed"].map(found), [false, true]);
}

#[test]
fn a_key_with_the_record_of_another_generation_is_none() {
    static STORE: MemoryStore = MemoryStore::new();
    set(&STORE, "steadfast/it/1/closed", &Record { generation: 7, ..Record::FIRST });
    call(&STORE, down()).unwrap_err();
    assert_eq!(call(&STORE, Ok(())).unwrap_err().reason(), Reason::BreakerOpen);
}

#[test]
fn a_lease_from_the_far_future_ends_as_any_other() {
    static STORE: MemoryStore = MemoryStore::new();
    call(&STORE, down()).unwrap_err();
    STORE.advance(Duration::from_secs(10));
    // A probe took the only place, by a clock that was a day ahead.
    (&STORE).increment("steadfast/it/1/probes", 1).unwrap();
    let until = nanos((&STORE).wall_time() + Duration::from_secs(86_400));
    let phase = Phase::Open { until, next_break: 0, cause: Cause::Other };
    set(&STORE, "steadfast/it/1/lease1", &Record { generation: 1, phase });
    // It ends after the timeout of a probe, ten seconds, and five more, by which clocks may differ.
    assert_eq!(call(&STORE, Ok(())).unwrap_err().reason(), Reason::BreakerOpen);
    STORE.advance(Duration::from_nanos(14_999_999_999));
    assert_eq!(call(&STORE, Ok(())).unwrap_err().reason(), Reason::BreakerOpen);
    STORE.advance(Duration::from_nanos(1));
    call(&STORE, Ok(())).unwrap();
}

#[test]
fn a_store_that_stays_down_is_asked_every_30_seconds() {
    static STORE: MemoryStore = MemoryStore::new();
    STORE.fail(true);
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE));
    let clock = ManualClock::new();
    let asks = || {
        let before = STORE.asked();
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        STORE.asked() > before
    };
    assert!(asks());
    for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
        clock.advance(Duration::from_nanos(seconds * 1_000_000_000 - 1));
        assert!(!asks(), "{seconds} s");
        clock.advance(Duration::from_nanos(1));
        assert!(asks(), "{seconds} s");
    }
}

#[test]
fn a_break_without_jitter_draws_no_number() {
    static STORE: MemoryStore = MemoryStore::new();
    let clock = TestClock::seeded(7);
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE));
    policy.with(&clock).call(down).unwrap_err();
    assert_eq!(clock.draw(), TestClock::seeded(7).draw());
}
