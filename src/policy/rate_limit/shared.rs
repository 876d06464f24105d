//! A rate limit that all instances share: calls are counted in slots of time, as long as a period.
//!
//! A slot has a key of its own, and its calls count that up: one whose sum is within the limit passes. So a slot never
//! lets more pass than it may, however the operations of instances come between each other, and whatever their clocks
//! say. Slots that are over are deleted by the first call of a later one, which finds in a key where they begin and
//! end.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::{Memory, RateLimit, RateLimitPermit, TokenBucket, limited};
use crate::observe::Change;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::policy::sealed::Sealed;
use crate::policy::shared::{Rest, SHORTEST, Slots, check_name};
use crate::policy::{Guard, Moment, Outcome, Permit, Rejected};

/// How many slots after the one of now may be waited for.
const AHEAD: u64 = 4;

/// A [`RateLimit`] whose calls all instances count together, in a [`Store`]: [`RateLimit::shared`].
///
/// **When to use it**: where a quota is one for all instances, or the host makes a fresh instance for each request.
/// **When not**: where a call of the store costs as much as one of the target.
///
/// Time is cut into slots as long as the period, from 1970 on, on the clock of the [`Store`]. No slot lets more calls
/// pass than the period may have.
///
/// - A span of time as long as a period has calls of two slots at most, as with a [`RateLimit`] whose burst is not set.
///   Where the clocks of instances differ, by up to 5 s, it has calls of three, or, with a period of 1 s, of seven.
/// - A call costs one operation of the store, also one that is turned away, and the first one in a slot about four.
/// - A call that [waits](RateLimit::wait_up_to) has a place in a later slot, of the next four. One that is abandoned in
///   its wait does not give its place back.
/// - Where the store fails, the call goes on with a rate limit of this instance, and observers are told
///   ([`Event::StoreFailed`](crate::Event::StoreFailed)). This instance then leaves the store alone for 1 s, and twice
///   as long after each further failure, up to 30 s.
/// - The operations of the store block, also in asynchronous calls.
///
/// ```
/// use steadfast::testing::MemoryStore;
/// use steadfast::{Policy, RateLimit, RpcError, SharedRateLimit};
///
/// // In a component: `KeyValue::bucket("default")`, with the feature `keyvalue-state`.
/// static STORE: MemoryStore = MemoryStore::new();
/// // A policy for each request, as in a fresh instance.
/// let fresh = || Policy::new().shared_rate_limit(RateLimit::per_second(2).shared("acme/greeter", &STORE));
/// let passed = (0..5).filter(|_| fresh().call(|| Ok::<_, RpcError>("hi")).is_ok());
/// assert_eq!(passed.count(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SharedRateLimit<S> {
    local: RateLimit,
    name: &'static str,
    store: S,
}

impl RateLimit<TokenBucket> {
    /// The same rate limit for all instances, which count their calls together in `store`.
    ///
    /// `name` says whose quota it is: component and target, as `"acme/greeter"`. Rate limits of one name are one, so
    /// all that have it need the same settings. It has 1 to 100 letters, digits, `-`, `_`, `.` and `/`. A breaker may
    /// have the same name.
    ///
    /// ```
    /// use steadfast::RateLimit;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// assert!(RateLimit::per_second(100).shared("acme/greeter", &STORE).check().is_ok());
    /// assert!(RateLimit::per_second(100).burst(20).shared("acme/greeter", &STORE).check().is_err());
    /// ```
    pub const fn shared<S: Store>(self, name: &'static str, store: S) -> SharedRateLimit<S> {
        SharedRateLimit { local: self, name, store }
    }
}

