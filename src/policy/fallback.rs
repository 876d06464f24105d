//! What to answer when everything else gave up.

use core::fmt;

use super::Pipeline;
use crate::Failed;
use crate::call::{AtMostOnce, Call, Idempotent, Judge, Marking};
use crate::clock::{AsyncClock, Clock};
use crate::rng::Rng;

/// A policy with an answer for when it gives up, made by [`Policy::fallback`](super::Policy::fallback) or
/// [`Call::fallback`]. It is the outermost part, so it is used for every reason, and the call cannot fail.
///
/// **When to use it**: where a plain answer now is better than a failure: a default, a cached value.
/// **When not**: where a caller would take the answer for the truth. For an answer from elsewhere there is
/// [`fallback_call`](super::Policy::fallback_call), for the last good one
/// [`stale_if_error`](super::Policy::stale_if_error).
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
///
/// static COUNTER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(2));
/// let visits = COUNTER
///     .fallback(|failed| failed.attempts())
///     .call(|| Err(RpcError::new(Cause::NoLink, Delivery::NotSent)));
/// assert_eq!(visits, 1);
/// ```
#[must_use = "nothing is called until `call` or `call_async` is"]
pub struct WithFallback<'p, P, C, J, F, I = AtMostOnce> {
    pub(crate) call: Call<'p, P, C, J, I>,
    pub(crate) fallback: F,
}

impl<P: Pipeline, C: Clock + Rng, J, F, I: Marking> WithFallback<'_, P, C, J, F, I> {
    /// Makes a blocking call.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError};
    ///
    /// static GREETER: Policy = Policy::new();
    /// assert_eq!(GREETER.fallback(|_| 0).call(|| Ok::<_, RpcError>(7)), 7);
    /// ```
    #[inline]
    pub fn call<T, E>(self, operation: impl FnMut() -> Result<T, E>) -> T
    where
        J: Judge<T, E>,
        F: FnOnce(Failed<E>) -> T,
    {
        let result = self.call.call(operation);
        self.answer(result)
    }

    /// Makes a call that is awaited.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let seven = block_on(GREETER.with(&clock).fallback(|_| 0).call_async(async || Ok::<_, RpcError>(7)));
    /// assert_eq!(seven, 7);
    /// ```
    #[inline]
    pub async fn call_async<T, E>(self, operation: impl AsyncFnMut() -> Result<T, E>) -> T
    where
        J: Judge<T, E>,
        C: AsyncClock,
        F: FnOnce(Failed<E>) -> T,
    {
        let result = self.call.call_async(operation).await;
        self.answer(result)
    }

    #[inline]
    fn answer<T, E>(self, result: Result<T, Failed<E>>) -> T
    where
        F: FnOnce(Failed<E>) -> T,
    {
        result.unwrap_or_else(|failed| {
            self.call.tell_fallback();
            (self.fallback)(failed)
        })
    }
}

impl<P: Pipeline, C: AsyncClock + Rng, J, F> WithFallback<'_, P, C, J, F, Idempotent> {
    /// Makes a call that is hedged; see [`Call::call_hedged`].
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::{ManualClock}};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = ManualClock::new();
    /// let call = GREETER.with(&clock).idempotent().fallback(|_| 0);
    /// assert_eq!(clock.run(call.call_hedged(async || Ok::<_, RpcError>(7))), 7);
    /// ```
    #[inline]
    pub async fn call_hedged<T, E>(self, operation: impl AsyncFn() -> Result<T, E>) -> T
    where
        J: Judge<T, E>,
        F: FnOnce(Failed<E>) -> T,
    {
        let result = self.call.call_hedged(operation).await;
        self.answer(result)
    }
}

impl<P, C, J, F, I> fmt::Debug for WithFallback<'_, P, C, J, F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback").finish_non_exhaustive()
    }
}

