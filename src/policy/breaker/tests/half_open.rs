//! Trying whether the target is back.

use super::*;
use crate::failure::Reason;
use crate::observe::{Event, Tripped};
use crate::policy::breaker::CountWindow;
use crate::policy::{Bulkhead, Policy};
use crate::testing::{Recorder, TestClock};
use crate::{Delivery, RpcError};

const BREAKER: Breaker =
    Breaker::consecutive_failures(1).open_for(Duration::from_secs(10)).probe_timeout(millis(2_000));
const RATE: Breaker<CountWindow> =
    Breaker::failure_rate(0.5).over_calls(10).open_for(Duration::from_secs(10)).probe_timeout(millis(2_000));

// case 9
#[test]
fn of_100_callers_at_once_only_the_probes_pass() {
    fn passed<W: Window>(breaker: Breaker<W>) -> usize {
        let target = Subject::opened(breaker);
        let asked: Vec<_> = (0..100).map(|_| target.ask(10_000)).collect();
        for rejection in asked.iter().filter_map(|asked| asked.as_ref().err()) {
            assert_eq!(*rejection, rejected(Cause::Other, Duration::ZERO));
        }
        asked.iter().filter(|asked| asked.is_ok()).count()
    }
    for probes in [1, 3, 15, 16] {
        assert_eq!(passed(BREAKER.probes(probes)), probes as usize);
        assert_eq!(passed(RATE.probes(probes)), probes as usize);
    }
}

#[test]
fn the_first_probe_and_no_other_tells_that_it_is_half_open() {
    let target = Subject::opened(BREAKER.probes(2));
    // One that is turned away before its attempt does not count.
    drop(target.ask(10_000).unwrap());
    let (mut one, mut other) = (target.ask(10_000).unwrap(), target.ask(10_000).unwrap());
    assert_eq!(other.begin(true), Some(Change::HalfOpened), "whichever begins first");
    assert_eq!((one.begin(true), other.begin(true)), (None, None));
    // One that is cancelled counts.
    drop((one, other));
    assert_eq!(target.ask(10_000).unwrap().begin(true), None);
    assert_eq!(Subject::new(BREAKER).ask(0).unwrap().begin(true), None);
}

#[test]
fn a_probe_that_waited_is_the_same_probe() {
    let target = Subject::opened(BREAKER);
    let mut probe = target.ask(10_000).unwrap();
    assert_eq!(probe.renew(&At(10_000, 11_000)), Ok(()));
    assert_eq!(probe.settle(Outcome::Success, &At(11_000, 11_000)), Some(Change::Closed));
}

#[test]
fn a_call_beside_the_probe_does_not_tell() {
    let target = Subject::new(BREAKER);
    target.control(0).observe_only();
    target.fail(0);
    let mut probe = target.ask(10_000).unwrap();
    let mut beside = target.ask(10_000).unwrap();
    assert_eq!((beside.begin(true), probe.begin(true)), (None, Some(Change::HalfOpened)));
}

#[test]
fn a_probe_that_another_part_turns_away_leaves_it_to_the_next_to_tell() {
    static SEEN: Recorder = Recorder::new();
    let breaker = BREAKER.probes(2).probe_timeout(Duration::MAX);
    let policy = Policy::new().breaker(breaker).bulkhead(Bulkhead::concurrent(1)).observer(&SEEN);
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let down = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    call.call(|| {
        // Beside this call, which has the only place, the breaker opens and its time passes.
        policy.breaker_control().with(&clock).trip();
        clock.advance(Duration::from_secs(10));
        assert_eq!(call.call(down).unwrap_err().reason(), Reason::BulkheadFull);
        Ok::<_, RpcError>(())
    })
    .unwrap();
    SEEN.take();
    call.call(|| Ok::<_, RpcError>(())).unwrap();
    let half_opened = Event::BreakerChanged(Change::HalfOpened);
    assert_eq!(SEEN.take()[..2], [half_opened, Event::AttemptStarted { attempt: 1 }]);
}

// case 9
#[test]
fn as_many_outcomes_as_probes_decide_and_no_call_more_is_let_through() {
    let target = Subject::opened(BREAKER.probes(3));
    target.succeed(10_000);
    let _second = target.ask(10_000).unwrap();
    let _third = target.ask(10_000).unwrap();
    assert!(target.ask(10_000).is_err());
}

// case 11
#[test]
fn an_ignored_probe_gives_its_place_back_and_counts_as_neither() {
    let target = Subject::opened(BREAKER.probes(2));
    let first = target.ask(10_000).unwrap();
    let second = target.ask(10_000).unwrap();
    drop(first);
    second.settle(Outcome::Failure(Cause::NoLink), &At(10_000, 10_000));
    assert_eq!(target.state(), BreakerState::HalfOpen);
    let _again = (target.ask(10_000).unwrap(), target.ask(10_000).unwrap());
    assert!(target.ask(10_000).is_err());
}

