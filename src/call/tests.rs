//! Policies as a user sees them: results in, results, sleeps and looks at the clock out.

use core::cell::Cell;
use core::time::Duration;

use crate::platform::clock::Clock;
use crate::testing::{Script, TestClock, block_on};
use crate::{Backoff, Breaker, Cause, Deadline, Delivery, Failed, Failure, Jitter, Policy, Reason, Retry, RpcError};

type Outcome = Result<&'static str, RpcError>;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn error(cause: Cause, delivery: Delivery) -> Outcome {
    Err(RpcError::new(cause, delivery))
}

fn no_target() -> Outcome {
    error(Cause::NoTarget, Delivery::NotSent)
}

fn timeout() -> Outcome {
    error(Cause::Timeout, Delivery::Unknown)
}

/// Waits of 1 s, 2 s, 4 s and so on.
const REGULAR: Backoff =
    Backoff::exponential(Duration::from_secs(1)).max_delay(Duration::from_secs(60)).jitter(Jitter::None);

fn regular(attempts: u32) -> Retry {
    Retry::attempts(attempts).backoff(REGULAR)
}

#[test]
fn a_call_that_fails_and_then_works_works() {
    let policy = Policy::new().retry(regular(4));
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(clock.slept(), [secs(1), secs(2)]);
}

#[test]
fn success_costs_one_look_at_the_clock_with_a_deadline_and_none_without() {
    let clock = TestClock::new();
    let all = Policy::new().retry(regular(4)).breaker(Breaker::consecutive_failures(1));
    all.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    block_on(all.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 0);

    let bounded = all.deadline(Deadline::after(secs(3)));
    bounded.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(clock.reads(), 1);
    block_on(bounded.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 2);
}

// vector 2
#[test]
fn grpc_attempts() {
    let policy = Policy::new().retry(regular(4));
    let clock = TestClock::new();
    let mut index = 0;
    let mut ends = Vec::new();
    while index < 16 {
        let _ = policy.with(&clock).call(|| {
            let outcome = match index {
                0 | 2 | 5 => Ok("ok"),
                6 | 8 | 11 => error(Cause::Protocol, Delivery::NotSent),
                _ => no_target(),
            };
            index += 1;
            outcome
        });
        ends.push(index - 1);
    }
    assert_eq!(ends, [0, 2, 5, 6, 8, 11, 15]);
}

// case 5
#[test]
fn the_deadline_counts_the_work_as_well_as_the_sleeps() {
    // An operation of 10 s, a deadline of 3 s: not one more attempt.
    let policy = Policy::new().retry(regular(10)).deadline(Deadline::after(secs(3)));
    let clock = TestClock::new();
    let failed = policy
        .with(&clock)
        .call(|| {
            clock.advance(secs(10));
            no_target()
        })
        .unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Deadline, 1, secs(10)));
    assert!(clock.slept().is_empty(), "the check is made before sleeping");
}

// case 5, case 18
#[test]
fn no_attempt_starts_at_the_deadline_and_the_last_real_error_is_kept() {
    for (deadline, attempts) in [(secs(1), 1), (secs(3), 2), (Duration::from_millis(3_001), 3)] {
        let policy = Policy::new().retry(regular(10)).deadline(Deadline::after(deadline));
        let clock = TestClock::new();
        let failed = policy.with(&clock).call(no_target).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, attempts), "{deadline:?}");
        assert_eq!(failed.into_last(), no_target().err());
        assert!(clock.slept().iter().sum::<Duration>() < deadline);
    }
}

#[test]
fn a_sleep_that_takes_too_long_starts_no_attempt_after_the_deadline() {
    struct Late(TestClock);
    impl Clock for Late {
        fn now(&self) -> crate::platform::clock::Instant {
            self.0.now()
        }
        fn sleep(&self, duration: Duration) {
            self.0.sleep(duration * 100);
        }
    }
    impl crate::platform::rng::Rng for Late {
        fn draw(&self) -> u64 {
            0
        }
    }
    let policy = Policy::new().retry(regular(10)).deadline(Deadline::after(secs(3)));
    let failed = policy.with(Late(TestClock::new())).call(no_target).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, 1));
}

