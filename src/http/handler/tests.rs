//! The scope of handlers, alone, nested and interleaved; their deadlines; what they note.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::run::Run;
use super::{Settings, Watch, WatchAs, bound};
use crate::call::handler_scope::MAX_NOTES;
use crate::failure::problem::Problem;
use crate::platform::clock::{AsyncClock, Clock, Instant};
use crate::testing::{ManualClock, Script, TestClock, block_on};
use crate::{Bound, Breaker, Cause, Delivery, Failed, Policy, Reason, Retry, RpcError};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn until(millis: u64) -> Bound {
    Bound::until(Instant::from_nanos(millis * 1_000_000))
}

const fn settings(millis: u64) -> Settings {
    Settings::new().deadline(Duration::from_millis(millis))
}

fn no_target<T>() -> Result<T, RpcError> {
    Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
}

/// A run for a client that does not say how long it waits.
fn run_of<C: Clock>(clock: C, settings: Settings) -> Run<C> {
    Run::new(clock, settings, || None)
}

/// A run for a client that still waits so many milliseconds.
fn run_for<C: Clock>(clock: C, settings: Settings, left: u64) -> Run<C> {
    Run::new(clock, settings, || Some(ms(left)))
}

static GREETER: Policy<(Retry, WatchAs)> = Policy::new().retry(Retry::attempts(4)).observer(WatchAs("greet"));

/// What `handler` answers on `clock`, and the value of its `Server-Timing` header.
fn answered<T>(handler: impl FnOnce(&TestClock) -> Result<T, Failed>) -> (Result<T, Problem>, String) {
    let clock = TestClock::new();
    let run = run_of(&clock, Settings::new());
    let answer = run.answer("/", || handler(&clock));
    (answer, run.server_timing().unwrap())
}

#[test]
fn the_deadline_bounds_what_is_called_within_the_handler_and_nothing_else() {
    let clock = TestClock::new();
    clock.advance(ms(10));
    let run = run_of(&clock, settings(90));
    assert_eq!(bound(), Bound::NONE);
    let failed = run.answer("/", || {
        assert_eq!(bound(), until(100));
        GREETER.with(&clock).within(bound()).call(|| {
            clock.advance(ms(60));
            no_target::<()>()
        })
    });
    assert_eq!(bound(), Bound::NONE);
    assert!(failed.unwrap_err().body().contains("gave up after 1 attempt in 60 ms: the deadline is reached"));
}

#[test]
fn a_client_of_a_plain_policy_is_bound_by_the_deadline_and_one_that_was_put_together_as_it_says() {
    use crate::call::client::Calls;
    use crate::platform::clock::System;

    let reason = |call: &dyn Fn() -> Failed| {
        let mut reason = None;
        // Over when it begins, so that the test does not wait.
        let run = run_of(System, settings(0));
        let _ = run.answer("/", || Err::<(), _>(call()).inspect_err(|failed| reason = Some(failed.reason())));
        reason
    };
    let clock = TestClock::new();
    assert_eq!(reason(&|| Calls::call(&&GREETER, no_target::<()>).unwrap_err()), Some(Reason::Deadline));
    assert_eq!(reason(&|| Calls::call(&GREETER.with(&clock), no_target::<()>).unwrap_err()), Some(Reason::Attempts));
    assert_eq!(clock.slept().len(), 3);
}

#[test]
fn a_handler_without_a_deadline_has_no_bound_and_an_endless_one_does_not_overflow() {
    let clock = TestClock::new();
    clock.advance(ms(10));
    let bound_in = |settings| run_of(&clock, settings).answer("/", || Ok::<_, RpcError>(bound())).unwrap();
    assert_eq!(bound_in(Settings::new()), Bound::NONE);
    let endless = Bound::until(Instant::from_nanos(u64::MAX));
    assert_eq!(bound_in(Settings::new().deadline(Duration::MAX)), endless);
}

#[test]
fn a_handler_that_is_called_by_another_has_no_longer_than_that_one() {
    let clock = TestClock::new();
    let inner = |settings| run_of(&clock, settings).answer("/", || Ok::<_, RpcError>(bound())).unwrap();
    let outer = run_of(&clock, settings(100));
    let handler = || {
        assert_eq!(inner(settings(40)), until(40));
        assert_eq!(bound(), until(100));
        assert_eq!(inner(settings(400)), until(100));
        assert_eq!(inner(Settings::new()), until(100));
        assert_eq!(bound(), until(100));
        Ok::<_, RpcError>(())
    };
    outer.answer("/", handler).unwrap();
    assert_eq!(bound(), Bound::NONE);
}

