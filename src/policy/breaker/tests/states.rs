//! Closed, open, and what comes too late.

use super::*;
use crate::observe::Tripped;

const BREAKER: Breaker =
    Breaker::consecutive_failures(3).open_for(Duration::from_secs(10)).probe_timeout(millis(2_000));

// case 19
#[test]
fn a_threshold_of_n_trips_at_n_and_a_success_starts_the_count_again() {
    let target = Subject::new(BREAKER);
    target.fail(0);
    target.fail(0);
    target.succeed(0);
    for _ in 0..2 {
        assert_eq!(target.fail(1), None);
        assert_eq!(target.state(), BreakerState::Closed);
    }
    let opened = Change::Opened { why: Tripped::Failures, cause: Cause::NoTarget };
    assert_eq!(target.fail(1), Some(opened));
    assert_eq!(target.ask(1).unwrap_err(), rejected(Cause::NoTarget, Duration::from_secs(10)));
}

// vector 9
#[test]
fn open_for_60_s_means_open_at_59_999_s_and_half_open_at_60_s() {
    let target = Subject::new(Breaker::consecutive_failures(6).open_for(Duration::from_secs(60)));
    for _ in 0..5 {
        target.fail(0);
    }
    target.succeed(0);
    for _ in 0..5 {
        assert_eq!(target.fail(0), None, "a success starts the count again");
    }
    assert!(target.fail(0).is_some(), "more than 5 failures in a row open it");
    assert_eq!(target.rejects_for(59_999), millis(1));
    assert_eq!(target.state(), BreakerState::Open);
    for _ in 0..4 {
        drop(target.ask(60_000).expect("half-open, and an ignored outcome frees its place"));
        assert_eq!(target.state(), BreakerState::HalfOpen);
    }
    assert_eq!(target.succeed(60_000), Some(Change::Closed));
    assert_eq!(target.counts(60_000), (0, 0, 0));
}

// case 8, case 10
#[test]
fn a_late_outcome_is_told_and_never_moves_a_later_state() {
    let target = Subject::new(BREAKER);
    let mut early: Vec<_> = (0..8).map(|_| target.ask(0).unwrap()).collect();
    for permit in early.drain(..3) {
        permit.settle(Outcome::Failure(Cause::Timeout), &At(0, 0));
    }
    let open = target.control(9_000).snapshot();
    for outcome in [Outcome::Failure(Cause::Timeout), Outcome::Success] {
        assert_eq!(early.remove(0).settle(outcome, &At(0, 9_000)), Some(Change::Late));
    }
    assert_eq!(target.control(9_000).snapshot(), open, "a call of the closed state moved the open one");

    let probe = target.ask(10_000).unwrap();
    let half_open = target.control(10_000).snapshot();
    for outcome in [Outcome::Failure(Cause::Timeout), Outcome::Success] {
        assert_eq!(early.remove(0).settle(outcome, &At(0, 10_000)), Some(Change::Late));
    }
    assert_eq!(target.control(10_000).snapshot(), half_open, "a call of the closed state moved the half-open one");
    drop(early.remove(0));
    assert!(target.ask(10_000).is_err(), "a call of the closed state freed the place of a probe");

    assert_eq!(probe.settle(Outcome::Success, &At(10_000, 10_000)), Some(Change::Closed));
    assert_eq!(target.counts(10_000), (0, 0, 0));
    assert!(early.is_empty());
}

// case 8
#[test]
fn an_outcome_from_before_the_break_does_not_count_in_the_next_closed_state() {
    let target = Subject::new(BREAKER);
    let (lost, good) = (target.ask(0).unwrap(), target.ask(0).unwrap());
    for _ in 0..3 {
        target.fail(0);
    }
    target.succeed(10_000);
    target.fail(10_000);
    assert_eq!(lost.settle(Outcome::Failure(Cause::Timeout), &At(0, 10_000)), Some(Change::Late));
    assert_eq!(target.counts(10_000).1, 1, "a failure counted late");
    assert_eq!(good.settle(Outcome::Success, &At(0, 10_000)), Some(Change::Late));
    assert_eq!(target.counts(10_000).1, 1, "a success counted late");
}

