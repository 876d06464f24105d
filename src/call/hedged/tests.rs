//! Hedged calls as a user sees them: latencies and results in, results, times and events out.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;

use crate::clock::{AsyncClock, Instant};
use crate::event::Change;
use crate::policy::{Guard, HedgePart, Moment, Outcome, Permit, Rejected, RetryPart};
use crate::rng::below;
use crate::testing::{ManualClock, Recorder, SplitMix, TestClock, block_on};
use crate::{
    AttemptTimeout, Backoff, Breaker, Cause, Deadline, Delivery, Event, Failed, Failure, Hedge, Jitter, Policy, Reason,
    Retry, RpcError, Verdict,
};

type Reply = Result<&'static str, RpcError>;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn error(cause: Cause) -> Reply {
    let delivery = if cause == Cause::Timeout { Delivery::Unknown } else { Delivery::NotSent };
    Err(RpcError::new(cause, delivery))
}

/// A target with a latency and a result for each attempt, in the order in which they start.
struct Target<'c, T = Reply> {
    clock: &'c ManualClock,
    script: RefCell<VecDeque<(u64, T)>>,
    /// When attempts started, in milliseconds.
    started: RefCell<Vec<u128>>,
    under_way: Cell<u32>,
    most_under_way: Cell<u32>,
}

impl<'c, T> Target<'c, T> {
    fn new(clock: &'c ManualClock, script: impl IntoIterator<Item = (u64, T)>) -> Self {
        Target {
            clock,
            script: RefCell::new(script.into_iter().collect()),
            started: RefCell::default(),
            under_way: Cell::new(0),
            most_under_way: Cell::new(0),
        }
    }

    async fn ask(&self) -> T {
        struct Leave<'l>(&'l Cell<u32>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() - 1);
            }
        }
        self.started.borrow_mut().push(self.clock.passed().as_millis());
        self.under_way.set(self.under_way.get() + 1);
        self.most_under_way.set(self.most_under_way.get().max(self.under_way.get()));
        let _leave = Leave(&self.under_way);
        let (latency, result) = self.script.borrow_mut().pop_front().expect("one attempt more than expected");
        if latency > 0 {
            self.clock.sleep_async(millis(latency)).await;
        }
        result
    }

    fn started(&self) -> Vec<u128> {
        self.started.borrow().clone()
    }
}

fn scripted<'c>(clock: &'c ManualClock, script: impl IntoIterator<Item = (u64, Reply)>) -> Target<'c> {
    Target::new(clock, script)
}

/// A bulkhead as simple as can be: so many at once, and it may ask to wait.
#[derive(Clone, Copy, Debug)]
struct Slots {
    most: u32,
    delay: Duration,
}

#[derive(Debug)]
struct Slot<'m>(&'m Taken, Duration);

#[derive(Debug, Default)]
struct Taken {
    now: Cell<u32>,
    successes: Cell<u32>,
    failures: Cell<u32>,
    ignored: Cell<u32>,
}

fn more(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

impl crate::policy::sealed::Sealed for Slots {}
impl Guard for Slots {
    type Memory = Taken;
    type Permit<'p> = Slot<'p>;
    const NEW: Taken =
        Taken { now: Cell::new(0), successes: Cell::new(0), failures: Cell::new(0), ignored: Cell::new(0) };

    fn admit<'p>(&'p self, taken: &'p Taken, _: &impl Moment) -> Result<Slot<'p>, Rejected> {
        if taken.now.get() == self.most {
            let (reason, cause) = (Reason::BulkheadFull, Cause::Overloaded);
            return Err(Rejected { reason, cause, retry_after: Duration::ZERO });
        }
        more(&taken.now);
        // The first is let through at once.
        let delay = if taken.now.get() > 1 { self.delay } else { Duration::ZERO };
        Ok(Slot(taken, delay))
    }
}

impl Permit for Slot<'_> {
    fn delay(&self) -> Duration {
        self.1
    }
    fn settle(self, outcome: Outcome, _: &impl Moment) -> Option<Change> {
        match outcome {
            Outcome::Success => more(&self.0.successes),
            Outcome::Failure(_) => more(&self.0.failures),
        }
        // The drop that follows counts every slot as ignored.
        self.0.ignored.set(self.0.ignored.get().wrapping_sub(1));
        None
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.now.set(self.0.now.get() - 1);
        self.0.ignored.set(self.0.ignored.get().wrapping_add(1));
    }
}

