//! Calls and the time they have.

use super::*;

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
