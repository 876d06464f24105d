//! Limits as a user of a policy sees them: calls in, results, events and looks at the clock out.

use core::cell::Cell;
use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use super::*;
use crate::testing::{Recorder, TestClock, block_on};
use crate::{AttemptTimeout, Delivery, Event, Failure, Retry, RpcError};

fn overloaded() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::Overloaded, Delivery::NotSent))
}

#[test]
fn only_what_says_something_about_load_moves_a_limit() {
    for (cause, limit) in [
        (Cause::Overloaded, 18),
        (Cause::Timeout, 18),
        (Cause::Disconnected, 20),
        (Cause::NoTarget, 20),
        (Cause::Trapped, 20),
        (Cause::Other, 20),
        (Cause::NoLink, 20),
        (Cause::Protocol, 20),
    ] {
        let policy = Policy::new().concurrency(AIMD);
        let fail = || Err::<(), _>(RpcError::new(cause, Delivery::Unknown));
        policy.with(&TestClock::new()).call(fail).unwrap_err();
        assert_eq!((policy.concurrency_limit(), policy.in_flight()), (limit, 0), "{cause:?}");

        // 20 * 0.8 + 0.2 * (20 / 2 + 4) = 18.8
        let policy = Policy::new().concurrency(GRADIENT);
        let clock = TestClock::new();
        for _ in 0..2 {
            policy.with(&clock).call(fail).unwrap_err();
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!((policy.concurrency_limit(), policy.in_flight()), (limit, 0), "{cause:?}");
    }
}

#[test]
fn aimd_reads_no_clock_and_the_gradient_reads_it_twice() {
    let clock = TestClock::new();
    let aimd = Policy::new().concurrency(AIMD);
    aimd.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    block_on(aimd.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 0);
    let gradient = Policy::new().concurrency(GRADIENT);
    gradient.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(clock.reads(), 2);
    block_on(gradient.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 4);
}

#[test]
fn the_gradient_measures_the_calls_of_a_policy() {
    // Ten calls of 100 ms open and close a window of 0.9 s. The first tells the base, and then it grows by 0.2 times a
    // third of a call, and a little more each time.
    let policy = Policy::new().concurrency(GRADIENT.start(1).window(Duration::from_millis(900)));
    let clock = TestClock::new();
    let mut limits = Vec::new();
    for _ in 0..200 {
        let call = || {
            clock.advance(Duration::from_millis(100));
            Ok::<_, RpcError>(())
        };
        policy.with(&clock).call(call).unwrap();
        limits.push(policy.concurrency_limit());
    }
    assert_eq!((limits[100], limits[199]), (1, 2), "one call is less than half of more than 2");
    let base = policy.bulkhead.memory.0.with(|state| state.algorithm.base);
    assert_eq!(base, 100_000_000);
}

#[test]
fn a_call_that_runs_out_of_time_shrinks_the_limit() {
    let policy = Policy::new().concurrency(AIMD).attempt_timeout(AttemptTimeout::after(Duration::from_secs(1)));
    let clock = TestClock::new();
    let failed =
        block_on(policy.with(&clock).call_async(async || pending::<Result<(), RpcError>>().await)).unwrap_err();
    assert_eq!(failed.cause(), Cause::Timeout);
    assert_eq!((policy.concurrency_limit(), policy.in_flight()), (18, 0));
}

#[test]
fn a_call_beyond_the_limit_is_rejected_at_once_and_says_why() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().retry(Retry::attempts(3)).concurrency(AIMD.max(1)).observer(&SEEN);
    let clock = TestClock::new();
    let inner = policy
        .with(&clock)
        .call(|| {
            SEEN.take();
            Ok::<_, RpcError>(policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("called") }).unwrap_err())
        })
        .unwrap();
    assert_eq!((inner.reason(), inner.attempts(), inner.last()), (Reason::BulkheadFull, 0, None));
    assert_eq!((inner.cause(), inner.delivery()), (Cause::Overloaded, Delivery::NotSent));
    assert_eq!(inner.to_string(), "overloaded; not called: too many calls are under way");
    let full = Reason::BulkheadFull;
    let events = [Event::Rejected { reason: full }, Event::GaveUp { reason: full, attempts: 0 }];
    assert_eq!(SEEN.take()[..2], events);
    assert_eq!(policy.in_flight(), 0);
}