// case 24
#[test]
fn a_call_that_may_have_run_is_repeated_only_if_it_is_idempotent() {
    let policy = Policy::new().retry(regular(4));
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), timeout(), Ok("twice?")]);
    let failed = policy.with(&clock).call(|| target.next()).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), target.calls()), (Reason::NotIdempotent, 2, 2));

    let mut target = Script::new([no_target(), timeout(), Ok("hi")]);
    assert_eq!(policy.with(&clock).idempotent().call(|| target.next()), Ok("hi"));
}

#[test]
fn the_delivery_of_a_given_up_call_is_the_worst_of_its_attempts() {
    let policy = Policy::new().retry(regular(3));
    let clock = TestClock::new();
    let mut target = Script::new([timeout(), no_target(), no_target()]);
    let failed = policy.with(&clock).idempotent().call(|| target.next()).unwrap_err();
    assert_eq!((failed.cause(), failed.delivery()), (Cause::NoTarget, Delivery::Unknown));
    assert_eq!(failed.last().map(Failure::delivery), Some(Delivery::NotSent));
}

// case 18, case 25
#[test]
fn a_breaker_that_opens_ends_the_retries_at_once_with_the_last_real_error() {
    let policy = Policy::new().retry(regular(10)).breaker(Breaker::consecutive_failures(2).open_for(secs(30)));
    let clock = TestClock::new();
    let failed = policy.with(&clock).call(no_target).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 2));
    assert_eq!(failed.last(), no_target().as_ref().err());
    assert_eq!(failed.retry_after(), Some(secs(30)));
    assert_eq!(clock.slept(), [secs(1)], "no sleep before a rejection that is certain");

    let rejected = policy.with(&clock).call(|| -> Outcome { panic!("reached the wire") }).unwrap_err();
    assert_eq!((rejected.reason(), rejected.attempts()), (Reason::BreakerOpen, 0));
    assert_eq!((rejected.cause(), rejected.delivery()), (Cause::NoTarget, Delivery::NotSent));
    assert_eq!(rejected.to_string(), "no target; not called: the circuit breaker is open");
}

#[test]
fn a_retry_outlasts_a_breaker_that_opens_for_less_than_the_wait() {
    let breaker = Breaker::consecutive_failures(1).open_for(Duration::from_millis(500));
    let policy = Policy::new().retry(regular(3)).breaker(breaker);
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    assert_eq!(policy.with(&clock).call(|| target.next()), Ok("hi"));
}

// case 21
#[test]
fn a_breaker_that_opens_for_30_s_is_half_open_after_the_test_clock_moved_30_s() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1).open_for(secs(30)));
    let clock = TestClock::new();
    policy.with(&clock).call(no_target).unwrap_err();
    clock.advance(secs(30) - Duration::from_nanos(1));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("early")).unwrap_err().reason(), Reason::BreakerOpen);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("probe")), Ok("probe"));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("closed")), Ok("closed"));
}

// case 11, case 13; in a component a panic ends the instance, and its memory with it
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_call_that_panics_or_is_dropped_leaks_no_probe() {
    let policy = Policy::new().breaker(Breaker::consecutive_failures(1).open_for(secs(30)));
    let clock = TestClock::new();
    policy.with(&clock).call(no_target).unwrap_err();
    clock.advance(secs(30));

    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        policy.with(&clock).call(|| -> Outcome { panic!("a bug of the caller") })
    }));
    assert!(panicked.is_err());
    {
        let call = policy.with(&clock);
        let mut dropped = core::pin::pin!(call.call_async(async || core::future::pending::<Outcome>().await));
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        let second = policy.with(&clock).call(|| Ok::<_, RpcError>("second probe"));
        assert_eq!(second.unwrap_err().reason(), Reason::BreakerOpen, "one probe at a time");
    }
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("probe")), Ok("probe"));
}

