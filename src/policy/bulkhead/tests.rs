//! The bulkhead alone, and in front of calls.

use core::cell::Cell;
use core::future::{pending, poll_fn};
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

use super::*;
use crate::testing::{Recorder, TestClock, Then, block_on};
use crate::{Breaker, Deadline, Delivery, Event, Failed, Failure, Policy, Retry, RpcError};

/// Counts how often it was woken.
#[derive(Default)]
pub(super) struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    pub fn rings(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An operation that is done once `done` says so.
async fn until(done: &Cell<bool>) -> Result<&'static str, RpcError> {
    poll_fn(|_| if done.get() { Poll::Ready(Ok("hi")) } else { Poll::Pending }).await
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let refused = Bulkhead::concurrent(0).waiting(5).check().unwrap_err();
    assert_eq!(refused.to_string(), "bulkhead concurrent: 0 is not allowed: it must be 1 or more");
    for (calls, line) in [(1, 0), (1, u32::MAX), (u32::MAX, 0)] {
        assert!(Bulkhead::concurrent(calls).waiting(line).check().is_ok());
    }
}

#[test]
fn by_default_nobody_waits() {
    assert_eq!(Bulkhead::concurrent(3), Bulkhead::concurrent(3).waiting(0));
    let memory = Bulkhead::NEW;
    let bulkhead = Bulkhead::concurrent(1);
    let _in = bulkhead.admit(&memory, &Then(0)).unwrap();
    assert_eq!(block_on(bulkhead.turn(&memory)).unwrap_err(), full());
    assert_eq!(memory.0.with(|state| state.line.capacity()), 0, "memory for a line that nobody is in");
}

#[test]
fn nested_blocking_calls_are_rejected_at_once_where_no_place_is_left() {
    let policy = Policy::new().bulkhead(Bulkhead::concurrent(2).waiting(100));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let innermost = Cell::new(None);
    let outcome = call.call(|| {
        call.call(|| {
            innermost.set(Some(call.call(|| -> Result<(), RpcError> { panic!("reached the wire") })));
            Ok::<_, RpcError>("second")
        })
        .map_err(RpcError::from)
    });
    assert_eq!(outcome, Ok("second"));
    let failed = innermost.take().unwrap().unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.last()), (Reason::BulkheadFull, 0, None));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Overloaded, Delivery::NotSent));
    assert_eq!(failed.to_string(), "overloaded; not called: too many calls are under way");
    assert_eq!((clock.reads(), clock.slept().len()), (0, 0));
    assert_eq!(call.call(|| Ok::<_, RpcError>("free again")), Ok("free again"));
}

#[test]
fn places_are_taken_in_the_order_of_arrival_and_nobody_overtakes() {
    let policy = Policy::new().bulkhead(Bulkhead::concurrent(1).waiting(3));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let done = [const { Cell::new(false) }; 5];
    let bells: [Arc<Bell>; 5] = Default::default();
    let started = Cell::new(0);
    let mut calls: Vec<_> = (0..5)
        .map(|index| {
            let (call, done, started) = (&call, &done[index], &started);
            Box::pin(async move {
                call.call_async(async || {
                    started.set(started.get() + 1);
                    until(done).await
                })
                .await
            })
        })
        .collect();
    let mut poll = |index: usize| {
        let waker = Waker::from(bells[index].clone());
        calls[index].as_mut().poll(&mut Context::from_waker(&waker))
    };
    for index in 0..4 {
        assert!(poll(index).is_pending());
    }
    let Poll::Ready(Err(failed)) = poll(4) else { panic!("the line is full") };
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BulkheadFull, 0));
    for index in 0..4 {
        assert_eq!(started.get(), index + 1);
        for later in index + 1..4 {
            assert!(poll(later).is_pending(), "{later} overtook {index}");
        }
        done[index].set(true);
        assert!(poll(index).is_ready());
        let newcomer = policy.with(&clock).call(|| Ok::<_, RpcError>(()));
        assert_eq!(newcomer.is_ok(), index == 3, "a newcomer overtook {}", index + 1);
        if index < 3 {
            assert_eq!(bells[index + 1].rings(), 1, "a turn is told once");
            assert!(poll(index + 1).is_pending());
        }
    }
    assert_eq!(clock.reads(), 0);
}

