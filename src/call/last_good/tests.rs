//! The last good value: when it is kept, when it answers, and that nobody's code runs under its lock.

use super::*;
use crate::testing::{ManualClock, Recorder, Script, TestClock, block_on};
use crate::{Breaker, Cause, Delivery, Event, Policy, Reason, Retry, RpcError};

const TEN: Duration = Duration::from_secs(10);

fn down<T>() -> Result<T, RpcError> {
    Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
}

#[test]
fn a_failure_is_answered_with_the_last_good_value_while_that_is_young() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().observer(&SEEN);
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(&last);
    let mut target = Script::new([down(), Ok("old"), Ok("new"), down(), down(), down()]);
    let mut ask = || call.call(|| target.next());
    let used = || SEEN.take().iter().filter(|event| **event == Event::FallbackUsed).count();

    let failed = ask().unwrap_err();
    assert_eq!((failed.reason(), failed.into_last()), (Reason::Attempts, down::<()>().err()));
    assert_eq!(ask(), Ok(MaybeStale::Fresh("old")));
    assert_eq!(ask(), Ok(MaybeStale::Fresh("new")));
    assert_eq!(used(), 0);
    clock.advance(TEN);
    assert_eq!(ask(), Ok(MaybeStale::Stale { value: "new", age: TEN }));
    assert_eq!(used(), 1);
    clock.advance(Duration::from_nanos(1));
    assert!(ask().is_err());
    assert_eq!(used(), 0, "nothing was used");
}

#[test]
fn what_was_forgotten_answers_nothing_however_young_it_was() {
    let policy = Policy::new();
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(&last);
    let mut target = Script::new([Ok(7), down(), down()]);
    let mut ask = || call.call(|| target.next());
    assert_eq!(ask().map(|answer| answer.age()), Ok(None));
    assert_eq!(ask().map(|answer| answer.age()), Ok(Some(Duration::ZERO)));
    last.clear();
    assert!(ask().is_err());
}

#[test]
fn what_a_retry_brings_back_is_fresh_and_kept() {
    let policy = Policy::new().retry(Retry::attempts(2));
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(&last);
    let mut target = Script::new([Ok("old"), down(), Ok("new"), down(), down()]);
    let mut ask = || call.call(|| target.next()).map(MaybeStale::into_inner);
    assert_eq!([ask(), ask(), ask()], [Ok("old"), Ok("new"), Ok("new")]);
}

#[test]
fn a_call_that_never_reaches_the_wire_is_answered_too() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1));
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(&last);
    let mut target = Script::new([Ok(7), down()]);
    let mut ask = || call.call(|| target.next()).map(MaybeStale::into_inner);
    assert_eq!([ask(), ask(), ask()], [Ok(7), Ok(7), Ok(7)]);
    assert_eq!(target.calls(), 2);
}

#[test]
fn awaited_calls_are_answered_like_blocking_ones() {
    let policy = Policy::new();
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(&last);
    assert_eq!(block_on(call.call_async(async || Ok::<_, RpcError>(7))), Ok(MaybeStale::Fresh(7)));
    let stale = MaybeStale::Stale { value: 7, age: Duration::ZERO };
    assert_eq!(block_on(call.call_async(async || down())), Ok(stale));
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent().stale_if_error(&last);
    assert_eq!(clock.run(call.call_hedged(async || down())), Ok(stale));
}

#[test]
fn success_costs_one_look_at_the_clock() {
    let policy = Policy::new();
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    policy.with(&clock).stale_if_error(&last).call(|| Ok::<_, RpcError>(7)).unwrap();
    assert_eq!(clock.reads(), 1);
}

#[test]
fn what_is_no_failure_of_the_target_is_its_answer_and_what_is_one_is_not_kept() {
    let policy = Policy::new();
    let judge = |result: &Result<u16, RpcError>| match result {
        Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
        Ok(404) => Verdict::Ignored,
        Err(error) if error.message == "no such rate" => Verdict::Ignored,
        result => Verdict::of(result),
    };
    let missing =
        || Err(RpcError { message: "no such rate".into(), ..RpcError::new(Cause::Other, Delivery::Delivered) });
    let last = LastGood::new(TEN);
    let clock = TestClock::new();
    let call = policy.with(&clock).judge(judge).stale_if_error(&last);
    let mut target = Script::new([Ok(503), Ok(200), Ok(404), missing(), Ok(503), down()]);
    let mut ask = || call.call(|| target.next());
    let stale = MaybeStale::Stale { value: 200, age: Duration::ZERO };

    assert_eq!(ask(), Ok(MaybeStale::Fresh(503)), "there is nothing better");
    assert_eq!(ask(), Ok(MaybeStale::Fresh(200)));
    assert_eq!(ask(), Ok(MaybeStale::Fresh(404)));
    assert_eq!(ask().map_err(Failed::into_last), Err(missing().err()));
    assert_eq!(ask(), Ok(stale));
    assert_eq!(ask(), Ok(stale));
}

