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
pub(crate) mod parts;
mod rate_limit;
mod retry;
mod shared;
#[cfg(test)]
mod tests;
mod throttle;

use core::fmt;

pub use attempt_timeout::AttemptTimeout;
pub use backoff::{Backoff, Jitter};
#[cfg(feature = "config")]
pub(crate) use breaker::Controlled;
pub use breaker::{
    BadSnapshot, Breaker, BreakerControl, BreakerCounts, BreakerSnapshot, Consecutive, CountWindow, FailureRate,
    SharedBreaker, SharedState, TimeWindow, Window,
};
pub use budget::{Budget, BudgetPart, InFlightBudget, SharedBudget};
pub use builder::Optional;
pub use bulkhead::Bulkhead;
pub(crate) use concurrency::InFlight;
pub use concurrency::{Aimd, Concurrency, Gradient, LimitAlgorithm};
pub use deadline::{Deadline, TimeLimit};
pub use guard::Guard;
pub use hedge::{Hedge, HedgeKind, HedgePart, Quantile};
pub use invalid::Invalid;
pub use parts::{Part, Parts, Plus};
pub use rate_limit::{RateLimit, RateLimitKind, SharedRateLimit, SlidingWindow, TokenBucket};
pub use retry::{Retry, RetryPart, Rule, Upcoming};
pub use throttle::Throttle;
#[cfg(feature = "config")]
pub(crate) use throttle::Throttles;

pub(crate) use guard::{Guarded, Moment, Outcome, Permit, Rejected};
pub(crate) use hedge::MAX_HEDGES;

use crate::platform::clock::Instant;

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::AttemptTimeout {}
    impl Sealed for super::Deadline {}
    impl<D> Sealed for super::Hedge<D> {}
    impl<G> Sealed for super::Retry<G> {}
    impl Sealed for &'static super::Budget {}
    impl Sealed for &'static super::InFlightBudget {}
    impl<S> Sealed for &'static super::SharedBudget<S> {}
    impl<P: Sealed> Sealed for Option<P> {}
}

/// How calls to one target are made: a deadline, retries, a circuit breaker and more, each of which may be
/// absent.
///
/// The type names the parts that a policy has, as a tuple in any order: `Policy<(Deadline, Retry, Breaker)>`, or
/// `Policy<(Retry,)>` for one. What a policy does not have costs nothing. `Option<Retry>` in the tuple is a part that
/// is decided at run time. However the parts are given, they apply in one order, outermost first, and it is the one
/// that people usually get wrong:
///
/// > [fallback](Self::fallback) › [deadline](Deadline) › [retry](Retry) › [hedge](Hedge) › [breaker](Breaker) ›
/// > [bulkhead](Bulkhead) › [rate limit](RateLimit) › [attempt timeout](AttemptTimeout) › call
///
/// An open breaker ends the retries at once, and a call that a part turns away never reaches the wire and is no
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
/// static GREETER: Policy<(Deadline, Retry, Breaker)> = Policy::new()
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
/// static NEVER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(0));
/// ```
pub struct Policy<P: Parts = ()> {
    pub(crate) deadline: P::Deadline,
    pub(crate) retry: P::Retry,
    pub(crate) breaker: Guarded<P::Breaker>,
    pub(crate) bulkhead: Guarded<P::Bulkhead>,
    pub(crate) rate_limit: Guarded<P::RateLimit>,
    pub(crate) attempt_timeout: P::AttemptTimeout,
    pub(crate) hedge: P::Hedge,
    pub(crate) latencies: <P::Hedge as HedgePart>::Memory,
    pub(crate) observer: P::Observer,
}

/// The right to make one attempt, of all guards of a policy.
pub(crate) type Permits<'p, P> = (
    <<P as Parts>::Breaker as Guard>::Permit<'p>,
    BulkheadPermit<'p, P>,
    <<P as Parts>::RateLimit as Guard>::Permit<'p>,
);
pub(crate) type BulkheadPermit<'p, P> = <<P as Parts>::Bulkhead as Guard>::Permit<'p>;

impl<P: Parts> Policy<P> {
    /// Whether permits may come with a wait.
    pub(crate) const WAITS: bool = P::Bulkhead::WAITS || P::RateLimit::WAITS;

    /// Whether it matters to some part how long an attempt takes.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        self.attempt_timeout.limit().is_some()
            || self.breaker.guard.is_timed()
            || self.bulkhead.guard.is_timed()
            || self.rate_limit.guard.is_timed()
    }

    /// Asks the guards for the right to make an attempt. A `place` in the bulkhead was waited for in line. A guard that
    /// rejects has those before it take back what they granted.
    #[inline]
    pub(crate) fn admit<'p>(
        &'p self,
        place: Option<BulkheadPermit<'p, P>>,
        moment: &impl Moment,
    ) -> Result<Permits<'p, P>, Rejected> {
        let breaker = self.breaker.admit(moment)?;
        let bulkhead = match place {
            Some(place) => place,
            None => self.bulkhead.admit(moment)?,
        };
        let rate_limit = self.rate_limit.admit(moment)?;
        Ok((breaker, bulkhead, rate_limit))
    }

    /// Until when attempts are rejected for certain.
    pub(crate) fn rejects_until(&self) -> Option<Instant> {
        let until = [self.breaker.rejects_until(), self.bulkhead.rejects_until(), self.rate_limit.rejects_until()];
        until.into_iter().flatten().max()
    }
}

impl<P: Parts> fmt::Debug for Policy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .field("breaker", &self.breaker)
            .field("bulkhead", &self.bulkhead)
            .field("rate_limit", &self.rate_limit)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("hedge", &self.hedge)
            .field("latencies", &self.latencies)
            .finish_non_exhaustive()
    }
}
