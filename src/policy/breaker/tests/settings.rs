//! What is refused.

use super::*;

const BREAKER: Breaker = Breaker::consecutive_failures(3);

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let rate = |rate| Breaker::failure_rate(rate).over_calls(100);
    let calls = |calls| Breaker::failure_rate(0.5).over_calls(calls);
    let time = |time| Breaker::failure_rate(0.5).over_time(time);
    for (invalid, message) in [
        (Breaker::consecutive_failures(0).check().err(), "failures: 0 is not allowed: it must be 1 or more"),
        (BREAKER.open_for(Duration::ZERO).check().err(), "open_for: 0ns is not allowed: it must be longer than zero"),
        (BREAKER.probes(0).check().err(), "probes: 0 is not allowed: it must be from 1 to 16"),
        (BREAKER.probes(17).check().err(), "probes: 17 is not allowed: it must be from 1 to 16"),
        (
            BREAKER.probe_timeout(Duration::ZERO).check().err(),
            "probe_timeout: 0ns is not allowed: it must be longer than zero",
        ),
        (rate(0.0).check().err(), "failure_rate: 0 is not allowed: it must be above 0 and at most 1"),
        (rate(-0.5).check().err(), "failure_rate: -0.5 is not allowed: it must be above 0 and at most 1"),
        (rate(1.01).check().err(), "failure_rate: 1.01 is not allowed: it must be above 0 and at most 1"),
        (rate(f64::NAN).check().err(), "failure_rate: NaN is not allowed: it must be above 0 and at most 1"),
        (rate(f64::INFINITY).check().err(), "failure_rate: inf is not allowed: it must be above 0 and at most 1"),
        (calls(0).check().err(), "over_calls: 0 is not allowed: it must be from 1 to 1024"),
        (calls(1_025).check().err(), "over_calls: 1025 is not allowed: it must be from 1 to 1024"),
        (time(Duration::ZERO).check().err(), "over_time: 0ns is not allowed: it must be 10 ns or longer"),
        (calls(100).minimum_calls(0).check().err(), "minimum_calls: 0 is not allowed: it must be 1 or more"),
        (time(SECOND).minimum_calls(0).check().err(), "minimum_calls: 0 is not allowed: it must be 1 or more"),
        (
            calls(100).minimum_calls(101).check().err(),
            "minimum_calls: 101 is not allowed: it must be at most the calls of the window",
        ),
        (
            calls(100).slow_calls(0.0, SECOND).check().err(),
            "slow_calls: 0 is not allowed: it must be above 0 and at most 1",
        ),
        (
            time(SECOND).slow_calls(1.5, SECOND).check().err(),
            "slow_calls: 1.5 is not allowed: it must be above 0 and at most 1",
        ),
        (
            calls(100).slow_calls(0.5, Duration::ZERO).check().err(),
            "slow_calls longer_than: 0ns is not allowed: it must be longer than zero",
        ),
        (BREAKER.growing(0.9, 10 * SECOND).check().err(), "growing: 0.9 is not allowed: it must be 1 or more"),
        (BREAKER.growing(f64::NAN, 10 * SECOND).check().err(), "growing: NaN is not allowed: it must be 1 or more"),
        (
            BREAKER.growing(f64::INFINITY, 10 * SECOND).check().err(),
            "growing: inf is not allowed: it must be 1 or more",
        ),
        (
            BREAKER.growing(2.0, 4 * SECOND).check().err(),
            "growing max_open_for: 4s is not allowed: it must be at least open_for",
        ),
        (BREAKER.jitter(-0.1).check().err(), "jitter: -0.1 is not allowed: it must be from 0 to 1"),
        (BREAKER.jitter(1.1).check().err(), "jitter: 1.1 is not allowed: it must be from 0 to 1"),
        (BREAKER.jitter(f64::NAN).check().err(), "jitter: NaN is not allowed: it must be from 0 to 1"),
    ] {
        assert_eq!(invalid.unwrap().to_string(), format!("breaker {message}"));
    }
}

// case 4
#[test]
fn the_bounds_themselves_are_allowed() {
    assert!(Breaker::consecutive_failures(1).probes(16).growing(1.0, 5 * SECOND).jitter(1.0).check().is_ok());
    assert!(Breaker::failure_rate(1.0).over_calls(1_024).minimum_calls(1_024).check().is_ok());
    assert!(Breaker::failure_rate(f64::MIN_POSITIVE).over_calls(1).minimum_calls(1).check().is_ok());
    assert!(Breaker::failure_rate(0.5).over_time(Duration::from_nanos(10)).check().is_ok());
    assert!(Breaker::failure_rate(0.5).over_time(Duration::MAX).slow_calls(1.0, Duration::MAX).check().is_ok());
}

#[test]
fn a_break_that_does_not_grow_stays_exact() {
    // Beyond what a float tells apart: the nearest it has is a nanosecond more.
    let long = Duration::from_nanos((1 << 53) + 3);
    assert_eq!(BREAKER.open_for(long).settings.break_after((1 << 53) + 3), (1 << 53) + 3);
}
