//! What hedged calls take on their way and give back, whatever happens to them.

use super::*;

// case 11
#[test]
fn every_attempt_takes_a_permit_and_the_losers_count_as_neither() {
    let policy = hedging(Hedge::after(millis(100)).max_hedges(3), ROOMY);
    let taken = &policy.bulkhead.memory;
    let clock = ManualClock::new();
    let script = [(900, Ok("a")), (20, error(Cause::Timeout)), (900, Ok("c")), (900, Ok("d"))];
    let target = scripted(&clock, script);
    clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (1, 1, 2));

    let target = scripted(&clock, [(900, Ok("a")), (900, Ok("b")), (50, Ok("c"))]);
    clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (2, 1, 4));
    assert_eq!(taken.now.get(), 0);
}

#[test]
fn a_hedge_that_is_not_let_through_at_once_is_not_made() {
    static SEEN: Recorder = Recorder::new();
    let full = (Slots { most: 1, delay: Duration::ZERO }, Reason::BulkheadFull);
    let must_wait = (Slots { most: 2, delay: millis(1) }, Reason::RateLimited);
    for (slots, reason) in [full, must_wait] {
        let policy = hedging(Hedge::after(millis(100)), slots).observer(&SEEN);
        let clock = ManualClock::new();
        let target = scripted(&clock, [(900, Ok("alone"))]);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        assert_eq!((outcome, policy.bulkhead.memory.now.get()), (Ok("alone"), 0));
        assert_eq!(
            SEEN.take(),
            [
                Event::AttemptStarted { attempt: 1 },
                Event::Rejected { reason },
                Event::AttemptSucceeded { attempt: 1, failures: 0 },
            ]
        );
    }
}

#[test]
fn no_hedge_passes_an_open_breaker() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1)).hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("let through before"))]);
    let call = policy.with(&clock).idempotent();
    let mut hedged = pin!(call.call_hedged(async || target.ask().await));
    assert!(poll(hedged.as_mut()).is_pending());
    policy.with(&clock).call(|| error(Cause::NoTarget)).unwrap_err();
    clock.advance(millis(100));
    assert!(poll(hedged.as_mut()).is_pending());
    assert_eq!(target.under_way.get(), 1);
    assert_eq!(clock.run(hedged), Ok("let through before"));
}

