//! What a retry decides, and how a user sees it.

use super::*;
use crate::failure::CAUSES;
use crate::failure::Reason;
use crate::testing::{Script, SplitMix, TestClock, Then};
use crate::{Jitter, Policy, RpcError};

const DELIVERIES: [Delivery; 3] = [Delivery::NotSent, Delivery::Unknown, Delivery::Delivered];

/// Waits of 1 s, 2 s, 4 s and so on, at most 60 s.
const REGULAR: Backoff =
    Backoff::exponential(Duration::from_secs(1)).max_delay(Duration::from_secs(60)).jitter(Jitter::None);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn facts(cause: Cause) -> Facts {
    Facts::new(cause, Delivery::NotSent, None)
}

fn first<R: RetryPart>(retry: R, facts: &Facts, idempotent: bool) -> Result<Duration, Reason> {
    retry.decide(&mut Default::default(), 1, facts, idempotent, &Then(0)).map(Duration::from_nanos)
}

fn error<T>(cause: Cause) -> Result<T, RpcError> {
    Err(RpcError::new(cause, Delivery::NotSent))
}

// case 24
#[test]
fn only_a_call_that_was_not_sent_or_is_idempotent_is_repeated() {
    let retry = Retry::attempts(3);
    for cause in CAUSES {
        for delivery in DELIVERIES {
            for idempotent in [false, true] {
                let facts = Facts::new(cause, delivery, None);
                let expected = match cause {
                    Cause::NoLink | Cause::Protocol => Err(Reason::NotRetryable),
                    _ if !idempotent && delivery != Delivery::NotSent => Err(Reason::NotIdempotent),
                    _ => Ok(Duration::ZERO),
                };
                assert_eq!(first(retry, &facts, idempotent), expected, "{facts:?}, idempotent: {idempotent}");
            }
        }
    }
}

// case 24
#[test]
fn no_rule_makes_a_call_be_repeated_that_may_have_run() {
    static ALL: [Rule; 8] = {
        let mut rules = [Rule::on(Cause::Other); 8];
        let mut index = 0;
        while index < 8 {
            rules[index] = Rule::on(CAUSES[index]).attempts(200).backoff(REGULAR);
            index += 1;
        }
        rules
    };
    let retry = Retry::attempts(100).rules(&ALL).retry_after_cap(Duration::MAX).before_retry(|_| true);
    assert!(retry.check().is_ok());
    for cause in CAUSES {
        for delivery in DELIVERIES {
            let facts = Facts::new(cause, delivery, Some(secs(1)));
            let expected = if delivery == Delivery::NotSent { Ok(secs(1)) } else { Err(Reason::NotIdempotent) };
            assert_eq!(first(retry, &facts, false), expected, "{facts:?}");
            assert_eq!(first(retry, &facts, true), Ok(secs(1)), "{facts:?}");
        }
    }
}

#[test]
fn the_last_attempt_is_the_last() {
    let facts = facts(Cause::NoTarget);
    let decide = |retry: Retry, made| retry.decide(&mut Default::default(), made, &facts, false, &Then(0));
    let retry = Retry::attempts(3);
    assert!(decide(retry, 1).is_ok());
    assert!(decide(retry, 2).is_ok());
    for made in [3, 4, u32::MAX] {
        assert_eq!(decide(retry, made), Err(Reason::Attempts));
    }
    assert_eq!(decide(Retry::attempts(1), 1), Err(Reason::Attempts));
    assert_eq!(first(None::<Retry>, &facts, false), Err(Reason::Attempts));
    assert!(first(Some(retry), &facts, false).is_ok());
}

#[test]
fn a_rule_ends_a_call_at_the_last_attempt_that_may_fail_with_its_cause() {
    static RULES: [Rule; 2] = [Rule::never(Cause::Trapped), Rule::on(Cause::Overloaded).attempts(2)];
    let policy = Policy::new().retry(Retry::attempts(6).backoff(REGULAR).rules(&RULES));
    for (causes, reason) in [
        (&[Cause::Trapped][..], Reason::NotRetryable),
        (&[Cause::NoTarget, Cause::Trapped], Reason::NotRetryable),
        (&[Cause::Overloaded, Cause::Overloaded], Reason::Attempts),
        (&[Cause::Overloaded, Cause::NoTarget, Cause::NoTarget, Cause::Overloaded], Reason::Attempts),
        (&[Cause::Overloaded, Cause::Other, Cause::Other, Cause::Other, Cause::Other, Cause::Other], Reason::Attempts),
    ] {
        let mut target = Script::new(causes.iter().map(|&cause| error::<()>(cause)));
        let failed = policy.with(TestClock::new()).call(|| target.next()).unwrap_err();
        assert_eq!((failed.reason(), target.calls()), (reason, causes.len()), "{causes:?}");
        assert_eq!(failed.into_last(), error::<()>(causes[causes.len() - 1]).err());
    }
}

