//! What comes after the result of a call: another value, another call, or the last good value.

use core::fmt;

use super::{Call, Judge, StaleIfError};
use crate::failure::Failed;
use crate::platform::clock::{AsyncClock, Clock};
use crate::platform::rng::Rng;
use crate::policy::Parts;

/// A call with a step after its result, made by [`Policy::fallback`](crate::Policy::fallback) and its kin. It is the
/// outermost part, so the step is taken for whatever reason the policy gave up, and outside of the deadline.
///
/// **When to use it**: where a plain answer now is better than a failure: a default, a cached value, a replica.
/// **When not**: where a caller would take the answer for the truth, or where the other target is in the same trouble.
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
///
/// static COUNTER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(2));
/// let visits = COUNTER
///     .fallback(|failed| failed.attempts())
///     .call(|| Err(RpcError::new(Cause::NoLink, Delivery::NotSent)));
/// assert_eq!(visits, 1);
/// ```
#[derive(Clone, Copy)]
#[must_use = "nothing is called until `call` or `call_async` is"]
pub struct WithFallback<K, S> {
    pub(super) call: K,
    pub(super) step: S,
}

impl<K: fmt::Debug, S> fmt::Debug for WithFallback<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The step of [`Policy::fallback`](crate::Policy::fallback): a value.
#[doc = include_str!("../../docs/policies/fallback.md")]
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a function of the caller")]
pub struct Fallback<F>(pub(super) F);

/// The step of [`Policy::fallback_call`](crate::Policy::fallback_call): another call. What it returns is returned.
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
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a function of the caller")]
pub struct FallbackCall<F>(pub(super) F);

/// The step of [`Policy::fallback_async`](crate::Policy::fallback_async): another awaited call.
///
/// ```
/// use steadfast::{Failed, Policy, RpcError, testing::{TestClock, block_on}};
///
/// static STORE: Policy = Policy::new();
/// let clock = TestClock::new();
/// let call = STORE.with(&clock).fallback_async(async |failed: Failed| Err(failed));
/// assert_eq!(block_on(call.call_async(async || Ok(7))), Ok(7));
/// ```
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a function of the caller")]
pub struct FallbackAsync<F>(pub(super) F);

/// A step after a result, of the call `K`.
#[doc(hidden)]
pub trait Step<K, T, E> {
    type Output;

    fn after(self, call: &K, result: Result<T, Failed<E>>) -> Self::Output;
}

/// The same for a step that may be awaited.
#[doc(hidden)]
pub trait StepAsync<K, T, E> {
    type Output;

    fn after_async(self, call: &K, result: Result<T, Failed<E>>) -> impl Future<Output = Self::Output>;
}

impl<P: Parts, C, J, T, E, F: FnOnce(Failed<E>) -> T> Step<Call<'_, P, C, J>, T, E> for Fallback<F> {
    type Output = T;

    #[inline]
    fn after(self, call: &Call<'_, P, C, J>, result: Result<T, Failed<E>>) -> T {
        result.unwrap_or_else(|failed| {
            call.tell_fallback();
            (self.0)(failed)
        })
    }
}

impl<P: Parts, C, J, T, E, X, F> Step<Call<'_, P, C, J>, T, E> for FallbackCall<F>
where
    F: FnOnce(Failed<E>) -> Result<T, X>,
{
    type Output = Result<T, X>;

    #[inline]
    fn after(self, call: &Call<'_, P, C, J>, result: Result<T, Failed<E>>) -> Result<T, X> {
        result.or_else(|failed| {
            call.tell_fallback();
            (self.0)(failed)
        })
    }
}

/// A step that waits for nothing can be taken after any call.
macro_rules! awaited_too {
    ($([$($generic:tt)*] $step:ty;)*) => {$(
        impl<$($generic)*, K, T, E> StepAsync<K, T, E> for $step
        where
            $step: Step<K, T, E>,
        {
            type Output = <$step as Step<K, T, E>>::Output;

            #[inline]
            async fn after_async(self, call: &K, result: Result<T, Failed<E>>) -> Self::Output {
                self.after(call, result)
            }
        }
    )*};
}

awaited_too! {
    [F] Fallback<F>;
    [F] FallbackCall<F>;
    ['l, V] StaleIfError<'l, V>;
}

impl<P: Parts, C, J, T, E, X, F> StepAsync<Call<'_, P, C, J>, T, E> for FallbackAsync<F>
where
    F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
{
    type Output = Result<T, X>;

    async fn after_async(self, call: &Call<'_, P, C, J>, result: Result<T, Failed<E>>) -> Result<T, X> {
        match result {
            Ok(value) => Ok(value),
            Err(failed) => {
                call.tell_fallback();
                (self.0)(failed).await
            }
        }
    }
}

impl<'p, P: Parts, C: Clock + Rng, J, S> WithFallback<Call<'p, P, C, J>, S> {
    /// Makes a blocking call.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError};
    ///
    /// static GREETER: Policy = Policy::new();
    /// assert_eq!(GREETER.fallback(|_| 0).call(|| Ok::<_, RpcError>(7)), 7);
    /// ```
    #[inline]
    pub fn call<T, E>(self, operation: impl FnMut() -> Result<T, E>) -> S::Output
    where
        J: Judge<T, E>,
        S: Step<Call<'p, P, C, J>, T, E>,
    {
        let result = self.call.call(operation);
        self.step.after(&self.call, result)
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
    pub async fn call_async<T, E>(self, operation: impl AsyncFnMut() -> Result<T, E>) -> S::Output
    where
        J: Judge<T, E>,
        C: AsyncClock,
        S: StepAsync<Call<'p, P, C, J>, T, E>,
    {
        let result = self.call.call_async(operation).await;
        self.step.after_async(&self.call, result).await
    }

    /// Makes a call that is hedged; see [`Call::call_hedged`].
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::ManualClock};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = ManualClock::new();
    /// let call = GREETER.with(&clock).idempotent().fallback(|_| 0);
    /// assert_eq!(clock.run(call.call_hedged(async || Ok::<_, RpcError>(7))), 7);
    /// ```
    #[inline]
    pub async fn call_hedged<T, E>(self, operation: impl AsyncFn() -> Result<T, E>) -> S::Output
    where
        J: Judge<T, E>,
        C: AsyncClock,
        S: StepAsync<Call<'p, P, C, J>, T, E>,
    {
        let result = self.call.call_hedged(operation).await;
        self.step.after_async(&self.call, result).await
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
