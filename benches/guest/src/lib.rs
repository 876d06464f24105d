//! A guest that asks in a loop, through one policy or one peer; the feature says which.

steadfast::bindgen!("bench");

use bench::peer::api;

struct Bench;

impl Guest for Bench {
    fn run(calls: u32) -> u32 {
        #[cfg(feature = "ordinary")]
        let start = std::time::Instant::now();
        let sum = ask_all(calls);
        // It must be able to panic, and never does.
        #[cfg(feature = "ordinary")]
        assert_ne!(start.elapsed().as_nanos(), u128::MAX);
        sum
    }

    fn allocations() -> u64 {
        #[cfg(feature = "count-allocations")]
        return counting::COUNT.load(core::sync::atomic::Ordering::Relaxed);
        #[cfg(not(feature = "count-allocations"))]
        0
    }
}

export!(Bench);

#[cfg(not(feature = "async"))]
fn ask_all(calls: u32) -> u32 {
    let mut sum = 0_u32;
    for question in 0..calls {
        sum = sum.wrapping_add(ask(question));
    }
    sum
}

#[cfg(feature = "async")]
fn ask_all(calls: u32) -> u32 {
    wstd::runtime::block_on(async {
        let mut ask = asker();
        let mut sum = 0_u32;
        for question in 0..calls {
            sum = sum.wrapping_add(ask(question).await);
        }
        sum
    })
}

/// For failures: an import that always answers has none.
#[allow(dead_code, reason = "with a fallback there is always one")]
fn no_answer<E>(_: E) -> u32 {
    std::process::abort()
}

#[cfg(not(any(feature = "ours", feature = "backon", feature = "recloser", feature = "failsafe", feature = "async")))]
fn ask(question: u32) -> u32 {
    api::answer(question).unwrap_or_else(no_answer)
}

/// What asks, made once for many calls.
#[cfg(feature = "async-bare")]
fn asker() -> impl AsyncFnMut(u32) -> u32 {
    async |question| api::answer(question).unwrap_or_else(no_answer)
}

#[cfg(feature = "ours")]
mod ours {
    #![allow(unused_imports, reason = "each feature has its own policy")]

    use core::time::Duration;

    use steadfast::{
        Aimd, AttemptTimeout, Breaker, Budget, Bulkhead, Cause, Concurrency, CountWindow, Deadline, Delivery, Failed,
        Failure, Gradient, Hedge, LastGood, Policy, Quantile, RateLimit, Retry, SlidingWindow, Throttle, TimeWindow,
    };

    use super::api;

    pub struct Refused;

    impl Failure for Refused {
        fn cause(&self) -> Cause {
            Cause::Overloaded
        }
        fn delivery(&self) -> Delivery {
            Delivery::NotSent
        }
    }

