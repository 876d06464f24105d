//! How often the clock is read, and how large a policy is.

use super::*;
use crate::policy::Policy;
use crate::testing::TestClock;
use crate::{AttemptTimeout, Deadline, Delivery, RpcError};

fn reads(clock: &TestClock, call: impl FnOnce()) -> u32 {
    let before = clock.reads();
    call();
    clock.reads() - before
}

#[test]
fn a_success_costs_no_look_at_the_clock_where_time_does_not_matter() {
    let clock = TestClock::new();
    let in_a_row = Policy::new().breaker(Breaker::consecutive_failures(5));
    let over_calls = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
    assert_eq!(reads(&clock, || in_a_row.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap()), 0);
    assert_eq!(reads(&clock, || over_calls.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap()), 0);
}

#[test]
fn a_success_among_failures_costs_no_look_at_the_clock() {
    let clock = TestClock::new();
    let policy = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
    let down = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    policy.with(&clock).call(down).unwrap_err();
    assert_eq!(reads(&clock, || policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap()), 0);
}

#[test]
fn a_success_costs_one_look_at_the_clock_over_time_and_none_more_with_a_deadline() {
    let clock = TestClock::new();
    let breaker = Breaker::failure_rate(0.5).over_time(10 * SECOND);
    let alone = Policy::new().breaker(breaker);
    let with_deadline = Policy::new().deadline(Deadline::after(SECOND)).breaker(breaker);
    assert_eq!(reads(&clock, || alone.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap()), 1);
    assert_eq!(reads(&clock, || with_deadline.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap()), 1);
}

#[test]
fn only_slow_calls_cost_a_second_look_and_share_it_with_an_attempt_timeout() {
    let clock = TestClock::new();
    let breaker = Breaker::failure_rate(0.5).over_time(10 * SECOND).slow_calls(0.5, SECOND);
    let alone = Policy::new().breaker(breaker);
    let timeout = Policy::new().breaker(breaker).attempt_timeout(AttemptTimeout::after(SECOND));
    let call = || {
        clock.advance(millis(1));
        Ok::<_, RpcError>(())
    };
    assert_eq!(reads(&clock, || alone.with(&clock).call(call).unwrap()), 2);
    assert_eq!(reads(&clock, || timeout.with(&clock).call(call).unwrap()), 2);
}

#[test]
fn how_long_a_call_took_is_measured_from_its_beginning_to_its_end() {
    let clock = TestClock::new();
    let policy = Policy::new().breaker(Breaker::failure_rate(1.0).over_calls(10).slow_calls(1.0, SECOND));
    let call = |took, result: Result<(), RpcError>| {
        let _ = policy.with(&clock).call(|| {
            clock.advance(took);
            result.clone()
        });
    };
    call(SECOND, Ok(()));
    call(SECOND + millis(1), Ok(()));
    call(SECOND + millis(1), Err(RpcError::new(Cause::Timeout, Delivery::Unknown)));
    call(SECOND, Err(RpcError::new(Cause::Timeout, Delivery::Unknown)));
    let counts = policy.breaker_control().with(&clock).counts();
    assert_eq!((counts.calls, counts.failures, counts.slow_calls), (4, 2, 2));
}

#[test]
fn a_success_takes_the_lock_only_where_it_changes_something() {
    fn no_news<W: Window>(target: &Subject<W>) -> bool {
        let closed = target.memory.closed();
        closed.admission().is_some_and(|admission| closed.is_calm(admission))
    }
    let in_a_row = Subject::new(Breaker::consecutive_failures(5));
    let over_calls = Subject::new(Breaker::failure_rate(1.0).over_calls(10));
    let over_time = Subject::new(Breaker::failure_rate(1.0).over_time(SECOND));
    for _ in 0..10 {
        assert!(!no_news(&over_calls), "it is counted until the window was full");
        over_calls.succeed(0);
        in_a_row.succeed(0);
        over_time.succeed(0);
    }
    assert_eq!((no_news(&in_a_row), no_news(&over_calls), no_news(&over_time)), (true, true, false));
    in_a_row.fail(0);
    over_calls.fail(0);
    assert_eq!((no_news(&in_a_row), no_news(&over_calls)), (false, false));
    in_a_row.succeed(0);
    assert!(no_news(&in_a_row));
    for _ in 0..10 {
        assert!(!no_news(&over_calls), "the failure is in the window");
        over_calls.succeed(0);
    }
    assert!(no_news(&over_calls));
}

// case 22
#[test]
fn a_rejected_call_looks_at_the_clock_once() {
    let clock = TestClock::new();
    let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    policy.breaker_control().with(&clock).trip();
    assert_eq!(reads(&clock, || drop(policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap_err())), 1);
}
