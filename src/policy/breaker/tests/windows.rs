//! What is counted, and for how long.

use super::*;
use crate::observe::Tripped;
use crate::policy::breaker::{CountWindow, TimeWindow};

/// S: success, E: error, s and e: the same, but slow. All at one time, which no permit outlasts.
fn play<W: Window>(target: &Subject<W>, now: u64, calls: &str) {
    for call in calls.chars() {
        let took = if call.is_lowercase() { 5_000 } else { 0 };
        let outcome = if call.eq_ignore_ascii_case(&'s') { Outcome::Success } else { Outcome::Failure(Cause::Timeout) };
        target.ask(now).expect(calls).settle(outcome, &At(now, now + took));
    }
}

/// Counts and never opens.
const COUNTING: Breaker<CountWindow> = Breaker::failure_rate(1.0).over_calls(10);

// vector 6
#[test]
fn a_window_of_ten_calls_holds_ten_calls() {
    let target = Subject::new(COUNTING);
    play(&target, 0, "SSEE");
    assert_eq!((target.counts(0), target.control(0).failure_rate()), ((4, 2, 0), None));
    play(&target, 0, "EEEESSSS");
    assert_eq!((target.counts(0), target.control(0).failure_rate()), ((10, 6, 0), Some(0.6)));
    play(&target, 0, "SSS");
    assert_eq!((target.counts(0), target.control(0).failure_rate()), ((10, 3, 0), Some(0.3)));
}

// vector 7
#[test]
fn a_call_leaves_a_window_of_5_s_after_5_s() {
    let target = Subject::new(Breaker::failure_rate(1.0).over_time(5 * SECOND).slow_calls(1.0, millis(500)));
    target.fail(0);
    target.succeed(100);
    target.ask(200).unwrap().settle(Outcome::Failure(Cause::Timeout), &At(200, 800));
    assert_eq!(target.counts(800), (3, 2, 1));
    assert_eq!(target.counts(4_800), (3, 2, 1));
    assert_eq!(target.counts(5_800), (0, 0, 0));
}

// case 7
#[test]
fn a_window_slides_it_opens_at_the_failure_that_makes_its_rate() {
    let target = Subject::new(Breaker::failure_rate(0.5).over_calls(10));
    for _ in 0..1_000 {
        target.succeed(0);
    }
    for _ in 0..4 {
        assert_eq!(target.fail(0), None);
    }
    assert_eq!(target.fail(0), Some(Change::Opened { why: Tripped::FailureRate, cause: Cause::NoTarget }));
}

// case 7
#[test]
fn a_failure_leaves_the_window_with_the_call_that_takes_its_place() {
    for length in [1, 2, 31, 32, 33, 100, 1_023, 1_024] {
        let target = Subject::new(Breaker::failure_rate(1.0).over_calls(length).minimum_calls(length));
        play(&target, 0, if length > 1 { "SE" } else { "S" });
        let failures = u32::from(length > 1);
        for _ in 0..length {
            assert_eq!(target.counts(0).1, failures, "over {length} calls");
            target.succeed(0);
        }
        assert_eq!(target.counts(0), (length, 0, 0), "over {length} calls");
    }
}

// case 7
#[test]
fn a_window_slides_on_while_nothing_fails() {
    let target = Subject::new(Breaker::failure_rate(0.2).over_calls(10));
    for healthy in 0..25 {
        play(&target, 0, &"S".repeat(10 + healthy));
        assert_eq!(target.fail(0), None);
        play(&target, 0, &"S".repeat(9));
        assert_eq!(target.counts(0), (10, 1, 0), "the failure is the oldest");
        assert_eq!(target.fail(0), None, "the oldest left as this one came");
        assert_eq!(target.counts(0), (10, 1, 0));
    }
}

// case 19
#[test]
fn a_rate_is_reached_by_just_its_fraction() {
    for (rate, calls, failures) in [
        (0.1, 10, 1),
        (0.3, 10, 3),
        (0.29, 100, 29),
        (0.57, 100, 57),
        (0.7, 10, 7),
        (1.0 / 3.0, 3, 1),
        (2.0 / 3.0, 3, 2),
        (2.0 / 3.0, 999, 666),
        (1.0, 1_000, 1_000),
        (0.001, 1_000, 1),
        (f64::MIN_POSITIVE, 1_000, 1),
    ] {
        let target = Subject::new(Breaker::failure_rate(rate).over_calls(calls).minimum_calls(calls));
        play(&target, 0, &"S".repeat((calls - failures) as usize));
        for failure in 1..failures {
            assert_eq!(target.fail(0), None, "{rate} at {failure} of {calls}");
        }
        assert!(target.fail(0).is_some(), "{rate} at {failures} of {calls}");
    }
}

