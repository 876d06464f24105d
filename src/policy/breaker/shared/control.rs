//! What all instances know of a shared breaker, and how to close it by hand.

use core::time::Duration;

use super::SharedBreaker;
use super::record::Phase;
use crate::failure::Cause;
use crate::observe::BreakerState;
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::BudgetCounts;
use crate::policy::shared::{PREFIX, parts};

/// What all instances know of a [`SharedBreaker`]: [`SharedBreaker::state`].
///
/// ```
/// use steadfast::testing::MemoryStore;
/// use steadfast::{Breaker, SharedState};
///
/// static STORE: MemoryStore = MemoryStore::new();
/// let state: SharedState = Breaker::consecutive_failures(5).shared("acme/greeter", &STORE).state().unwrap();
/// assert_eq!((state.generation, state.failing, state.cause), (0, false, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedState {
    /// Half-open from the end of a break on: the next call is a probe, or one is under way.
    pub state: BreakerState,
    /// How many states it has entered.
    pub generation: u64,
    /// Whether failures were seen since the last success, while it is closed.
    pub failing: bool,
    /// The failure that opened it, until it closes.
    pub cause: Option<Cause>,
    /// For how much longer it rejects every call; zero where it does not.
    pub retry_after: Duration,
}

impl SharedState {
    /// The name of the breaker that a key of a store belongs to, where it belongs to one.
    ///
    /// ```
    /// use steadfast::SharedState;
    ///
    /// assert_eq!(SharedState::breaker_of("steadfast/acme/greeter"), Some("acme/greeter"));
    /// assert_eq!(SharedState::breaker_of("steadfast/acme/greeter/7/failures"), Some("acme/greeter"));
    /// assert_eq!(SharedState::breaker_of("steadfast/acme/greeter/0/state"), Some("acme/greeter"));
    /// assert_eq!(SharedState::breaker_of("steadfast/acme/greeter/1577836800/calls"), None, "of a shared rate limit");
    /// assert_eq!(SharedState::breaker_of("steadfast/acme/greeter/157783680/spent"), None, "of a shared budget");
    /// assert_eq!(SharedState::breaker_of("visits"), None);
    /// ```
    pub fn breaker_of(key: &str) -> Option<&str> {
        let whole = key.strip_prefix(PREFIX).filter(|name| !name.is_empty())?;
        let counts = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match parts(key) {
            Some((of, _, "open" | "closed" | "failures" | "probes" | "back")) => Some(of),
            Some((of, _, what)) if what.strip_prefix("lease").is_some_and(counts) => Some(of),
            Some((of, 0, "state")) => Some(of),
            // Of a rate limit.
            Some((.., "calls" | "slots")) => None,
            Some((.., what)) if BudgetCounts::has(what) => None,
            _ => Some(whole),
        }
    }
}

impl<S: Store> SharedBreaker<S> {
    /// What all instances know of it: at least three operations of the store.
    ///
    /// # Errors
    /// [`StoreFailed`]: the store cannot be read.
    ///
    /// ```
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Breaker, BreakerState, Cause, Delivery, Policy, RpcError};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let breaker = Breaker::consecutive_failures(1).shared("acme/greeter", &STORE);
    /// let policy = Policy::new().shared_breaker(breaker);
    /// policy.call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// let state = breaker.state().unwrap();
    /// assert_eq!((state.state, state.cause), (BreakerState::Open, Some(Cause::NoTarget)));
    /// ```
    pub fn state(&self) -> Result<SharedState, StoreFailed> {
        let record = self.shared().newest()?;
        let (state, failing, cause, left) = match record.phase {
            Phase::Closed { failures } => (BreakerState::Closed, failures > 0, None, 0),
            Phase::HalfOpen { cause, .. } => (BreakerState::HalfOpen, false, Some(cause), 0),
            Phase::Open { until, cause, .. } => match until.saturating_sub(nanos(self.store.wall_time())) {
                0 => (BreakerState::HalfOpen, false, Some(cause), 0),
                left => (BreakerState::Open, false, Some(cause), left),
            },
        };
        let retry_after = Duration::from_nanos(left);
        Ok(SharedState { state, generation: record.generation, failing, cause, retry_after })
    }

    /// Closes it for all instances, and forgets the failures that were seen. Outcomes of calls that are under way change
    /// nothing any more. Whether there was anything to do.
    ///
    /// # Errors
    /// [`StoreFailed`]: it is maybe not closed.
    ///
    /// ```
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Breaker, Cause, Delivery, Policy, RpcError};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let breaker = Breaker::consecutive_failures(1).shared("acme/greeter", &STORE);
    /// let policy = Policy::new().shared_breaker(breaker);
    /// policy.call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(breaker.reset(), Ok(true));
    /// assert!(policy.call(|| Ok::<_, RpcError>(())).is_ok());
    /// assert_eq!(breaker.reset(), Ok(false), "it is closed, and nothing was seen");
    /// ```
    pub fn reset(&self) -> Result<bool, StoreFailed> {
        self.shared().reset()
    }
}
