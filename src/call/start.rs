//! How a call through a policy begins: at once, or made ready for its kind first.

use super::{Bound, Call, Fallback, FallbackAsync, FallbackCall, LastGood, StaleIfError, WithFallback};
use crate::failure::{Failed, Failure};
use crate::platform::clock::{Clock, System};
use crate::platform::rng::Rng;
use crate::policy::{Parts, Policy};

impl<P: Parts> Policy<P> {
    /// Makes a blocking call, such as one of a generated import.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, RpcError};
    /// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
    ///
    /// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(4));
    ///
    /// let text = GREETER.call(|| greet("Ada"))?;
    /// # Ok::<(), steadfast::Failed>(())
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    #[inline]
    pub fn call<T, E: Failure>(&self, operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        self.with(System).call(operation)
    }

    /// Makes a call that is awaited, sleeping on `wstd`'s reactor. Elsewhere, bring a clock:
    /// [`with`](Self::with).
    ///
    /// ```no_run
    /// use steadfast::{Policy, Retry, RpcError};
    /// # async fn fetch() -> Result<String, RpcError> { Ok("page".into()) }
    ///
    /// static PAGES: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// # async fn handler() -> Result<(), steadfast::Failed> {
    /// let page = PAGES.call_async(fetch).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call`](Self::call).
    #[cfg(feature = "wstd")]
    #[inline]
    pub fn call_async<T, E: Failure>(
        &self,
        operation: impl AsyncFnMut() -> Result<T, E>,
    ) -> impl Future<Output = Result<T, Failed<E>>> {
        super::asynchronous::drive(self.with(System), super::asynchronous::Plain(operation))
    }

