//! What is counted.

use super::*;
use crate::testing::{ManualClock, Script, TestClock};
use crate::{Breaker, Delivery, Hedge, LastGood, Policy, Retry, RpcError};
use core::time::Duration;

fn down() -> Result<&'static str, RpcError> {
    Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
}

#[test]
fn everything_that_happens_is_counted_once() {
    static COUNTERS: Counters = Counters::new();
    let policy = Policy::new()
        .retry(Retry::attempts(3))
        .breaker(Breaker::consecutive_failures(3).open_for(Duration::from_secs(30)))
        .observer(&COUNTERS);
    let clock = TestClock::new();
    let mut target = Script::new([down(), Ok("hi"), down(), down(), down(), Ok("probe")]);
    policy.with(&clock).call(|| target.next()).unwrap();
    policy.with(&clock).call(|| target.next()).unwrap_err();
    assert_eq!(policy.with(&clock).fallback(|_| "plain").call(|| target.next()), "plain");
    clock.advance(Duration::from_secs(30));
    policy.with(&clock).call(|| target.next()).unwrap();

    let counted = COUNTERS.snapshot();
    assert_eq!((counted.attempts, counted.successes, counted.failures.total()), (6, 2, 4));
    assert_eq!((counted.failures.of(Cause::NoTarget), counted.failures.of(Cause::Other)), (4, 0));
    assert_eq!((counted.retries, counted.hedges, counted.fallbacks, counted.late), (3, 0, 1, 0));
    assert_eq!((counted.rejections.of(Reason::BreakerOpen), counted.rejections.total()), (1, 1));
    assert_eq!((counted.gave_up.of(Reason::BreakerOpen), counted.gave_up.of(Reason::Attempts)), (1, 1));
    assert_eq!(counted.gave_up.total(), 2);
    assert_eq!((counted.breaker_opened, counted.breaker_half_opened, counted.breaker_closed), (1, 1, 1));
}

#[test]
fn hedges_and_stale_answers_are_counted() {
    use crate::platform::clock::AsyncClock;
    static COUNTERS: Counters = Counters::new();
    let policy = Policy::new().hedge(Hedge::after(Duration::from_millis(100))).observer(&COUNTERS);
    let clock = ManualClock::new();
    let last = LastGood::new(Duration::from_secs(60));
    let call = policy.with(&clock).idempotent().stale_if_error(&last);
    let slow = async || {
        clock.sleep_async(Duration::from_secs(1)).await;
        Ok::<_, RpcError>("slow")
    };
    clock.run(call.call_hedged(slow)).unwrap();
    clock.run(call.call_hedged(async || down())).unwrap();
    let counted = COUNTERS.snapshot();
    assert_eq!((counted.attempts, counted.successes, counted.hedges, counted.fallbacks), (3, 1, 1, 1));
    (&COUNTERS).observe(&Event::Late);
    assert_eq!(COUNTERS.snapshot().late, 1);
}
