//! Runs the parts of a policy around a call: one core that decides, and two drivers, blocking and async.

mod asynchronous;
mod blocking;
mod run;
#[cfg(test)]
mod tests;

use crate::Failed;
use crate::clock::Clock;
use crate::policy::{BreakerPart, Policy, WithFallback};
use crate::rng::Rng;

/// A policy made ready for one kind of call: on which clock it runs, and whether the call may be repeated.
///
/// Made by [`Policy::with`] and [`Policy::idempotent`]; it borrows the policy, so the state stays shared.
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
pub struct Call<'p, D, R, B: BreakerPart, C> {
    policy: &'p Policy<D, R, B>,
    clock: C,
    idempotent: bool,
}

impl<'p, D, R, B: BreakerPart, C> Call<'p, D, R, B, C> {
    pub(crate) const fn new(policy: &'p Policy<D, R, B>, clock: C) -> Self {
        Call { policy, clock, idempotent: false }
    }

    /// For a call that does no harm when it happens twice; see [`Policy::idempotent`].
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

    /// With an answer for when the policy gives up; see [`Policy::fallback`].
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
    pub fn fallback<T, E, F>(self, fallback: F) -> WithFallback<'p, D, R, B, C, F>
    where
        C: Clock + Rng,
        F: FnOnce(Failed<E>) -> T,
    {
        WithFallback { call: self, fallback }
    }
}