// case 15
#[test]
fn an_abandoned_waiter_consumes_nothing_and_passes_its_turn_on() {
    let memory = Bulkhead::NEW;
    let bulkhead = Bulkhead::concurrent(1).waiting(3);
    let bells: [Arc<Bell>; 3] = Default::default();
    let mut waiters: Vec<_> = Vec::new();
    let first = bulkhead.admit(&memory, &Then(0)).unwrap();
    for bell in &bells {
        let mut waiter = Box::pin(bulkhead.turn(&memory));
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone()))).is_pending());
        waiters.push(waiter);
    }
    // The first in line goes before its turn, and the second after it was woken.
    drop(waiters.remove(0));
    drop(first);
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [0, 1, 0]);
    drop(waiters.remove(0));
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [0, 1, 1]);
    let mut last = waiters.remove(0);
    let Poll::Ready(Ok(permit)) = poll(last.as_mut()) else { panic!("its turn came") };
    assert!(bulkhead.admit(&memory, &Then(0)).is_err());
    drop(permit);
    assert!(bulkhead.admit(&memory, &Then(0)).is_ok());
    // A turn that nobody takes leaves the place free.
    let first = bulkhead.admit(&memory, &Then(0)).unwrap();
    let mut waiter = Box::pin(bulkhead.turn(&memory));
    assert!(poll(waiter.as_mut()).is_pending());
    drop(first);
    drop(waiter);
    assert!(bulkhead.admit(&memory, &Then(0)).is_ok());
}

#[test]
fn who_asks_for_a_place_in_line_when_a_place_has_become_free_gets_that() {
    // Another thread may have left since the first look; then nobody would wake who waits.
    let bulkhead = Bulkhead::concurrent(1).waiting(1);
    let mut state = State::NEW;
    let ask = |state: &mut State| state.ask(&bulkhead, &mut Some(Waker::noop().clone()));
    assert_eq!(ask(&mut state), Answer::In);
    assert_eq!(ask(&mut state), Answer::Wait(0));
    assert_eq!(ask(&mut state), Answer::Full);
    assert!(state.leave().is_some() && state.leave().is_none());
    assert_eq!(ask(&mut state), Answer::In);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let memory = Bulkhead::NEW;
    let bulkhead = Bulkhead::concurrent(1).waiting(1);
    let bells: [Arc<Bell>; 2] = Default::default();
    let first = bulkhead.admit(&memory, &Then(0)).unwrap();
    let mut waiter = pin!(bulkhead.turn(&memory));
    for bell in &bells {
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone()))).is_pending());
    }
    drop(first);
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [0, 1]);
    assert_eq!(bells.each_ref().map(Arc::strong_count), [1, 1], "a waker was kept");
}

// case 14
#[test]
fn wakers_run_outside_of_the_lock_and_may_ask_again() {
    struct Asks(Bulkhead, Arc<Memory>, AtomicU32);
    impl Asks {
        fn ask(&self) {
            // With the lock held, this would spin for ever.
            assert!(self.0.admit(&self.1, &Then(0)).is_err());
            self.2.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            self.ask();
        }
    }
    impl Drop for Asks {
        fn drop(&mut self) {
            self.ask();
        }
    }
    let bulkhead = Bulkhead::concurrent(1).waiting(1);
    let memory = Arc::new(Bulkhead::NEW);
    let first = bulkhead.admit(&memory, &Then(0)).unwrap();
    let mut waiter = Box::pin(bulkhead.turn(&memory));
    let asks = Arc::new(Asks(bulkhead, memory.clone(), AtomicU32::new(0)));
    // The only reference to a waker is in the line: exchanging it drops it.
    let dropped = Waker::from(Arc::new(Asks(bulkhead, memory.clone(), AtomicU32::new(0))));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&dropped)).is_pending());
    drop(dropped);
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&Waker::from(asks.clone()))).is_pending());
    drop(first);
    assert_eq!(asks.2.load(Ordering::Relaxed), 1);
    let Poll::Ready(Ok(_permit)) = poll(waiter.as_mut()) else { panic!("its turn came") };
    drop(asks);
}