// case 12
#[test]
fn a_probe_that_never_returns_is_given_up_and_its_late_outcome_counts_for_nothing() {
    for outcome in [Outcome::Success, Outcome::Failure(Cause::Timeout)] {
        let target = Subject::opened(BREAKER);
        let mut lost = target.ask(10_000).unwrap();
        assert_eq!(lost.begin(true), Some(Change::HalfOpened));
        assert!(target.ask(11_999).is_err());
        let mut next = target.ask(12_000).expect("the place is free again");
        assert_eq!(next.begin(true), None, "it was half-open already");
        assert_eq!(lost.settle(outcome, &At(10_000, 12_000)), Some(Change::Late));
        assert_eq!(target.state(), BreakerState::HalfOpen);
        assert!(target.ask(12_000).is_err(), "a probe that was given up freed the place of another");
        assert_eq!(next.settle(Outcome::Success, &At(12_000, 12_000)), Some(Change::Closed));
    }
}

// case 12
#[test]
fn dropping_a_probe_that_was_given_up_frees_no_place() {
    let target = Subject::opened(BREAKER);
    let lost = target.ask(10_000).unwrap();
    let _next = target.ask(12_000).unwrap();
    drop(lost);
    assert!(target.ask(12_000).is_err());
}

#[test]
fn as_many_successes_as_probes_close_it_and_one_failure_opens_it_again() {
    let target = Subject::opened(BREAKER.probes(2));
    assert_eq!(target.succeed(10_000), None);
    assert_eq!(target.state(), BreakerState::HalfOpen);
    let opened = Change::Opened { why: Tripped::Probe, cause: Cause::NoTarget };
    assert_eq!(target.fail(10_500), Some(opened));
    assert_eq!(target.ask(10_500).unwrap_err(), rejected(Cause::NoTarget, 10 * SECOND));
    assert_eq!(target.succeed(20_500), None);
    assert_eq!(target.succeed(20_500), Some(Change::Closed));
}

// vector 8
#[test]
fn of_four_probes_the_rate_decides_and_an_ignored_one_gives_its_slot_back() {
    for (outcomes, state) in [
        ("FFSF", BreakerState::Open),
        ("FSSS", BreakerState::Closed),
        ("SSS-F", BreakerState::Closed),
        ("FFSS", BreakerState::Open),
        ("-S-S-F-S", BreakerState::Closed),
    ] {
        let target = Subject::opened(RATE.probes(4));
        for outcome in outcomes.chars() {
            let permit = target.ask(10_000).expect(outcomes);
            assert_eq!(target.state(), BreakerState::HalfOpen, "{outcomes}: decided too early");
            match outcome {
                'S' => drop(permit.settle(Outcome::Success, &At(10_000, 10_000))),
                'F' => drop(permit.settle(Outcome::Failure(Cause::Timeout), &At(10_000, 10_000))),
                _ => drop(permit),
            }
        }
        assert_eq!(target.state(), state, "{outcomes}");
    }
}

#[test]
fn the_reason_why_probes_of_a_rate_open_it_again_is_the_rate() {
    let target = Subject::opened(RATE.probes(2));
    target.fail(10_000);
    let change = target.succeed(10_000);
    assert_eq!(change, Some(Change::Opened { why: Tripped::FailureRate, cause: Cause::Timeout }));
}

#[test]
fn slow_probes_open_a_breaker_of_slow_calls_again() {
    let breaker = RATE.slow_calls(1.0, SECOND).probes(2);
    for (took, state) in [([1_001, 1_001], BreakerState::Open), ([1_001, 1_000], BreakerState::Closed)] {
        let target = Subject::opened(breaker);
        for took in took {
            let probe = target.ask(10_000).unwrap();
            probe.settle(Outcome::Success, &At(10_000, 10_000 + took));
        }
        assert_eq!(target.state(), state, "{took:?}");
    }
}

#[test]
fn probes_are_told_apart_after_their_numbers_began_again() {
    let target = Subject::opened(BREAKER.probes(2));
    drop(target.ask(10_000).unwrap());
    target.memory.with(|state| state.use_up_numbers());
    let first = target.ask(10_000).unwrap();
    let second = target.ask(10_000).unwrap();
    assert_ne!(first.admission, second.admission);
    assert_eq!(first.settle(Outcome::Success, &At(10_000, 10_000)), None);
    assert_eq!(second.settle(Outcome::Success, &At(10_000, 10_000)), Some(Change::Closed));
    let closed = target.ask(10_000).unwrap();
    assert_eq!(closed.settle(Outcome::Success, &At(10_000, 10_000)), None);
}
