//! Policies as a user sees them: results in, results, sleeps and looks at the clock out.

mod breaker;
mod deadline;
mod failures;
mod parts;

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
fn calls_and_their_steps_print_what_they_are() {
    static LAST: crate::LastGood<u32> = crate::LastGood::new(Duration::from_secs(600));
    let (policy, clock) = (Policy::new(), TestClock::new());
    let call = policy.with(&clock).idempotent();
    assert!(format!("{call:?}").starts_with("Call { clock: "));
    assert!(format!("{:?}", call.fallback(|_: Failed| 0)).starts_with("WithFallback { call: Call { "));
    let stale = call.stale_if_error(&LAST);
    assert!(format!("{:?}", stale.step).starts_with("StaleIfError(LastGood { max_age: 600s, "));
}