// case 13, case 11
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_call_that_panics_or_is_dropped_gives_its_place_back() {
    let policy = Policy::new().bulkhead(Bulkhead::concurrent(1));
    let clock = TestClock::new();
    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("a bug of the caller") })
    }));
    assert!(panicked.is_err());
    {
        let call = policy.with(&clock);
        let mut dropped = pin!(call.call_async(async || pending::<Result<(), RpcError>>().await));
        assert!(poll(dropped.as_mut()).is_pending());
        assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_err());
    }
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok());
}

#[test]
fn a_call_holds_no_place_while_it_waits_before_a_retry() {
    struct Looks<'p>(TestClock, &'p dyn Fn() -> bool, Cell<u32>);
    impl crate::platform::clock::Clock for Looks<'_> {
        fn now(&self) -> crate::platform::clock::Instant {
            self.0.now()
        }
        fn sleep(&self, duration: Duration) {
            assert!((self.1)(), "the place is taken");
            self.2.set(self.2.get() + 1);
            self.0.sleep(duration);
        }
    }
    impl crate::platform::rng::Rng for Looks<'_> {
        fn draw(&self) -> u64 {
            u64::MAX
        }
    }
    let policy = Policy::new().retry(Retry::attempts(3)).bulkhead(Bulkhead::concurrent(1));
    let free = || policy.call(|| Ok::<_, RpcError>(())).is_ok();
    let clock = Looks(TestClock::new(), &free, Cell::new(0));
    let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    assert_eq!(policy.with(&clock).call(no_target).unwrap_err().attempts(), 3);
    assert_eq!(clock.2.get(), 2);
    assert!(free());
}

// case 5
#[test]
fn waiting_in_line_ends_at_the_deadline_and_no_attempt_begins_there() {
    let clock = TestClock::new();
    let policy = Policy::new().deadline(Deadline::after(secs(3))).bulkhead(Bulkhead::concurrent(1).waiting(5));
    let (guard, memory) = (&policy.bulkhead.guard, &policy.bulkhead.memory);
    let first = guard.admit(memory, &Then(0)).unwrap();
    // The test clock's sleep is over at once: the deadline comes before the turn.
    let failed = block_on(policy.with(&clock).call_async(async || -> Result<(), RpcError> { panic!("on the wire") }));
    let failed: Failed = failed.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Deadline, 0, secs(3)));
    assert_eq!(memory.0.with(|state| state.line.len()), 0);
    drop(first);
    assert_eq!(memory.0.with(|state| state.taken), 0);
}

// case 5
#[test]
fn a_turn_that_is_seen_after_the_deadline_is_no_turn() {
    struct Patient(TestClock);
    impl crate::platform::clock::Clock for Patient {
        fn now(&self) -> crate::platform::clock::Instant {
            self.0.now()
        }
        fn sleep(&self, duration: Duration) {
            self.0.sleep(duration);
        }
    }
    impl crate::platform::clock::AsyncClock for Patient {
        async fn sleep_async(&self, _: Duration) {
            pending().await
        }
    }
    impl crate::platform::rng::Rng for Patient {
        fn draw(&self) -> u64 {
            0
        }
    }
    let policy = Policy::new().deadline(Deadline::after(secs(3))).bulkhead(Bulkhead::concurrent(1).waiting(5));
    for (waited, expected) in [(Duration::from_nanos(2_999_999_999), Ok("in time")), (secs(3), Err(Reason::Deadline))] {
        let clock = Patient(TestClock::new());
        let first = policy.bulkhead.guard.admit(&policy.bulkhead.memory, &Then(0)).unwrap();
        let call = policy.with(&clock);
        let mut waiting = pin!(call.call_async(async || Ok::<_, RpcError>("in time")));
        assert!(poll(waiting.as_mut()).is_pending());
        clock.0.advance(waited);
        drop(first);
        let Poll::Ready(outcome) = poll(waiting.as_mut()) else { panic!("its turn came") };
        assert_eq!(outcome.map_err(|failed| failed.reason()), expected);
    }
    assert_eq!(policy.bulkhead.memory.0.with(|state| state.taken), 0);
}