// case 11
#[test]
fn a_dropped_call_counts_as_neither() {
    let target = Subject::new(BREAKER);
    target.fail(0);
    target.fail(0);
    drop(target.ask(0).unwrap());
    assert_eq!(target.counts(0), (2, 2, 0));
}

// case 16
#[test]
fn a_clock_that_steps_back_unlocks_nothing_and_panics_nowhere() {
    const HOUR: u64 = 3_600_000;
    let target = Subject::new(BREAKER);
    for _ in 0..3 {
        target.fail(HOUR);
    }
    assert!(target.ask(0).is_err());
    let probe = target.ask(HOUR + 10_000).expect("half-open");
    assert!(target.ask(0).is_err(), "the probe's place is not free");
    probe.settle(Outcome::Failure(Cause::Timeout), &At(HOUR, 0));
    assert_eq!(target.breaker.rejects_until(&target.memory), Some(Instant::from_nanos(10_000_000_000)));
}

// case 3, case 16
#[test]
fn the_end_of_time_is_not_the_end_of_the_breaker() {
    #[derive(Clone, Copy)]
    struct Last;
    impl Moment for Last {
        fn now(&self) -> Instant {
            Instant::from_nanos(u64::MAX)
        }
        fn draw(&self) -> u64 {
            0
        }
    }
    let breaker = BREAKER.open_for(Duration::MAX).growing(f64::MAX, Duration::MAX).probe_timeout(Duration::MAX);
    let target = Subject::new(breaker);
    for _ in 0..3 {
        target.breaker.admit(&target.memory, &Last).unwrap().settle(Outcome::Failure(Cause::Timeout), &Last);
    }
    assert_eq!(target.state(), BreakerState::Open);
    assert!(target.breaker.admit(&target.memory, &Last).is_ok());
}

#[test]
fn permanent_causes_say_nothing_about_the_target() {
    let target = Subject::new(BREAKER);
    for _ in 0..10 {
        for cause in [Cause::NoLink, Cause::Protocol] {
            assert_eq!(target.call(0, Outcome::Failure(cause)), None);
        }
    }
    assert_eq!((target.state(), target.counts(0)), (BreakerState::Closed, (0, 0, 0)));
}

#[test]
fn every_break_is_longer_than_the_last_up_to_the_cap_until_the_target_is_back() {
    let target = Subject::new(BREAKER.open_for(SECOND).growing(3.0, 7 * SECOND));
    let mut now = 0;
    for _ in 0..3 {
        target.fail(now);
    }
    for seconds in [1, 3, 7, 7] {
        assert_eq!(target.rejects_for(now), seconds * SECOND);
        assert!(target.ask(now + u64::from(seconds) * 1_000 - 1).is_err());
        now += u64::from(seconds) * 1_000;
        assert!(matches!(target.fail(now), Some(Change::Opened { why: Tripped::Probe, .. })));
    }
    now += 7_000;
    assert_eq!(target.succeed(now), Some(Change::Closed));
    for _ in 0..3 {
        target.fail(now);
    }
    assert_eq!(target.rejects_for(now), SECOND, "reset on recovery");
}

// case 3
#[test]
fn a_break_of_months_is_not_shortened_by_the_rounding_of_its_growth() {
    let odd = Duration::from_nanos((1 << 53) + 1);
    let target = Subject::opened(BREAKER.open_for(odd).growing(1.0, Duration::MAX));
    target.control(0).trip();
    assert_eq!(target.rejects_for(0), odd);
}

#[test]
fn without_growth_all_breaks_are_of_one_length() {
    let target = Subject::opened(BREAKER);
    for round in 1..5 {
        target.fail(round * 10_000);
        assert_eq!(target.rejects_for(round * 10_000), 10 * SECOND);
    }
}

#[test]
fn only_an_open_breaker_rejects_for_certain() {
    let target = Subject::new(BREAKER);
    let until = |target: &Subject<_>| target.breaker.rejects_until(&target.memory);
    assert_eq!(until(&target), None);
    target.control(5_000).trip();
    assert_eq!(until(&target), Some(Instant::from_nanos(15_000_000_000)));
    let _probe = target.ask(15_000).unwrap();
    assert_eq!(until(&target), None);
}
