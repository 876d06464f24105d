//! A budget of the calls in flight.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use super::super::in_flight::CallInFlight;
use super::*;
use crate::InFlightBudget;
use crate::testing::ManualClock;
use crate::{AttemptTimeout, Hedge};

fn leaked(budget: InFlightBudget) -> &'static InFlightBudget {
    Box::leak(Box::new(budget.check().unwrap()))
}

fn policy(budget: &'static InFlightBudget) -> Policy<(Retry<&'static InFlightBudget>,)> {
    Policy::new().retry(Retry::attempts(2).backoff(REGULAR).in_flight_budget(budget))
}

/// Calls in flight, each with its debt.
fn calls(budget: &'static InFlightBudget, number: usize) -> Vec<CallInFlight> {
    let call = || {
        let mut debt = CallInFlight::default();
        budget.counts(&mut debt);
        debt
    };
    (0..number).map(|_| call()).collect()
}

fn in_flight(budget: &InFlightBudget) -> (u32, u32) {
    (budget.calls(), budget.retries())
}

// The examples of Envoy: 20 %, at least 3.
#[test]
fn a_share_of_the_calls_in_flight_may_be_retries() {
    for (share, at_least, active, allowed) in [
        (0.2, 3, 25, 5),
        (0.2, 3, 2, 2),
        (0.2, 3, 3, 3),
        (0.2, 3, 15, 3),
        (0.2, 3, 19, 3),
        (0.2, 3, 20, 4),
        (0.2, 3, 100, 20),
        (0.25, 0, 100, 25),
        (0.2, 0, 4, 0),
        (0.2, 0, 5, 1),
        (1.0, 0, 7, 7),
        (0.000_001, 0, 999, 0),
        (0.1, u32::MAX, 9, 9),
    ] {
        let budget = leaked(InFlightBudget::new(share, at_least));
        let mut calls = calls(budget, active);
        let retries = calls.iter_mut().filter_map(|debt| budget.withdraw(debt, Cause::Other, &Then(0)).then_some(()));
        assert_eq!(retries.count(), allowed, "{share}, at least {at_least}: {active}");
        assert_eq!(in_flight(budget), (active as u32, allowed as u32));
        drop(calls);
        assert_eq!(in_flight(budget), (0, 0));
    }
    // With two calls, three retries: one call has two of them, a hedge beside a retry.
    let budget = leaked(InFlightBudget::new(0.2, 3));
    let mut calls = calls(budget, 2);
    assert_eq!(budget.room(), 3);
    assert!(budget.withdraw(&mut calls[0], Cause::Other, &Then(0)));
    assert!(budget.withdraw_beside(&mut calls[0], &Then(0)));
    assert!(budget.withdraw(&mut calls[1], Cause::Other, &Then(0)));
    assert!(!budget.withdraw_beside(&mut calls[1], &Then(0)));
    assert_eq!((in_flight(budget), budget.room()), ((2, 3), 0));
}

#[test]
fn a_next_retry_of_a_call_takes_the_place_of_the_one_before() {
    let budget = leaked(InFlightBudget::new(0.5, 1));
    let mut one = calls(budget, 1).remove(0);
    for _ in 0..5 {
        assert!(budget.withdraw(&mut one, Cause::Other, &Then(0)));
        budget.used(&mut one);
        assert_eq!(in_flight(budget), (1, 1));
    }
}

// Random calls that begin, retry, hedge, end and are dropped, beside plain lists.
#[test]
fn the_counts_are_those_of_a_slow_model() {
    let mut draws = SplitMix::new(25);
    for _ in 0..200 {
        let (percent, at_least) = (1 + draws.next() % 100, (draws.next() % 4) as u32);
        let budget = leaked(InFlightBudget::new(percent as f64 / 100.0, at_least));
        let mut model: Vec<(CallInFlight, u32)> = Vec::new();
        for _ in 0..300 {
            let place = draws.next() as usize % model.len().max(1);
            let retries = |model: &[(CallInFlight, u32)]| model.iter().map(|(_, retries)| *retries).sum::<u32>();
            let allowed = |model: &[(CallInFlight, u32)]| ((model.len() as u64 * percent / 100) as u32).max(at_least);
            match draws.next() % 6 {
                0 | 1 => model.push((calls(budget, 1).remove(0), 0)),
                _ if model.is_empty() => {}
                2 => drop(model.swap_remove(place)),
                3 | 4 => {
                    model[place].1 = 0;
                    let expected = retries(&model) < allowed(&model);
                    assert_eq!(budget.withdraw(&mut model[place].0, Cause::Timeout, &Then(0)), expected);
                    model[place].1 = u32::from(expected);
                }
                _ => {
                    let expected = retries(&model) < allowed(&model);
                    assert_eq!(budget.withdraw_beside(&mut model[place].0, &Then(0)), expected);
                    model[place].1 += u32::from(expected);
                }
            }
            assert_eq!(in_flight(budget), (model.len() as u32, retries(&model)));
            assert_eq!(budget.room(), allowed(&model).saturating_sub(retries(&model)));
        }
        drop(model);
        assert_eq!(in_flight(budget), (0, 0));
    }
}

