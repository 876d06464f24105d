//! Rate limits in front of calls.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use super::*;
use crate::platform::clock::{AsyncClock, Clock, Instant};
use crate::platform::rng::Rng;
use crate::testing::{Recorder, SplitMix, TestClock, Then, block_on};
use crate::{Breaker, Bulkhead, Deadline, Delivery, Event, Failure, Policy, Retry, RpcError};

// case 11
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_call_that_was_cancelled_under_way_counts() {
    let policy = Policy::new().rate_limit(RateLimit::per_second(1));
    let clock = TestClock::new();
    {
        let call = policy.with(&clock);
        let mut cancelled = pin!(call.call_async(async || core::future::pending::<Result<(), RpcError>>().await));
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let failed = policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap_err();
    assert_eq!((failed.reason(), failed.retry_after()), (Reason::RateLimited, Some(secs(1))));
    // case 13
    clock.advance(secs(1));
    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("a bug of the caller") })
    }));
    assert!(panicked.is_err());
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_err());
    clock.advance(secs(1));
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok());
}

// case 14
#[test]
fn a_call_may_go_through_the_same_policy_again() {
    let policy = Policy::new().rate_limit(RateLimit::per_second(2));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let outcome = call.call(|| {
        call.call(|| call.call(|| Ok::<_, RpcError>("third")).map_err(RpcError::from)).map_err(RpcError::from)
    });
    assert_eq!(outcome.unwrap_err().retry_after(), Some(Duration::from_millis(500)));
}

#[test]
fn a_call_costs_one_look_at_the_clock_and_none_more_with_a_deadline() {
    let policy = Policy::new().rate_limit(RateLimit::per_second(10)).bulkhead(Bulkhead::concurrent(1).waiting(1));
    let clock = TestClock::new();
    policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(clock.reads(), 1);
    block_on(policy.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 2);
    let bounded = policy.deadline(Deadline::after(secs(3)));
    bounded.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    block_on(bounded.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 4);
}

#[test]
fn a_rejected_call_is_no_failure_of_the_target_and_ends_the_retries() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new()
        .retry(Retry::attempts(5))
        .breaker(Breaker::consecutive_failures(2))
        .rate_limit(RateLimit::tokens(1).every(secs(3_600)))
        .observer(&SEEN);
    let clock = TestClock::new();
    let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    let failed = policy.with(&clock).call(no_target).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::RateLimited, 1));
    assert_eq!(failed.last(), no_target().as_ref().err(), "the last real error is kept");
    assert_eq!(failed.cause(), Cause::NoTarget);
    for _ in 0..5 {
        let wait = secs(3_600) - Duration::from_nanos(clock.now().as_nanos());
        SEEN.take();
        let rejected = policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("on the wire") }).unwrap_err();
        assert_eq!((rejected.reason(), rejected.attempts()), (Reason::RateLimited, 0));
        assert_eq!((rejected.cause(), rejected.delivery()), (Cause::Overloaded, Delivery::NotSent));
        assert_eq!(rejected.retry_after(), Some(wait));
        assert_eq!(rejected.to_string(), "overloaded; not called: the rate limit is reached");
        assert_eq!(
            SEEN.take(),
            [
                Event::Rejected { reason: Reason::RateLimited },
                Event::GaveUp { reason: Reason::RateLimited, attempts: 0 }
            ]
        );
        clock.advance(secs(60));
    }
    clock.advance(secs(3_600));
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok(), "the breaker is closed");
}

#[test]
fn both_drivers_wait_before_the_attempt_and_say_so() {
    static SEEN: Recorder = Recorder::new();
    let limit = RateLimit::per_second(1).wait_up_to(secs(5));
    let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    for awaited in [false, true] {
        let policy = Policy::new().retry(Retry::attempts(2)).rate_limit(limit).observer(&SEEN);
        let clock = TestClock::new();
        let mut began = Vec::new();
        let mut attempt = || {
            began.push(Clock::now(&clock).as_nanos());
            no_target()
        };
        let failed = match awaited {
            false => policy.with(&clock).call(attempt),
            true => block_on(policy.with(&clock).call_async(async || attempt())),
        };
        assert_eq!(failed.unwrap_err().attempts(), 2);
        assert_eq!(began, [0, SECOND], "awaited: {awaited}");
        assert_eq!(clock.slept(), [Duration::from_millis(50), Duration::from_millis(950)]);
        let delays: Vec<_> = SEEN.take().into_iter().filter(|event| matches!(event, Event::Delayed { .. })).collect();
        let delay = |millis| Event::Delayed { attempt: 2, delay: Duration::from_millis(millis) };
        assert_eq!(delays, [delay(50), delay(950)]);
    }
}

