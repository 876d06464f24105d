//! The throttle as a user of a policy sees it: calls in, results, events and looks at the clock out.

use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::*;
use crate::platform::clock::{AsyncClock, Clock};
use crate::platform::rng::Rng;
use crate::testing::{Recorder, TestClock, block_on};
use crate::{Delivery, Event, Failure, Retry, RpcError};

fn overloaded() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::Overloaded, Delivery::NotSent))
}

/// The test clock with one draw for ever, and a count of how often it was asked for.
#[derive(Default)]
struct Dice {
    clock: TestClock,
    draw: u64,
    draws: Cell<u32>,
}

impl Clock for Dice {
    fn now(&self) -> Instant {
        self.clock.now()
    }
    fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration);
    }
}

impl AsyncClock for Dice {
    async fn sleep_async(&self, duration: Duration) {
        self.clock.sleep(duration);
    }
}

impl Rng for Dice {
    fn draw(&self) -> u64 {
        self.draws.set(self.draws.get() + 1);
        self.draw
    }
}

#[test]
fn what_says_something_about_load_is_counted_and_nothing_else() {
    for (cause, expected) in [
        (Cause::Overloaded, (1, 0)),
        (Cause::Timeout, (1, 0)),
        (Cause::Disconnected, (1, 0)),
        (Cause::NoTarget, (1, 0)),
        (Cause::Trapped, (1, 1)),
        (Cause::Other, (1, 1)),
        (Cause::NoLink, (0, 0)),
        (Cause::Protocol, (0, 0)),
    ] {
        let policy = Policy::new().throttle(THROTTLE);
        let fail = || Err::<(), _>(RpcError::new(cause, Delivery::Unknown));
        policy.with(&TestClock::new()).call(fail).unwrap_err();
        let Counts { requests, accepts } = policy.rate_limit.memory.0.with(|state| state.total);
        assert_eq!((requests, accepts), expected, "{cause:?}");
    }
}

#[test]
fn a_call_that_is_turned_away_reaches_no_target_and_says_why() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().throttle(THROTTLE).observer(&SEEN);
    let dice = Dice::default();
    policy.with(&dice).call(overloaded).unwrap_err();
    SEEN.take();

    let failed = policy.with(&dice).call(|| -> Result<(), RpcError> { panic!("called") }).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.last()), (Reason::Throttled, 0, None));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Overloaded, Delivery::NotSent));
    assert_eq!(failed.to_string(), "overloaded; not called: calls to an overloaded target are throttled");
    let events =
        [Event::Rejected { reason: Reason::Throttled }, Event::GaveUp { reason: Reason::Throttled, attempts: 0 }];
    assert_eq!(SEEN.take(), events);
    // The call that was turned away is a request.
    assert!((policy.rejection_probability() - 2.0 / 3.0).abs() < 1e-9);
    let failed = block_on(policy.with(&dice).call_async(async || Ok::<_, RpcError>(()))).unwrap_err();
    assert_eq!(failed.reason(), Reason::Throttled);
}

#[test]
fn a_number_is_drawn_only_while_the_probability_is_above_zero_and_the_clock_is_read_once() {
    let policy = Policy::new().throttle(THROTTLE);
    let dice = Dice { draw: u64::MAX, ..Dice::default() };
    for _ in 0..10 {
        policy.with(&dice).call(|| Ok::<_, RpcError>(())).unwrap();
    }
    assert_eq!((dice.draws.get(), dice.clock.reads()), (0, 10));
    for _ in 0..11 {
        policy.with(&dice).call(overloaded).unwrap_err();
    }
    assert_eq!(dice.draws.get(), 0, "21 requests are not yet decided upon, 20 are twice the 10 accepts");
    policy.with(&dice).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(dice.draws.get(), 1);
}

#[test]
fn the_draw_decides_exactly_at_the_probability() {
    // One failure: half of the draws.
    for (draw, passes) in [(0, false), ((1 << 63) - 1, false), (1 << 63, true), (u64::MAX, true)] {
        let policy = Policy::new().throttle(THROTTLE);
        let dice = Dice { draw, ..Dice::default() };
        policy.with(&dice).call(overloaded).unwrap_err();
        assert_eq!(policy.with(&dice).call(|| Ok::<_, RpcError>(())).is_ok(), passes, "{draw:x}");
    }
}

