//! What `#[resilient(policy = "…")]` hands to the configuration is what that reads, and may be overridden there.
#![cfg(not(target_family = "wasm"))]

use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use steadfast::config::provide;
use steadfast::testing::{TestClock, block_on};
use steadfast::{Cause, Delivery, Reason, RpcError, resilient};

/// The host's configuration, for all tests of this program: it is asked for once.
fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        provide(
            r#"{
                "policies": {
                    "more-attempts": { "retry": { "attempts": 5 } },
                    "another-max": { "retry": { "backoff": { "max": "150ms" } } },
                    "another-backoff": { "retry": { "backoff": { "linear": "10ms" } } },
                    "another-rule": { "retry": { "on": { "no-target": { "attempts": 3 } } } },
                    "earlier": { "deadline": "250ms" },
                    "no-breaker": { "breaker": "never" },
                    "senseless": { "retry": { "backoff": { "max": "1ms" } } }
                }
            }"#,
        );
    });
}

fn no_target() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
}

/// Makes a call through a named policy with each of these settings in the code.
macro_rules! call_with_each {
    ($(($($settings:tt)*))*) => {$({
        #[resilient(policy = "of-the-code", clock = clock, idempotent, $($settings)*)]
        async fn call(clock: &TestClock) -> Result<u32, RpcError> {
            Ok(7)
        }
        assert_eq!(block_on(call(&TestClock::new())), Ok(7), "{}", stringify!($($settings)*));
    })*};
}

#[test]
fn settings_of_every_kind_make_a_policy() {
    configure();
    call_with_each! {
        (deadline = "1m 30.5s")
        (deadline = "250000μs")
        (deadline = "250000µs")
        (deadline = "1d2h3min4s5ms6us7ns")
        (attempt_timeout = "1s")
        (retry(attempts = 4))
        (retry(attempts = 4_000))
        (retry(attempts = 4, retry_after_cap = "0s"))
        (retry(attempts = 4, retry_after_cap = "10s"))
        (retry(attempts = 4, backoff = constant("50ms", jitter = none)))
        (retry(attempts = 4, backoff = linear("50ms", max = "1s", jitter = equal)))
        (retry(attempts = 4, backoff = exponential("50ms", max = "1m", factor = 3, jitter = full)))
        (retry(attempts = 4, backoff = exponential("50ms", factor = 1.5, jitter = 0.2)))
        (retry(attempts = 4, backoff = fibonacci("50ms", jitter = "20%")))
        (retry(attempts = 4, backoff = decorrelated("50ms", jitter = 1)))
        (retry(attempts = 4, never(trapped)))
        (retry(attempts = 4, never(no_link, no_target, timeout, disconnected), never(overloaded, protocol, other)))
        (retry(attempts = 4, never(trapped), on(overloaded, attempts = 2), on(no_target, backoff = constant("1s"))))
        (retry(attempts = 4, on(no_link), on(timeout), on(disconnected, attempts = 255, backoff = linear("1ms"))))
        (retry(attempts = 4, on(trapped, attempts = 1), on(protocol), on(other)))
        (breaker(failures = 5))
        (breaker(failures = 5, open_for = "10s", probes = 3, probe_timeout = "5s"))
        (breaker(failures = 5, growing(factor = 2, max_open_for = "1m")))
        (breaker(failure_rate = "50%", over_calls = 100))
        (breaker(failure_rate = 0.5, over_calls = 100, minimum_calls = 20, open_for = "1s", probes = 1))
        (breaker(failure_rate = 1, over_time = "10s", slow_calls(rate = "80%", longer_than = "1s")))
        (breaker(failure_rate = "12.5%", over_time = "1m", growing(factor = 1.5, max_open_for = "1h")))
        (bulkhead(concurrent = 10))
        (bulkhead(concurrent = 10, waiting = 0))
        (bulkhead(concurrent = 10, waiting = 5))
        (concurrency = aimd)
        (concurrency = aimd(min = 2, max = 50, start = 10, decrease = "90%"))
        (concurrency = gradient())
        (concurrency = gradient(min = 2, max = 50, start = 10, tolerance = 2, queue = 8, smoothing = 0.1))
        (concurrency = gradient(window = "500ms", long_window = 100))
        (rate_limit(per_second = 100))
        (rate_limit(per_second = 100, burst = 10, wait_up_to = "1s"))
        (rate_limit(tokens = 5, every = "1m", burst = 2, wait_up_to = "0s"))
        (rate_limit(window = 100, period = "1m", wait_up_to = "10s"))
        (throttle)
        (throttle(multiplier = 1.1, window = "1m", padding = 10, max_probability = "90%"))
        (hedge(after = "100ms"))
        (hedge(after = "100ms", max_hedges = 2))
        (hedge(after_quantile = "95%"))
        (hedge(after_quantile = 0.99, min_observations = 50, initial_delay = "1s", max_hedges = 4))
        (deadline = "3s", retry(attempts = 4), breaker(failures = 5), bulkhead(concurrent = 10),
         rate_limit(per_second = 100), attempt_timeout = "1s", hedge(after = "100ms"))
        (deadline = "3s", concurrency = aimd, throttle)
    }
}