// case 14
#[test]
fn a_call_may_go_through_the_same_policy_again() {
    let policy = Policy::new().retry(regular(2)).breaker(Breaker::consecutive_failures(5));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let nested = call.call(|| {
        call.call(|| call.call(|| Ok::<_, RpcError>("inside")).map_err(RpcError::from)).map_err(RpcError::from)
    });
    assert_eq!(nested, Ok("inside"));
}

// case 26
#[test]
fn a_hundred_interleaved_calls_keep_every_count_right() {
    use core::future::Future;
    let policy = Policy::new().breaker(Breaker::consecutive_failures(100).open_for(secs(30)));
    let clock = TestClock::new();
    let open = Cell::new(false);
    let calls: Vec<_> = (0..100).map(|_| policy.with(&clock)).collect();
    let mut futures: Vec<_> = calls
        .iter()
        .map(|call| {
            Box::pin(call.call_async(async || {
                core::future::poll_fn(|_| match open.get() {
                    true => core::task::Poll::Ready(()),
                    false => core::task::Poll::Pending,
                })
                .await;
                no_target()
            }))
        })
        .collect();
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    open.set(true);
    for future in &mut futures[..99] {
        assert!(future.as_mut().poll(&mut context).is_ready());
    }
    assert!(
        policy
            .with(&clock)
            .call(|| Err::<(), _>(RpcError::new(Cause::NoLink, Delivery::NotSent)))
            .unwrap_err()
            .attempts()
            == 1
    );
    assert!(futures[99].as_mut().poll(&mut context).is_ready());
    assert_eq!(policy.with(&clock).call(no_target).unwrap_err().reason(), Reason::BreakerOpen);
}

#[test]
fn awaited_calls_are_decided_like_blocking_ones() {
    type Case = (Vec<Outcome>, bool);
    let cases: Vec<Case> = vec![
        (vec![Ok("hi")], false),
        (vec![no_target(), no_target(), Ok("hi")], false),
        (vec![no_target(), timeout()], false),
        (vec![timeout(), no_target(), timeout()], true),
        (vec![no_target(), error(Cause::NoLink, Delivery::NotSent)], true),
    ];
    for (script, idempotent) in cases {
        let run = |awaited: bool| -> (Result<&'static str, Failed>, Vec<Duration>, usize) {
            let policy = Policy::new()
                .deadline(Deadline::after(secs(10)))
                .retry(regular(3))
                .breaker(Breaker::consecutive_failures(5));
            let clock = TestClock::new();
            let mut target = Script::new(script.clone());
            let call = policy.with(&clock);
            let outcome = match (idempotent, awaited) {
                (false, true) => block_on(call.call_async(async || target.next())),
                (false, false) => call.call(|| target.next()),
                (true, true) => block_on(call.idempotent().call_async(async || target.next())),
                (true, false) => call.idempotent().call(|| target.next()),
            };
            (outcome, clock.slept(), target.calls())
        };
        assert_eq!(run(true), run(false), "{script:?}");
    }
}

#[test]
fn at_the_deadline_an_awaited_attempt_is_cancelled_and_the_last_real_error_is_kept() {
    let policy = Policy::new().retry(regular(4)).deadline(Deadline::after(secs(5)));
    let clock = TestClock::new();
    let mut first = true;
    let failed = block_on(policy.with(&clock).call_async(async || {
        if core::mem::take(&mut first) {
            return no_target();
        }
        core::future::pending().await
    }))
    .unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Deadline, 2, secs(5)));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::Unknown));
    assert_eq!(failed.into_last(), no_target().err());
}