#[test]
fn after_two_successes_a_value_is_copied_into_the_memory_that_there_is() {
    let last = LastGood::<String>::new(TEN);
    let place = || last.values.with(|values| values.last.as_ref().map(|kept| kept.value.as_ptr()));
    let mut places = Vec::new();
    for (nanos, rate) in ["1.08", "1.09", "1.10", "1.11"].into_iter().enumerate() {
        last.keep(&rate.to_string(), Instant::from_nanos(nanos as u64));
        assert_eq!(last.young(Instant::from_nanos(3)), Some((rate.into(), Duration::from_nanos(3 - nanos as u64))));
        places.push(place());
    }
    assert!(places[0] != places[1] && places[..2] == places[2..], "{places:?}");
}

#[test]
fn a_value_that_somebody_reads_is_not_overwritten() {
    let last = LastGood::new(TEN);
    last.keep(&1, Instant::from_nanos(0));
    let read = last.values.with(|values| values.last.clone()).unwrap();
    for value in 2..5 {
        last.keep(&value, Instant::from_nanos(0));
        assert_eq!(last.young(Instant::from_nanos(0)), Some((value, Duration::ZERO)));
    }
    assert_eq!(read.value, 1);
}

// case 16
#[test]
fn where_the_clock_stepped_back_a_value_of_unknown_age_is_not_given_away() {
    let last = LastGood::new(TEN);
    last.keep(&7, Instant::from_nanos(1_000));
    assert_eq!(last.young(Instant::from_nanos(999)), None);
    last.keep(&8, Instant::from_nanos(500));
    assert_eq!(last.young(Instant::from_nanos(999)), Some((8, Duration::from_nanos(499))), "a new one is kept");
}

// case 13, case 14
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_value_may_panic_when_cloned_and_use_the_same_memory_when_cloned_or_dropped() {
    use core::cell::Cell;

    struct Loud<'l> {
        last: &'l std::cell::OnceCell<LastGood<Loud<'l>>>,
        panics: &'l Cell<bool>,
        touched: &'l Cell<u32>,
    }
    impl Loud<'_> {
        fn touch(&self) {
            self.touched.set(self.touched.get() + 1);
            // Would hang if the lock were held.
            let _ = self.last.get().map(|last| format!("{last:?}"));
        }
    }
    impl Clone for Loud<'_> {
        fn clone(&self) -> Self {
            self.touch();
            assert!(!self.panics.get(), "a bug of the value");
            Loud { ..*self }
        }
    }
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            self.touch();
        }
    }
    let (panics, touched) = (Cell::new(false), Cell::new(0));
    // Outlives what it holds, which drop check cannot see.
    let last = Box::leak(Box::new(std::cell::OnceCell::new()));
    let (panics, touched) = (&*Box::leak(Box::new(panics)), &*Box::leak(Box::new(touched)));
    let last: &'static std::cell::OnceCell<LastGood<Loud<'static>>> = last;
    let _ = last.set(LastGood::new(TEN));
    let memory = last.get().unwrap();

    let policy = Policy::new();
    let clock = TestClock::new();
    let call = policy.with(&clock).stale_if_error(memory);
    for _ in 0..2 {
        assert!(call.call(|| Ok::<_, RpcError>(Loud { last, panics, touched })).is_ok());
    }
    panics.set(true);
    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| call.call(down).is_ok()));
    assert!(panicked.is_err());
    panics.set(false);
    assert!(call.call(down).is_ok(), "the value is still there");
    assert!(touched.get() >= 5);
}

// case 4
#[test]
fn an_age_of_nothing_is_refused() {
    let refused = LastGood::<u32>::try_new(Duration::ZERO).unwrap_err();
    assert_eq!(refused.to_string(), "last good max_age: 0ns is not allowed: it must be longer than zero");
    assert!(LastGood::<u32>::try_new(Duration::from_nanos(1)).is_ok());
}