// case 11
#[test]
fn calls_give_their_places_back_however_they_end() {
    let budget = leaked(InFlightBudget::new(0.2, 1));
    let policy = policy(budget).attempt_timeout(AttemptTimeout::after(secs(5)));
    let clock = TestClock::new();
    // While it runs, a call is in flight; a retry from its wait on.
    let mut made = 0;
    let outcome = policy.with(&clock).call(|| {
        made += 1;
        assert_eq!(in_flight(budget), (1, made - 1));
        if made == 1 { no_target() } else { Ok("hi") }
    });
    assert_eq!((outcome, in_flight(budget)), (Ok("hi"), (0, 0)));
    policy.with(&clock).call(no_target::<()>).unwrap_err();
    assert_eq!(in_flight(budget), (0, 0));
    policy.with(&clock).call(|| error::<()>(Cause::NoLink)).unwrap_err();
    assert_eq!(in_flight(budget), (0, 0));

    // Dropped in its attempt, in the wait before a retry, and before the first poll.
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut hangs = pin!(call.call_async(async || std::future::pending::<Result<(), RpcError>>().await));
        assert!(hangs.as_mut().poll(&mut context).is_pending());
        let mut waits = pin!(call.call_async(async || no_target::<()>()));
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert_eq!(in_flight(budget), (2, 1));
        drop(call.call_async(async || no_target::<()>()));
    }
    assert_eq!(in_flight(budget), (0, 0));
}

#[test]
fn calls_beyond_the_share_end_with_their_own_error() {
    let budget = leaked(InFlightBudget::new(0.2, 1));
    let clock = ManualClock::new();
    let policy = policy(budget);
    let call = policy.with(&clock);
    let mut context = Context::from_waker(Waker::noop());
    type Boxed<'f> = Pin<Box<dyn Future<Output = Option<Reason>> + 'f>>;
    let start = || Box::pin(async { Some(call.call_async(async || no_target::<()>()).await.err()?.reason()) }) as Boxed;
    let mut first = start();
    assert!(first.as_mut().poll(&mut context).is_pending(), "it waits for its retry");
    assert_eq!(start().as_mut().poll(&mut context), std::task::Poll::Ready(Some(Reason::Budget)));
    drop(first);
    assert!(start().as_mut().poll(&mut context).is_pending());
}

#[test]
fn a_hedge_is_a_retry_in_flight() {
    let budget = leaked(InFlightBudget::new(0.2, 1));
    let hedge = Hedge::after(secs(1)).max_hedges(3);
    let policy = Policy::new().retry(Retry::attempts(1).in_flight_budget(budget)).hedge(hedge);
    let clock = ManualClock::new();
    let most = std::cell::Cell::new((0, 0));
    let slow = async || {
        use crate::platform::clock::AsyncClock;
        most.set(in_flight(budget));
        clock.sleep_async(secs(10)).await;
        Ok::<_, RpcError>("hi")
    };
    assert_eq!(clock.run(policy.with(&clock).idempotent().call_hedged(slow)), Ok("hi"));
    assert_eq!((most.get(), in_flight(budget)), ((1, 1), (0, 0)));
}

// case 4
#[test]
fn a_share_that_makes_no_sense_is_refused() {
    for share in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
        let invalid = InFlightBudget::new(share, 3).check().unwrap_err().to_string();
        assert_eq!(invalid, format!("budget share: {share} is not allowed: it must be from 0.000001 to 1"));
    }
    assert!(InFlightBudget::new(0.000_001, 0).check().is_ok() && InFlightBudget::new(1.0, u32::MAX).check().is_ok());
}