    /// Makes a blocking call whose operation is handed the time that it has, for the calls that it makes itself; see
    /// [`Bound`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy, RpcError};
    ///
    /// static PAGE: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_secs(3)));
    /// static GREETER: Policy = Policy::new();
    /// let text = PAGE.call_bounded(|bound| GREETER.within(bound).call(|| Ok::<_, RpcError>("hi"))).unwrap();
    /// assert_eq!(text, "hi");
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call`](Self::call).
    #[inline]
    pub fn call_bounded<X, E: Failure>(&self, operation: impl FnMut(Bound) -> Result<X, E>) -> Result<X, Failed<E>> {
        self.with(System).call_bounded(operation)
    }

    /// The same policy within the time that another call still has: neither its own deadline nor that of the other
    /// is passed. Where the time is over already, nothing is called.
    ///
    /// ```
    /// use steadfast::clock::Instant;
    /// use steadfast::{Bound, Policy, Reason, RpcError};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let over = Bound::until(Instant::from_nanos(0));
    /// let failed = GREETER.within(over).call(|| Ok::<_, RpcError>(7)).unwrap_err();
    /// assert_eq!((failed.reason(), failed.attempts()), (Reason::Deadline, 0));
    /// ```
    #[inline]
    pub fn within(&self, bound: Bound) -> Call<'_, P> {
        self.with(System).within(bound)
    }

    /// The same policy for a call that does no harm when it happens twice: it is repeated also when an
    /// earlier attempt may have had its effect, and may be [hedged](crate::Call::call_hedged).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
    /// use steadfast::testing::{Script, TestClock};
    ///
    /// static STORE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(2));
    /// let clock = TestClock::new();
    /// let timeout = || Err(RpcError::new(Cause::Timeout, Delivery::Unknown));
    ///
    /// let mut once = Script::new([timeout(), Ok(())]);
    /// assert!(STORE.with(&clock).call(|| once.next()).is_err());
    /// let mut twice = Script::new([timeout(), Ok(())]);
    /// assert!(STORE.with(&clock).idempotent().call(|| twice.next()).is_ok());
    /// ```
    #[inline]
    pub fn idempotent(&self) -> Call<'_, P> {
        self.with(System).idempotent()
    }

    /// The same policy with a rule of the caller's own for what counts as a failure. An `Ok` can be one, as an
    /// HTTP response with status 503 is; when the policy gives up, it is returned all the same: the last real
    /// result is what the caller gets.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError, Verdict};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let status = PAGES
    ///     .judge(|result: &Result<u16, RpcError>| match result {
    ///         Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
    ///         result => Verdict::of(result),
    ///     })
    ///     .call(|| Ok(503));
    /// assert_eq!(status.unwrap(), 503);
    /// ```
    #[inline]
    pub fn judge<J>(&self, judge: J) -> Call<'_, P, System, J> {
        self.with(System).judge(judge)
    }

    /// The same policy with an answer for when it gives up.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let text = GREETER
    ///     .fallback(|_failed| "Hello, stranger!".to_string())
    ///     .call(|| Err(RpcError::new(Cause::NoLink, Delivery::NotSent)));
    /// assert_eq!(text, "Hello, stranger!");
    /// ```
    #[inline]
    pub fn fallback<T, E, F>(&self, fallback: F) -> WithFallback<Call<'_, P>, Fallback<F>>
    where
        F: FnOnce(Failed<E>) -> T,
    {
        self.with(System).fallback(fallback)
    }

    /// The same policy with another call for when it gives up, made by a function that is given the failure and may
    /// fail itself. The failure as the error keeps what happened.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Failed, Policy, RpcError};
    ///
    /// static PRIMARY: Policy = Policy::new();
    /// static REPLICA: Policy = Policy::new();
    /// # fn ask(host: &str) -> Result<String, RpcError> {
    /// #     if host == "replica" { Ok("yes".into()) } else { Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)) }
    /// # }
    /// let answer = PRIMARY
    ///     .fallback_call(|_failed: Failed| REPLICA.call(|| ask("replica")))
    ///     .call(|| ask("primary"));
    /// assert_eq!(answer.unwrap(), "yes");
    /// ```
    #[inline]
    pub fn fallback_call<T, E, X, F>(&self, fallback: F) -> WithFallback<Call<'_, P>, FallbackCall<F>>
    where
        F: FnOnce(Failed<E>) -> Result<T, X>,
    {
        self.with(System).fallback_call(fallback)
    }

    /// The same policy with another awaited call for when it gives up.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Failed, Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static PRIMARY: Policy = Policy::new();
    /// # async fn ask(host: &str) -> Result<String, RpcError> {
    /// #     if host == "replica" { Ok("yes".into()) } else { Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)) }
    /// # }
    /// let clock = TestClock::new();
    /// let answer = PRIMARY
    ///     .with(&clock)
    ///     .fallback_async(async |_failed: Failed| ask("replica").await)
    ///     .call_async(async || ask("primary").await);
    /// assert_eq!(block_on(answer).unwrap(), "yes");
    /// ```
    #[inline]
    pub fn fallback_async<T, E, X, F>(&self, fallback: F) -> WithFallback<Call<'_, P>, FallbackAsync<F>>
    where
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        self.with(System).fallback_async(fallback)
    }

    /// The same policy with the last good value for when it gives up, while that is young enough.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{LastGood, MaybeStale, Policy, RpcError};
    ///
    /// static RATES: Policy = Policy::new();
    /// static LAST: LastGood<u32> = LastGood::new(Duration::from_secs(600));
    /// let rate = RATES.stale_if_error(&LAST).call(|| Ok::<_, RpcError>(7));
    /// assert_eq!(rate.unwrap(), MaybeStale::Fresh(7));
    /// ```
    #[inline]
    pub fn stale_if_error<'l, T>(&self, last: &'l LastGood<T>) -> WithFallback<Call<'_, P>, StaleIfError<'l, T>> {
        self.with(System).stale_if_error(last)
    }

    /// The same policy on another clock and jitter source: in tests, a
    /// [`TestClock`](crate::testing::TestClock).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
    /// use steadfast::testing::{Script, TestClock};
    /// use core::time::Duration;
    ///
    /// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let no_target = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    /// let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    ///
    /// let clock = TestClock::new();
    /// assert_eq!(GREETER.with(&clock).call(|| target.next()).unwrap(), "hi");
    /// assert_eq!(clock.slept(), [Duration::from_millis(50), Duration::from_millis(100)]);
    /// ```
    #[inline]
    pub const fn with<C: Clock + Rng>(&self, clock: C) -> Call<'_, P, C> {
        Call::new(self, clock)
    }
}