#[test]
fn a_given_up_call_says_why_how_often_and_how_long() {
    let clock = TestClock::new();
    let slow = || {
        clock.advance(secs(4));
        no_target()
    };
    let text = |failed: Failed| failed.to_string();
    let plain = Policy::new();
    assert_eq!(text(plain.with(&clock).call(slow).unwrap_err()), "no target; gave up after 1 attempt");
    let retrying = plain.retry(regular(2));
    let expected = "no target; gave up after 2 attempts, 5000 ms after the first failed";
    assert_eq!(text(retrying.with(&clock).call(slow).unwrap_err()), expected);
    let bounded = retrying.deadline(Deadline::after(secs(60)));
    assert_eq!(text(bounded.with(&clock).call(slow).unwrap_err()), "no target; gave up after 2 attempts in 9000 ms");
    let bounded = Policy::new().retry(regular(5)).deadline(Deadline::after(secs(14)));
    let expected = "no target; gave up after 3 attempts in 15 s: the deadline is reached";
    assert_eq!(text(bounded.with(&clock).call(slow).unwrap_err()), expected);
    let timed_out = || error(Cause::Timeout, Delivery::Unknown);
    let expected = "timeout; gave up after 1 attempt: it may have run, and is not idempotent";
    assert_eq!(text(Policy::new().retry(regular(5)).with(&clock).call(timed_out).unwrap_err()), expected);
}

#[allow(clippy::result_large_err, reason = "the failure of a call within a call")]
#[test]
fn a_deadline_passes_down_to_the_calls_within() {
    let clock = TestClock::new();
    let outer = Policy::new().deadline(Deadline::after(secs(5)));
    let inner = Policy::new().deadline(Deadline::after(secs(60))).retry(regular(10));
    let run = |awaited: bool| {
        let outer = outer.with(&clock);
        let inner = inner.with(&clock);
        match awaited {
            true => block_on(outer.call_async_bounded(async |bound| {
                clock.advance(secs(1));
                inner_within(&inner, bound).call_async(async || no_target()).await
            })),
            false => outer.call_bounded(|bound| {
                clock.advance(secs(1));
                inner_within(&inner, bound).call(no_target)
            }),
        }
    };
    fn inner_within<'p, P: crate::Parts>(
        call: &crate::Call<'p, P, &'p TestClock>,
        bound: crate::Bound,
    ) -> crate::Call<'p, P, &'p TestClock> {
        crate::Call::new(call.policy, call.clock).within(bound)
    }
    for awaited in [false, true] {
        // 4 s are left: the waits of 1 s and 2 s fit, the one of 4 s would pass the end.
        let inner = run(awaited).unwrap_err().into_last().expect("the inner call's failure");
        assert_eq!((inner.reason(), inner.attempts(), inner.elapsed()), (Reason::Deadline, 3, secs(3)), "{awaited}");
    }
}

#[test]
fn a_call_whose_time_is_over_before_it_begins_calls_nothing() {
    let clock = TestClock::new();
    clock.advance(secs(5));
    let policy = Policy::new().retry(regular(10));
    let over = crate::Bound::until(clock.now());
    let never = || -> Outcome { panic!("called") };
    for failed in [
        policy.with(&clock).within(over).call(never).unwrap_err(),
        block_on(policy.with(&clock).within(over).call_async(async || never())).unwrap_err(),
        block_on(policy.with(&clock).idempotent().within(over).call_hedged(async || never())).unwrap_err(),
    ] {
        assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, 0));
        assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::NotSent));
        assert_eq!(failed.to_string(), "timeout; not called: the deadline is reached");
    }
    let ahead = crate::Bound::until(clock.now() + Duration::from_nanos(1));
    assert_eq!(policy.with(&clock).within(ahead).call(|| Ok::<_, RpcError>("hi")), Ok("hi"));
}

#[test]
fn parts_may_be_decided_at_run_time() {
    let clock = TestClock::new();
    for attempts in [None, Some(3)] {
        let breaker = Some(Breaker::consecutive_failures(3));
        let policy = Policy::new().optional(attempts.map(regular)).unwrap().optional(breaker).unwrap();
        let failed = policy.with(&clock).call(no_target).unwrap_err();
        assert_eq!(failed.attempts(), attempts.unwrap_or(1));
    }
    let refused = Policy::new().optional(Some(Deadline::after(Duration::ZERO))).unwrap_err();
    assert_eq!(refused.to_string(), "deadline: 0ns is not allowed: it must be longer than zero");
}

