//! What a retry decides, and how a user sees it.

use super::*;
use crate::failure::CAUSES;
use crate::failure::Reason;
use crate::testing::{Script, SplitMix, TestClock, Then};
use crate::{Failure, Jitter, Policy, RpcError};

const DELIVERIES: [Delivery; 3] = [Delivery::NotSent, Delivery::Unknown, Delivery::Delivered];

/// Waits of 1 s, 2 s, 4 s and so on, at most 60 s.
const REGULAR: Backoff =
    Backoff::exponential(Duration::from_secs(1)).max_delay(Duration::from_secs(60)).jitter(Jitter::None);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A moment with this draw.
struct Drawn(u64);

impl Moment for Drawn {
    fn now(&self) -> crate::platform::clock::Instant {
        Then(0).now()
    }
    fn draw(&self) -> u64 {
        self.0
    }
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

/// A target that is overloaded, and asks for so much.
fn busy(asked: Duration) -> Facts {
    Facts::new(Cause::Overloaded, Delivery::NotSent, Some(asked))
}

// case 20
#[test]
fn a_retry_after_within_its_cap_is_honoured_and_never_shortened() {
    let plain = Retry::attempts(3).backoff(REGULAR);
    let patient = plain.retry_after_cap(secs(3_600));
    let millis = Duration::from_millis;
    for (retry, asked, least, most) in [
        (plain, None, 1_000, 1_000),
        (plain, Some(0), 1_000, 1_000),
        (plain, Some(1), 1_000, 1_000),
        (plain, Some(999), 1_000, 1_248),
        (plain, Some(1_000), 1_000, 1_250),
        (plain, Some(7_000), 7_000, 8_750),
        (plain, Some(24_000), 24_000, 30_000),
        (plain, Some(29_000), 29_000, 30_000),
        (plain, Some(30_000), 30_000, 30_000),
        (patient, Some(3_000_000), 3_000_000, 3_600_000),
        (patient, Some(3_600_000), 3_600_000, 3_600_000),
        (plain.retry_after_cap(secs(5)), Some(5_000), 5_000, 5_000),
        (plain.retry_after_cap(Duration::ZERO), Some(2_000), 1_000, 1_000),
        (plain.retry_after_cap(Duration::ZERO), Some(u64::MAX), 1_000, 1_000),
    ] {
        let facts = Facts::new(Cause::Overloaded, Delivery::NotSent, asked.map(millis));
        for (draw, wait) in [(0, least), (u64::MAX, most)] {
            let decided = retry.decide(&mut Default::default(), 1, &facts, false, &Drawn(draw)).unwrap();
            assert!(decided.abs_diff(nanos(millis(wait))) < 1_000_000, "asked {asked:?}, {decided}: {retry:?}");
            assert!(decided >= asked.map_or(0, |asked| nanos(millis(asked))) || retry.plan.retry_after_cap == 0);
        }
    }
    // Waits are nanoseconds, of which 584 years are the most.
    let endless = plain.retry_after_cap(Duration::MAX);
    assert_eq!(first(endless, &busy(Duration::MAX), false), Ok(Duration::from_nanos(u64::MAX)));
}

// case 20
#[test]
fn the_cap_does_not_depend_on_the_backoff() {
    static RULES: [Rule; 1] = [Rule::on(Cause::Timeout).backoff(Backoff::constant(Duration::from_millis(1)))];
    let short = Retry::attempts(3).backoff(Backoff::DEFAULT.max_delay(secs(1))).rules(&RULES);
    for cause in [Cause::Overloaded, Cause::Timeout] {
        let asking = |seconds| Facts::new(cause, Delivery::NotSent, Some(secs(seconds)));
        assert_eq!(first(short, &asking(20), false), Ok(secs(20)), "{cause:?}");
        assert_eq!(first(short, &asking(31), false), Err(Reason::RetryAfter), "{cause:?}");
    }
}

// case 20
#[test]
fn a_retry_after_beyond_the_cap_ends_the_call_at_once() {
    let millis = Duration::from_millis;
    let plain = Retry::attempts(4);
    for (retry, asked) in [
        (plain, millis(30_001)),
        (plain, Duration::MAX),
        (plain.retry_after_cap(secs(5)), millis(5_001)),
        (plain.backoff(REGULAR), secs(60)),
    ] {
        let clock = TestClock::new();
        let mut target = Script::new([busy_error(asked), Ok("hi")]);
        let failed = Policy::new().retry(retry).with(&clock).call(|| target.next()).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), target.calls()), (Reason::RetryAfter, 1, 1), "{asked:?}");
        assert_eq!(failed.cause(), Cause::Overloaded);
        assert_eq!(failed.retry_after(), Some(Duration::from_nanos(nanos(asked))), "{asked:?}");
        assert!(clock.slept().is_empty());
        let text = "overloaded; gave up after 1 attempt: it asks for a longer wait than is allowed";
        assert_eq!(failed.to_string(), text);
    }
    // Where no retry was left, that is the reason.
    let last = plain.decide(&mut Default::default(), 4, &busy(secs(60)), false, &Then(0));
    assert_eq!(last, Err(Reason::Attempts));
}