fn hedging<H: HedgePart>(hedge: H, slots: Slots) -> Policy<(), (), (), Slots, (), (), (), H> {
    Policy {
        deadline: (),
        retry: (),
        guards: ((), slots, ()),
        memory: ((), Slots::NEW, ()),
        timeout: (),
        observer: (),
        hedge,
        latencies: H::NEW,
    }
}

const ROOMY: Slots = Slots { most: u32::MAX, delay: Duration::ZERO };

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_that_is_fast_enough_is_not_hedged_and_looks_at_no_clock() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(0, Ok("now")), (100, Ok("just in time"))]);
    let call = policy.with(&clock).idempotent();
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("now"));
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("just in time"));
    assert_eq!((target.started(), clock.reads(), clock.sleepers()), (vec![0, 0], 0, 0));
}

#[test]
fn the_first_success_wins_and_the_loser_is_cancelled() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().hedge(Hedge::after(millis(100))).observer(&SEEN);
    for (script, winner, took) in [
        ([(900, Ok("first")), (50, Ok("hedge"))], "hedge", 150),
        ([(200, Ok("first")), (900, Ok("hedge"))], "first", 200),
        // Ready at the same moment: the one that was there first.
        ([(200, Ok("first")), (100, Ok("hedge"))], "first", 200),
    ] {
        let clock = ManualClock::new();
        let target = scripted(&clock, script);
        let call = policy.with(&clock).idempotent();
        assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok(winner));
        assert_eq!((clock.passed(), target.started()), (millis(took), vec![0, 100]));
        assert_eq!((target.under_way.get(), clock.sleepers()), (0, 0), "nothing is left");
        let attempt = if winner == "hedge" { 2 } else { 1 };
        assert_eq!(
            SEEN.take(),
            [
                Event::AttemptStarted { attempt: 1 },
                Event::HedgeFired { attempt: 2 },
                Event::AttemptStarted { attempt: 2 },
                Event::AttemptSucceeded { attempt },
            ]
        );
    }
}

#[test]
fn hedges_come_one_delay_after_the_other_and_no_more_than_allowed() {
    for most in 1..=4 {
        let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(most));
        let clock = ManualClock::new();
        let target = scripted(&clock, (0..=most).map(|_| (1_000, Ok("slow"))));
        let call = policy.with(&clock).idempotent();
        assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("slow"));
        let expected: Vec<u128> = (0..=u128::from(most)).map(|number| number * 100).collect();
        assert_eq!((target.started(), target.most_under_way.get()), (expected, most + 1));
    }
}

#[test]
fn without_a_hedge_it_is_a_plain_call() {
    let clock = ManualClock::new();
    for retry in [None, Some(Retry::attempts(2))] {
        let policy = Policy::optional(None, retry, None).unwrap();
        let target = scripted(&clock, [(500, error(Cause::NoTarget)), (500, Ok("second"))]);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        assert_eq!(outcome.is_ok(), retry.is_some());
    }
}

#[test]
fn through_the_other_drivers_a_policy_with_a_hedge_does_not_hedge() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("alone"))]);
    assert_eq!(clock.run(policy.with(&clock).idempotent().call_async(async || target.ask().await)), Ok("alone"));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("blocking")), Ok("blocking"));
}

