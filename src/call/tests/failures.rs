//! What the failure of a call says, and whether it may be repeated.

use super::*;

// case 24
#[test]
fn a_call_that_may_have_run_is_repeated_only_if_it_is_idempotent() {
    let policy = Policy::new().retry(regular(4));
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), timeout(), Ok("twice?")]);
    let failed = policy.with(&clock).call(|| target.next()).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), target.calls()), (Reason::NotIdempotent, 2, 2));

    let mut target = Script::new([no_target(), timeout(), Ok("hi")]);
    assert_eq!(policy.with(&clock).idempotent().call(|| target.next()), Ok("hi"));
}

#[test]
fn the_delivery_of_a_given_up_call_is_the_worst_of_its_attempts() {
    let policy = Policy::new().retry(regular(3));
    let clock = TestClock::new();
    let mut target = Script::new([timeout(), no_target(), no_target()]);
    let failed = policy.with(&clock).idempotent().call(|| target.next()).unwrap_err();
    assert_eq!((failed.cause(), failed.delivery()), (Cause::NoTarget, Delivery::Unknown));
    assert_eq!(failed.last().map(Failure::delivery), Some(Delivery::NotSent));
}

#[test]
fn a_given_up_call_says_why_how_often_and_how_long() {
    let clock = TestClock::new();
    let slow = || {
        clock.advance(secs(4));
        no_target()
    };
    let text = |failed: Failed| failed.to_string();
    let plain = Policy::new();
    assert_eq!(text(plain.with(&clock).call(slow).unwrap_err()), "no target; gave up after 1 attempt");
    let retrying = plain.retry(regular(2));
    let expected = "no target; gave up after 2 attempts, 5000 ms after the first failed";
    assert_eq!(text(retrying.with(&clock).call(slow).unwrap_err()), expected);
    let bounded = retrying.deadline(Deadline::after(secs(60)));
    assert_eq!(text(bounded.with(&clock).call(slow).unwrap_err()), "no target; gave up after 2 attempts in 9000 ms");
    let bounded = Policy::new().retry(regular(5)).deadline(Deadline::after(secs(14)));
    let expected = "no target; gave up after 3 attempts in 15 s: the deadline is reached";
    assert_eq!(text(bounded.with(&clock).call(slow).unwrap_err()), expected);
    let timed_out = || error(Cause::Timeout, Delivery::Unknown);
    let expected = "timeout; gave up after 1 attempt: it may have run, and is not idempotent";
    assert_eq!(text(Policy::new().retry(regular(5)).with(&clock).call(timed_out).unwrap_err()), expected);
}

#[test]
fn the_error_of_a_chain_keeps_cause_delivery_and_the_wish_to_be_left_alone() {
    let overloaded = RpcError {
        retry_after: Some(7_000_000_000),
        target: "acme:greeter/api#greet".into(),
        message: "queue full".into(),
        ..RpcError::new(Cause::Overloaded, Delivery::NotSent)
    };
    let failed = Policy::new().with(&TestClock::new()).call(|| Err::<(), _>(overloaded.clone())).unwrap_err();
    assert_eq!(
        RpcError::from(failed),
        RpcError { message: "queue full; gave up after 1 attempt".into(), ..overloaded }
    );
}

// case 29
#[test]
fn what_an_inner_policy_gave_up_for_is_not_repeated() {
    use crate::{Budget, Cause, Rule};
    static EMPTY: Budget = Budget::throttle(1, 1.0);
    let clock = TestClock::new();
    let outer = Policy::new().retry(regular(4));
    let attempts =
        |inner: &dyn Fn() -> Result<&'static str, Failed>| outer.with(&clock).call(inner).unwrap_err().attempts();

    let spent = Policy::new().retry(regular(2).budget(&EMPTY));
    assert_eq!(attempts(&|| spent.with(&clock).call(no_target)), 1, "its budget");
    let open = Policy::new().breaker(Breaker::consecutive_failures(1));
    open.with(&clock).call(no_target).unwrap_err();
    assert_eq!(attempts(&|| open.with(&clock).call(no_target)), 1, "its open breaker");
    let short = Policy::new().deadline(Deadline::after(Duration::from_millis(1))).retry(regular(9));
    assert_eq!(attempts(&|| short.with(&clock).call(no_target)), 1, "its deadline");

    // What it only tried often enough, the outer one may try again; and a rule says otherwise of the rest.
    let twice = Policy::new().retry(regular(2));
    assert_eq!(attempts(&|| twice.with(&clock).call(no_target)), 4);
    let ruled = Policy::new().retry(regular(3).rules(const { &[Rule::on(Cause::NoTarget)] }));
    let failed = ruled.with(&clock).call(|| open.with(&clock).call(no_target)).unwrap_err();
    assert_eq!(failed.attempts(), 3);
}

#[test]
fn a_result_that_the_judge_hands_over_is_told_as_given_up_only_where_it_is_an_error() {
    use crate::testing::Recorder;
    use crate::{Event, Verdict};
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().observer(&SEEN);
    let clock = TestClock::new();
    let gave_up = || SEEN.take().into_iter().any(|event| matches!(event, Event::GaveUp { .. }));
    let ignored = policy.with(&clock).judge(|_: &Outcome| Verdict::Ignored);
    assert_eq!(ignored.call(|| Ok("hi")), Ok("hi"));
    assert!(!gave_up());
    ignored.call(no_target).unwrap_err();
    assert!(gave_up());
    // An `Ok` that is judged a failure is the last real result, and the call was given up.
    let verdict =
        Verdict::Failure { cause: Cause::Other, delivery: Delivery::Delivered, retry_after: None, repeatable: true };
    assert_eq!(policy.with(&clock).judge(move |_: &Outcome| verdict).call(|| Ok("hi")), Ok("hi"));
    assert!(gave_up());
}

#[test]
fn an_ok_judged_a_failure_counts_in_every_driver() {
    use crate::testing::ManualClock;
    use crate::{BreakerState, Verdict};
    for driver in 0..5 {
        let policy = Policy::new().breaker(Breaker::consecutive_failures(1));
        let clock = ManualClock::new();
        let busy = |_: &Result<u32, RpcError>| Verdict::failure(Cause::Overloaded, Delivery::NotSent);
        let call = policy.with(&clock).idempotent().judge(busy);
        let result = match driver {
            0 => call.call(|| Ok(503)),
            1 => call.call_once(|| Ok(503)),
            2 => block_on(call.call_async(async || Ok(503))),
            3 => block_on(call.call_once_async(async || Ok(503))),
            _ => block_on(call.call_hedged(async || Ok(503))),
        };
        let state = policy.breaker_control().with(&clock).state();
        assert_eq!((result, state), (Ok(503), BreakerState::Open), "driver {driver}");
    }
}