#[test]
fn a_handler_has_no_longer_than_its_client_waits() {
    let clock = TestClock::new();
    clock.advance(ms(10));
    let bound_in = |run: Run<&TestClock>| run.answer("/", || Ok::<_, RpcError>(bound())).unwrap();
    for (settings, left, ends) in [
        (Settings::new(), 90, 100),
        (settings(40), 90, 50),
        (settings(500), 90, 100),
        (Settings::new().server_timing(false), 90, 100),
    ] {
        assert_eq!(bound_in(run_for(&clock, settings, left)), until(ends), "{settings:?}");
    }
    assert_eq!(bound_in(run_for(&clock, Settings::new(), u64::MAX)), Bound::NONE);
    assert_eq!(bound_in(run_for(&clock, settings(40), u64::MAX)), until(50));
    assert_eq!(bound_in(run_for(&clock, Settings::new().caller_deadline(false), 90)), Bound::NONE);
    assert_eq!(bound_in(run_for(&clock, settings(40).caller_deadline(false), 0)), until(50));
}

#[test]
fn a_handler_whose_client_has_no_time_left_is_not_begun() {
    let clock = ManualClock::new();
    let run = run_for(&clock, settings(100), 0);
    let never = || -> Result<(), RpcError> { panic!("it was begun") };
    let blocking = run.answer("/late", never).unwrap_err();
    let waiting = clock.run(run.answer_async("/late", async { never() })).unwrap_err();
    assert_eq!(blocking, waiting);
    assert_eq!(
        blocking.body(),
        concat!(
            r#"{"type":"urn:problem-type:steadfast:deadline","title":"This service did not answer in time","#,
            r#""status":504,"detail":"its client had no time left when the request came, so it was not begun","#,
            r#""instance":"/late","cause":"timeout"}"#
        )
    );
}

