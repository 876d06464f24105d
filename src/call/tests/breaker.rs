//! Calls through a breaker.

use super::*;

// case 18, case 25
#[test]
fn a_breaker_that_opens_ends_the_retries_at_once_with_the_last_real_error() {
    let policy = Policy::new().retry(regular(10)).breaker(Breaker::consecutive_failures(2).open_for(secs(30)));
    let clock = TestClock::new();
    let failed = policy.with(&clock).call(no_target).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 2));
    assert_eq!(failed.last(), no_target().as_ref().err());
    assert_eq!(failed.retry_after(), Some(secs(30)));
    assert_eq!(clock.slept(), [secs(1)], "no sleep before a rejection that is certain");

    let rejected = policy.with(&clock).call(|| -> Outcome { panic!("reached the wire") }).unwrap_err();
    assert_eq!((rejected.reason(), rejected.attempts()), (Reason::BreakerOpen, 0));
    assert_eq!((rejected.cause(), rejected.delivery()), (Cause::NoTarget, Delivery::NotSent));
    assert_eq!(rejected.to_string(), "no target; not called: the circuit breaker is open");
}

#[test]
fn a_retry_outlasts_a_breaker_that_opens_for_less_than_the_wait() {
    let breaker = Breaker::consecutive_failures(1).open_for(Duration::from_millis(500));
    let policy = Policy::new().retry(regular(3)).breaker(breaker);
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
}

// case 21
#[test]
fn a_breaker_that_opens_for_30_s_is_half_open_after_the_test_clock_moved_30_s() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1).open_for(secs(30)));
    let clock = TestClock::new();
    policy.with(&clock).call(no_target).unwrap_err();
    clock.advance(secs(30) - Duration::from_nanos(1));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("early")).unwrap_err().reason(), Reason::BreakerOpen);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("probe")), Ok("probe"));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("closed")), Ok("closed"));
}

// case 11, case 13; in a component a panic ends the instance, and its memory with it
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_call_that_panics_or_is_dropped_leaks_no_probe() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1).open_for(secs(30)));
    let clock = TestClock::new();
    policy.with(&clock).call(no_target).unwrap_err();
    clock.advance(secs(30));

    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        policy.with(&clock).call(|| -> Outcome { panic!("a bug of the caller") })
    }));
    assert!(panicked.is_err());
    {
        let call = policy.with(&clock);
        let mut dropped = core::pin::pin!(call.call_async(async || core::future::pending::<Outcome>().await));
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        let second = policy.with(&clock).call(|| Ok::<_, RpcError>("second probe"));
        assert_eq!(second.unwrap_err().reason(), Reason::BreakerOpen, "one probe at a time");
    }
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("probe")), Ok("probe"));
}

#[test]
fn a_retry_at_the_moment_the_break_ends_is_made() {
    let open_for = |time| Policy::new().retry(regular(2)).breaker(Breaker::consecutive_failures(1).open_for(time));
    let clock = TestClock::new();
    for (time, attempts) in [(secs(1), 2), (secs(1) + Duration::from_nanos(1), 1)] {
        assert_eq!(open_for(time).with(&clock).call(no_target).unwrap_err().attempts(), attempts, "{time:?}");
    }
}
