//! What to do about a failed call: one file for each policy, and the one struct that holds them.

mod attempt_timeout;
mod backoff;
mod breaker;
mod budget;
mod builder;
mod bulkhead;
mod concurrency;
mod deadline;
mod guard;
mod hedge;
pub(crate) mod invalid;
mod optional;
mod rate_limit;
mod retry;
#[cfg(test)]
mod tests;
mod throttle;

use core::fmt;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutPart};
pub use backoff::{Backoff, Jitter};
pub use breaker::{
    BadSnapshot, Breaker, BreakerControl, BreakerCounts, BreakerSnapshot, Consecutive, CountWindow, FailureRate,
    TimeWindow, Window,
};
pub use budget::{Budget, BudgetPart};
pub use bulkhead::Bulkhead;
pub use concurrency::{Aimd, Concurrency, Gradient, LimitAlgorithm};
pub use deadline::{Deadline, DeadlinePart};
pub use guard::Guard;
pub use hedge::{Hedge, HedgePart, Quantile};
pub use invalid::Invalid;
pub use optional::Takes;
pub use rate_limit::{RateLimit, RateLimitKind, SlidingWindow, TokenBucket};
pub use retry::{Retry, RetryPart, Rule, Upcoming};
pub use throttle::Throttle;

pub(crate) use guard::{Moment, Outcome, Permit, Rejected};
pub(crate) use hedge::MAX_HEDGES;

use crate::observe::Observer;

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::AttemptTimeout {}
    impl Sealed for super::Deadline {}
    impl<D> Sealed for super::Hedge<D> {}
    impl<G> Sealed for super::Retry<G> {}
    impl Sealed for &'static super::Budget {}
    impl<P: Sealed> Sealed for Option<P> {}
}

/// How calls to one target are made: a deadline, retries, a circuit breaker and more, each of which may be
/// absent.
///
/// The parts are types, so that what a policy does not have costs nothing: `()` is an absent part, and
/// `Option<Part>` one that is decided at run time. However they are given, they apply in one order,
/// outermost first, and it is the one that people usually get wrong:
///
/// > [fallback](Self::fallback) › [deadline](Deadline) › [retry](Retry) › [hedge](Hedge) › [breaker](Breaker) ›
/// > [bulkhead](Bulkhead) › [rate limit](RateLimit) › [attempt timeout](AttemptTimeout) › call
///
/// In the type they stand in that order, but for the observer and the hedge, which come last:
/// `Policy<Deadline, Retry, Breaker>` has the first three. An open
/// breaker ends the retries at once, and a call that a part turns away never reaches the wire and is no
/// failure of the target. For another order, put the call through one policy inside the call of another.
///
/// A policy holds the state of its parts, so it is made once and shared: a `static`. There, settings that
/// make no sense are compile errors. A part with values from elsewhere is [checked](Retry::check) first.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Breaker, Deadline, Policy, Retry, RpcError};
/// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
///
/// /// How we talk to the greeter: 4 tries within 3 s, and quiet for 10 s after 5 failures in a row.
/// static GREETER: Policy<Deadline, Retry, Breaker> = Policy::new()
///     .deadline(Deadline::after(Duration::from_secs(3)))
///     .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(50))))
///     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
///
/// assert_eq!(GREETER.call(|| greet("Ada")).unwrap(), "Hello, Ada!");
/// ```
///
/// ```compile_fail
/// use steadfast::{Policy, Retry};
///
/// static NEVER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(0));
/// ```
// `D`eadline, `R`etry, `B`reaker, bul`K`head, rate `L`imit, `A`ttempt timeout, `O`bserver, `H`edge.
pub struct Policy<D = (), R = (), B: Guard = (), K: Guard = (), L: Guard = (), A = (), O = (), H: HedgePart = ()> {
    pub(crate) deadline: D,
    pub(crate) retry: R,
    pub(crate) guards: (B, K, L),
    pub(crate) memory: <(B, K, L) as Guard>::Memory,
    pub(crate) timeout: A,
    pub(crate) observer: O,
    pub(crate) hedge: H,
    pub(crate) latencies: H::Memory,
}

/// The parts of a policy, as the drivers see them.
pub trait Pipeline: sealed::Sealed {
    #[doc(hidden)]
    type Deadline: DeadlinePart;
    #[doc(hidden)]
    type Retry: RetryPart;
    #[doc(hidden)]
    type Guards: Guard;
    #[doc(hidden)]
    type Timeout: AttemptTimeoutPart;
    #[doc(hidden)]
    type Observer: Observer;
    #[doc(hidden)]
    type Hedge: HedgePart;

    #[doc(hidden)]
    fn deadline(&self) -> &Self::Deadline;
    #[doc(hidden)]
    fn retry_part(&self) -> &Self::Retry;
    #[doc(hidden)]
    fn guards(&self) -> (&Self::Guards, &<Self::Guards as Guard>::Memory);
    #[doc(hidden)]
    fn timeout(&self) -> &Self::Timeout;
    #[doc(hidden)]
    fn observer_part(&self) -> &Self::Observer;
    #[doc(hidden)]
    fn hedge_part(&self) -> (&Self::Hedge, &<Self::Hedge as HedgePart>::Memory);
}

impl<D, R, B: Guard, K: Guard, L: Guard, A, O, H: HedgePart> sealed::Sealed for Policy<D, R, B, K, L, A, O, H> {}

impl<D, R, B, K, L, A, O, H> Pipeline for Policy<D, R, B, K, L, A, O, H>
where
    D: DeadlinePart,
    R: RetryPart,
    B: Guard,
    K: Guard,
    L: Guard,
    A: AttemptTimeoutPart,
    O: Observer,
    H: HedgePart,
{
    type Deadline = D;
    type Retry = R;
    type Guards = (B, K, L);
    type Timeout = A;
    type Observer = O;
    type Hedge = H;

    #[inline]
    fn deadline(&self) -> &D {
        &self.deadline
    }
    #[inline]
    fn retry_part(&self) -> &R {
        &self.retry
    }
    #[inline]
    fn guards(&self) -> (&(B, K, L), &<(B, K, L) as Guard>::Memory) {
        (&self.guards, &self.memory)
    }
    #[inline]
    fn timeout(&self) -> &A {
        &self.timeout
    }
    #[inline]
    fn observer_part(&self) -> &O {
        &self.observer
    }
    #[inline]
    fn hedge_part(&self) -> (&H, &H::Memory) {
        (&self.hedge, &self.latencies)
    }
}

impl<D, R, B: Guard, K: Guard, L: Guard, A, O, H: HedgePart> fmt::Debug for Policy<D, R, B, K, L, A, O, H>
where
    D: fmt::Debug,
    R: fmt::Debug,
    (B, K, L): fmt::Debug,
    A: fmt::Debug,
    H: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .field("guards", &self.guards)
            .field("memory", &self.memory)
            .field("timeout", &self.timeout)
            .field("hedge", &self.hedge)
            .field("latencies", &self.latencies)
            .finish_non_exhaustive()
    }
}
