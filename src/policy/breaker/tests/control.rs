//! Reading and moving a breaker.

use super::*;
use crate::failure::Reason;
use crate::observe::{Event, Tripped};
use crate::policy::Policy;
use crate::testing::{Recorder, TestClock};
use crate::{Delivery, RpcError};

const BREAKER: Breaker = Breaker::consecutive_failures(2).open_for(Duration::from_secs(10));

#[test]
fn a_tripped_breaker_is_open_for_its_time_and_then_tries() {
    let target = Subject::new(BREAKER);
    target.control(1_000).trip();
    assert_eq!(target.state(), BreakerState::Open);
    assert_eq!(target.ask(10_999).unwrap_err(), rejected(Cause::Other, millis(1)));
    assert_eq!(target.succeed(11_000), Some(Change::Closed));
}

#[test]
fn a_reset_breaker_is_as_it_was_made() {
    let target = Subject::new(BREAKER.growing(2.0, 60 * SECOND));
    target.control(0).trip();
    target.fail(10_000);
    target.control(10_000).reset();
    target.fail(10_000);
    target.control(10_000).reset();
    assert_eq!(target.fail(10_000), None, "nothing is counted");
    target.fail(10_000);
    assert_eq!(target.rejects_for(10_000), 10 * SECOND, "the first break");
}

#[test]
fn forced_open_it_rejects_until_it_is_reset() {
    let target = Subject::new(BREAKER);
    let early = target.ask(0).unwrap();
    target.control(0).force_open();
    for now in [0, 10_000, 1_000_000_000] {
        assert_eq!(target.ask(now).unwrap_err(), rejected(Cause::Other, Duration::ZERO));
    }
    assert_eq!(early.settle(Outcome::Success, &At(0, 0)), Some(Change::Late));
    assert_eq!(target.state(), BreakerState::ForcedOpen);
    target.control(0).reset();
    assert_eq!((target.succeed(0), target.state()), (None, BreakerState::Closed));
}

#[test]
fn forced_closed_it_lets_pass_and_counts_nothing() {
    let target = Subject::new(BREAKER);
    target.control(0).force_closed();
    for _ in 0..10 {
        assert_eq!(target.fail(0), None);
        target.succeed(0);
    }
    drop(target.ask(0).unwrap());
    let under_way = target.ask(0).unwrap();
    assert_eq!((target.state(), target.counts(0)), (BreakerState::ForcedClosed, (0, 0, 0)));
    assert_eq!(target.breaker.rejects_until(&target.memory), None, "a retry need not end");
    assert!(!target.control(0).observes_only(), "it does not even observe");
    target.control(0).reset();
    assert_eq!(under_way.settle(Outcome::Failure(Cause::Timeout), &At(0, 0)), None);
    assert_eq!(target.counts(0), (0, 0, 0));
}

#[test]
fn observing_only_it_counts_and_tells_and_never_rejects() {
    let target = Subject::new(BREAKER);
    target.control(0).observe_only();
    assert!(target.control(0).observes_only());
    target.fail(0);
    assert_eq!(target.fail(0), Some(Change::Opened { why: Tripped::Failures, cause: Cause::NoTarget }));
    assert_eq!(target.breaker.rejects_until(&target.memory), None, "a retry need not end");
    for _ in 0..5 {
        assert_eq!(target.fail(5_000), None, "a call that would not have been made says nothing");
    }
    let mut probe = target.ask(10_000).unwrap();
    assert_eq!(probe.begin(true), Some(Change::HalfOpened));
    let mut beside = target.ask(10_000).unwrap();
    assert_eq!(beside.begin(true), None);
    assert_eq!(beside.settle(Outcome::Failure(Cause::Timeout), &At(10_000, 10_000)), None);
    assert_eq!(probe.settle(Outcome::Success, &At(10_000, 10_000)), Some(Change::Closed));
    target.control(0).reset();
    assert!(!target.control(0).observes_only());
}

#[test]
fn what_is_forced_ends_with_a_trip() {
    let target = Subject::new(BREAKER);
    for force in [BreakerControl::force_open, BreakerControl::force_closed, BreakerControl::observe_only] {
        force(&target.control(0));
        target.control(0).trip();
        assert_eq!(target.state(), BreakerState::Open);
        assert!(target.ask(0).is_err());
    }
}

#[test]
fn what_control_does_is_reported_to_the_observer() {
    static SEEN: Recorder = Recorder::new();
    let clock = TestClock::new();
    let policy = Policy::new().breaker(BREAKER).observer(&SEEN);
    let control = policy.breaker_control().with(&clock);
    let kept = control.snapshot();
    control.force_open();
    control.force_closed();
    control.observe_only();
    control.trip();
    control.restore(kept.as_bytes()).unwrap();
    control.reset();
    let changes: Vec<_> = SEEN.take().iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "circuit breaker forced open",
            "circuit breaker forced closed",
            "circuit breaker closed: observing only",
            "circuit breaker open: tripped by hand",
            "circuit breaker closed: restored",
            "circuit breaker closed: reset by hand",
        ]
    );
    let down = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    for _ in 0..2 {
        policy.with(&clock).call(down).unwrap_err();
    }
    let opened = Change::Opened { why: Tripped::Failures, cause: Cause::NoTarget };
    assert!(SEEN.take().contains(&Event::BreakerChanged(opened)));
    assert_eq!(opened.to_string(), "open: too many calls failed in a row, the last: no target");
}

// case 14
#[test]
fn an_observer_may_use_the_control() {
    type Observed = Policy<(Breaker, fn(&Event))>;
    static POLICY: Observed = Policy::new().breaker(Breaker::consecutive_failures(1)).observer(reset);
    fn reset(event: &Event) {
        if let Event::BreakerChanged(Change::Opened { .. }) = event {
            POLICY.breaker_control().reset();
        }
    }
    for _ in 0..3 {
        let failed = POLICY.call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
        assert_eq!(failed.attempts(), 1, "never rejected");
    }
}

// case 25
#[test]
fn a_breaker_forced_open_during_a_call_ends_its_retries_at_once() {
    let policy = Policy::new().retry(crate::Retry::attempts(5)).breaker(BREAKER);
    let clock = TestClock::new();
    let failed = policy
        .with(&clock)
        .call(|| {
            policy.breaker_control().force_open();
            Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))
        })
        .unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), clock.slept().len()), (Reason::BreakerOpen, 1, 0));
    assert_eq!(crate::Failure::retry_after(&failed), Some(Duration::ZERO), "nobody can tell");
}

#[test]
fn a_policy_made_at_run_time_may_have_a_control() {
    assert!(Policy::new().optional(None::<Breaker>).unwrap().breaker_control().is_none());
    let policy = Policy::new().optional(Some(BREAKER)).unwrap();
    policy.breaker_control().unwrap().trip();
    assert_eq!(policy.breaker_control().unwrap().state(), BreakerState::Open);
}

#[test]
fn every_state_and_every_reason_has_a_name() {
    let names = [
        (BreakerState::Closed.to_string(), "closed"),
        (BreakerState::Open.to_string(), "open"),
        (BreakerState::HalfOpen.to_string(), "half-open"),
        (BreakerState::ForcedOpen.to_string(), "forced open"),
        (BreakerState::ForcedClosed.to_string(), "forced closed"),
        (Tripped::FailureRate.to_string(), "too many calls failed"),
        (Tripped::Probe.to_string(), "the target is not back"),
        (
            Change::Opened { why: Tripped::SlowCalls, cause: Cause::Timeout }.to_string(),
            "open: too many calls were slow",
        ),
    ];
    for (name, expected) in names {
        assert_eq!(name, expected);
    }
}
