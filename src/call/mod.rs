//! A call on its way through a policy: the core that decides, the drivers that call and sleep (blocking, async, and
//! async with several attempts in flight), and what comes after a result.

mod asynchronous;
mod blocking;
pub mod client;
mod core;
mod fallback;
pub(crate) mod handler_scope;
mod hedged;
mod idempotency;
mod judge;
mod last_good;
mod once;
mod replay;
mod run;
mod start;
#[cfg(test)]
mod tests;
mod time_bound;

pub use fallback::{Fallback, FallbackAsync, FallbackCall, WithFallback};
#[cfg(feature = "http")]
pub(crate) use idempotency::Repeats;
#[cfg(not(feature = "http"))]
use idempotency::Repeats;
pub use judge::{ByError, Judge, Verdict};
pub use last_good::{LastGood, MaybeStale, StaleIfError};
pub use replay::Replay;
pub use time_bound::Bound;

use ::core::fmt;

use crate::failure::Failed;
use crate::observe::{Event, Observer};
use crate::platform::clock::{Clock, Instant, System};
#[cfg(feature = "http")]
use crate::policy::HedgePart;
use crate::policy::{Parts, Policy};

/// A policy made ready for one kind of call: on which clock it runs, whether the call may be repeated, and what
/// counts as its failure.
///
/// Made by [`Policy::with`](crate::Policy::with), [`idempotent`](crate::Policy::idempotent) and
/// [`judge`](crate::Policy::judge); it borrows the policy, so the state stays shared.
///
/// ```
/// use steadfast::{Policy, Retry, RpcError};
///
/// static STORE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
/// let reads = STORE.idempotent();
/// assert_eq!(reads.call(|| Ok::<_, RpcError>(7)).unwrap(), 7);
/// ```
#[must_use = "nothing is called until `call` or `call_async` is"]
pub struct Call<'p, P: Parts, C = System, J = ByError> {
    policy: &'p Policy<P>,
    clock: C,
    judge: J,
    bound: Bound,
    repeats: Repeats,
}

impl<'p, P: Parts, C> Call<'p, P, C> {
    pub(crate) const fn new(policy: &'p Policy<P>, clock: C) -> Self {
        Call { policy, clock, judge: ByError, bound: Bound::NONE, repeats: Repeats::WhenNotSent }
    }
}

impl<'p, P: Parts, C, J> Call<'p, P, C, J> {
    /// For a call that does no harm when it happens twice; see [`Policy::idempotent`](crate::Policy::idempotent).
    ///
    /// ```
    /// use steadfast::{Policy, Retry, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let clock = TestClock::new();
    /// assert!(STORE.with(&clock).idempotent().call(|| Ok::<_, RpcError>(())).is_ok());
    /// ```
    #[inline]
    pub fn idempotent(self) -> Self {
        self.repeated(Repeats::Always)
    }

    #[inline]
    pub(crate) fn repeated(mut self, repeats: Repeats) -> Self {
        self.repeats = repeats;
        self
    }

    /// Within the time that another call still has; see [`Policy::within`](crate::Policy::within).
    ///
    /// ```
    /// use steadfast::{Bound, Policy, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// assert_eq!(STORE.with(&clock).within(Bound::NONE).call(|| Ok::<_, RpcError>(7)).unwrap(), 7);
    /// ```
    #[inline]
    pub fn within(mut self, bound: Bound) -> Self {
        self.bound = self.bound.min(bound);
        self
    }