/// Each part both as it is and as one that was decided on at run time: whatever happens, they do the same.
#[test]
fn a_part_that_is_decided_at_run_time_does_what_the_part_does() {
    use crate::observe::Event;
    use crate::testing::Recorder;
    use crate::{AttemptTimeout, Bulkhead, Hedge, RateLimit};

    let breaker = Breaker::consecutive_failures(10).open_for(secs(30));
    let rate = RateLimit::per_second(1).burst(2).wait_up_to(secs(2));
    let (bulkhead, timeout, hedge) = (Bulkhead::concurrent(2), AttemptTimeout::after(secs(5)), Hedge::after(secs(1)));
    let (deadline, retry) = (Deadline::after(secs(20)), regular(4));

    fn play<P: crate::Parts>(policy: &Policy<P>, seen: &Recorder) -> (Vec<String>, Vec<Duration>, Vec<Event>) {
        let clock = TestClock::new();
        let call = || -> crate::Call<'_, P, &TestClock> { crate::Call::new(policy, &clock) };
        let mut outcomes = Vec::new();
        let mut note = |outcome: Result<&'static str, Failed>| outcomes.push(format!("{outcome:?}"));
        note(call().call(|| Ok("first")));
        // There is place for two calls, and none for a third within both.
        let refused = |_: Failed| RpcError::new(Cause::Protocol, Delivery::NotSent);
        note(call().call(|| call().call(|| call().call(|| Ok("third")).map_err(refused)).map_err(refused)));
        let mut slow = Script::new([no_target(), Ok("slow")]);
        note(call().call(|| {
            clock.advance(secs(6));
            slow.next()
        }));
        note(block_on(call().call_async(async || core::future::pending::<Outcome>().await)));
        for _ in 0..3 {
            note(call().call(no_target));
        }
        note(block_on(call().call_async(async || no_target())));
        clock.advance(secs(30));
        note(block_on(call().idempotent().call_hedged(async || Ok("probe"))));
        (outcomes, clock.slept(), seen.take())
    }

    static SEEN: Recorder = Recorder::new();
    let plain = Policy::new()
        .deadline(deadline)
        .retry(retry)
        .breaker(breaker)
        .bulkhead(bulkhead)
        .rate_limit(rate)
        .attempt_timeout(timeout)
        .hedge(hedge)
        .observer(&SEEN);
    let expected = play(&plain, &SEEN);

    let optional = || -> Result<_, crate::Invalid> {
        let policy = Policy::new().optional(Some(deadline))?.optional(Some(retry))?.optional(Some(breaker))?;
        let policy = policy.optional(Some(bulkhead))?.optional(Some(rate))?.optional(Some(timeout))?;
        Ok(policy.optional(Some(hedge))?.observer(&SEEN))
    };
    let optional = optional().unwrap();
    assert_eq!(play(&optional, &SEEN), expected);

    // And all that the parts can do was seen.
    let (outcomes, slept, events) = expected;
    let said = format!("{outcomes:?} {events:?}");
    for what in ["BulkheadFull", "BreakerOpen", "HalfOpened", "Closed", "Opened", "Timeout", "Delayed"] {
        assert!(said.contains(what), "{what} is missing: {said}");
    }
    assert!(!slept.is_empty());
}

#[test]
fn the_error_of_a_chain_keeps_cause_delivery_and_the_wish_to_be_left_alone() {
    let overloaded = RpcError {
        retry_after: Some(7_000_000_000),
        target: "acme:greeter/api#greet".into(),
        message: "queue full".into(),
        ..RpcError::new(Cause::Overloaded, Delivery::NotSent)
    };
    let failed = Policy::new().with(&TestClock::new()).call(|| Err::<(), _>(overloaded.clone())).unwrap_err();
    assert_eq!(
        RpcError::from(failed),
        RpcError { message: "queue full; gave up after 1 attempt".into(), ..overloaded }
    );
}