    #[cfg(feature = "budget")]
    static BUDGET: Budget = Budget::throttle(10, 0.1);
    #[cfg(any(
        feature = "retry-breaker-budget",
        feature = "deadline-retry-breaker-budget",
        feature = "canonical",
        feature = "async-canonical"
    ))]
    static BUDGET: Budget = Budget::throttle(10, 0.1);

    #[cfg(any(feature = "fallback", feature = "fallback-function", feature = "fallback-call", feature = "stale"))]
    static POLICY: Policy = Policy::new();
    #[cfg(feature = "stale")]
    static LAST: LastGood<u32> = LastGood::new(Duration::from_secs(600));
    #[cfg(feature = "deadline")]
    static POLICY: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_secs(3)));
    #[cfg(any(feature = "retry", feature = "async-retry"))]
    static POLICY: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    #[cfg(feature = "budget")]
    static POLICY: Policy<(Retry<&Budget>,)> = Policy::new().retry(Retry::attempts(3).budget(&BUDGET));
    #[cfg(feature = "breaker")]
    static POLICY: Policy<(Breaker,)> = Policy::new().breaker(Breaker::consecutive_failures(5));
    #[cfg(feature = "breaker-shared")]
    static POLICY: Policy<(steadfast::SharedBreaker<steadfast::KeyValue>,)> = Policy::new()
        .shared_breaker(Breaker::consecutive_failures(5).shared("bench/peer", steadfast::KeyValue::bucket("default")));
    #[cfg(feature = "breaker-count")]
    static POLICY: Policy<(Breaker<CountWindow>,)> = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
    #[cfg(feature = "breaker-count-slow")]
    static POLICY: Policy<(Breaker<CountWindow>,)> =
        Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100).slow_calls(0.8, Duration::from_secs(1)));
    #[cfg(feature = "breaker-time")]
    static POLICY: Policy<(Breaker<TimeWindow>,)> =
        Policy::new().breaker(Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)));
    #[cfg(feature = "breaker-time-slow")]
    static POLICY: Policy<(Breaker<TimeWindow>,)> = Policy::new()
        .breaker(Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)).slow_calls(0.8, Duration::from_secs(1)));
    #[cfg(feature = "retry-breaker-budget")]
    static POLICY: Policy<(Retry<&Budget>, Breaker<CountWindow>)> =
        Policy::new().retry(Retry::attempts(3).budget(&BUDGET)).breaker(Breaker::failure_rate(0.5).over_calls(100));
    #[cfg(feature = "deadline-retry-breaker-budget")]
    static POLICY: Policy<(Deadline, Retry<&Budget>, Breaker<CountWindow>)> = Policy::new()
        .deadline(Deadline::after(Duration::from_secs(3)))
        .retry(Retry::attempts(3).budget(&BUDGET))
        .breaker(Breaker::failure_rate(0.5).over_calls(100));
    // A slot of an hour, as below.
    #[cfg(feature = "budget-shared")]
    static SHARED: steadfast::SharedBudget<steadfast::KeyValue> = Budget::windowed(0.1, 10, Duration::from_secs(3_600))
        .shared("bench/peer", steadfast::KeyValue::bucket("default"));
    #[cfg(feature = "budget-shared")]
    static POLICY: Policy<(Retry<&steadfast::SharedBudget<steadfast::KeyValue>>,)> =
        Policy::new().retry(Retry::attempts(3).shared_budget(&SHARED));
    #[cfg(feature = "bulkhead")]
    static POLICY: Policy<(Bulkhead,)> = Policy::new().bulkhead(Bulkhead::concurrent(10));
    #[cfg(feature = "rate-limit")]
    static POLICY: Policy<(RateLimit,)> = Policy::new().rate_limit(RateLimit::per_second(1_000_000).burst(1_000_000));
    // So short that it is never full, and of so few calls that the log is full soon: a call looks at one before it.
    #[cfg(feature = "rate-limit-window")]
    static POLICY: Policy<(RateLimit<SlidingWindow>,)> =
        Policy::new().rate_limit(RateLimit::window(1_000, Duration::from_nanos(1)));
    // A slot of an hour: the few operations that begin one are not seen beside those of the calls.
    #[cfg(feature = "rate-limit-shared")]
    static POLICY: Policy<(steadfast::SharedRateLimit<steadfast::KeyValue>,)> = Policy::new().shared_rate_limit(
        RateLimit::tokens(u32::MAX)
            .every(Duration::from_secs(3_600))
            .shared("bench/peer", steadfast::KeyValue::bucket("default")),
    );
    #[cfg(feature = "throttle")]
    static POLICY: Policy<(Throttle,)> = Policy::new().throttle(Throttle::new());
    #[cfg(feature = "concurrency")]
    static POLICY: Policy<(Concurrency<Aimd>,)> = Policy::new().concurrency(Concurrency::aimd());
    #[cfg(feature = "concurrency-gradient")]
    static POLICY: Policy<(Concurrency<Gradient>,)> = Policy::new().concurrency(Concurrency::gradient());
    // It does not fire: the answer is there before the delay is over.
    #[cfg(feature = "async-hedge")]
    static POLICY: Policy<(Hedge,)> = Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    #[cfg(feature = "async-hedge-quantile")]
    static POLICY: Policy<(Hedge<Quantile>,)> = Policy::new().hedge(Hedge::after_quantile(0.95));
    #[cfg(feature = "attempt-timeout")]
    static POLICY: Policy<(AttemptTimeout,)> =
        Policy::new().attempt_timeout(AttemptTimeout::after(Duration::from_secs(1)));
    #[cfg(any(feature = "canonical", feature = "async-canonical"))]
    type Canonical =
        Policy<(Deadline, Retry<&'static Budget>, Breaker<CountWindow>, Bulkhead, RateLimit, AttemptTimeout)>;
    #[cfg(any(feature = "canonical", feature = "async-canonical"))]
    static POLICY: Canonical = Policy::new()
        .deadline(Deadline::after(Duration::from_secs(3)))
        .retry(Retry::attempts(3).budget(&BUDGET))
        .breaker(Breaker::failure_rate(0.5).over_calls(100))
        .bulkhead(Bulkhead::concurrent(10))
        .rate_limit(RateLimit::per_second(1_000_000).burst(1_000_000))
        .attempt_timeout(AttemptTimeout::after(Duration::from_secs(1)));

    #[inline(always)]
    fn answer(question: u32) -> Result<u32, Refused> {
        api::answer(question).map_err(|_| Refused)
    }

    #[cfg(feature = "retry-attribute")]
    #[steadfast::resilient(retry(attempts = 3))]
    fn resilient_answer(question: u32) -> Result<u32, Failed<Refused>> {
        answer(question)
    }

    #[cfg(feature = "retry-attribute")]
    pub fn ask(question: u32) -> u32 {
        resilient_answer(question).unwrap_or_else(super::no_answer)
    }

    #[cfg(not(any(
        feature = "async",
        feature = "fallback",
        feature = "fallback-function",
        feature = "fallback-call",
        feature = "stale",
        feature = "retry-attribute"
    )))]
    pub fn ask(question: u32) -> u32 {
        POLICY.call(|| answer(question)).unwrap_or_else(super::no_answer)
    }

    #[cfg(feature = "fallback")]
    pub fn ask(question: u32) -> u32 {
        POLICY.fallback(|_| 0).call(|| answer(question))
    }

    #[cfg(feature = "fallback-function")]
    pub fn ask(question: u32) -> u32 {
        POLICY.fallback(|failed: Failed<Refused>| failed.attempts()).call(|| answer(question))
    }

    #[cfg(feature = "fallback-call")]
    pub fn ask(question: u32) -> u32 {
        let call = POLICY.fallback_call(|_: Failed<Refused>| answer(question));
        call.call(|| answer(question)).unwrap_or_else(super::no_answer)
    }

    #[cfg(feature = "stale")]
    pub fn ask(question: u32) -> u32 {
        match POLICY.stale_if_error(&LAST).call(|| answer(question)) {
            Ok(answer) => answer.into_inner(),
            Err(failed) => super::no_answer(failed),
        }
    }

    #[cfg(any(feature = "async-retry", feature = "async-canonical"))]
    pub fn asker() -> impl AsyncFnMut(u32) -> u32 {
        async |question| POLICY.call_async(async || answer(question)).await.unwrap_or_else(super::no_answer)
    }

    #[cfg(any(feature = "async-hedge", feature = "async-hedge-quantile"))]
    pub fn asker() -> impl AsyncFnMut(u32) -> u32 {
        async |question| {
            let call = POLICY.idempotent();
            call.call_hedged(async || answer(question)).await.unwrap_or_else(super::no_answer)
        }
    }
}
#[cfg(all(feature = "ours", not(feature = "async")))]
use ours::ask;
#[cfg(all(feature = "ours", feature = "async"))]
use ours::asker;