impl<S: Store> SharedRateLimit<S> {
    /// The rate limit itself, if its settings make sense.
    ///
    /// # Errors
    /// [`Invalid`]: what [`RateLimit::check`] refuses, a name that is empty, too long, or has other characters, a
    /// period that is shorter than 1 s, and a burst, which slots do not have.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::RateLimit;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let often = RateLimit::tokens(5).every(Duration::from_millis(100)).shared("acme/greeter", &STORE);
    /// let invalid = often.check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "rate limit shared, every: 100ms is not allowed: it must be 1 s or longer");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if let Err(invalid) = self.local.check() {
            return Err(invalid);
        }
        if self.local.period < SHORTEST {
            refuse!("rate limit shared, every", Value::Time(Duration::from_nanos(self.local.period)), "1 s or longer");
        }
        if self.local.burst != self.local.calls {
            refuse!("rate limit shared, burst", Value::Count(self.local.burst), "left out, or as many as in a period");
        }
        match check_name(self.name) {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    /// The same rate limit under another name.
    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn renamed(self, name: &'static str) -> Self {
        SharedRateLimit { name, ..self }
    }

    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// How long a call may wait for its turn.
    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn longest_wait(&self) -> Duration {
        self.local.longest_wait()
    }

    const fn slots(&self) -> Slots<S> {
        let (store, name, length) = (self.store, self.name, self.local.period);
        Slots { store, name, length, counters: &["calls"], span: "slots", ahead: AHEAD }
    }

    /// How long the call has to wait for its place; or how long it would have to wait, when that is too long. Slots
    /// before `free` are known to be full, and it is moved on.
    pub(super) fn take(&self, free: &AtomicU64) -> Result<Result<u64, u64>, StoreFailed> {
        let RateLimit { calls, period, patience, .. } = self.local;
        let slots = self.slots();
        let (now, current) = slots.now();
        let last = current + AHEAD;
        // Further ahead than a call may wait: the clock was set back since.
        let known = Some(free.load(Ordering::Relaxed)).filter(|free| *free <= last + 1);
        for slot in current.max(known.unwrap_or(0))..=last {
            let wait = slot.saturating_mul(period).saturating_sub(now);
            if wait > patience {
                return Ok(Err(wait));
            }
            let place = slots.count(slot, "calls", 1)?;
            if place == 1 {
                // What is not deleted stays, and does no harm.
                let _ = slots.forget(current);
            }
            if place <= calls.into() {
                return Ok(Ok(wait));
            }
            free.store(slot + 1, Ordering::Relaxed);
        }
        Ok(Err((last + 1).saturating_mul(period).saturating_sub(now)))
    }
}

/// What an instance remembers by itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct Own {
    /// For calls while the store fails.
    local: Memory<TokenBucket>,
    /// The first slot that is not known to be full.
    free: AtomicU64,
    rest: Rest,
}

/// The place of one call.
#[doc(hidden)]
#[derive(Debug)]
pub struct SharedPlace<'p>(By<'p>);

#[derive(Debug)]
enum By<'p> {
    Store {
        wait: u64,
    },
    /// Of this instance, since the store has just failed, or is left alone.
    Local {
        permit: RateLimitPermit<'p, TokenBucket>,
        failed: bool,
    },
}

impl Permit for SharedPlace<'_> {
    fn delay(&self) -> u64 {
        match &self.0 {
            By::Store { wait } => *wait,
            By::Local { permit, .. } => permit.delay(),
        }
    }

    fn begin(&mut self, watched: bool) -> Option<Change> {
        match &mut self.0 {
            By::Store { .. } => None,
            By::Local { permit, failed } => permit.begin(watched).or(failed.then_some(Change::StoreFailed)),
        }
    }

    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        match self.0 {
            By::Store { .. } => None,
            By::Local { permit, .. } => permit.settle(outcome, moment),
        }
    }
}

impl<S> Sealed for SharedRateLimit<S> {}

impl<S: Store> Guard for SharedRateLimit<S> {
    type Memory = Own;
    type Permit<'p> = SharedPlace<'p>;
    #[allow(clippy::declare_interior_mutable_const, reason = "each policy has a memory of its own: a copy is meant")]
    const NEW: Own = Own { local: RateLimit::<TokenBucket>::NEW, free: AtomicU64::new(0), rest: Rest::NEW };
    const WAITS: bool = true;

    fn admit<'p>(&'p self, own: &'p Own, moment: &impl Moment) -> Result<SharedPlace<'p>, Rejected> {
        match own.rest.ask(moment, || self.take(&own.free)) {
            Ok(taken) => taken.map(|wait| SharedPlace(By::Store { wait })).map_err(limited),
            Err(failed) => Ok(SharedPlace(By::Local { permit: self.local.admit(&own.local, moment)?, failed })),
        }
    }
}