type Boxed<'f> = Pin<Box<dyn Future<Output = Result<(), Reason>> + 'f>>;

// case 11, case 26
#[test]
fn of_100_interleaved_calls_as_many_run_as_the_limit_is_high_and_dropped_ones_count_as_neither() {
    let policy = Policy::new().concurrency(AIMD.start(40));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let open = Cell::new(false);
    let start = || {
        Box::pin(async {
            let operation = async || {
                poll_fn(|_| if open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
                Ok::<_, RpcError>(())
            };
            call.call_async(operation).await.map_err(|failed| failed.reason())
        }) as Boxed
    };
    let mut context = Context::from_waker(Waker::noop());
    let mut calls: Vec<_> = (0..100).map(|_| start()).collect();
    let first: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(&mut context)).collect();
    assert!(first[..40].iter().all(Poll::is_pending));
    assert!(first[40..].iter().all(|poll| *poll == Poll::Ready(Err(Reason::BulkheadFull))));
    assert_eq!(policy.in_flight(), 40);

    calls.truncate(30);
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (30, 40));
    let mut later: Vec<_> = (0..11).map(|_| start()).collect();
    let passed = later.iter_mut().filter_map(|call| call.as_mut().poll(&mut context).is_pending().then_some(()));
    assert_eq!(passed.count(), 10, "the places of dropped calls are free");
    open.set(true);
    for (call, others) in calls.iter_mut().chain(&mut later[..10]).zip((0..40).rev()) {
        assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(Ok(())));
        assert_eq!(policy.in_flight(), others);
    }
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 40), "half of 40 successes were below half of it");
}

// case 11
#[test]
fn a_future_that_is_dropped_before_it_is_polled_takes_no_place() {
    let policy = Policy::new().concurrency(GRADIENT);
    let clock = TestClock::new();
    let call = policy.with(&clock);
    drop(call.call_async(async || overloaded()));
    assert_eq!(policy.in_flight(), 0);
    {
        let mut dropped = pin!(call.call_async(async || pending::<Result<(), RpcError>>().await));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(policy.in_flight(), 1);
    }
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 20));
}

// case 13
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn an_operation_or_a_clock_that_panics_gives_its_place_back() {
    struct Broken;
    impl crate::platform::clock::Clock for Broken {
        fn now(&self) -> Instant {
            panic!("no time")
        }
        fn sleep(&self, _: Duration) {}
    }
    impl crate::platform::rng::Rng for Broken {
        fn draw(&self) -> u64 {
            0
        }
    }
    let policy = Policy::new().concurrency(GRADIENT);
    let clock = TestClock::new();
    let operation =
        std::panic::AssertUnwindSafe(|| policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("no") }));
    assert!(std::panic::catch_unwind(operation).is_err());
    assert_eq!(policy.in_flight(), 0);
    let now = std::panic::AssertUnwindSafe(|| policy.with(Broken).call(|| Ok::<_, RpcError>(())));
    assert!(std::panic::catch_unwind(now).is_err());
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 20));
}

#[test]
fn a_limit_decided_at_run_time_tells_what_it_is() {
    let policy = Policy::new().optional(Some(AIMD)).unwrap();
    let seen = || (policy.concurrency_limit(), policy.in_flight());
    assert_eq!(policy.with(&TestClock::new()).call(|| Ok::<_, RpcError>(seen())), Ok((Some(20), Some(1))));
    assert_eq!(seen(), (Some(20), Some(0)));
    let without = Policy::new().optional(None::<Concurrency<Aimd>>).unwrap();
    assert_eq!((without.concurrency_limit(), without.in_flight()), (None, None));
}