// case 20
#[test]
fn callers_that_were_told_the_same_do_not_come_back_together() {
    let retry = Retry::attempts(3).backoff(Backoff::DEFAULT.jitter(Jitter::None));
    let mut draws = SplitMix::new(20);
    let mut waits: Vec<_> = (0..50)
        .map(|_| retry.decide(&mut Default::default(), 1, &busy(secs(1)), false, &Drawn(draws.next())).unwrap())
        .collect();
    assert!(waits.iter().all(|wait| (1_000_000_000..=1_250_000_000).contains(wait)));
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 50);
    let tenths: std::collections::HashSet<_> = waits.iter().map(|wait| wait % 1_000_000_000 / 25_000_001).collect();
    assert_eq!(tenths.len(), 10, "some in each tenth of the jitter: {waits:?}");
}

fn busy_error<T>(asked: Duration) -> Result<T, RpcError> {
    Err(RpcError { retry_after: Some(nanos(asked)), ..RpcError::new(Cause::Overloaded, Delivery::NotSent) })
}

// case 20
#[test]
fn a_wait_that_the_callee_asked_for_is_waited() {
    let policy = Policy::new().retry(Retry::attempts(3).backoff(REGULAR));
    let clock = TestClock::new();
    let mut target = Script::new([busy_error(secs(30)), busy_error(secs(1)), Ok("hi")]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(clock.slept(), [secs(30), secs(2)]);
}

// case 20
#[test]
fn the_backoff_continues_after_an_honoured_retry_after() {
    for backoff in [
        REGULAR,
        Backoff::linear(secs(1)),
        Backoff::fibonacci(secs(1)),
        Backoff::decorrelated(Duration::from_millis(100)).max_delay(secs(20)),
    ] {
        let retry = Retry::attempts(9).backoff(backoff);
        let mut draws = SplitMix::new(9);
        let draws: Vec<_> = (0..6).map(|_| draws.next()).collect();
        let waits = |asking: usize| {
            let mut course = None;
            let waits = draws.iter().zip(1..).map(|(draw, made)| {
                let facts = if made == asking { busy(secs(25)) } else { facts(Cause::Overloaded) };
                retry.decide(&mut course, made as u32, &facts, false, &Drawn(*draw)).unwrap()
            });
            waits.collect::<Vec<_>>()
        };
        let mut expected = waits(0);
        for asking in 1..=6 {
            let mut found = waits(asking);
            assert!(found[asking - 1] >= nanos(secs(25)), "{backoff:?}");
            (found[asking - 1], expected[asking - 1]) = (0, 0);
            assert_eq!(found, expected, "{backoff:?}, asked for at {asking}");
            expected = waits(0);
        }
    }
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