#[test]
fn what_an_inner_handler_notes_is_its_own() {
    let clock = TestClock::new();
    let (inner, outer) = (run_of(&clock, Settings::new()), run_of(&clock, Settings::new()));
    let fail = |name| Policy::new().observer(WatchAs(name)).with(&clock).call(no_target::<()>).unwrap_err();
    let handler = || {
        fail("before");
        inner.answer("/", || Err::<(), _>(fail("within"))).unwrap_err();
        fail("after");
        Ok::<_, RpcError>(())
    };
    outer.answer("/", handler).unwrap();
    assert_eq!(inner.server_timing().unwrap(), r#"total;dur=0, within;desc="1 attempt, no-target""#);
    let both = r#"total;dur=0, before;desc="1 attempt, no-target", after;desc="1 attempt, no-target""#;
    assert_eq!(outer.server_timing().unwrap(), both);
}

#[test]
fn handlers_that_interleave_keep_their_scopes_apart() {
    let clock = ManualClock::new();
    let work = async |name: &'static str, ends: Bound| {
        let policy = Policy::new().observer(WatchAs(name));
        for _ in 0..3 {
            assert_eq!(bound(), ends, "{name}");
            let _ = policy.with(&clock).call_async(async || no_target::<()>()).await;
            clock.sleep_async(ms(10)).await;
        }
        assert_eq!(bound(), ends, "{name}");
        Ok::<_, RpcError>(())
    };
    let (one, two) = (run_of(&clock, settings(100)), run_of(&clock, settings(200)));
    {
        let mut first = pin!(one.answer_async("/", work("one", until(100))));
        let mut second = pin!(two.answer_async("/", work("two", until(200))));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert_eq!(bound(), Bound::NONE);
            assert!(second.as_mut().poll(&mut context).is_pending());
            assert_eq!(bound(), Bound::NONE);
            clock.advance(ms(10));
        }
        assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
        assert!(matches!(first.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    for (run, name) in [(one, "one"), (two, "two")] {
        let expected = format!(r#"total;dur=30, {name};desc="3 calls, 3 attempts, no-target""#);
        assert_eq!(run.server_timing().unwrap(), expected);
    }
}

#[test]
fn an_async_handler_that_still_waits_at_its_deadline_is_dropped_and_its_client_answered() {
    struct Dropped<'a>(&'a ManualClock, &'a core::cell::Cell<Option<Duration>>);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.1.set(Some(self.0.passed()));
        }
    }
    let (clock, dropped) = (ManualClock::new(), core::cell::Cell::new(None));
    let run = run_of(&clock, settings(100));
    let answer = clock.run(run.answer_async("/slow", async {
        let _dropped = Dropped(&clock, &dropped);
        // Blocking, it takes its time; only what waits is cut short.
        clock.sleep(ms(70));
        clock.sleep_async(ms(500)).await;
        Ok::<_, RpcError>(())
    }));
    assert_eq!(dropped.get(), Some(ms(100)));
    let problem = answer.unwrap_err();
    assert_eq!((problem.status(), problem.retry_after()), (504, None));
    assert_eq!(
        problem.body(),
        concat!(
            r#"{"type":"urn:problem-type:steadfast:deadline","title":"This service did not answer in time","#,
            r#""status":504,"detail":"it was stopped at its deadline","instance":"/slow","cause":"timeout"}"#
        )
    );
    assert_eq!(run.server_timing().unwrap(), "total;dur=100");
}

#[test]
fn an_async_handler_that_is_done_at_the_last_moment_is_done() {
    let clock = ManualClock::new();
    let run = run_of(&clock, settings(100));
    let answer = clock.run(run.answer_async("/", async {
        clock.sleep_async(ms(100)).await;
        Ok::<_, RpcError>(7)
    }));
    assert_eq!(answer.ok(), Some(7));
}

#[test]
fn what_a_blocking_handler_returns_late_is_the_answer_all_the_same() {
    let clock = TestClock::new();
    let late = || {
        clock.advance(ms(500));
        Ok::<_, RpcError>(7)
    };
    assert_eq!(run_of(&clock, settings(100)).answer("/", late).ok(), Some(7));
    assert_eq!(block_on(run_of(&clock, settings(100)).answer_async("/", async { late() })).ok(), Some(7));
}

#[test]
fn the_clock_is_read_only_for_a_deadline_or_the_timing() {
    for (settings, reads) in [
        (settings(100), 2),
        (Settings::new(), 2),
        (settings(100).server_timing(false), 1),
        (Settings::new().server_timing(false), 0),
    ] {
        let clock = TestClock::new();
        let run = run_of(&clock, settings);
        block_on(run.answer_async("/", async { Ok::<_, RpcError>(()) })).unwrap();
        assert_eq!(run.server_timing().is_some(), settings != settings.server_timing(false));
        assert_eq!(clock.reads(), reads, "{settings:?}");
    }
}

#[test]
fn a_call_that_succeeds_at_once_is_not_mentioned() {
    let (_, timing) = answered(|clock| GREETER.with(clock).call(|| Ok::<_, RpcError>(7)));
    assert_eq!(timing, "total;dur=0");
}

#[test]
fn calls_that_were_repeated_or_given_up_are_told_with_how_they_ended() {
    let (_, timing) = answered(|clock| GREETER.with(clock).call(no_target::<()>));
    assert_eq!(timing, r#"total;dur=350, greet;desc="4 attempts, no-target""#);

    let (_, timing) = answered(|clock| {
        let mut target = Script::new([no_target(), no_target(), Ok(7)]);
        GREETER.with(clock).call(|| target.next())
    });
    assert_eq!(timing, r#"total;dur=150, greet;desc="3 attempts, no-target, recovered""#);

    let (_, timing) = answered(|clock| Ok(GREETER.with(clock).fallback(|_| 7).call(no_target)));
    assert_eq!(timing, r#"total;dur=350, greet;desc="4 attempts, no-target, fallback""#);

    let (_, timing) = answered(|clock| {
        let unsure = || Err::<(), _>(RpcError::new(Cause::Timeout, Delivery::Unknown));
        GREETER.with(clock).call(unsure)
    });
    assert_eq!(timing, r#"total;dur=0, greet;desc="1 attempt, timeout, not-idempotent""#);
}

#[test]
fn a_call_that_a_breaker_turns_away_is_told() {
    static OPEN: Policy<(Breaker, Watch)> = Policy::new().breaker(Breaker::consecutive_failures(1)).observer(Watch);
    let clock = TestClock::new();
    OPEN.with(&clock).call(no_target::<()>).unwrap_err();
    let (answer, timing) = answered(|_| OPEN.with(&clock).call(|| Ok::<_, RpcError>(7)));
    assert_eq!(answer.unwrap_err().status(), 503);
    assert_eq!(timing, r#"total;dur=0, call;desc="breaker-open""#);
}

#[test]
fn only_so_many_names_are_noted_and_calls_of_one_name_add_up() {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let (_, timing) = answered(|clock| {
        for name in NAMES.iter().chain(&NAMES) {
            let _ = Policy::new().observer(WatchAs(name)).with(clock).call(no_target::<()>);
        }
        Ok(())
    });
    let told = NAMES[..MAX_NOTES].iter().map(|name| format!(r#", {name};desc="2 calls, 2 attempts, no-target""#));
    assert_eq!(timing, "total;dur=0".to_string() + &told.collect::<String>());
}

#[test]
fn outside_of_a_handler_nothing_is_noted() {
    assert_eq!(GREETER.with(&TestClock::new()).call(no_target::<()>).unwrap_err().reason(), Reason::Attempts);
    let (_, timing) = answered(|_| Ok(()));
    assert_eq!(timing, "total;dur=0");
}

#[test]
fn a_handler_that_unwinds_leaves_its_scope() {
    if cfg!(panic = "abort") {
        return;
    }
    let clock = TestClock::new();
    let run = run_of(&clock, settings(100));
    let panics = AssertUnwindSafe(|| run.answer("/", || -> Result<(), RpcError> { panic!("as it should") }));
    assert!(catch_unwind(panics).is_err());
    assert_eq!(bound(), Bound::NONE);
}

#[test]
fn of_a_setting_given_twice_the_last_counts() {
    let twice = settings(100).deadline(ms(200)).server_timing(false).server_timing(true);
    assert_eq!(twice, settings(200));
}