/// What ends a call before any attempt of it, when its time is over in a queue.
fn timed_out(failed: Failed) {
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, 0));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::NotSent));
    assert_eq!(failed.problem("/").status(), 504);
}

// case 27
#[test]
fn a_deadline_in_front_of_a_rate_limit_is_a_timeout() {
    use crate::RateLimit;
    let limit = RateLimit::tokens(1).every(secs(10)).wait_up_to(secs(60));
    let policy = Policy::new().deadline(Deadline::after(secs(1))).rate_limit(limit);
    let open = Policy::new().rate_limit(limit);
    let clock = TestClock::new();
    let hi = || -> Outcome { Ok("hi") };
    policy.with(&clock).call(hi).unwrap();
    open.with(&clock).call(hi).unwrap();
    let bound = crate::Bound::until(clock.now() + secs(1));
    timed_out(policy.with(&clock).call(hi).unwrap_err());
    timed_out(policy.with(&clock).call_once(hi).unwrap_err());
    timed_out(block_on(policy.with(&clock).call_async(async || hi())).unwrap_err());
    timed_out(block_on(policy.with(&clock).call_once_async(async || hi())).unwrap_err());
    timed_out(block_on(policy.with(&clock).idempotent().call_hedged(async || hi())).unwrap_err());
    timed_out(open.with(&clock).within(bound).call(hi).unwrap_err());
}

// case 27
#[test]
fn a_deadline_in_the_line_of_a_bulkhead_is_a_timeout() {
    use crate::{Bulkhead, testing::ManualClock};
    let clock = ManualClock::new();
    let hi = || -> Outcome { Ok("hi") };
    let free = Policy::new().bulkhead(Bulkhead::concurrent(1).waiting(5));
    let holds = free.with(&clock);
    let done = clock.run(holds.call_async(async || {
        let bounded = || holds.within(crate::Bound::until(clock.now() + secs(1)));
        timed_out(bounded().call_async(async || hi()).await.unwrap_err());
        timed_out(bounded().call_once_async(async || hi()).await.unwrap_err());
        timed_out(bounded().idempotent().call_hedged(async || hi()).await.unwrap_err());
        hi()
    }));
    assert_eq!(done, Ok("hi"));
}

#[test]
fn a_retry_without_a_delay_lets_others_go_on() {
    use core::future::Future;
    use core::task::{Context, Poll, Waker};
    let policy = Policy::new().retry(Retry::attempts(u32::MAX).backoff(Backoff::constant(Duration::ZERO)));
    let clock = TestClock::new();
    let made = core::cell::Cell::new(0);
    let attempt = async || {
        made.set(made.get() + 1);
        no_target()
    };
    let through = policy.with(&clock);
    let mut call = core::pin::pin!(through.call_async(attempt));
    for polls in 1..=3 {
        assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        assert_eq!(made.get(), polls);
    }
}

// case 29
#[test]
fn what_an_inner_policy_gave_up_for_is_not_repeated() {
    use crate::{Budget, Cause, Rule};
    static EMPTY: Budget = Budget::throttle(1, 1.0);
    let clock = TestClock::new();
    let outer = Policy::new().retry(regular(4));
    let attempts =
        |inner: &dyn Fn() -> Result<&'static str, Failed>| outer.with(&clock).call(inner).unwrap_err().attempts();

    let spent = Policy::new().retry(regular(2).budget(&EMPTY));
    assert_eq!(attempts(&|| spent.with(&clock).call(no_target)), 1, "its budget");
    let open = Policy::new().breaker(Breaker::consecutive_failures(1));
    open.with(&clock).call(no_target).unwrap_err();
    assert_eq!(attempts(&|| open.with(&clock).call(no_target)), 1, "its open breaker");
    let short = Policy::new().deadline(Deadline::after(Duration::from_millis(1))).retry(regular(9));
    assert_eq!(attempts(&|| short.with(&clock).call(no_target)), 1, "its deadline");

    // What it only tried often enough, the outer one may try again; and a rule says otherwise of the rest.
    let twice = Policy::new().retry(regular(2));
    assert_eq!(attempts(&|| twice.with(&clock).call(no_target)), 4);
    let ruled = Policy::new().retry(regular(3).rules(const { &[Rule::on(Cause::NoTarget)] }));
    let failed = ruled.with(&clock).call(|| open.with(&clock).call(no_target)).unwrap_err();
    assert_eq!(failed.attempts(), 3);
}