#[test]
fn a_rule_counts_its_own_waits_and_leaves_the_others_alone() {
    static RULES: [Rule; 1] = [Rule::on(Cause::Overloaded).backoff(REGULAR.factor(3.0))];
    let policy = Policy::new().retry(Retry::attempts(7).backoff(REGULAR).rules(&RULES));
    let clock = TestClock::new();
    let mut target = Script::new([
        error(Cause::NoTarget),   // the first of all: 1 s
        error(Cause::Overloaded), // the first overload: 1 s
        error(Cause::NoTarget),   // the third of all: 4 s
        error(Cause::Overloaded), // the second overload: 3 s
        error(Cause::Overloaded), // the third overload: 9 s
        error(Cause::Other),      // the sixth of all: 32 s
        Ok("hi"),
    ]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(clock.slept(), [1, 1, 4, 3, 9, 32].map(secs));
}

#[test]
fn a_rule_makes_a_permanent_cause_retryable_and_no_other() {
    static RULES: [Rule; 1] = [Rule::on(Cause::NoLink)];
    let retry = Retry::attempts(3).rules(&RULES);
    assert!(first(retry, &facts(Cause::NoLink), false).is_ok());
    assert_eq!(first(retry, &facts(Cause::Protocol), false), Err(Reason::NotRetryable));
}

#[test]
fn the_failures_of_each_cause_are_counted_apart_and_up_to_255() {
    let mut failures = Failures::default();
    let mut rng = SplitMix::new(7);
    let mut expected = [0_u32; 8];
    for _ in 0..10_000 {
        let index = (rng.next() % 8) as usize;
        expected[index] = (expected[index] + 1).min(255);
        assert_eq!(failures.count(CAUSES[index]), expected[index]);
    }
    assert_eq!(expected, [255; 8]);
}

// case 20
#[test]
fn retry_after_is_never_shortened_and_an_absurd_one_is_not_believed() {
    let plain = Retry::attempts(3).backoff(REGULAR);
    for (retry, asked, wait) in [
        (plain, None, 1),
        (plain, Some(0), 1),
        (plain, Some(7), 7),
        (plain, Some(60), 60),
        (plain, Some(61), 1),
        (plain, Some(u64::MAX), 1),
        (plain.retry_after_cap(secs(5)), Some(5), 5),
        (plain.retry_after_cap(secs(5)), Some(6), 1),
        (plain.retry_after_cap(secs(5)), None, 1),
        (plain.retry_after_cap(secs(3600)), Some(3600), 3600),
        (plain.retry_after_cap(secs(3600)), Some(3601), 1),
        (plain.retry_after_cap(Duration::ZERO), Some(2), 1),
    ] {
        let facts = Facts::new(Cause::Overloaded, Delivery::NotSent, asked.map(secs));
        assert_eq!(first(retry, &facts, false), Ok(secs(wait)), "asked {asked:?}, {retry:?}");
    }
    // Waits are nanoseconds, of which 584 years are the most.
    let facts = Facts::new(Cause::Overloaded, Delivery::NotSent, Some(Duration::MAX));
    assert_eq!(first(plain.retry_after_cap(Duration::MAX), &facts, false), Ok(Duration::from_nanos(u64::MAX)));
}

// case 20
#[test]
fn retry_after_is_bounded_by_the_backoff_of_the_rule_that_counts() {
    static RULES: [Rule; 1] = [Rule::on(Cause::Overloaded).backoff(REGULAR.max_delay(Duration::from_secs(100)))];
    let retry = Retry::attempts(3).backoff(REGULAR).rules(&RULES);
    for (cause, wait) in [(Cause::Overloaded, 90), (Cause::NoTarget, 1)] {
        let facts = Facts::new(cause, Delivery::NotSent, Some(secs(90)));
        assert_eq!(first(retry, &facts, false), Ok(secs(wait)), "{cause:?}");
    }
}

// case 20
#[test]
fn a_wait_that_the_callee_asked_for_is_waited() {
    let policy = Policy::new().retry(Retry::attempts(3).backoff(REGULAR));
    let clock = TestClock::new();
    let busy = |after: Duration| {
        Err(RpcError {
            retry_after: Some(after.as_nanos() as u64),
            ..RpcError::new(Cause::Overloaded, Delivery::NotSent)
        })
    };
    let mut target = Script::new([busy(secs(30)), busy(secs(1)), Ok("hi")]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(clock.slept(), [secs(30), secs(2)]);
}

#[test]
fn the_wait_before_is_remembered_for_the_next() {
    let retry = Retry::attempts(9).backoff(REGULAR);
    let mut course = None;
    for (made, wait) in [(1, 1), (2, 2), (3, 4)] {
        retry.decide(&mut course, made, &facts(Cause::NoTarget), false, &Then(0)).unwrap();
        assert_eq!(course.as_ref().unwrap().previous, nanos(secs(wait)));
    }
    let asked = Facts::new(Cause::NoTarget, Delivery::NotSent, Some(secs(30)));
    retry.decide(&mut course, 4, &asked, false, &Then(0)).unwrap();
    assert_eq!(course.unwrap().previous, nanos(secs(30)));
}

// case 18
#[test]
fn a_hook_sees_what_would_come_and_may_forbid_it_before_the_wait() {
    fn only_short(upcoming: &Upcoming) -> bool {
        let expected = match upcoming.attempt {
            2 => (Cause::NoTarget, 1),
            3 => (Cause::Disconnected, 2),
            _ => (Cause::Other, 4),
        };
        assert_eq!((upcoming.cause, upcoming.delay), (expected.0, secs(expected.1)));
        assert_eq!(upcoming.delivery, Delivery::NotSent);
        upcoming.delay < secs(4)
    }
    let policy = Policy::new().retry(Retry::attempts(9).backoff(REGULAR).before_retry(only_short));
    let clock = TestClock::new();
    let mut target = Script::<(), _>::new([Cause::NoTarget, Cause::Disconnected, Cause::Other].map(error));
    let failed = policy.with(&clock).call(|| target.next()).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Vetoed, 3));
    assert_eq!(failed.into_last(), error::<()>(Cause::Other).err());
    assert_eq!(clock.slept(), [secs(1), secs(2)]);
}