#[test]
fn a_rejected_call_is_no_failure_of_the_target_and_ends_the_retries() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new()
        .retry(Retry::attempts(5))
        .breaker(Breaker::consecutive_failures(1))
        .bulkhead(Bulkhead::concurrent(1))
        .observer(&SEEN);
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let outcome = call.call(|| {
        for _ in 0..10 {
            let rejected = call.call(|| Ok::<_, RpcError>(())).unwrap_err();
            assert_eq!(rejected.reason(), Reason::BulkheadFull);
        }
        SEEN.take();
        call.call(|| Ok::<_, RpcError>(())).unwrap_err();
        assert_eq!(
            SEEN.take(),
            [
                Event::Rejected { reason: Reason::BulkheadFull },
                Event::GaveUp { reason: Reason::BulkheadFull, attempts: 0 }
            ]
        );
        Ok::<_, RpcError>("hi")
    });
    assert_eq!(outcome, Ok("hi"));
    assert_eq!(call.call(|| Ok::<_, RpcError>("closed")), Ok("closed"));
    assert!(clock.slept().is_empty());
}

// case 26
#[test]
fn a_hundred_interleaved_calls_are_never_more_than_the_limit_and_all_get_their_turn() {
    let policy = Policy::new().bulkhead(Bulkhead::concurrent(7).waiting(93));
    let clock = TestClock::new();
    let (under_way, most) = (Cell::new(0), Cell::new(0));
    let calls: Vec<_> = (0..100).map(|_| policy.with(&clock)).collect();
    let mut futures: Vec<_> = calls
        .iter()
        .map(|call| {
            let (under_way, most) = (&under_way, &most);
            Box::pin(call.call_async(async move || {
                under_way.set(under_way.get() + 1);
                most.set(most.get().max(under_way.get()));
                let mut polls = 0;
                poll_fn(|_| {
                    polls += 1;
                    if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                under_way.set(under_way.get() - 1);
                Ok::<_, RpcError>(())
            }))
        })
        .collect();
    let mut rounds = 0;
    while !futures.is_empty() {
        futures.retain_mut(|future| match poll(future.as_mut()) {
            Poll::Ready(outcome) => outcome.is_err(),
            Poll::Pending => true,
        });
        rounds += 1;
        assert!(rounds < 1_000, "{} calls never got their turn", futures.len());
    }
    assert_eq!((under_way.get(), most.get()), (0, 7));
    let state = policy.bulkhead.memory.0.with(|state| (state.taken, state.line.len()));
    assert_eq!(state, (0, 0));
}

#[test]
fn a_policy_tells_its_calls_in_flight_and_the_most() {
    let (bulkhead, clock) = (Bulkhead::concurrent(3), TestClock::new());
    let policy = Policy::new().bulkhead(bulkhead);
    let seen = || (policy.concurrency_limit(), policy.in_flight());
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>(seen())), Ok((3, 1)));
    assert_eq!(seen(), (3, 0));
    let policy = Policy::new().optional(Some(bulkhead)).unwrap();
    let seen = || (policy.concurrency_limit(), policy.in_flight());
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>(seen())), Ok((Some(3), Some(1))));
    assert_eq!(seen(), (Some(3), Some(0)));
}