#[test]
fn futures_of_calls_are_send_where_their_parts_are() {
    use crate::platform::clock::{AsyncClock, Clock, Instant};
    use crate::platform::rng::Rng;

    #[derive(Clone, Copy)]
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Instant {
            Instant::from_nanos(0)
        }
        fn sleep(&self, _: Duration) {}
    }
    impl AsyncClock for Still {
        async fn sleep_async(&self, _: Duration) {}
    }
    impl Rng for Still {
        fn draw(&self) -> u64 {
            0
        }
    }
    fn send<T: Send>(future: T) -> T {
        future
    }
    let all = Policy::new()
        .deadline(Deadline::after(secs(1)))
        .retry(regular(2))
        .breaker(Breaker::consecutive_failures(5))
        .bulkhead(crate::Bulkhead::concurrent(1).waiting(1))
        .rate_limit(crate::RateLimit::per_second(10))
        .attempt_timeout(crate::AttemptTimeout::after(secs(1)));
    assert_eq!(block_on(send(async { all.with(Still).call_async(async || Ok::<_, RpcError>(1)).await })), Ok(1));
    assert_eq!(block_on(send(async { all.with(Still).call_once_async(async || Ok::<_, RpcError>(1)).await })), Ok(1));
}

#[test]
fn a_blocking_success_after_its_attempt_timeout_is_the_callers_and_a_failure_of_the_target() {
    let nano = Duration::from_nanos(1);
    for (took, opens) in [(secs(1) - nano, false), (secs(1), false), (secs(1) + nano, true), (secs(2), true)] {
        let policy = Policy::new()
            .breaker(Breaker::consecutive_failures(1))
            .attempt_timeout(crate::AttemptTimeout::after(secs(1)));
        let clock = TestClock::new();
        let late = || {
            clock.advance(took);
            Ok::<_, RpcError>("hi")
        };
        assert_eq!(policy.with(&clock).call(late), Ok("hi"));
        let open = policy.breaker_control().with(&clock).state() == crate::BreakerState::Open;
        assert_eq!(open, opens, "{took:?}");
    }
}

#[test]
fn a_result_that_the_judge_hands_over_is_told_as_given_up_only_where_it_is_an_error() {
    use crate::testing::Recorder;
    use crate::{Event, Verdict};
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().observer(&SEEN);
    let clock = TestClock::new();
    let gave_up = || SEEN.take().into_iter().any(|event| matches!(event, Event::GaveUp { .. }));
    let ignored = policy.with(&clock).judge(|_: &Outcome| Verdict::Ignored);
    assert_eq!(ignored.call(|| Ok("hi")), Ok("hi"));
    assert!(!gave_up());
    ignored.call(no_target).unwrap_err();
    assert!(gave_up());
    // An `Ok` that is judged a failure is the last real result, and the call was given up.
    let verdict =
        Verdict::Failure { cause: Cause::Other, delivery: Delivery::Delivered, retry_after: None, repeatable: true };
    assert_eq!(policy.with(&clock).judge(move |_: &Outcome| verdict).call(|| Ok("hi")), Ok("hi"));
    assert!(gave_up());
}

#[test]
fn a_retry_at_the_moment_the_break_ends_is_made() {
    let open_for = |time| Policy::new().retry(regular(2)).breaker(Breaker::consecutive_failures(1).open_for(time));
    let clock = TestClock::new();
    for (time, attempts) in [(secs(1), 2), (secs(1) + Duration::from_nanos(1), 1)] {
        assert_eq!(open_for(time).with(&clock).call(no_target).unwrap_err().attempts(), attempts, "{time:?}");
    }
}
