//! What to answer when everything else gave up.

use core::fmt;

use super::Pipeline;
use crate::Failed;
use crate::call::{Call, Judge};
use crate::clock::{AsyncClock, Clock};
use crate::rng::Rng;

/// A policy with an answer for when it gives up, made by [`Policy::fallback`](super::Policy::fallback) or
/// [`Call::fallback`]. It is the outermost part, so it is used for every reason, and the call cannot fail.
///
/// **When to use it**: where a plain answer now is better than a failure: a default, a cached value.
/// **When not**: where a caller would take the answer for the truth.
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
pub struct WithFallback<'p, P, C, J, F> {
    pub(crate) call: Call<'p, P, C, J>,
    pub(crate) fallback: F,
}

impl<P: Pipeline, C: Clock + Rng, J, F> WithFallback<'_, P, C, J, F> {
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
        self.call.call(operation).unwrap_or_else(self.fallback)
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
        match self.call.call_async(operation).await {
            Ok(value) => value,
            Err(failed) => (self.fallback)(failed),
        }
    }
}

impl<P, C, J, F> fmt::Debug for WithFallback<'_, P, C, J, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback").finish_non_exhaustive()
    }
}
