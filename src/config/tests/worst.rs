//! The worst case beside calls that go wrong in every way: never exceeded, and reached where it is simple.

use core::cell::Cell;
use core::time::Duration;

use super::policies;
use crate::config::{Policies, Unbounded, WorstCase};
use crate::platform::clock::AsyncClock;
use crate::testing::{ManualClock, SplitMix, TestClock};
use crate::{Cause, Delivery, RpcError};

fn one(settings: &str) -> (Policies, WorstCase) {
    let policies = policies(&format!(r#"{{"policies": {{"p": {settings}}}}}"#));
    let worst = policies.worst_case("p").unwrap();
    (policies, worst)
}

fn worst(settings: &str) -> WorstCase {
    one(settings).1
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Calls a target that always fails and asks for `retry_after`, and says how many attempts and how long it took.
fn run(policies: &Policies, retry_after: Option<Duration>, attempt: Duration) -> (u32, Duration) {
    let clock = ManualClock::new();
    let made = Cell::new(0);
    let call = policies.policy("p").unwrap().with(&clock).idempotent();
    let outcome = clock.run(call.call_hedged(async || {
        made.set(made.get() + 1);
        clock.sleep_async(attempt).await;
        let mut error = RpcError::new(Cause::NoTarget, Delivery::NotSent);
        error.retry_after = retry_after.map(crate::platform::clock::nanos);
        Err::<(), _>(error)
    }));
    assert!(outcome.is_err());
    (made.get(), clock.passed())
}

#[test]
fn simple_policies_reach_their_worst_case() {
    for (settings, attempts, time) in [
        // 3 attempts of 500 ms, and waits of 100 ms and 200 ms.
        (
            r#"{"retry": {"attempts": 3, "backoff": {"exponential": "100ms"}, "retry-after-cap": "0s"}, "attempt-timeout": "500ms"}"#,
            3,
            1_800,
        ),
        (
            r#"{"retry": {"attempts": 3, "backoff": {"linear": "100ms", "jitter": "none"}, "retry-after-cap": "0s"}, "attempt-timeout": "500ms"}"#,
            3,
            1_800,
        ),
        (
            r#"{"retry": {"attempts": 4, "backoff": {"constant": "100ms"}, "retry-after-cap": "0s"}, "attempt-timeout": "500ms"}"#,
            4,
            2_300,
        ),
        (
            r#"{"retry": {"attempts": 5, "backoff": {"decorrelated": "100ms", "max": "1s"}, "retry-after-cap": "0s"}, "attempt-timeout": "500ms"}"#,
            5,
            2_500 + 300 + 900 + 1_000 + 1_000,
        ),
        (r#"{"deadline": "3s", "retry": {"attempts": 100, "backoff": {"constant": "100ms"}}}"#, 100, 3_000),
        (r#"{"attempt-timeout": "500ms"}"#, 1, 500),
        (r#"{"deadline": "3s"}"#, 1, 3_000),
        (r#"{"deadline": "3s", "attempt-timeout": "500ms"}"#, 1, 500),
        // A hedge after 400 ms, which is given 500 ms too.
        (r#"{"hedge": {"after": "400ms"}, "attempt-timeout": "500ms"}"#, 1, 900),
    ] {
        let (policies, worst) = one(settings);
        assert_eq!((worst.attempts, worst.time), (attempts, Some(millis(time))), "{settings}");
        let (made, took) = run(&policies, None, Duration::from_secs(3_600));
        assert_eq!(took, millis(time), "{settings}");
        // Where the deadline ends it, attempts that fail at once reach the number.
        let made = if worst.deadline.is_some() { run(&policies, None, Duration::ZERO).0 } else { made };
        assert!(made <= worst.attempts + worst.hedges, "{settings}");
        assert!(made == worst.attempts + worst.hedges || attempts == 100, "{settings}: {made}");
    }
}

#[test]
fn a_target_that_asks_for_the_longest_retry_after_reaches_the_worst_case() {
    for (cap, expected) in [(r#", "retry-after-cap": "10s""#, 30_000), ("", 90_000)] {
        let settings = format!(r#"{{"retry": {{"attempts": 4 {cap}}}, "attempt-timeout": "1s"}}"#);
        let (policies, worst) = one(&settings);
        assert_eq!((worst.waits, worst.waits_asked), (millis(50 + 100 + 200), millis(expected)));
        assert_eq!(worst.time, Some(millis(4_000 + expected)));
        // At the last moment of each attempt.
        assert_eq!(run(&policies, Some(millis(expected / 3)), millis(1_000)), (4, millis(4_000 + expected)));
    }
}

#[test]
fn waits_that_are_longer_than_the_deadline_mean_fewer_attempts() {
    let (policies, worst) =
        one(r#"{"deadline": "3s", "retry": {"attempts": 10, "backoff": {"constant": "1s", "jitter": "none"}}}"#);
    assert_eq!(worst.attempts, 3);
    assert_eq!(run(&policies, None, Duration::ZERO), (3, millis(2_000)));
}

#[test]
fn what_nothing_bounds_is_unbounded_and_says_why() {
    for (settings, why) in [
        (r#"{"retry": {"attempts": 3}}"#, Some(Unbounded::Attempt)),
        ("{}", Some(Unbounded::Attempt)),
        (r#"{"bulkhead": {"concurrent": 1, "waiting": 1}, "attempt-timeout": "1s"}"#, Some(Unbounded::Line)),
        (r#"{"bulkhead": {"concurrent": 1}, "attempt-timeout": "1s"}"#, None),
        (r#"{"bulkhead": {"concurrent": 1, "waiting": 1}, "deadline": "1s"}"#, None),
    ] {
        let worst = worst(settings);
        assert_eq!((worst.unbounded, worst.time.is_none()), (why, why.is_some()), "{settings}");
    }
}

#[test]
fn numbers_that_are_too_high_to_count_to_are_not_counted_to() {
    let worst = worst(
        r#"{"retry": {"attempts": 4294967295, "backoff": {"linear": "1ns", "max": "2s"}}, "attempt-timeout": "10000d"}"#,
    );
    assert_eq!(worst.attempts, u32::MAX);
    assert!(worst.time.unwrap() > Duration::from_secs(u64::from(u32::MAX)));
    let endless = r#"{"deadline": "10000d", "retry": {"attempts": 4294967295, "backoff": {"constant": "1ns", "jitter": "none"}}}"#;
    assert_eq!(
        super::policies(&format!(r#"{{"policies": {{"p": {endless}}}}}"#)).worst_case("p").unwrap().attempts,
        u32::MAX
    );
}

#[test]
fn a_budget_bounds_the_load_while_everything_fails() {
    const CALLS: u32 = 1_000;
    for (budget, sustained, at_once) in [
        (r#"{"ratio": "20%", "max-tokens": 50}"#, 1.2, Some(50)),
        (r#"{"ratio": "20%", "max-tokens": 50, "cost": 2}"#, 1.1, Some(25)),
        (r#"{"quota": 500}"#, 1.0, Some(100)),
        (r#"{"quota": 500, "cost": 50}"#, 1.0, Some(10)),
        (r#"{"throttle": 100, "token-ratio": 0.5}"#, 1.0, Some(49)),
        (r#"{"windowed": "50%", "min-per-second": 0, "ttl": "10s"}"#, 1.5, None),
        (r#"{"in-flight": "20%"}"#, 5.0, None),
    ] {
        let (policies, worst) = one(&format!(r#"{{"retry": {{"attempts": 5, "budget": {budget}}}}}"#));
        let spending = worst.budget.unwrap();
        assert_eq!((worst.load(), worst.sustained_load(), spending.at_once), (5.0, sustained, at_once), "{budget}");
        let clock = TestClock::new();
        let call = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
        let made: u32 =
            (0..CALLS).map(|_| policies.policy("p").unwrap().with(&clock).call(call).unwrap_err().attempts()).sum();
        let most = f64::from(CALLS) * sustained + f64::from(at_once.unwrap_or(0));
        assert!(f64::from(made) <= most, "{budget}: {made} of {most}");
        assert!(f64::from(made) >= f64::from(CALLS) * sustained * 0.99, "{budget}: {made} of {most}");
    }
    let refilled = worst(r#"{"retry": {"attempts": 5, "budget": {"quota": 500, "refill-per-second": 10}}}"#);
    assert_eq!(refilled.budget.unwrap().per_second, 2.0);
    let throttled = worst(
        r#"{"retry": {"attempts": 5, "budget": {"throttle": 100, "token-ratio": 0.5, "refill-per-second": 2.5}}}"#,
    );
    assert_eq!(throttled.budget.unwrap().per_second, 2.5);
    let reserve =
        worst(r#"{"retry": {"attempts": 5, "budget": {"windowed": "10%", "min-per-second": 10, "ttl": "5s"}}}"#);
    assert_eq!(reserve.budget.unwrap().per_second, 10.0);
}

/// Policies at random, and targets that fail, hang and ask at random.
#[test]
fn no_call_exceeds_the_worst_case() {
    let mut random = SplitMix::new(11);
    let mut below = |bound: u64| random.next() % bound;
    for case in 0..3_000 {
        let backoff = |below: &mut dyn FnMut(u64) -> u64| {
            let kind = ["constant", "linear", "exponential", "fibonacci", "decorrelated"][below(5) as usize];
            let jitter = [r#""none""#, r#""full""#, r#""equal""#, "0.3", r#""100%""#][below(5) as usize];
            format!(r#"{{"{kind}": "{}ms", "max": "{}ms", "jitter": {jitter}}}"#, below(400), 400 + below(3_000))
        };
        let mut parts = vec![format!(
            r#""retry": {{"attempts": {}, "backoff": {} {} {}}}"#,
            1 + below(7),
            backoff(&mut below),
            if below(3) == 0 { format!(r#", "retry-after-cap": "{}ms""#, below(5_000)) } else { String::new() },
            if below(3) == 0 {
                format!(
                    r#", "on": {{"overloaded": {{"attempts": {}, "backoff": {}}}}}"#,
                    1 + below(5),
                    backoff(&mut below)
                )
            } else {
                String::new()
            },
        )];
        let timeout = below(2) == 0;
        if timeout {
            parts.push(format!(r#""attempt-timeout": "{}ms""#, 1 + below(2_000)));
        }
        if below(2) == 0 || !timeout {
            parts.push(format!(r#""deadline": "{}ms""#, 1 + below(8_000)));
        }
        if below(3) == 0 {
            parts.push(format!(
                r#""rate-limit": {{"per-second": {}, "burst": 1, "wait-up-to": "{}ms"}}"#,
                1 + below(9),
                below(2_000)
            ));
        }
        if below(2) == 0 {
            parts.push(format!(r#""hedge": {{"after": "{}ms", "max-hedges": {}}}"#, 1 + below(1_000), 1 + below(4)));
        }
        let settings = format!("{{{}}}", parts.join(", "));
        let (policies, worst) = one(&settings);

        let clock = ManualClock::seeded(case);
        let made = Cell::new(0);
        let draws = Cell::new(SplitMix::new(case));
        let draw = |bound: u64| {
            let mut sequence = draws.get();
            let number = sequence.next() % bound;
            draws.set(sequence);
            number
        };
        let outcome = clock.run(policies.policy("p").unwrap().with(&clock).idempotent().call_hedged(async || {
            made.set(made.get() + 1);
            let takes = [0, draw(500), draw(5_000), 3_600_000][draw(4) as usize];
            clock.sleep_async(millis(takes)).await;
            let cause = [Cause::NoTarget, Cause::Overloaded, Cause::Timeout][draw(3) as usize];
            let mut error = RpcError::new(cause, Delivery::NotSent);
            error.retry_after = (draw(2) == 0).then(|| draw(40_000) * 1_000_000);
            Err::<(), _>(error)
        }));
        let failed = outcome.unwrap_err();
        assert!(
            made.get() <= worst.attempts + worst.hedges,
            "{settings}: {} attempts\n{worst:?}\n{failed:?}",
            made.get()
        );
        assert!(clock.passed() <= worst.time.unwrap(), "{settings}: {:?}\n{worst:?}\n{failed:?}", clock.passed());
    }
}
