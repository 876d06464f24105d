//! A part that only the configuration chose does what the part does, in every kind.

use core::cell::{Cell, RefCell};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::policies;
use crate::testing::{ManualClock, SplitMix, TestClock};
use crate::{
    Breaker, Bulkhead, Call, Cause, Concurrency, Delivery, Failed, Parts, Policy, RateLimit, Reason, RpcError, Throttle,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What becomes of calls of every kind, on a clock that moves at random.
fn play<P: Parts>(policy: &Policy<P>, seed: u64) -> (Vec<String>, Vec<Duration>, u32) {
    let clock = TestClock::seeded(seed);
    let random = Cell::new(SplitMix::new(seed));
    let below = |bound: u64| {
        let mut sequence = random.get();
        let drawn = sequence.next() % bound;
        random.set(sequence);
        drawn
    };
    let target = || {
        clock.advance(Duration::from_millis(below(3) * below(2_000)));
        let causes = [Cause::NoTarget, Cause::Overloaded, Cause::Timeout, Cause::Trapped, Cause::NoLink];
        match causes.get(below(10) as usize) {
            Some(cause) => Err(RpcError::new(*cause, Delivery::NotSent)),
            None => Ok("hi"),
        }
    };
    let call = || -> Call<'_, P, &TestClock> { Call::new(policy, &clock) };
    let outcomes = RefCell::new(Vec::new());
    let inner = |failed: Failed| {
        outcomes.borrow_mut().push(format!("{failed:?}"));
        RpcError::new(failed.cause, Delivery::NotSent)
    };
    for _ in 0..200 {
        clock.advance(Duration::from_millis(below(4) * below(4_000)));
        let outcome = match below(3) {
            0 => call().call(target),
            1 => call().call(|| call().call(target).map_err(inner)),
            _ => crate::testing::block_on(call().call_async(async || target())),
        };
        outcomes.borrow_mut().push(format!("{outcome:?}"));
    }
    (outcomes.take(), clock.slept(), clock.reads())
}

#[test]
fn guards_of_every_kind_do_the_same() {
    macro_rules! same {
        ($($settings:literal: $policy:expr, $seen:literal;)*) => {$(
            let mut said = String::new();
            for seed in 0..20 {
                let policies = policies(concat!(r#"{"policies": {"p": {"#, $settings, "}}}"));
                let expected = play(&$policy, seed);
                assert_eq!(play(policies.policy("p").unwrap(), seed), expected, "{}", $settings);
                said += &expected.0.concat();
            }
            assert!(said.contains($seen), "{}", $settings);
        )*};
    }
    same! {
        r#""breaker": {"failures": 2}"#:
            Policy::new().breaker(Breaker::consecutive_failures(2)), "BreakerOpen";
        r#""breaker": {"failure-rate": "50%", "over-calls": 10}"#:
            Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(10)), "BreakerOpen";
        r#""breaker": {"failure-rate": "50%", "over-time": "20s", "minimum-calls": 4}"#:
            Policy::new().breaker(Breaker::failure_rate(0.5).over_time(secs(20)).minimum_calls(4)), "BreakerOpen";
        r#""breaker": {"failure-rate": 1, "over-calls": 10, "slow-calls": {"rate": "30%", "longer-than": "1s"}}"#:
            Policy::new().breaker(Breaker::failure_rate(1.0).over_calls(10).slow_calls(0.3, secs(1))), "BreakerOpen";
        r#""breaker": {"failure-rate": 1, "over-time": "60s", "slow-calls": {"rate": "30%", "longer-than": "1s"}}"#:
            Policy::new().breaker(Breaker::failure_rate(1.0).over_time(secs(60)).slow_calls(0.3, secs(1))),
            "BreakerOpen";
        r#""bulkhead": {"concurrent": 1}"#: Policy::new().bulkhead(Bulkhead::concurrent(1)), "BulkheadFull";
        r#""concurrency": {"aimd": {"max": 2}}"#:
            Policy::new().concurrency(Concurrency::aimd().max(2)), "BulkheadFull";
        r#""concurrency": {"gradient": {"max": 2, "start": 1}}"#:
            Policy::new().concurrency(Concurrency::gradient().max(2).start(1)), "BulkheadFull";
        r#""rate-limit": {"tokens": 1, "every": "5s", "wait-up-to": "1s"}"#:
            Policy::new().rate_limit(RateLimit::tokens(1).every(secs(5)).wait_up_to(secs(1))), "RateLimited";
        r#""rate-limit": {"window": 3, "period": "10s", "wait-up-to": "1s"}"#:
            Policy::new().rate_limit(RateLimit::window(3, secs(10)).wait_up_to(secs(1))), "RateLimited";
        r#""throttle": {"multiplier": 1.1}"#: Policy::new().throttle(Throttle::new().multiplier(1.1)), "Throttled";
    }
}

/// A call stands in line while another opens the breaker: then its turn is none.
#[test]
fn who_waited_in_line_is_asked_again() {
    fn poll<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }
    let policies =
        policies(r#"{"policies": {"p": {"breaker": {"failures": 1}, "bulkhead": {"concurrent": 1, "waiting": 1}}}}"#);
    let clock = ManualClock::new();
    let call = policies.policy("p").unwrap().with(&clock);
    let over = Cell::new(false);
    let mut first = pin!(call.call_async(async || {
        core::future::poll_fn(|_| if over.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))
    }));
    let mut second = pin!(call.call_async(async || -> Result<(), RpcError> { panic!("called") }));
    let mut third = pin!(call.call_async(async || -> Result<(), RpcError> { panic!("called") }));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    let reason = |outcome: Poll<Result<(), Failed>>| match outcome {
        Poll::Ready(Err(failed)) => failed.reason(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(poll(third.as_mut())), Reason::BulkheadFull);
    over.set(true);
    assert_eq!(reason(poll(first.as_mut())), Reason::Attempts);
    assert_eq!(reason(poll(second.as_mut())), Reason::BreakerOpen);
}