#[test]
fn a_hook_is_not_asked_about_a_retry_that_something_else_forbids() {
    let asked = |_: &Upcoming| -> bool { panic!("nobody should be asked") };
    let no_target = || error::<()>(Cause::NoTarget);
    let clock = TestClock::new();
    let reason = |failed: crate::Failed| failed.reason();

    let late = Policy::new()
        .deadline(crate::Deadline::after(secs(1)))
        .retry(Retry::attempts(9).backoff(REGULAR).before_retry(asked));
    assert_eq!(reason(late.with(&clock).call(no_target).unwrap_err()), Reason::Deadline);
    let open = Policy::new()
        .retry(Retry::attempts(9).backoff(REGULAR).before_retry(asked))
        .breaker(crate::Breaker::consecutive_failures(1));
    assert_eq!(reason(open.with(&clock).call(no_target).unwrap_err()), Reason::BreakerOpen);
    static EMPTY: Budget = Budget::ratio(0.1);
    let poor = Policy::new().retry(Retry::attempts(9).before_retry(asked).budget(&EMPTY));
    assert_eq!(reason(poor.with(&clock).call(no_target).unwrap_err()), Reason::Budget);
    assert!(clock.slept().is_empty());
}

// case 14
#[test]
fn a_hook_may_call_through_the_same_policy() {
    static BUDGET: Budget = Budget::quota(500);
    static POLICY: Policy<(Retry<&Budget>,)> =
        Policy::new().retry(Retry::attempts(2).budget(&BUDGET).before_retry(again));
    fn again(_: &Upcoming) -> bool {
        POLICY.with(TestClock::new()).call(|| Ok::<_, RpcError>(())).is_ok()
    }
    let mut target = Script::new([error(Cause::NoTarget), Ok("hi")]);
    assert_eq!(POLICY.with(TestClock::new()).call(|| target.next()), Ok("hi"));
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    static TWICE: [Rule; 2] = [Rule::never(Cause::Trapped), Rule::on(Cause::Trapped)];
    static NONE: [Rule; 1] = [Rule::on(Cause::Trapped).attempts(0)];
    static MANY: [Rule; 1] = [Rule::on(Cause::Trapped).attempts(256)];
    static WILD: [Rule; 1] = [Rule::on(Cause::Trapped).backoff(Backoff::DEFAULT.factor(0.5))];
    static FINE: [Rule; 2] = [Rule::on(Cause::Trapped).attempts(255), Rule::on(Cause::Other).attempts(1)];
    let retry = Retry::attempts(3);
    for (retry, message) in [
        (Retry::attempts(0), "retry attempts: 0 is not allowed: it must be 1 or more"),
        (retry.rules(&TWICE), "retry rules for one cause: 2 is not allowed: it must be at most 1"),
        (retry.rules(&NONE), "retry rule attempts: 0 is not allowed: it must be from 1 to 255"),
        (retry.rules(&MANY), "retry rule attempts: 256 is not allowed: it must be from 1 to 255"),
        (retry.rules(&WILD), "backoff factor: 0.5 is not allowed: it must be a number from 1 up"),
    ] {
        assert_eq!(retry.check().unwrap_err().to_string(), message);
    }
    assert!(retry.rules(&FINE).check().is_ok());
}