/// A policy with another call for when it gives up, made by
/// [`Policy::fallback_call`](super::Policy::fallback_call) and
/// [`Policy::fallback_async`](super::Policy::fallback_async). The other call is made for every reason, is outside
/// the deadline, and what it returns is returned.
///
/// **When to use it**: where the same answer can be had elsewhere: a replica, a cache, another region. Give the
/// other call a policy of its own. **When not**: where that is in the same trouble as the first, or has room for
/// its own callers only.
///
/// ```
/// use steadfast::{Cause, Delivery, Failed, Policy, RpcError};
///
/// static STORE: Policy = Policy::new();
/// let value = STORE
///     .fallback_call(|failed: Failed| if failed.attempts() == 1 { Ok("from the cache") } else { Err(failed) })
///     .call(|| Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)));
/// assert_eq!(value, Ok("from the cache"));
/// ```
#[must_use = "nothing is called until `call` or `call_async` is"]
pub struct WithFallbackCall<'p, P, C, J, F, I = AtMostOnce> {
    pub(crate) call: Call<'p, P, C, J, I>,
    pub(crate) fallback: F,
}

impl<P: Pipeline, C: Clock + Rng, J, F, I: Marking> WithFallbackCall<'_, P, C, J, F, I> {
    /// Makes a blocking call.
    ///
    /// ```
    /// use steadfast::{Failed, Policy, RpcError};
    ///
    /// static STORE: Policy = Policy::new();
    /// assert_eq!(STORE.fallback_call(|failed: Failed| Err(failed)).call(|| Ok(7)), Ok(7));
    /// ```
    ///
    /// # Errors
    /// What the fallback returns.
    #[inline]
    pub fn call<T, E, X>(self, operation: impl FnMut() -> Result<T, E>) -> Result<T, X>
    where
        J: Judge<T, E>,
        F: FnOnce(Failed<E>) -> Result<T, X>,
    {
        self.call.call(operation).or_else(|failed| {
            self.call.tell_fallback();
            (self.fallback)(failed)
        })
    }

    /// Makes a call that is awaited.
    ///
    /// ```
    /// use steadfast::{Failed, Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static STORE: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let call = STORE.with(&clock).fallback_async(async |failed: Failed| Err(failed));
    /// assert_eq!(block_on(call.call_async(async || Ok(7))), Ok(7));
    /// ```
    ///
    /// # Errors
    /// What the fallback returns.
    #[inline]
    pub async fn call_async<T, E, X>(self, operation: impl AsyncFnMut() -> Result<T, E>) -> Result<T, X>
    where
        J: Judge<T, E>,
        C: AsyncClock,
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        match self.call.call_async(operation).await {
            Ok(value) => Ok(value),
            Err(failed) => self.answer_async(failed).await,
        }
    }

    async fn answer_async<T, E, X>(self, failed: Failed<E>) -> Result<T, X>
    where
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        self.call.tell_fallback();
        (self.fallback)(failed).await
    }
}

impl<P: Pipeline, C: AsyncClock + Rng, J, F> WithFallbackCall<'_, P, C, J, F, Idempotent> {
    /// Makes a call that is hedged; see [`Call::call_hedged`].
    ///
    /// ```
    /// use steadfast::{Failed, Policy, RpcError, testing::ManualClock};
    ///
    /// static STORE: Policy = Policy::new();
    /// let clock = ManualClock::new();
    /// let call = STORE.with(&clock).idempotent().fallback_async(async |failed: Failed| Err(failed));
    /// assert_eq!(clock.run(call.call_hedged(async || Ok(7))), Ok(7));
    /// ```
    ///
    /// # Errors
    /// What the fallback returns.
    #[inline]
    pub async fn call_hedged<T, E, X>(self, operation: impl AsyncFn() -> Result<T, E>) -> Result<T, X>
    where
        J: Judge<T, E>,
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        match self.call.call_hedged(operation).await {
            Ok(value) => Ok(value),
            Err(failed) => self.answer_async(failed).await,
        }
    }
}

impl<P, C, J, F, I> fmt::Debug for WithFallbackCall<'_, P, C, J, F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallbackCall").finish_non_exhaustive()
    }
}
