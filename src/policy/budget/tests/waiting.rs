//! Calls that wait for their retry, alone or many at a time, and what becomes of what they paid.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use super::*;
use crate::platform::clock::{AsyncClock, Clock, Instant};
use crate::platform::rng::Rng;

// case 25
#[test]
fn a_breaker_that_opens_during_the_wait_gives_the_tokens_back() {
    let budget = shared(Budget::quota(500));
    let policy = policy(4, budget).breaker(Breaker::consecutive_failures(2).open_for(secs(30)));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let mut first = true;
    // The first call waits for its retry while another fails: an awaited wait lets others run.
    let failed = {
        let waiting = Waiting::default();
        let slow = policy.with(&waiting);
        let mut outer = pin!(slow.call_async(async || no_target::<()>()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(outer.as_mut().poll(&mut context).is_pending());
        assert_eq!(budget.tokens(), 495);
        let inner = call.call(|| if core::mem::take(&mut first) { no_target::<()>() } else { unreachable!() });
        assert_eq!(inner.unwrap_err().reason(), Reason::BreakerOpen);
        assert_eq!(budget.tokens(), 495);
        waiting.over.set(true);
        match outer.as_mut().poll(&mut context) {
            Poll::Ready(result) => result.unwrap_err(),
            Poll::Pending => panic!("the wait is over"),
        }
    };
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 1));
    assert_eq!(budget.tokens(), 500);
}

// case 11
#[test]
fn a_call_that_is_cancelled_while_it_waits_for_its_retry_gives_the_tokens_back() {
    let budget = shared(Budget::quota(500));
    let policy = policy(4, budget);
    let waiting = Waiting::default();
    {
        let call = policy.with(&waiting);
        let mut dropped = pin!(call.call_async(async || error::<()>(Cause::Overloaded)));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(budget.tokens(), 495);
    }
    assert_eq!(budget.tokens(), 500);
}

/// A clock that stands still, and on which a wait is over when it is told so.
#[derive(Default)]
struct Waiting {
    over: Cell<bool>,
}

impl Clock for Waiting {
    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }
    fn sleep(&self, _: Duration) {}
}

impl AsyncClock for Waiting {
    async fn sleep_async(&self, _: Duration) {
        poll_fn(|_| if self.over.get() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Rng for Waiting {
    fn draw(&self) -> u64 {
        0
    }
}

// case 26
#[test]
fn a_budget_is_exact_with_a_hundred_interleaved_calls() {
    let budget = shared(Budget::ratio(0.25));
    let policy = policy(2, budget);
    let clock = TestClock::new();
    let attempts = Cell::new(0);
    let open = Cell::new(0);
    let calls: Vec<_> = (0..100).map(|_| policy.with(&clock)).collect();
    let mut futures: Vec<_> = calls
        .iter()
        .map(|call| {
            Box::pin(call.call_async(async || {
                let turn = attempts.replace(attempts.get() + 1);
                poll_fn(|_| if turn < open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
                no_target::<()>()
            }))
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut refused = 0;
    // First all begin, then the first half fails, then all, then their retries too.
    for opened in [0, 50, 100, 125] {
        open.set(opened);
        futures.retain_mut(|future| match future.as_mut().poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                refused += u32::from(result.unwrap_err().reason() == Reason::Budget);
                false
            }
        });
    }
    assert!(futures.is_empty());
    assert_eq!((refused, attempts.get()), (75, 125));
    assert_eq!(budget.millionths(), 0);
}
