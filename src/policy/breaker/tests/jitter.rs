//! Breaks that are lengthened by a random share.

use std::collections::BTreeSet;

use super::*;
use crate::policy::Policy;
use crate::testing::{SplitMix, TestClock};
use crate::{Delivery, Failure, RpcError};

const BREAKER: Breaker = Breaker::consecutive_failures(1).open_for(Duration::from_secs(10));

/// How long a breaker is open that fails with this draw.
fn break_of(breaker: Breaker, draw: u64) -> Duration {
    let target = Subject::new(breaker);
    target.ask(0).unwrap().settle(Outcome::Failure(Cause::NoTarget), &Drawing(At(0, 0), draw));
    target.rejects_for(0)
}

#[test]
fn a_break_is_lengthened_by_the_share_that_is_drawn() {
    for (draw, expected) in [(0, 10_000), (u64::MAX / 2, 10_500), (u64::MAX, 11_000)] {
        assert_eq!(break_of(BREAKER.jitter(0.1), draw), millis(expected));
    }
    assert_eq!(break_of(BREAKER.jitter(1.0), u64::MAX), 20 * SECOND);
    assert_eq!(break_of(BREAKER.jitter(1.0).open_for(Duration::MAX), u64::MAX), Duration::from_nanos(u64::MAX));
}

// case 1, case 2
#[test]
fn jitter_is_drawn_below_the_longest_break() {
    let breaker = BREAKER.jitter(0.5).growing(1.0, 12 * SECOND);
    assert_eq!(break_of(breaker, u64::MAX), 12 * SECOND);
    assert_eq!(break_of(breaker, u64::MAX / 2), 11 * SECOND, "uniform, not piled up at the cap");
    assert_eq!(break_of(breaker.open_for(12 * SECOND), u64::MAX), 12 * SECOND);
}

#[test]
fn a_break_grows_from_the_last_without_its_jitter() {
    let target = Subject::new(BREAKER.jitter(0.5).growing(2.0, 60 * SECOND));
    target.ask(0).unwrap().settle(Outcome::Failure(Cause::NoTarget), &Drawing(At(0, 0), u64::MAX));
    assert_eq!(target.rejects_for(0), 15 * SECOND);
    let probe = target.ask(15_000).unwrap();
    probe.settle(Outcome::Failure(Cause::NoTarget), &Drawing(At(15_000, 15_000), 0));
    assert_eq!(target.rejects_for(15_000), 20 * SECOND);
}

#[test]
fn draws_are_uniform_and_within_the_share() {
    let mut draws = SplitMix::new(4);
    let mut sum = 0.0;
    for _ in 0..10_000 {
        let longer = break_of(BREAKER.jitter(0.1), draws.next()).as_secs_f64() - 10.0;
        assert!((0.0..=1.0).contains(&longer), "{longer}");
        sum += longer;
    }
    assert!((sum / 10_000.0 - 0.5).abs() < 0.02, "{sum}");
}

#[test]
fn instances_that_open_together_probe_apart() {
    let probes: BTreeSet<_> = (0..50)
        .map(|seed| {
            let clock = TestClock::seeded(seed);
            let policy = Policy::new().breaker(BREAKER.jitter(0.1));
            let down = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
            policy.with(&clock).call(down).unwrap_err();
            let rejected = policy.with(&clock).call(down).unwrap_err();
            let left = rejected.retry_after().expect("the time until the probe");
            clock.advance(left - Duration::from_nanos(1));
            assert!(policy.with(&clock).call(down).unwrap_err().attempts() == 0, "it is open until then");
            clock.advance(Duration::from_nanos(1));
            assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("probe")), Ok("probe"));
            left
        })
        .collect();
    assert!(probes.len() >= 49, "{}", probes.len());
}

#[test]
fn a_retry_is_told_the_lengthened_break() {
    let clock = TestClock::new();
    let policy = Policy::new().retry(crate::Retry::attempts(5)).breaker(BREAKER.jitter(0.1));
    let down = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    let failed = policy.with(&clock).call(down).unwrap_err();
    assert_eq!((failed.attempts(), failed.retry_after()), (1, Some(11 * SECOND)));
}

#[test]
fn a_number_is_drawn_only_where_a_break_may_begin() {
    let target = Subject::new(Breaker::consecutive_failures(1).jitter(0.1));
    // `At` panics when it is asked for a number.
    target.succeed(0);
    let opens = target.ask(0).unwrap();
    assert!(opens.settle(Outcome::Failure(Cause::NoTarget), &Drawing(At(0, 0), 0)).is_some());
    assert!(target.ask(0).is_err());
    let probe = target.ask(5_000).unwrap();
    assert_eq!(probe.settle(Outcome::Success, &Drawing(At(5_000, 5_000), 0)), Some(Change::Closed));
    let without = Subject::new(BREAKER);
    assert!(without.fail(0).is_some());
    without.control(0).trip();
}

#[test]
fn a_trip_by_hand_is_lengthened_too() {
    let clock = TestClock::new();
    let policy = Policy::new().breaker(BREAKER.jitter(0.1));
    policy.breaker_control().with(&clock).trip();
    clock.advance(millis(10_999));
    let call = || policy.with(&clock).call(|| Ok::<_, RpcError>(()));
    assert_eq!(call().unwrap_err().retry_after(), Some(millis(1)));
    clock.advance(millis(1));
    call().unwrap();
}

// case 23
#[test]
fn a_snapshot_keeps_a_lengthened_break() {
    let breaker = BREAKER.jitter(0.1);
    let target = Subject::new(breaker);
    target.ask(0).unwrap().settle(Outcome::Failure(Cause::NoTarget), &Drawing(At(0, 0), u64::MAX));
    let kept = target.control(500).snapshot();
    let other = Subject::new(breaker);
    other.control(0).restore(kept.as_bytes()).expect("a break within its length");
    assert_eq!(other.rejects_for(0), millis(10_500));
    assert!(Subject::new(BREAKER).control(0).restore(kept.as_bytes()).is_err(), "longer than a break without jitter");
}