/// Retries never, and has a budget for so many hedges.
#[derive(Clone, Copy, Debug)]
struct Tokens(&'static std::sync::atomic::AtomicU32);

crate::policy::parts::fills! {
    [] Tokens => Retry;
}

impl crate::policy::sealed::Sealed for Tokens {}
impl RetryPart for Tokens {
    type Course = ();

    fn decide(&self, (): &mut (), _: u32, _: &crate::failure::Facts, _: bool, _: &impl Moment) -> Result<u64, Reason> {
        Err(Reason::Attempts)
    }

    fn hedge(&self, (): &mut (), _: &impl Moment) -> Result<(), Reason> {
        use std::sync::atomic::Ordering::Relaxed;
        let spent = self.0.fetch_update(Relaxed, Relaxed, |tokens| tokens.checked_sub(1));
        spent.map(drop).map_err(|_| Reason::Budget)
    }
}

#[test]
fn the_retry_budget_applies_to_hedges_and_only_to_those_that_would_be_made() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static LEFT: AtomicU32 = AtomicU32::new(1);
    static SEEN: Recorder = Recorder::new();
    let slots = Slots { most: 2, delay: Duration::ZERO };
    let hedge = Hedge::after(millis(100)).max_hedges(2);
    let policy: Policy<(Option<Tokens>, Slots, Hedge)> =
        Policy::of((), Some(Tokens(&LEFT)), (), slots, (), (), hedge, ());
    let policy = policy.observer(&SEEN);
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();

    // A hedge for which there is no room costs nothing.
    policy.bulkhead.memory.now.set(1);
    let target = scripted(&clock, [(900, Ok("alone"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    policy.bulkhead.memory.now.set(0);
    assert_eq!(LEFT.load(Relaxed), 1);
    SEEN.take();

    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((LEFT.load(Relaxed), target.started().len()), (0, 2));
    SEEN.take();

    let target = scripted(&clock, [(900, Ok("first"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert!(SEEN.take().contains(&Event::Rejected { reason: Reason::Budget }));
    assert_eq!(policy.bulkhead.memory.now.get(), 0, "a hedge that the budget forbids gives its permit back");
}

#[test]
fn hedges_and_retries_are_paid_for_from_one_budget() {
    static BUDGET: Budget = Budget::ratio(0.1).initial(1);
    static SEEN: Recorder = Recorder::new();
    let policy =
        Policy::new().retry(Retry::attempts(2).budget(&BUDGET)).hedge(Hedge::after(millis(100))).observer(&SEEN);
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();

    let target = scripted(&clock, [(900, Ok("first")), (100, Ok("hedge"))]);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("hedge"));
    assert_eq!(BUDGET.tokens(), 0, "the hedge has used up the one token");
    SEEN.take();

    let target = scripted(&clock, [(900, Ok("first"))]);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("first"));
    assert!(SEEN.take().contains(&Event::Rejected { reason: Reason::Budget }));

    let target = scripted(&clock, [(0, error(Cause::NoTarget))]);
    let failed = clock.run(call.call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!(failed.reason(), Reason::Budget, "there is none left for a retry either");
}

// case 11, case 15
#[test]
fn a_dropped_call_leaves_nothing_behind() {
    let policy = hedging(Hedge::after(millis(100)), ROOMY);
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("a")), (900, Ok("b"))]);
    {
        let call = policy.with(&clock).idempotent();
        let mut hedged = pin!(call.call_hedged(async || target.ask().await));
        assert!(poll(hedged.as_mut()).is_pending());
        clock.advance(millis(100));
        assert!(poll(hedged.as_mut()).is_pending());
        assert_eq!((policy.bulkhead.memory.now.get(), target.under_way.get(), clock.sleepers()), (2, 2, 2));
    }
    let taken = &policy.bulkhead.memory;
    assert_eq!((taken.now.get(), target.under_way.get(), clock.sleepers()), (0, 0, 0));
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (0, 0, 2));
}

// case 13
// In a component a panic ends the instance, and its memory with it.
#[cfg(not(target_family = "wasm"))]
#[test]
fn an_operation_a_judge_or_an_observer_that_panics_leaks_no_permit() {
    fn panics(event: &Event) {
        if let Event::HedgeFired { .. } = event {
            panic!("a bug of the observer")
        }
    }
    let catch = |call: &dyn Fn()| std::panic::catch_unwind(core::panic::AssertUnwindSafe(call)).is_err();
    let policy = hedging(Hedge::after(millis(100)), ROOMY);
    let taken = &policy.bulkhead.memory;
    let clock = ManualClock::new();
    let started = Cell::new(0);
    let operation = async || {
        started.set(started.get() + 1);
        clock.sleep_async(millis(900)).await;
        Ok::<_, RpcError>("slow")
    };
    assert!(catch(&|| {
        let call = policy.with(&clock).idempotent();
        let _ = clock.run(call.call_hedged(async || {
            let outcome = operation().await;
            assert!(started.get() == 1, "a bug of the caller");
            outcome
        }));
    }));
    assert_eq!((taken.now.get(), clock.sleepers()), (0, 0));
    assert!(catch(&|| {
        let judge = |_: &Result<&'static str, RpcError>| -> Verdict { panic!("a bug of the judge") };
        let _ = clock.run(policy.with(&clock).judge(judge).idempotent().call_hedged(operation));
    }));
    assert_eq!((taken.now.get(), clock.sleepers()), (0, 0));
    let observed = hedging(Hedge::after(millis(100)), ROOMY).observer(panics as fn(&Event));
    assert!(catch(&|| drop(clock.run(observed.with(&clock).idempotent().call_hedged(operation)))));
    assert_eq!((observed.bulkhead.memory.now.get(), clock.sleepers()), (0, 0));
}

// case 14
#[test]
fn an_observer_may_call_through_the_same_policy() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    type Watched = Policy<(Breaker, Hedge<crate::Quantile>, fn(&Event))>;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    static POLICY: Watched = Policy::new()
        .breaker(Breaker::consecutive_failures(5))
        .hedge(Hedge::after_quantile(0.5).initial_delay(millis(100)))
        .observer(call_again);
    fn call_again(event: &Event) {
        if let Event::HedgeFired { .. } = event {
            let call = POLICY.with(TestClock::new()).idempotent();
            block_on(call.call_hedged(async || Ok::<_, RpcError>(CALLS.fetch_add(1, Relaxed)))).unwrap();
        }
    }
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("slow")), (50, Ok("hedge"))]);
    assert_eq!(clock.run(POLICY.with(&clock).idempotent().call_hedged(async || target.ask().await)), Ok("hedge"));
    assert_eq!(CALLS.load(Relaxed), 1);
}

// case 26
#[test]
fn a_hundred_interleaved_calls_keep_every_count_right() {
    let policy = hedging(Hedge::after(millis(100)).max_hedges(2), ROOMY);
    let clock = ManualClock::new();
    // Each call: a first attempt and two hedges, of which the last is the fastest.
    let targets: Vec<_> = (0..100).map(|_| scripted(&clock, [(900, Ok("a")), (900, Ok("b")), (50, Ok("c"))])).collect();
    let call = policy.with(&clock).idempotent();
    let mut calls: Vec<_> =
        targets.iter().map(|target| Box::pin(call.call_hedged(async || target.ask().await))).collect();
    for step in 0..3 {
        for call in &mut calls {
            assert!(poll(call.as_mut()).is_pending());
        }
        assert_eq!(policy.bulkhead.memory.now.get(), 100 * (step + 1));
        clock.advance(millis(if step == 2 { 50 } else { 100 }));
    }
    drop(calls.split_off(90));
    for call in &mut calls {
        assert_eq!(poll(call.as_mut()), Poll::Ready(Ok("c")));
    }
    let taken = &policy.bulkhead.memory;
    assert_eq!((taken.now.get(), taken.successes.get(), taken.failures.get()), (0, 90, 0));
    assert_eq!((taken.ignored.get(), clock.sleepers()), (2 * 90 + 3 * 10, 0));
}
