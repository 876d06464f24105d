//! Whatever a part is read from, it is the part that the builders make.

use core::time::Duration;

use super::policies;
use crate::{
    AttemptTimeout, Backoff, Breaker, Budget, Bulkhead, Concurrency, Deadline, Hedge, Jitter, RateLimit, Retry,
    Throttle,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The debug text of a part is in that of the policy.
#[track_caller]
fn same(settings: &str, part: impl core::fmt::Debug) {
    let policies = policies(&format!(r#"{{"policies": {{"p": {{{settings}}}}}}}"#));
    let (policy, part) = (format!("{policies:?}"), format!("{part:?}"));
    // The types of the window are not shown, and a budget behind a reference shows as itself.
    assert!(policy.contains(&part), "{part}\n{policy}");
}

#[test]
fn every_setting_reaches_its_part() {
    same(r#""deadline": "3s""#, Deadline::after(secs(3)));
    same(r#""attempt-timeout": "500ms""#, AttemptTimeout::after(millis(500)));
    let retry = |backoff: Backoff| backoff;
    for (backoff, expected) in [
        (r#"{"constant": "1s", "jitter": "equal"}"#, Backoff::constant(secs(1)).jitter(Jitter::Equal)),
        (r#"{"linear": "1s", "jitter": "25%"}"#, Backoff::linear(secs(1)).jitter(Jitter::Proportional(0.25))),
        (
            r#"{"exponential": "1s", "factor": 1.5, "max": "1m"}"#,
            Backoff::exponential(secs(1)).factor(1.5).max_delay(secs(60)),
        ),
        (r#"{"fibonacci": "1s", "jitter": "none"}"#, Backoff::fibonacci(secs(1)).jitter(Jitter::None)),
        (r#"{"decorrelated": "1s", "max": "20s"}"#, Backoff::decorrelated(secs(1)).max_delay(secs(20))),
    ] {
        same(&format!(r#""retry": {{"attempts": 7, "backoff": {backoff}}}"#), retry(expected));
    }
    let capped = policies(r#"{"policies": {"p": {"retry": {"attempts": 7, "retry-after-cap": "1m"}}}}"#);
    assert!(
        format!("{capped:?}").contains("attempts: 7") && format!("{capped:?}").contains("retry_after_cap: 60000000000")
    );
    assert!(!format!("{:?}", Retry::attempts(7)).contains("60000000000"));

    same(
        r#""breaker": {"failures": 5, "open-for": "10s", "jitter": "10%", "probes": 2, "probe-timeout": "2s", "growing": {"factor": 2, "max-open-for": "1m"}}"#,
        Breaker::consecutive_failures(5)
            .open_for(secs(10))
            .jitter(0.1)
            .probes(2)
            .probe_timeout(secs(2))
            .growing(2.0, secs(60)),
    );
    same(
        r#""breaker": {"failure-rate": "50%", "over-calls": 100, "minimum-calls": 20, "slow-calls": {"rate": 0.8, "longer-than": "1s"}}"#,
        Breaker::failure_rate(0.5).over_calls(100).minimum_calls(20).slow_calls(0.8, secs(1)),
    );
    same(
        r#""breaker": {"failure-rate": 0.5, "over-time": "10s", "slow-calls": {"rate": "80%", "longer-than": "1s"}, "minimum-calls": 3}"#,
        Breaker::failure_rate(0.5).over_time(secs(10)).minimum_calls(3).slow_calls(0.8, secs(1)),
    );
    same(r#""bulkhead": {"concurrent": 10, "waiting": 20}"#, Bulkhead::concurrent(10).waiting(20));
    same(
        r#""concurrency": {"aimd": {"decrease": 0.5, "min": 2, "max": 50, "start": 9}}"#,
        Concurrency::aimd().decrease(0.5).min(2).max(50).start(9),
    );
    same(
        r#""concurrency": {"gradient": {"tolerance": 2, "queue": 3, "smoothing": "30%", "window": "2s", "long-window": 99, "max": 50}}"#,
        Concurrency::gradient().tolerance(2.0).queue(3).smoothing(0.3).window(secs(2)).long_window(99).max(50),
    );
    #[cfg(feature = "keyvalue-state")]
    same(
        r#""rate-limit": {"tokens": 5, "every": "1m", "shared": "keyvalue", "name": "acme", "bucket": "state"}"#,
        RateLimit::tokens(5).every(secs(60)).shared("acme", crate::KeyValue::bucket("state")),
    );
    same(
        r#""rate-limit": {"per-second": 100, "burst": 20, "wait-up-to": "1s"}"#,
        RateLimit::per_second(100).burst(20).wait_up_to(secs(1)),
    );
    same(r#""rate-limit": {"tokens": 5, "every": "1m"}"#, RateLimit::tokens(5).every(secs(60)));
    same(
        r#""rate-limit": {"window": 100, "period": "1m", "wait-up-to": "1s"}"#,
        RateLimit::window(100, secs(60)).wait_up_to(secs(1)),
    );
    same(
        r#""throttle": {"multiplier": 1.5, "window": "30s", "padding": 8, "max-probability": "90%"}"#,
        Throttle::new().multiplier(1.5).window(secs(30)).padding(8).max_probability(0.9),
    );
    same(r#""hedge": {"after": "100ms", "max-hedges": 2}"#, Hedge::after(millis(100)).max_hedges(2));
    same(
        r#""hedge": {"after-quantile": "95%", "initial-delay": "200ms", "min-observations": 50, "max-hedges": 3}"#,
        Hedge::after_quantile(0.95).initial_delay(millis(200)).min_observations(50).max_hedges(3),
    );
}

#[test]
fn every_setting_reaches_its_budget() {
    use crate::{Cause, InFlightBudget};

    for (budget, expected) in [
        (
            r#"{"ratio": "10%", "max-tokens": 20, "initial": 3, "cost": 2}"#,
            Budget::ratio(0.1).max_tokens(20).initial(3).cost(2),
        ),
        (r#"{"windowed": 0.2, "min-per-second": 10, "ttl": "10s"}"#, Budget::windowed(0.2, 10, secs(10))),
        (r#"{"throttle": 10, "token-ratio": 0.1}"#, Budget::throttle(10, 0.1)),
        (
            r#"{"quota": 500, "reward": 0.4, "refill-per-second": 0.5, "cost-of": {"overloaded": 20, "other": 7}}"#,
            Budget::quota(500)
                .reward(0.4)
                .refill_per_second(0.5)
                .cost_of(Cause::Overloaded, 20)
                .cost_of(Cause::Other, 7),
        ),
        (r#"{"quota": 500, "cost": 14, "cost-of": {"overloaded": 5}}"#, Budget::quota_2026(500)),
    ] {
        same(&format!(r#""retry": {{"attempts": 2, "budget": {budget}}}"#), expected);
    }
    #[cfg(feature = "keyvalue-state")]
    same(
        r#""retry": {"attempts": 2, "budget": {"windowed": 0.2, "min-per-second": 10, "ttl": "10s", "shared": "keyvalue",
            "name": "acme", "bucket": "state", "batch": 20}}"#,
        Budget::windowed(0.2, 10, secs(10)).shared("acme", crate::KeyValue::bucket("state")).batch(20),
    );
    for (budget, expected) in [
        (r#"{"in-flight": "20%"}"#, InFlightBudget::new(0.2, 3)),
        (r#"{"in-flight": 0.5, "at-least": 0}"#, InFlightBudget::new(0.5, 0)),
    ] {
        same(&format!(r#""retry": {{"attempts": 2, "budget": {budget}}}"#), expected);
    }
}

#[test]
fn a_window_without_slow_calls_has_none_and_reads_the_clock_no_oftener() {
    use crate::RpcError;
    use crate::testing::TestClock;

    let policies = policies(r#"{"policies": {"p": {"breaker": {"failure-rate": 0.5, "over-calls": 10}}}}"#);
    let policy = policies.policy("p").unwrap();
    for _ in 0..20 {
        let clock = TestClock::new();
        policy
            .with(&clock)
            .call(|| {
                clock.advance(secs(1_000));
                Ok::<_, RpcError>(())
            })
            .unwrap();
        assert!(clock.reads() <= 1, "{}", clock.reads());
    }
}
