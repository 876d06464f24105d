//! Calls that wait between the breaker and their attempt: in a bulkhead's line, or for a rate limit.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use super::*;
use crate::failure::Reason;
use crate::observe::{Event, Tripped};
use crate::platform::rng::Rng;
use crate::policy::{Bulkhead, Policy, RateLimit, Retry};
use crate::testing::{ManualClock, Recorder, TestClock};
use crate::{Delivery, Failed, Failure, RpcError};

const BREAKER: Breaker =
    Breaker::consecutive_failures(1).open_for(Duration::from_secs(10)).probe_timeout(millis(2_000));

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A call that is over once `outcome` is there.
async fn until(outcome: &Cell<Option<Result<(), RpcError>>>) -> Result<(), RpcError> {
    poll_fn(|_| outcome.take().map_or(Poll::Pending, Poll::Ready)).await
}

async fn never() -> Result<(), RpcError> {
    panic!("reached the wire")
}

fn down() -> RpcError {
    RpcError::new(Cause::NoTarget, Delivery::NotSent)
}

#[track_caller]
fn turned_away<T>(outcome: Poll<Result<T, Failed>>) -> Failed {
    let Poll::Ready(Err(failed)) = outcome else { panic!("let through") };
    assert_eq!((failed.reason(), failed.attempts(), failed.last()), (Reason::BreakerOpen, 0, None));
    failed
}

#[test]
fn a_waiter_is_turned_away_when_the_breaker_opened_meanwhile() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new()
        .retry(Retry::attempts(3))
        .breaker(BREAKER)
        .bulkhead(Bulkhead::concurrent(1).waiting(2))
        .observer(&SEEN);
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut first = pin!(call.call_async(async || until(&outcome).await));
    let mut waiters = [(); 2].map(|()| Box::pin(call.call_async(never)));
    assert!(poll(first.as_mut()).is_pending());
    assert!(waiters.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
    outcome.set(Some(Err(down())));
    assert!(poll(first.as_mut()).is_ready());
    SEEN.take();
    clock.advance(SECOND);
    for waiter in &mut waiters {
        let failed = turned_away(poll(waiter.as_mut()));
        assert_eq!((failed.cause(), failed.retry_after()), (Cause::NoTarget, Some(9 * SECOND)));
        let reason = Reason::BreakerOpen;
        assert_eq!(SEEN.take(), [Event::Rejected { reason }, Event::GaveUp { reason, attempts: 0 }]);
    }
    // Nobody holds the place, and what was turned away is no failure of the target.
    clock.advance(9 * SECOND);
    assert_eq!(call.call(|| Ok::<_, RpcError>("back")), Ok("back"));
    assert_eq!(policy.breaker_control().with(&clock).state(), BreakerState::Closed);
}

#[test]
fn a_waiter_whose_turn_comes_in_the_state_that_let_it_through_looks_at_no_clock() {
    let policy = Policy::new().breaker(BREAKER).bulkhead(Bulkhead::concurrent(1).waiting(1));
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut first = pin!(call.call_async(async || until(&outcome).await));
    let mut second = pin!(call.call_async(async || Ok::<_, RpcError>("hi")));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    outcome.set(Some(Ok(())));
    assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(poll(second.as_mut()), Poll::Ready(Ok("hi")));
    assert_eq!(clock.reads(), 0);
}

#[test]
fn a_breaker_that_is_decided_at_run_time_is_asked_again_too() {
    let policy = Policy::new().optional(Some(BREAKER)).unwrap().bulkhead(Bulkhead::concurrent(1).waiting(1));
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut first = pin!(call.call_async(async || until(&outcome).await));
    let mut second = pin!(call.call_async(never));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    outcome.set(Some(Err(down())));
    assert!(poll(first.as_mut()).is_ready());
    turned_away(poll(second.as_mut()));
}