#[cfg(feature = "backon")]
fn ask(question: u32) -> u32 {
    use backon::{BlockingRetryable, ExponentialBuilder};
    (|| api::answer(question)).retry(ExponentialBuilder::default()).call().unwrap_or_else(no_answer)
}

#[cfg(feature = "async-backon")]
fn asker() -> impl AsyncFnMut(u32) -> u32 {
    use backon::{ExponentialBuilder, Retryable};
    async |question| {
        let sleep = |delay: core::time::Duration| wstd::task::sleep(delay.into());
        let answer = (async || api::answer(question)).retry(ExponentialBuilder::default()).sleep(sleep);
        answer.await.unwrap_or_else(no_answer)
    }
}

/// It sleeps on tokio's timer, which runs nowhere here; an import that always answers does not let it come to that.
#[cfg(feature = "async-tower-retry")]
fn asker() -> impl AsyncFnMut(u32) -> u32 {
    use tower::{Layer, Service, ServiceExt, service_fn};
    use tower_resilience_retry::RetryLayer;

    let layer = RetryLayer::<u32, u32, u32>::builder()
        .max_attempts(3)
        .exponential_backoff(core::time::Duration::from_millis(50))
        .build();
    let mut service = layer.layer(service_fn(|question| async move { api::answer(question) }));
    async move |question| match service.ready().await {
        Ok(service) => service.call(question).await.unwrap_or_else(no_answer),
        Err(error) => no_answer(error),
    }
}

#[cfg(feature = "async-tower-breaker")]
fn asker() -> impl AsyncFnMut(u32) -> u32 {
    use tower::{Layer, Service, ServiceExt, service_fn};
    use tower_resilience_circuitbreaker::CircuitBreakerLayer;

    let layer = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100).build();
    let mut service = match layer {
        Ok(layer) => layer.layer(service_fn(|question| async move { api::answer(question) })),
        Err(_) => std::process::abort(),
    };
    async move |question| match service.ready().await {
        Ok(service) => service.call(question).await.unwrap_or_else(no_answer),
        Err(error) => no_answer(error),
    }
}

#[cfg(feature = "recloser")]
fn ask(question: u32) -> u32 {
    use std::sync::OnceLock;

    use recloser::Recloser;
    static BREAKER: OnceLock<Recloser> = OnceLock::new();
    let breaker = BREAKER.get_or_init(|| Recloser::custom().error_rate(0.5).closed_len(100).build());
    breaker.call(|| api::answer(question)).unwrap_or_else(no_answer)
}

#[cfg(feature = "failsafe")]
fn ask(question: u32) -> u32 {
    use std::sync::OnceLock;

    use failsafe::{CircuitBreaker, Config, StateMachine, backoff, failure_policy};
    type Policy = failure_policy::ConsecutiveFailures<backoff::Exponential>;
    static BREAKER: OnceLock<StateMachine<Policy, ()>> = OnceLock::new();
    let breaker = BREAKER.get_or_init(|| {
        let backoff = backoff::exponential(core::time::Duration::from_secs(5), core::time::Duration::from_secs(60));
        Config::new().failure_policy(failure_policy::consecutive_failures(5, backoff)).build()
    });
    breaker.call(|| api::answer(question)).unwrap_or_else(no_answer)
}

#[cfg(feature = "count-allocations")]
mod counting {
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::alloc::{GlobalAlloc, Layout, System};

    pub static COUNT: AtomicU64 = AtomicU64::new(0);

    struct Counting;

    // SAFETY: every call is passed on unchanged to the system's allocator.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            COUNT.fetch_add(1, Ordering::Relaxed);
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;
}