#[resilient(policy = "senseless", retry(attempts = 2), clock = clock)]
fn senseless(clock: &TestClock) -> Result<(), RpcError> {
    no_target()
}

#[test]
fn a_policy_stays_as_the_code_has_it_where_the_configuration_makes_no_sense_with_it() {
    configure();
    let clock = TestClock::new();
    senseless(&clock).unwrap_err();
    senseless(&clock).unwrap_err();
    assert_eq!(clock.slept(), [Duration::from_millis(50); 2]);
}

/// What is reported to standard error while a test of this program runs: in a process of its own, since that is the
/// process's.
fn reports_of(test: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([test, "--exact", "--test-threads=1"]).output().unwrap();
    let passed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && passed.contains("1 passed"), "{passed}");
    String::from_utf8(output.stderr).unwrap().lines().map(String::from).collect()
}

#[test]
fn settings_of_every_kind_are_no_mistakes_to_the_configuration() {
    assert_eq!(reports_of("settings_of_every_kind_make_a_policy"), [""; 0]);
}

#[test]
fn a_mistake_is_reported_once() {
    let reports =
        reports_of("a_policy_stays_as_the_code_has_it_where_the_configuration_makes_no_sense_with_it").join("\n");
    assert!(reports.starts_with("steadfast: the settings in the code stay in force"), "{reports}");
    assert_eq!(reports.matches("policies.senseless.retry.backoff").count(), 1, "{reports}");
}

/// What a call that always fails came to, through a named policy with these settings in the code.
macro_rules! outcome {
    ($name:tt, $($settings:tt)*) => {{
        configure();
        #[resilient(policy = $name, clock = clock, $($settings)*)]
        fn call(clock: &TestClock) -> Result<(), steadfast::Failed> {
            no_target()
        }
        let clock = TestClock::new();
        let failed = call(&clock).unwrap_err();
        let waits: Vec<_> = clock.slept().iter().map(Duration::as_millis).collect();
        (failed.reason(), waits, call(&clock).unwrap_err().reason())
    }};
}

#[test]
fn the_configuration_overrides_the_attribute_field_by_field() {
    use Reason::{Attempts, Deadline};

    let outcome = outcome!("more-attempts", retry(attempts = 2, backoff = constant("100ms", jitter = none)));
    assert_eq!(outcome, (Attempts, vec![100; 4], Attempts));

    let outcome =
        outcome!("another-max", retry(attempts = 4, backoff = exponential("50ms", factor = 3, jitter = none)));
    assert_eq!(outcome, (Attempts, vec![50, 150, 150], Attempts));

    let outcome = outcome!("another-backoff", retry(attempts = 4, backoff = exponential("50ms", factor = 3)));
    assert_eq!(outcome, (Attempts, vec![10, 20, 30], Attempts));

    let outcome = outcome!("another-rule", retry(attempts = 4, never(no_target)));
    assert_eq!(outcome.1.len(), 2);

    let outcome = outcome!("earlier", deadline = "1m", retry(attempts = 9, backoff = constant("100ms", jitter = none)));
    assert_eq!(outcome, (Deadline, vec![100; 2], Deadline));
}

#[test]
fn the_configuration_switches_off_what_the_attribute_has() {
    let with = outcome!("of-the-code", retry(attempts = 2), breaker(failures = 2));
    let without = outcome!("no-breaker", retry(attempts = 2), breaker(failures = 2));
    assert_eq!((with.2, without.2), (Reason::BreakerOpen, Reason::Attempts));
}