// case 5, case 15
#[test]
fn a_wait_past_the_deadline_is_refused_and_consumes_nothing() {
    let limit = RateLimit::tokens(1).every(secs(10)).wait_up_to(secs(60));
    for awaited in [false, true] {
        let policy = Policy::new().deadline(Deadline::after(secs(3))).rate_limit(limit);
        let clock = TestClock::new();
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        for _ in 0..10 {
            let never = || -> Result<(), RpcError> { panic!("on the wire") };
            let failed = match awaited {
                false => policy.with(&clock).call(never),
                true => block_on(policy.with(&clock).call_async(async || never())),
            };
            let failed = failed.unwrap_err();
            assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, 0));
            assert!(clock.slept().is_empty(), "the check is made before sleeping");
        }
        clock.advance(Duration::from_millis(7_001));
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        assert_eq!(clock.slept(), [Duration::from_millis(2_999)]);
    }
}

/// A test clock whose sleeps take longer than they should.
struct Late(TestClock);

impl Clock for Late {
    fn now(&self) -> Instant {
        self.0.now()
    }
    fn sleep(&self, duration: Duration) {
        self.0.sleep(duration * 100);
    }
}

impl AsyncClock for Late {
    async fn sleep_async(&self, duration: Duration) {
        self.sleep(duration);
    }
}

impl Rng for Late {
    fn draw(&self) -> u64 {
        0
    }
}

// case 5, case 15
#[test]
fn a_wait_that_takes_too_long_begins_no_attempt_after_the_deadline_and_consumes_nothing() {
    for awaited in [false, true] {
        let policy =
            Policy::new().deadline(Deadline::after(secs(3))).rate_limit(RateLimit::per_second(1).wait_up_to(secs(60)));
        let clock = Late(TestClock::new());
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        let never = || -> Result<(), RpcError> { panic!("on the wire") };
        let failed = match awaited {
            false => policy.with(&clock).call(never),
            true => block_on(policy.with(&clock).call_async(async || never())),
        };
        assert_eq!(failed.unwrap_err().reason(), Reason::Deadline);
        assert_eq!(call(&policy.rate_limit.guard, &policy.rate_limit.memory, SECOND), Ok(0), "the place is free");
    }
}

/// A clock whose sleeps never end: what waits can be abandoned.
struct Endless;

impl Clock for Endless {
    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }
    fn sleep(&self, _: Duration) {}
}

impl AsyncClock for Endless {
    async fn sleep_async(&self, _: Duration) {
        core::future::pending().await
    }
}

impl Rng for Endless {
    fn draw(&self) -> u64 {
        0
    }
}

// case 15, case 26
#[test]
fn a_hundred_awaited_calls_line_up_and_those_that_are_abandoned_consume_nothing() {
    let policy = Policy::new().rate_limit(RateLimit::per_second(1).wait_up_to(secs(1_000)));
    let calls: Vec<_> = (0..100).map(|_| policy.with(Endless)).collect();
    let mut futures: Vec<_> =
        calls.iter().map(|call| Box::pin(call.call_async(async || Ok::<_, RpcError>(())))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let polls: Vec<_> = futures.iter_mut().map(|future| future.as_mut().poll(&mut context).is_ready()).collect();
    assert_eq!(polls.iter().filter(|ready| **ready).count(), 1, "one passes, the others wait");
    let wait = || policy.rate_limit.guard.admit(&policy.rate_limit.memory, &Then(0)).unwrap().delay() / SECOND;
    assert_eq!(wait(), 100);
    let mut random = SplitMix::new(7);
    drop(futures.remove(0));
    while !futures.is_empty() {
        drop(futures.swap_remove((random.next() % futures.len() as u64) as usize));
    }
    assert_eq!(wait(), 1);
}

#[test]
fn awaited_and_blocking_calls_share_one_limit() {
    let policy = Policy::new().rate_limit(RateLimit::window(2, secs(1)));
    let clock = TestClock::new();
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok());
    let call = policy.with(&clock);
    let mut awaited = pin!(call.call_async(async || Ok::<_, RpcError>(())));
    assert!(matches!(awaited.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap_err().retry_after(), Some(secs(1)));
}