#[test]
fn below_the_minimum_of_calls_there_is_no_rate() {
    let target = Subject::new(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(20));
    play(&target, 0, &"E".repeat(19));
    assert_eq!(target.state(), BreakerState::Closed);
    assert!(target.fail(0).is_some());
    let target = Subject::new(Breaker::failure_rate(0.5).over_time(SECOND));
    play(&target, 0, &"E".repeat(9));
    assert_eq!(target.state(), BreakerState::Closed, "10 by default");
    assert!(target.fail(0).is_some());
    let target = Subject::new(Breaker::failure_rate(0.5).over_calls(100));
    play(&target, 0, &"E".repeat(9));
    assert_eq!(target.state(), BreakerState::Closed, "10 by default, however long the window");
    assert!(target.fail(0).is_some());
    let target = Subject::new(Breaker::failure_rate(0.5).over_calls(3));
    play(&target, 0, "EE");
    assert_eq!(target.state(), BreakerState::Closed, "all of a shorter window");
    assert!(target.fail(0).is_some());
}

#[test]
fn a_success_opens_nothing() {
    let target = Subject::new(Breaker::failure_rate(0.5).over_calls(10));
    play(&target, 0, "EEEEEEEEE");
    assert_eq!(target.succeed(0), None);
    assert_eq!(target.state(), BreakerState::Closed);
    assert!(target.fail(0).is_some());
}

#[test]
fn too_many_slow_calls_open_it_whether_they_fail_or_not() {
    let over_calls = Breaker::failure_rate(1.0).over_calls(10).slow_calls(0.5, SECOND);
    let target = Subject::new(over_calls);
    play(&target, 0, "SSSSSsses");
    assert_eq!(target.counts(0), (9, 1, 4));
    let slow = target.ask(0).unwrap().settle(Outcome::Success, &At(0, 1_001));
    assert_eq!(slow, Some(Change::Opened { why: Tripped::SlowCalls, cause: Cause::Timeout }));
    assert_eq!(target.ask(1_001).unwrap_err().cause, Cause::Timeout);
}

#[test]
fn a_call_is_slow_that_takes_longer_than_allowed_and_not_just_as_long() {
    let target = Subject::new(COUNTING.slow_calls(1.0, SECOND));
    for (took, slow) in [(999, 0), (1_000, 0), (1_001, 1)] {
        target.ask(0).unwrap().settle(Outcome::Success, &At(0, took));
        assert_eq!(target.counts(0).2, slow);
    }
}

#[test]
fn a_slow_call_leaves_the_window_too() {
    let target = Subject::new(COUNTING.slow_calls(1.0, SECOND));
    play(&target, 0, "sSSSSSSSSS");
    assert_eq!(target.counts(0), (10, 0, 1));
    play(&target, 0, "S");
    assert_eq!(target.counts(0), (10, 0, 0));
}

// case 22, case 16
#[test]
fn the_time_window_forgets_after_any_idle_time_and_never_when_time_steps_back() {
    let target = Subject::new(Breaker::failure_rate(1.0).over_time(SECOND));
    for idle in [1_100, 60_000, 31_536_000_000] {
        target.fail(idle);
        assert_eq!(target.counts(idle), (1, 1, 0), "after {idle} ms");
        assert_eq!(target.counts(0), (1, 1, 0), "a clock that stepped back");
        target.succeed(0);
        assert_eq!(target.counts(idle), (2, 1, 0));
    }
}

#[test]
fn a_time_window_opens_by_what_happened_within_it() {
    let target: Subject<TimeWindow> = Subject::new(Breaker::failure_rate(0.5).over_time(10 * SECOND).minimum_calls(4));
    play(&target, 0, "SSSSSSSS");
    assert_eq!(target.fail(5_000), None);
    assert_eq!(target.fail(5_000), None);
    // The successes are out of the window now.
    play(&target, 10_500, "S");
    assert_eq!(target.fail(10_500), Some(Change::Opened { why: Tripped::FailureRate, cause: Cause::NoTarget }));
}

#[test]
fn a_window_begins_empty_after_a_break() {
    fn closed_again<W: Window>(breaker: Breaker<W>) -> (u32, u32, u32) {
        let target = Subject::new(breaker);
        for _ in 0..10 {
            target.fail(0);
        }
        assert_eq!(target.succeed(5_000), Some(Change::Closed));
        target.fail(5_000);
        target.counts(5_000)
    }
    let slow = COUNTING.slow_calls(1.0, SECOND);
    assert_eq!(closed_again(COUNTING), (1, 1, 0));
    assert_eq!(closed_again(slow), (1, 1, 0));
    assert_eq!(closed_again(Breaker::failure_rate(1.0).over_time(60 * SECOND)), (1, 1, 0));
}
