//! What to answer when everything else gave up.

use core::fmt;

use super::{AtMostOnce, Call, Idempotent, Judge, Marking};
use crate::failure::Failed;
use crate::platform::clock::{AsyncClock, Clock};
use crate::platform::rng::Rng;
use crate::policy::Pipeline;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, Recorder, TestClock, block_on};
    use crate::{Cause, Deadline, Delivery, Event, Policy, Reason, RpcError};
    use core::time::Duration;

    fn down() -> Result<u32, RpcError> {
        Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
    }

    #[test]
    fn a_fallback_is_used_only_when_the_policy_gave_up_and_observers_are_told() {
        static SEEN: Recorder = Recorder::new();
        let policy = Policy::new().observer(&SEEN);
        let clock = TestClock::new();
        let used = || SEEN.take().iter().filter(|event| **event == Event::FallbackUsed).count();
        let call = || policy.with(&clock);
        let other = |_: Failed| -> Result<u32, Failed> { Ok(2) };
        let other_async = async |_: Failed| -> Result<u32, Failed> { Ok(2) };

        assert_eq!(call().fallback(|_| 2).call(|| Ok::<_, RpcError>(1)), 1);
        assert_eq!(block_on(call().fallback(|_| 2).call_async(async || Ok::<_, RpcError>(1))), 1);
        assert_eq!(call().fallback_call(other).call(|| Ok(1)), Ok(1));
        assert_eq!(block_on(call().fallback_async(other_async).call_async(async || Ok(1))), Ok(1));
        assert_eq!(used(), 0);

        assert_eq!(call().fallback(|_| 2).call(down), 2);
        assert_eq!(used(), 1);
        assert_eq!(block_on(call().fallback(|_| 2).call_async(async || down())), 2);
        assert_eq!(used(), 1);
        assert_eq!(call().fallback_call(other).call(down), Ok(2));
        assert_eq!(used(), 1);
        assert_eq!(block_on(call().fallback_async(other_async).call_async(async || down())), Ok(2));
        assert_eq!(
            SEEN.take(),
            [
                Event::AttemptStarted { attempt: 1 },
                Event::AttemptFailed { attempt: 1, cause: Cause::NoTarget, delivery: Delivery::NotSent },
                Event::GaveUp { reason: Reason::Attempts, attempts: 1 },
                Event::FallbackUsed,
            ]
        );
    }

    #[test]
    fn the_other_call_is_given_the_failure_and_may_fail_itself() {
        let policy = Policy::new();
        let clock = TestClock::new();
        let failed = policy.with(&clock).fallback_call(|failed: Failed| Err(failed)).call(down).unwrap_err();
        assert_eq!((failed.reason(), failed.into_last()), (Reason::Attempts, down().err()));
        let other = async |_: Failed| Err::<u32, _>("the replica is down too");
        let both = block_on(policy.with(&clock).fallback_async(other).call_async(async || down()));
        assert_eq!(both, Err("the replica is down too"));
    }

    #[test]
    fn the_other_call_has_its_own_time() {
        use crate::platform::clock::AsyncClock;
        let policy = Policy::new().deadline(Deadline::after(Duration::from_secs(1)));
        let clock = ManualClock::new();
        let replica = async |failed: Failed| {
            assert_eq!(failed.reason(), Reason::Deadline);
            clock.sleep_async(Duration::from_secs(5)).await;
            Ok::<_, Failed>(2)
        };
        let call = policy.with(&clock).fallback_async(replica);
        assert_eq!(clock.run(call.call_async(async || core::future::pending().await)), Ok(2));
        assert_eq!(clock.passed(), Duration::from_secs(6));
    }

    // case 13, case 14
    // In a component a panic ends the instance, and its memory with it.
    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn a_fallback_that_panics_or_calls_through_the_same_policy_loses_no_state() {
        let policy = Policy::new().breaker(crate::Breaker::consecutive_failures(2).open_for(Duration::from_secs(30)));
        let clock = TestClock::new();
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            policy.with(&clock).fallback(|_| panic!("a bug of the caller")).call(down)
        }));
        assert!(panicked.is_err());
        let nested =
            policy.with(&clock).fallback(|_: Failed| policy.with(&clock).fallback(|_| 3).call(|| Ok::<_, RpcError>(2)));
        assert_eq!(nested.call(down), 3, "the second failure opened the breaker");
        clock.advance(Duration::from_secs(30));
        assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>(4)), Ok(4), "its probe is free");
    }
}