// case 18
#[test]
fn when_all_fail_the_last_real_failure_counts() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(2));
    let clock = ManualClock::new();
    let script = [(900, error(Cause::Disconnected)), (300, error(Cause::Timeout)), (300, error(Cause::Overloaded))];
    let target = scripted(&clock, script);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 3));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Disconnected, Delivery::Unknown));
    assert_eq!(failed.into_last(), error(Cause::Disconnected).err());
    assert_eq!(clock.passed(), millis(900));
}

#[test]
fn what_fails_starts_no_hedge_and_stops_further_ones() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(4));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(50, error(Cause::NoTarget))]);
    let failed = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.attempts(), clock.passed()), (1, millis(50)));

    let target = scripted(&clock, [(900, Ok("slow")), (10, error(Cause::Overloaded))]);
    assert_eq!(clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)), Ok("slow"));
    assert_eq!(target.started(), [50, 150]);
}

#[test]
fn a_permanent_failure_is_not_waited_out() {
    for cause in [Cause::NoLink, Cause::Protocol] {
        let policy = Policy::new().retry(Retry::attempts(3)).hedge(Hedge::after(millis(100)));
        let clock = ManualClock::new();
        let target = scripted(&clock, [(900, Ok("never heard")), (10, error(cause))]);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        let failed = outcome.unwrap_err();
        assert_eq!((failed.reason(), failed.cause(), failed.attempts()), (Reason::NotRetryable, cause, 2));
        assert_eq!(failed.delivery(), Delivery::Unknown, "the other was under way");
        assert_eq!((clock.passed(), target.under_way.get()), (millis(110), 0));
    }
}

#[test]
fn hedges_are_beside_the_retries_and_counted_for_the_whole_call() {
    let backoff = Backoff::exponential(millis(1_000)).max_delay(millis(8_000)).jitter(Jitter::None);
    let policy = Policy::new().retry(Retry::attempts(3).backoff(backoff)).hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let slow = || (200, error(Cause::NoTarget));
    let target = scripted(&clock, [slow(), slow(), slow(), slow()]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 4));
    // The backoff grows with the retries, not with the hedges.
    assert_eq!(target.started(), [0, 100, 1_300, 3_500]);
}

// case 5
#[test]
fn the_deadline_ends_all_attempts_and_starts_none() {
    let policy = Policy::new().deadline(Deadline::after(millis(250))).hedge(Hedge::after(millis(100)).max_hedges(4));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("a")), (900, Ok("b")), (900, Ok("c"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Deadline, 3, millis(250)));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::Unknown));
    assert_eq!((target.started(), target.under_way.get()), (vec![0, 100, 200], 0));

    let policy = Policy::new().deadline(Deadline::after(millis(100))).hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("a"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!(outcome.unwrap_err().attempts(), 1);
}

#[test]
fn each_attempt_has_the_attempt_timeout_for_itself() {
    let policy = Policy::new()
        .attempt_timeout(AttemptTimeout::after(millis(150)))
        .hedge(Hedge::after(millis(100)).max_hedges(2));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("first")), (140, Ok("hedge"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!((outcome, clock.passed()), (Ok("hedge"), millis(240)));

    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge"))]);
    let failed = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.reason(), failed.cause(), failed.attempts()), (Reason::Attempts, Cause::Timeout, 2));
    assert_eq!((clock.passed(), failed.last()), (millis(250), None));
}

