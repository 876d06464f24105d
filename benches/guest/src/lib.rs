//! A guest that asks in a loop, through one policy or one peer; the feature says which.

steadfast::bindgen!("bench");

use bench::peer::api;

struct Bench;

impl Guest for Bench {
    fn run(calls: u32) -> u32 {
        let mut sum = 0_u32;
        for question in 0..calls {
            sum = sum.wrapping_add(ask(question));
        }
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

#[cfg(not(any(
    feature = "retry",
    feature = "breaker",
    feature = "retry-breaker",
    feature = "deadline-retry-breaker",
    feature = "backon",
    feature = "recloser",
    feature = "failsafe",
)))]
fn ask(question: u32) -> u32 {
    api::answer(question).unwrap_or_else(|_| core::arch::wasm32::unreachable())
}

#[cfg(any(feature = "retry", feature = "breaker", feature = "retry-breaker", feature = "deadline-retry-breaker"))]
mod ours {
    use core::time::Duration;

    use steadfast::{Breaker, Cause, Deadline, Delivery, Failure, Policy, Retry};

    use super::api;

    struct Refused;

    impl Failure for Refused {
        fn cause(&self) -> Cause {
            Cause::Overloaded
        }
        fn delivery(&self) -> Delivery {
            Delivery::NotSent
        }
    }

    #[cfg(feature = "retry")]
    static POLICY: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    #[cfg(feature = "breaker")]
    static POLICY: Policy<(), (), Breaker> = Policy::new().breaker(Breaker::consecutive_failures(5));
    #[cfg(feature = "retry-breaker")]
    static POLICY: Policy<(), Retry, Breaker> =
        Policy::new().retry(Retry::attempts(3)).breaker(Breaker::consecutive_failures(5));
    #[cfg(feature = "deadline-retry-breaker")]
    static POLICY: Policy<Deadline, Retry, Breaker> = Policy::new()
        .deadline(Deadline::after(Duration::from_secs(3)))
        .retry(Retry::attempts(3))
        .breaker(Breaker::consecutive_failures(5));

    pub fn ask(question: u32) -> u32 {
        POLICY.call(|| api::answer(question).map_err(|_| Refused)).unwrap_or_else(|_| core::arch::wasm32::unreachable())
    }
}
#[cfg(any(feature = "retry", feature = "breaker", feature = "retry-breaker", feature = "deadline-retry-breaker"))]
use ours::ask;

#[cfg(feature = "backon")]
fn ask(question: u32) -> u32 {
    use backon::{BlockingRetryable, ExponentialBuilder};
    (|| api::answer(question))
        .retry(ExponentialBuilder::default())
        .call()
        .unwrap_or_else(|_| core::arch::wasm32::unreachable())
}

#[cfg(feature = "recloser")]
fn ask(question: u32) -> u32 {
    use std::sync::OnceLock;

    use recloser::Recloser;
    static BREAKER: OnceLock<Recloser> = OnceLock::new();
    let breaker = BREAKER.get_or_init(|| Recloser::custom().error_rate(0.5).closed_len(100).build());
    breaker.call(|| api::answer(question)).unwrap_or_else(|_| core::arch::wasm32::unreachable())
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
    breaker.call(|| api::answer(question)).unwrap_or_else(|_| core::arch::wasm32::unreachable())
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