// case 9
#[test]
fn waiters_whose_turn_comes_when_the_breaker_may_probe_are_probes_and_no_more_than_allowed() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().breaker(BREAKER).bulkhead(Bulkhead::concurrent(2).waiting(2)).observer(&SEEN);
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcomes = [const { Cell::new(None) }; 3];
    let [probed, others @ ..] = &outcomes;
    let mut early = others.each_ref().map(|outcome| Box::pin(call.call_async(async move || until(outcome).await)));
    let mut probe = pin!(call.call_async(async || until(probed).await));
    let mut other = pin!(call.call_async(never));
    assert!(early.iter_mut().all(|early| poll(early.as_mut()).is_pending()));
    assert!(poll(probe.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
    for (early, outcome) in early.iter_mut().zip(others) {
        outcome.set(Some(Err(down())));
        assert!(poll(early.as_mut()).is_ready());
    }
    clock.advance(10 * SECOND);
    SEEN.take();
    assert!(poll(probe.as_mut()).is_pending());
    assert_eq!(SEEN.take(), [Event::BreakerChanged(Change::HalfOpened), Event::AttemptStarted { attempt: 1 }]);
    assert_eq!(turned_away(poll(other.as_mut())).retry_after(), Some(Duration::ZERO));
    probed.set(Some(Ok(())));
    assert!(poll(probe.as_mut()).is_ready());
    assert_eq!(policy.breaker_control().with(&clock).state(), BreakerState::Closed);
}

// case 9
#[test]
fn a_waiter_in_line_holds_no_probe() {
    let policy = Policy::new().breaker(BREAKER).bulkhead(Bulkhead::concurrent(1).waiting(2));
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut early = pin!(call.call_async(async || until(&outcome).await));
    assert!(poll(early.as_mut()).is_pending());
    policy.breaker_control().with(&clock).trip();
    clock.advance(10 * SECOND);
    let mut slow = pin!(call.call_async(async || Ok::<_, RpcError>("back")));
    assert!(poll(slow.as_mut()).is_pending());
    clock.advance(2 * SECOND);
    let mut other = pin!(call.call_async(async || Ok::<_, RpcError>("too")));
    assert!(poll(other.as_mut()).is_pending());
    outcome.set(Some(Ok(())));
    assert!(poll(early.as_mut()).is_ready());
    // The first in line asks the breaker when its turn comes, however long it waited.
    assert_eq!(poll(slow.as_mut()), Poll::Ready(Ok("back")));
    assert_eq!(poll(other.as_mut()), Poll::Ready(Ok("too")));
    assert_eq!(policy.breaker_control().with(&clock).state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_waited_its_turn_is_the_same_probe() {
    let policy = Policy::new().breaker(BREAKER).bulkhead(Bulkhead::concurrent(1).waiting(2));
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut early = pin!(call.call_async(async || until(&outcome).await));
    assert!(poll(early.as_mut()).is_pending());
    policy.breaker_control().with(&clock).trip();
    clock.advance(10 * SECOND);
    let mut probe = pin!(call.call_async(async || Ok::<_, RpcError>("back")));
    assert!(poll(probe.as_mut()).is_pending());
    clock.advance(SECOND);
    outcome.set(Some(Ok(())));
    assert!(poll(early.as_mut()).is_ready());
    assert_eq!(poll(probe.as_mut()), Poll::Ready(Ok("back")));
    assert_eq!(policy.breaker_control().with(&clock).state(), BreakerState::Closed);
}

/// A clock on whose sleeps something happens.
struct Sleeping<'s>(TestClock, &'s dyn Fn());

impl Clock for Sleeping<'_> {
    fn now(&self) -> Instant {
        Clock::now(&self.0)
    }
    fn sleep(&self, duration: Duration) {
        self.0.sleep(duration);
        (self.1)();
    }
}

impl Rng for Sleeping<'_> {
    fn draw(&self) -> u64 {
        0
    }
}

#[test]
fn a_call_that_waits_for_the_rate_limit_is_turned_away_when_the_breaker_opened_meanwhile() {
    static SEEN: Recorder = Recorder::new();
    let limit = RateLimit::per_second(1).burst(1).wait_up_to(SECOND);
    let policy = Policy::new().breaker(BREAKER).rate_limit(limit).observer(&SEEN);
    let trip = || {
        policy.breaker_control().with(TestClock::new()).trip();
    };
    let clock = Sleeping(TestClock::new(), &trip);
    policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    SEEN.take();
    let failed = policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("reached the wire") }).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 0));
    let reason = Reason::BreakerOpen;
    let opened = Change::Opened { why: Tripped::Manual, cause: Cause::Other };
    assert_eq!(
        SEEN.take(),
        [
            Event::Delayed { attempt: 1, delay: SECOND },
            Event::BreakerChanged(opened),
            Event::Rejected { reason },
            Event::GaveUp { reason, attempts: 0 }
        ]
    );
    // Its place in time is free again.
    policy.breaker_control().reset();
    assert_eq!(policy.with(&clock.0).call(|| Ok::<_, RpcError>("in time")), Ok("in time"));
    assert_eq!(clock.0.slept(), [SECOND]);
}

#[test]
fn an_awaited_call_that_waits_for_the_rate_limit_is_turned_away_too_or_becomes_the_probe() {
    static SEEN: Recorder = Recorder::new();
    let limit = RateLimit::per_second(1).burst(1).wait_up_to(20 * SECOND);
    let policy = Policy::new().breaker(BREAKER.open_for(millis(1_500))).rate_limit(limit).observer(&SEEN);
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    call.call(|| Ok::<_, RpcError>(())).unwrap();
    let mut waiting = pin!(call.call_async(never));
    let mut later = pin!(call.call_async(async || Ok::<_, RpcError>("back")));
    assert!(poll(waiting.as_mut()).is_pending() && poll(later.as_mut()).is_pending());
    policy.breaker_control().with(&clock).trip();
    clock.advance(SECOND);
    assert_eq!(turned_away(poll(waiting.as_mut())).retry_after(), Some(millis(500)));
    SEEN.take();
    clock.advance(SECOND);
    assert_eq!(poll(later.as_mut()), Poll::Ready(Ok("back")));
    let seen = SEEN.take();
    assert_eq!(seen[..2], [Event::BreakerChanged(Change::HalfOpened), Event::AttemptStarted { attempt: 1 }]);
}

#[test]
fn who_passes_a_breaker_that_only_observes_keeps_its_turn() {
    let policy = Policy::new().breaker(BREAKER).bulkhead(Bulkhead::concurrent(1).waiting(1));
    policy.breaker_control().observe_only();
    let clock = ManualClock::new();
    let call = policy.with(&clock);
    let outcome = Cell::new(None);
    let mut first = pin!(call.call_async(async || until(&outcome).await));
    let mut second = pin!(call.call_async(async || Ok::<_, RpcError>("hi")));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    outcome.set(Some(Err(down())));
    assert!(poll(first.as_mut()).is_ready());
    assert_eq!(poll(second.as_mut()), Poll::Ready(Ok("hi")));
}