#[test]
fn it_opens_again_when_the_window_has_passed() {
    let policy = Policy::new().throttle(THROTTLE);
    let dice = Dice::default();
    policy.with(&dice).call(overloaded).unwrap_err();
    dice.clock.advance(Duration::from_millis(112_499));
    assert_eq!(policy.with(&dice).call(overloaded).unwrap_err().reason(), Reason::Throttled);
    dice.clock.advance(Duration::from_millis(7_501 + 112_500));
    assert!(policy.with(&dice).call(|| Ok::<_, RpcError>(())).is_ok());
}

#[test]
fn a_call_that_takes_longer_than_the_window_and_fails_counts_from_its_end() {
    let policy = Policy::new().throttle(THROTTLE);
    let dice = Dice::default();
    let hangs = || {
        dice.clock.advance(Duration::from_secs(180));
        overloaded()
    };
    policy.with(&dice).call(hangs).unwrap_err();
    dice.clock.advance(Duration::from_secs(100));
    assert_eq!(policy.with(&dice).call(overloaded).unwrap_err().reason(), Reason::Throttled);
}

// case 18
#[test]
fn a_retry_ends_at_once_where_it_is_turned_away_and_the_last_real_error_is_kept() {
    let policy = Policy::new().retry(Retry::attempts(4)).throttle(THROTTLE);
    let dice = Dice::default();
    let mut calls = 0;
    let failed = policy
        .with(&dice)
        .call(|| {
            calls += 1;
            overloaded()
        })
        .unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), calls), (Reason::Throttled, 1, 1));
    assert_eq!(failed.into_last(), overloaded().err());
}

type Boxed<'f> = Pin<Box<dyn Future<Output = bool> + 'f>>;

// case 11, case 26
#[test]
fn of_100_interleaved_calls_each_counts_once_when_it_is_over_and_dropped_ones_never() {
    let policy = Policy::new().throttle(THROTTLE);
    let dice = Dice::default();
    let call = policy.with(&dice);
    let open = Cell::new(false);
    let mut calls: Vec<Boxed> = (0..100)
        .map(|index| {
            let (call, open) = (&call, &open);
            Box::pin(async move {
                let operation = async || {
                    let wait = |_: &mut Context<'_>| if open.get() { Poll::Ready(()) } else { Poll::Pending };
                    core::future::poll_fn(wait).await;
                    if index % 4 == 0 { Ok(()) } else { overloaded() }
                };
                call.call_async(operation).await.is_ok()
            }) as Boxed
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut context).is_pending(), "nothing is known yet, so nothing is turned away");
    }
    assert_eq!(policy.rejection_probability(), 0.0);
    calls.truncate(80);
    assert_eq!(policy.rate_limit.memory.0.with(|state| state.total), NONE, "dropped calls are neither");
    open.set(true);
    for (index, call) in calls.iter_mut().enumerate() {
        assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(index % 4 == 0));
    }
    assert_eq!(policy.rate_limit.memory.0.with(|state| state.total), Counts { requests: 80, accepts: 20 });
    assert!((policy.rejection_probability() - 40.0 / 81.0).abs() < 1e-9);
}

// case 13
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn an_operation_that_panics_counts_as_nothing() {
    let policy = Policy::new().throttle(THROTTLE);
    let clock = TestClock::new();
    let panics = std::panic::AssertUnwindSafe(|| policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("no") }));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(policy.rate_limit.memory.0.with(|state| *state), State::NEW);
    assert!(policy.with(&clock).call(|| Ok::<_, RpcError>(())).is_ok());
}

#[test]
fn a_throttle_decided_at_run_time_tells_its_probability() {
    let clock = TestClock::new();
    let policy = Policy::new().optional(Some(THROTTLE.padding(1))).unwrap();
    assert_eq!(policy.rejection_probability(), Some(0.0));
    policy.with(&clock).call(overloaded).unwrap_err();
    assert_eq!(policy.rejection_probability(), Some(0.5));
    assert_eq!(Policy::new().optional(None::<Throttle>).unwrap().rejection_probability(), None);
}