    /// With a rule of the caller's own for what counts as a failure; see [`Policy::judge`](crate::Policy::judge).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError, Verdict, testing::{Script, TestClock}};
    ///
    /// static PAGES: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let mut page = Script::<u16, RpcError>::new([Ok(503), Ok(200)]);
    /// let status = PAGES
    ///     .with(&TestClock::new())
    ///     .judge(|result: &Result<u16, RpcError>| match result {
    ///         Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
    ///         result => Verdict::of(result),
    ///     })
    ///     .call(|| page.next());
    /// assert_eq!(status.unwrap(), 200);
    /// ```
    #[inline]
    pub fn judge<N>(self, judge: N) -> Call<'p, P, C, N> {
        Call { policy: self.policy, clock: self.clock, judge, bound: self.bound, repeats: self.repeats }
    }

    /// With an answer for when the policy gives up; see [`Policy::fallback`](crate::Policy::fallback).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let timeout = || Err(RpcError::new(Cause::Timeout, Delivery::Unknown));
    /// let tries = STORE.with(&TestClock::new()).idempotent().fallback(|failed| failed.attempts()).call(timeout);
    /// assert_eq!(tries, 3);
    /// ```
    #[inline]
    // The bound is repeated where the call is made; here it tells the compiler what the closure is given.
    pub fn fallback<T, E, F>(self, fallback: F) -> WithFallback<Self, Fallback<F>>
    where
        F: FnOnce(Failed<E>) -> T,
    {
        WithFallback { call: self, step: Fallback(fallback) }
    }

    /// With another blocking call for when the policy gives up; see
    /// [`Policy::fallback_call`](crate::Policy::fallback_call).
    ///
    /// ```
    /// use steadfast::{Failed, Policy, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy = Policy::new();
    /// let value = STORE.with(&TestClock::new()).fallback_call(|failed: Failed| Err(failed)).call(|| Ok(7));
    /// assert_eq!(value.unwrap(), 7);
    /// ```
    #[inline]
    pub fn fallback_call<T, E, X, F>(self, fallback: F) -> WithFallback<Self, FallbackCall<F>>
    where
        F: FnOnce(Failed<E>) -> Result<T, X>,
    {
        WithFallback { call: self, step: FallbackCall(fallback) }
    }

    /// With another awaited call for when the policy gives up; see
    /// [`Policy::fallback_async`](crate::Policy::fallback_async).
    ///
    /// ```
    /// use steadfast::{Failed, Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static STORE: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let call = STORE.with(&clock).fallback_async(async |failed: Failed| Err(failed));
    /// assert_eq!(block_on(call.call_async(async || Ok(7))).unwrap(), 7);
    /// ```
    #[inline]
    pub fn fallback_async<T, E, X, F>(self, fallback: F) -> WithFallback<Self, FallbackAsync<F>>
    where
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        WithFallback { call: self, step: FallbackAsync(fallback) }
    }

    /// With the last good value for when the policy gives up; see
    /// [`Policy::stale_if_error`](crate::Policy::stale_if_error).
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{LastGood, MaybeStale, Policy, RpcError, testing::TestClock};
    ///
    /// static RATES: Policy = Policy::new();
    /// static LAST: LastGood<u32> = LastGood::new(Duration::from_secs(600));
    /// let rate = RATES.with(&TestClock::new()).stale_if_error(&LAST).call(|| Ok::<_, RpcError>(7));
    /// assert_eq!(rate.unwrap(), MaybeStale::Fresh(7));
    /// ```
    #[inline]
    pub fn stale_if_error<T>(self, last: &LastGood<T>) -> WithFallback<Self, StaleIfError<'_, T>> {
        WithFallback { call: self, step: StaleIfError(last) }
    }

    /// Whether the policy has a hedge.
    #[cfg(feature = "http")]
    pub(crate) fn hedges(&self) -> bool {
        self.policy.hedge.most() > 0
    }

    /// The instant that the call's clock shows.
    pub(crate) fn now(&self) -> Instant
    where
        C: Clock,
    {
        self.clock.now()
    }

    /// The fallback answers now.
    #[cold]
    pub(crate) fn tell_fallback(&self) {
        if <P::Observer as Observer>::WATCHES {
            self.policy.observer.observe(&Event::FallbackUsed);
        }
    }
}

impl<P: Parts, C: Clone, J: Clone> Clone for Call<'_, P, C, J> {
    fn clone(&self) -> Self {
        let (clock, judge) = (self.clock.clone(), self.judge.clone());
        Call { policy: self.policy, clock, judge, bound: self.bound, repeats: self.repeats }
    }
}

impl<P: Parts, C: Copy, J: Copy> Copy for Call<'_, P, C, J> {}

impl<P: Parts, C: fmt::Debug, J> fmt::Debug for Call<'_, P, C, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("clock", &self.clock)
            .field("bound", &self.bound)
            .field("repeats", &self.repeats)
            .finish_non_exhaustive()
    }
}