// case 11
#[test]
fn every_attempt_takes_a_permit_and_the_losers_count_as_neither() {
    let policy = hedging(Hedge::after(millis(100)).max_hedges(3), ROOMY);
    let taken = &policy.memory.1;
    let clock = ManualClock::new();
    let script = [(900, Ok("a")), (20, error(Cause::Timeout)), (900, Ok("never started"))];
    let target = scripted(&clock, script);
    clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (1, 1, 0));

    let target = scripted(&clock, [(900, Ok("a")), (900, Ok("b")), (50, Ok("c"))]);
    clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (2, 1, 2));
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
        assert_eq!((outcome, policy.memory.1.now.get()), (Ok("alone"), 0));
        assert_eq!(
            SEEN.take(),
            [Event::AttemptStarted { attempt: 1 }, Event::Rejected { reason }, Event::AttemptSucceeded { attempt: 1 },]
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
#[derive(Clone, Copy)]
struct Tokens(&'static std::sync::atomic::AtomicU32);

impl crate::policy::sealed::Sealed for Tokens {}
impl RetryPart for Tokens {
    type Course = ();

    fn decide(
        &self,
        (): &mut (),
        _: u32,
        _: &crate::failure::Facts,
        _: bool,
        _: &impl Moment,
    ) -> Result<Duration, Reason> {
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
    let policy = Policy {
        deadline: (),
        retry: Some(Tokens(&LEFT)),
        guards: ((), Slots { most: 2, delay: Duration::ZERO }, ()),
        memory: ((), Slots::NEW, ()),
        timeout: (),
        observer: &SEEN,
        hedge: Hedge::after(millis(100)).max_hedges(2),
        latencies: (),
    };
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();

    // A hedge for which there is no room costs nothing.
    policy.memory.1.now.set(1);
    let target = scripted(&clock, [(900, Ok("alone"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    policy.memory.1.now.set(0);
    assert_eq!(LEFT.load(Relaxed), 1);
    SEEN.take();

    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert_eq!((LEFT.load(Relaxed), target.started().len()), (0, 2));
    SEEN.take();

    let target = scripted(&clock, [(900, Ok("first"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert!(SEEN.take().contains(&Event::Rejected { reason: Reason::Budget }));
    assert_eq!(policy.memory.1.now.get(), 0, "a hedge that the budget forbids gives its permit back");
}

#[test]
fn the_delay_can_be_the_quantile_that_the_policy_observed() {
    let policy = Policy::new().hedge(Hedge::after_quantile(0.95).initial_delay(millis(700)));
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert_eq!(target.started(), [0, 700], "nothing is known yet");
    let reads = clock.reads();
    for _ in 0..20 {
        let target = scripted(&clock, [(40, Ok("usual"))]);
        clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    }
    assert_eq!(clock.reads() - reads, 2 * 20);
    let before = clock.passed();
    let target = scripted(&clock, [(900, Ok("slow")), (40, Ok("hedge"))]);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("hedge"));
    let delay = clock.passed() - before - millis(40);
    assert!(delay >= millis(40) && delay <= millis(45), "{delay:?}");
}

#[test]
fn latencies_that_hedges_cut_short_keep_the_quantile_right() {
    // Nine in ten take 10 ms, the others for ever. Were those forgotten that a hedge replaced, or counted with the
    // time that the hedge took, everything would look fast, and the delay would shrink to 10 ms.
    let policy = Policy::new().hedge(Hedge::after_quantile(0.95).initial_delay(millis(200)));
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    for number in 0..500 {
        let slow = number % 10 == 0;
        let script = if slow { [(99_999, Ok("slow")), (10, Ok("hedge"))] } else { [(10, Ok("usual")), (0, Ok(""))] };
        let target = scripted(&clock, script);
        clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    }
    let (hedge, latencies) = (policy.hedge, &policy.latencies);
    assert!(hedge.delay(latencies) >= millis(200), "{:?}", hedge.delay(latencies));
}

#[test]
fn failures_and_what_the_deadline_ends_tell_no_latency() {
    let hedge = Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(100));
    let policy = Policy::new().deadline(Deadline::after(millis(300))).hedge(hedge);
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    let scripts = [
        vec![(5, error(Cause::NoTarget))],
        vec![(999, Ok("")), (999, Ok(""))],
        // The first fails while the hedge is under way, and the hedge succeeds.
        vec![(150, error(Cause::NoTarget)), (100, Ok("hedge"))],
    ];
    for script in scripts {
        let target = scripted(&clock, script);
        let _ = clock.run(call.call_hedged(async || target.ask().await));
    }
    assert_eq!(hedge.delay(&policy.latencies), millis(100));
    let target = scripted(&clock, [(8, Ok("8 ms"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert!(hedge.delay(&policy.latencies) < millis(10));
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
        assert_eq!((policy.memory.1.now.get(), target.under_way.get(), clock.sleepers()), (2, 2, 2));
    }
    let taken = &policy.memory.1;
    assert_eq!((taken.now.get(), target.under_way.get(), clock.sleepers()), (0, 0, 0));
    assert_eq!((taken.successes.get(), taken.failures.get(), taken.ignored.get()), (0, 0, 2));
}

// case 13
#[test]
fn an_operation_a_judge_or_an_observer_that_panics_leaks_no_permit() {
    fn panics(event: &Event) {
        if let Event::HedgeFired { .. } = event {
            panic!("a bug of the observer")
        }
    }
    let catch = |call: &dyn Fn()| std::panic::catch_unwind(core::panic::AssertUnwindSafe(call)).is_err();
    let policy = hedging(Hedge::after(millis(100)), ROOMY);
    let taken = &policy.memory.1;
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
    assert_eq!((observed.memory.1.now.get(), clock.sleepers()), (0, 0));
}

// case 14
#[test]
fn an_observer_may_call_through_the_same_policy() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    type Watched = Policy<(), (), Breaker, (), (), (), fn(&Event), Hedge<crate::Quantile>>;
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
        assert_eq!(policy.memory.1.now.get(), 100 * (step + 1));
        clock.advance(millis(if step == 2 { 50 } else { 100 }));
    }
    drop(calls.split_off(90));
    for call in &mut calls {
        assert_eq!(poll(call.as_mut()), Poll::Ready(Ok("c")));
    }
    let taken = &policy.memory.1;
    assert_eq!((taken.now.get(), taken.successes.get(), taken.failures.get()), (0, 90, 0));
    assert_eq!((taken.ignored.get(), clock.sleepers()), (2 * 90 + 3 * 10, 0));
}

#[test]
fn the_judge_says_what_wins() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let judge = |result: &Result<u16, RpcError>| match result {
        Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
        Ok(404) => Verdict::Ignored,
        result => Verdict::of(result),
    };
    for (script, expected, took) in [
        ([(900, Ok(200)), (50, Ok(503))], 200, 900),
        ([(900, Ok(503)), (900, Ok(200))], 200, 1_000),
        ([(900, Ok(200)), (50, Ok(404))], 404, 150),
        ([(900, Ok(503)), (950, Ok(503))], 503, 1_050),
    ] {
        let clock = ManualClock::new();
        let target = Target::new(&clock, script);
        let call = policy.with(&clock).judge(judge).idempotent();
        let status = clock.run(call.call_hedged(async || target.ask().await));
        assert_eq!((status.unwrap(), clock.passed()), (expected, millis(took)));
    }
    let clock = ManualClock::new();
    let target = Target::new(&clock, [(900, Ok(1)), (10, Err(RpcError::new(Cause::Other, Delivery::Unknown)))]);
    let call = policy.with(&clock).judge(|_: &Result<i32, RpcError>| Verdict::Ignored).idempotent();
    let failed = clock.run(call.call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.attempts(), failed.reason()), (2, Reason::NotRetryable));
}

#[test]
fn fallbacks_answer_hedged_calls_too() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().hedge(Hedge::after(millis(100))).observer(&SEEN);
    let clock = ManualClock::new();
    let down = || scripted(&clock, [(5, error(Cause::NoTarget))]);
    let target = down();
    let call = policy.with(&clock).idempotent().fallback(|_| "plain");
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), "plain");
    let target = down();
    let other = async |failed: Failed| if failed.attempts() == 1 { Ok("other") } else { Err(failed) };
    let call = policy.with(&clock).idempotent().fallback_async(other);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("other"));
    let used = SEEN.take().iter().filter(|event| **event == Event::FallbackUsed).count();
    assert_eq!(used, 2);
}

/// What has to come out, written down as slowly and plainly as can be: the winner or nothing, when, and how many
/// attempts were started.
fn expected(script: &[(u64, bool)], delay: u64, most: usize) -> (Option<usize>, u64, usize) {
    let mut under_way = vec![(script[0].0, 0)];
    let (mut started, mut failed, mut now) = (1, false, 0);
    loop {
        let over = under_way.iter().copied().min();
        let fires = (!failed && started <= most).then_some(started as u64 * delay);
        match (over, fires) {
            (Some((at, _)), Some(fires)) if fires < at => {
                under_way.push((fires + script[started].0, started));
                started += 1;
                now = fires;
            }
            (Some((at, attempt)), _) => {
                now = at;
                if script[attempt].1 {
                    return (Some(attempt), now, started);
                }
                failed = true;
                under_way.retain(|(_, other)| *other != attempt);
            }
            (None, _) => return (None, now, started),
        }
    }
}

#[test]
fn ten_thousand_random_calls_come_out_as_they_should() {
    const NAMES: [&str; 5] = ["0", "1", "2", "3", "4"];
    let mut draws = SplitMix::new(11);
    for case in 0..10_000 {
        let most = 1 + below(draws.next(), 3) as usize;
        let delay = 1 + below(draws.next(), 9);
        let script: Vec<_> = (0..5).map(|_| (1 + below(draws.next(), 39), below(draws.next(), 2) > 0)).collect();
        let policy = hedging(Hedge::after(millis(delay)).max_hedges(most as u32), ROOMY);
        let clock = ManualClock::new();
        let replies = script.iter().zip(NAMES).map(|((latency, succeeds), name)| match succeeds {
            true => (*latency, Ok(name)),
            false => (*latency, error(Cause::Timeout)),
        });
        let target = scripted(&clock, replies);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        let (winner, took, started) = expected(&script, delay, most);
        let context = format!("case {case}: {script:?}, every {delay} ms, at most {most}");
        assert_eq!(outcome.as_ref().ok(), winner.map(|winner| &NAMES[winner]), "{context}");
        assert_eq!((clock.passed(), target.started().len()), (millis(took), started), "{context}");
        if let Err(failed) = outcome {
            assert_eq!(failed.attempts() as usize, started, "{context}");
        }
        assert_eq!((policy.memory.1.now.get(), target.under_way.get(), clock.sleepers()), (0, 0, 0), "{context}");
    }
}

// case 16
#[test]
fn a_clock_that_steps_back_observes_no_time_and_panics_nowhere() {
    struct Back(ManualClock, Cell<u64>);
    impl crate::clock::Clock for Back {
        fn now(&self) -> Instant {
            self.1.set(self.1.get() / 2);
            Instant::from_nanos(self.1.get())
        }
        fn sleep(&self, duration: Duration) {
            self.0.advance(duration);
        }
    }
    impl AsyncClock for Back {
        async fn sleep_async(&self, duration: Duration) {
            self.0.sleep_async(duration).await;
        }
    }
    impl crate::rng::Rng for Back {
        fn draw(&self) -> u64 {
            0
        }
    }
    let clock = Back(ManualClock::new(), Cell::new(u64::MAX));
    let policy = Policy::new()
        .deadline(Deadline::after(millis(1_000)))
        .attempt_timeout(AttemptTimeout::after(millis(500)))
        .hedge(Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(100)));
    for _ in 0..100 {
        let target = scripted(&clock.0, [(300, Ok("first")), (300, Ok("hedge"))]);
        let call = policy.with(&clock).idempotent();
        assert!(clock.0.run(call.call_hedged(async || target.ask().await)).is_ok());
    }
}
