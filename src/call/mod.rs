//! Runs the parts of a policy around a call: one core that decides, and two drivers, blocking and async.

mod asynchronous;
mod blocking;
mod judge;
mod run;
#[cfg(test)]
mod tests;

pub use judge::{ByError, Judge, Verdict};

use crate::Failed;
use crate::clock::{Clock, System};
use crate::policy::{Pipeline, WithFallback};
use crate::rng::Rng;

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
pub struct Call<'p, P, C = System, J = ByError> {
    policy: &'p P,
    clock: C,
    judge: J,
    idempotent: bool,
}

impl<'p, P: Pipeline, C> Call<'p, P, C> {
    pub(crate) const fn new(policy: &'p P, clock: C) -> Self {
        Call { policy, clock, judge: ByError, idempotent: false }
    }
}

impl<'p, P: Pipeline, C, J> Call<'p, P, C, J> {
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
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
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
    pub fn judge<N>(self, judge: N) -> Call<'p, P, C, N> {
        Call { policy: self.policy, clock: self.clock, judge, idempotent: self.idempotent }
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
    pub fn fallback<T, E, F>(self, fallback: F) -> WithFallback<'p, P, C, J, F>
    where
        C: Clock + Rng,
        F: FnOnce(Failed<E>) -> T,
    {
        WithFallback { call: self, fallback }
    }
}
