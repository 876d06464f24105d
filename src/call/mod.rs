//! Runs the parts of a policy around a call: one core that decides, and the drivers: blocking, async, and async with
//! several attempts under way at once.

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
mod start;
#[cfg(test)]
mod tests;
mod time_bound;

pub use fallback::{WithFallback, WithFallbackCall};
#[cfg(feature = "http")]
pub(crate) use idempotency::Repeats;
pub use idempotency::{AtMostOnce, Idempotent, Marking};
pub use judge::{ByError, Judge, Verdict};
pub use last_good::{LastGood, MaybeStale, StaleIfError};
pub use replay::Replay;
pub use time_bound::Bound;

use crate::failure::Failed;
use crate::observe::{Event, Observer};
use crate::platform::clock::{Clock, Instant, System};
use crate::platform::rng::Rng;
#[cfg(feature = "http")]
use crate::policy::HedgePart;
use crate::policy::Pipeline;

/// A policy made ready for one kind of call: on which clock it runs, whether the call may be repeated, and what
/// counts as its failure.
///
/// Made by [`Policy::with`](crate::Policy::with), [`idempotent`](crate::Policy::idempotent) and
/// [`judge`](crate::Policy::judge); it borrows the policy, so the state stays shared.
///
/// ```
/// use steadfast::{Policy, Retry, RpcError};
///
/// static STORE: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
/// let reads = STORE.idempotent();
/// assert_eq!(reads.call(|| Ok::<_, RpcError>(7)).unwrap(), 7);
/// ```
#[derive(Debug)]
#[must_use = "nothing is called until `call` or `call_async` is"]
pub struct Call<'p, P, C = System, J = ByError, I = AtMostOnce> {
    policy: &'p P,
    clock: C,
    judge: J,
    bound: Bound,
    marking: I,
}

impl<'p, P: Pipeline, C, I: Marking> Call<'p, P, C, ByError, I> {
    pub(crate) const fn new(policy: &'p P, clock: C) -> Self {
        Call { policy, clock, judge: ByError, bound: Bound::NONE, marking: I::NEW }
    }
}

impl<'p, P: Pipeline, C, J, I: Marking> Call<'p, P, C, J, I> {
    /// For a call that does no harm when it happens twice; see [`Policy::idempotent`](crate::Policy::idempotent).
    ///
    /// ```
    /// use steadfast::{Policy, Retry, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// let clock = TestClock::new();
    /// assert!(STORE.with(&clock).idempotent().call(|| Ok::<_, RpcError>(())).is_ok());
    /// ```
    #[inline]
    pub fn idempotent(self) -> Call<'p, P, C, J, Idempotent> {
        self.marked(Idempotent)
    }

    /// With what is known of its repetition.
    #[inline]
    pub(crate) fn marked<N>(self, marking: N) -> Call<'p, P, C, J, N> {
        Call { policy: self.policy, clock: self.clock, judge: self.judge, bound: self.bound, marking }
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
    /// static PAGES: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
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
    pub fn judge<N>(self, judge: N) -> Call<'p, P, C, N, I> {
        Call { policy: self.policy, clock: self.clock, judge, bound: self.bound, marking: self.marking }
    }

    /// With an answer for when the policy gives up; see [`Policy::fallback`](crate::Policy::fallback).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// let timeout = || Err(RpcError::new(Cause::Timeout, Delivery::Unknown));
    /// let tries = STORE.with(&TestClock::new()).idempotent().fallback(|failed| failed.attempts()).call(timeout);
    /// assert_eq!(tries, 3);
    /// ```
    #[inline]
    // The bound is repeated where the call is made; here it tells the compiler what the closure is given.
    pub fn fallback<T, E, F>(self, fallback: F) -> WithFallback<'p, P, C, J, F, I>
    where
        C: Clock + Rng,
        F: FnOnce(Failed<E>) -> T,
    {
        WithFallback { call: self, fallback }
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
    pub fn fallback_call<T, E, X, F>(self, fallback: F) -> WithFallbackCall<'p, P, C, J, F, I>
    where
        F: FnOnce(Failed<E>) -> Result<T, X>,
    {
        WithFallbackCall { call: self, fallback }
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
    pub fn fallback_async<T, E, X, F>(self, fallback: F) -> WithFallbackCall<'p, P, C, J, F, I>
    where
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        WithFallbackCall { call: self, fallback }
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
    pub fn stale_if_error<'l, T>(self, last: &'l LastGood<T>) -> StaleIfError<'p, 'l, P, C, J, T, I> {
        StaleIfError { call: self, last }
    }

    /// Whether the policy has a hedge.
    #[cfg(feature = "http")]
    pub(crate) fn hedges(&self) -> bool {
        self.policy.hedge_part().0.most() > 0
    }

    /// The instant that the call's clock shows.
    pub(crate) fn now(&self) -> Instant
    where
        C: Clock,
    {
        self.clock.now()
    }

    /// What the caller brought to tell a failure by.
    pub(crate) const fn own_judge(&self) -> &J {
        &self.judge
    }

    /// The same call with another judge.
    pub(crate) fn judged_by<N>(&self, judge: N) -> Call<'p, P, &C, N, I> {
        Call { policy: self.policy, clock: &self.clock, judge, bound: self.bound, marking: self.marking }
    }

    /// The fallback answers now.
    #[cold]
    pub(crate) fn tell_fallback(&self) {
        if P::Observer::WATCHES {
            self.policy.observer_part().observe(&Event::FallbackUsed);
        }
    }
}
