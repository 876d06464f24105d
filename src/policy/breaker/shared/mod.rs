//! A breaker whose state all instances share.
//!
//! `record` is what the store holds, `protocol` what is asked of it and in which order. It is not asked while it rests,
//! since it has failed, and while `cached` trusts what was read. `control` is for people who look at it, or close it. Here is
//! how a call passes.

mod cached;
mod control;
mod protocol;
mod record;
#[cfg(test)]
mod tests;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::builder::{Breaker, Consecutive};
use super::{BreakerPermit, Memory};
use crate::failure::Cause;
use crate::observe::Change;
use crate::platform::clock::{Instant, nanos};
use crate::platform::state::Store;
use crate::policy::invalid::Invalid;
use crate::policy::sealed::Sealed;
use crate::policy::shared::{Rest, check_name};
use crate::policy::{Guard, Moment, Outcome, Permit, Rejected};
use cached::Cached;
pub use control::SharedState;
use protocol::{Shared, Ticket};

/// A [`Breaker`] whose state all instances share, in a [`Store`]: [`Breaker::shared`].
///
/// **When to use it**: where the host makes a fresh instance for each request, or runs many. **When not**: where a
/// call of the store costs as much as one of the target.
///
/// A call asks the store once before it is made. A success writes nothing, unless a failure was seen since the last
/// one. A failure counts up one key, and the first one says that it was seen. While the breaker is open, a call is
/// rejected after that one read, as it would be by a [`Breaker`].
///
/// - The threshold counts failures of all instances, with no success between them.
/// - At most [`probes`](Breaker::probes) calls of all instances try at a time. A probe whose instance ends is given up
///   after [`probe_timeout`](Breaker::probe_timeout) and 5 s, by which the clocks of instances may differ.
/// - Where the store fails, the call goes on with a breaker of this instance, and observers are told
///   ([`Event::StoreFailed`](crate::Event::StoreFailed)). This instance then leaves the store alone for 1 s, and twice as long after each further
///   failure, up to 30 s.
/// - The operations of the store block, also in asynchronous calls.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::MemoryStore;
/// use steadfast::{Breaker, Policy, SharedBreaker};
///
/// // In a component: `KeyValue::bucket("default")`, with the feature `keyvalue-state`.
/// static STORE: MemoryStore = MemoryStore::new();
/// static GREETER: Policy<(SharedBreaker<&MemoryStore>,)> = Policy::new().shared_breaker(
///     Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)).shared("acme/greeter", &STORE),
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SharedBreaker<S> {
    local: Breaker,
    name: &'static str,
    store: S,
    /// In nanoseconds.
    cached_for: u64,
}

impl Breaker {
    /// The same breaker for all instances, which share its state in `store`.
    ///
    /// `name` says whose state it is: component and target, as `"acme/greeter"`. Breakers of one name are one breaker,
    /// so all that have it need the same settings. It has 1 to 100 letters, digits, `-`, `_`, `.` and `/`.
    ///
    /// ```
    /// use steadfast::Breaker;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// assert!(Breaker::consecutive_failures(5).shared("acme/greeter", &STORE).check().is_ok());
    /// assert!(Breaker::consecutive_failures(5).shared("all of them", &STORE).check().is_err());
    /// ```
    pub const fn shared<S: Store>(self, name: &'static str, store: S) -> SharedBreaker<S> {
        SharedBreaker { local: self, name, store, cached_for: 0 }
    }
}

impl<S: Store> SharedBreaker<S> {
    /// For how long an instance trusts what it has read, and does not ask the store again: on a host that keeps
    /// instances, most calls then cost no operation. 0 by default; more than `open_for` counts as that. By so much later,
    /// an instance sees that others have opened or closed the breaker, and that they have seen failures. What it has
    /// changed itself, it sees at once. Each call reads the clock.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Breaker, Policy, RpcError};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let shared = Breaker::consecutive_failures(5).shared("acme/greeter", &STORE).cached_for(Duration::from_secs(1));
    /// let policy = Policy::new().shared_breaker(shared);
    /// for _ in 0..10 {
    ///     policy.call(|| Ok::<_, RpcError>(())).unwrap();
    /// }
    /// assert_eq!(STORE.asked(), 1);
    /// ```
    pub const fn cached_for(mut self, time: Duration) -> Self {
        self.cached_for = nanos(time);
        self
    }

    /// The breaker itself, if its settings make sense.
    ///
    /// # Errors
    /// [`Invalid`]: what [`Breaker::check`] refuses, and a name that is empty, too long, or has other characters.
    ///
    /// ```
    /// use steadfast::Breaker;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let invalid = Breaker::consecutive_failures(5).shared("", &STORE).check().unwrap_err();
    /// assert!(invalid.to_string().starts_with("shared state, bytes of the name: 0 is not allowed"));
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if let Err(invalid) = self.local.settings.check() {
            return Err(invalid);
        }
        match check_name(self.name) {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    /// The same breaker under another name.
    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn renamed(self, name: &'static str) -> Self {
        SharedBreaker { name, ..self }
    }

    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    const fn shared(&self) -> Shared<'_, S> {
        Shared { store: self.store, name: self.name, settings: &self.local.settings }
    }
}

/// What an instance remembers by itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct Own<T> {
    /// For calls while the store fails.
    local: Memory<T>,
    /// Until when a breaker that this instance has opened rejects calls; zero when it has not. Retries end by it.
    until: AtomicU64,
    /// Since when the store is not asked.
    rest: Rest,
    /// What was read last.
    cached: Cached,
}

type Tally = <Consecutive as super::Window>::Tally;

#[doc(hidden)]
#[derive(Debug)]
pub struct SharedPermit<'p, S: Store> {
    breaker: &'p SharedBreaker<S>,
    own: &'p Own<Tally>,
    by: Option<By<'p>>,
}

/// Who let the call through.
#[derive(Debug)]
enum By<'p> {
    Store(Ticket),
    /// Of this instance, since the store has just failed, or is left alone.
    Local {
        permit: BreakerPermit<'p, Consecutive>,
        failed: bool,
    },
}

impl<S: Store> Permit for SharedPermit<'_, S> {
    /// Something else had it wait: a probe may have been given up, and a breaker may have opened.
    fn renew(&mut self, moment: &impl Moment) -> Result<(), Rejected> {
        match &mut self.by {
            Some(By::Local { permit, .. }) => permit.renew(moment),
            // A probe keeps its place. Whether it took too long is seen when it is settled.
            Some(By::Store(Ticket::Probe { .. })) | None => Ok(()),
            Some(By::Store(Ticket::Closed(_))) => {
                let by = admit(self.breaker, self.own, moment)?;
                self.by = Some(by);
                Ok(())
            }
        }
    }

    fn begin(&mut self, watched: bool) -> Option<Change> {
        match &mut self.by {
            Some(By::Local { permit, failed }) => permit.begin(watched).or(failed.then_some(Change::StoreFailed)),
            Some(By::Store(Ticket::Probe { first: true, .. })) => Some(Change::HalfOpened),
            _ => None,
        }
    }

    fn settle(mut self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let settings = &self.breaker.local.settings;
        let shared = self.breaker.shared();
        let ticket = match self.by.take()? {
            By::Local { permit, .. } => return permit.settle(outcome, moment),
            By::Store(ticket) => ticket,
        };
        let settled = match outcome {
            Outcome::Success => shared.succeeded(ticket),
            // These causes do not go away with time, and say nothing about the target's health.
            Outcome::Failure(Cause::NoLink | Cause::Protocol) => shared.ignored(ticket).map(|()| None),
            Outcome::Failure(cause) => {
                let draw = if settings.jitter > 0.0 { moment.draw() } else { 0 };
                let failed = shared.failed(ticket, cause, draw);
                if let Ok((Some(Change::Opened { .. }), open_for)) = failed {
                    self.own.until.store(moment.now().after(open_for).as_nanos(), Ordering::Relaxed);
                }
                failed.map(|(change, _)| change)
            }
        };
        self.own.cached.settled(&ticket, outcome, settled.is_ok());
        settled.unwrap_or_else(|_| {
            self.own.rest.failed(moment);
            Some(Change::StoreFailed)
        })
    }
}

impl<S: Store> Drop for SharedPermit<'_, S> {
    fn drop(&mut self) {
        if let Some(By::Store(ticket)) = self.by.take() {
            // Where the store fails, the lease ends by itself.
            let _ = self.breaker.shared().ignored(ticket);
        }
    }
}

fn admit<'p, S: Store>(
    breaker: &'p SharedBreaker<S>,
    own: &'p Own<Tally>,
    moment: &impl Moment,
) -> Result<By<'p>, Rejected> {
    let began = if breaker.cached_for > 0 { moment.now().as_nanos() } else { 0 };
    if breaker.cached_for > 0
        && let Some(admitted) = own.cached.admit(began, breaker.cached_for.min(breaker.local.settings.open_for))
    {
        return admitted.map(By::Store);
    }
    match own.rest.ask(moment, || breaker.shared().admit()) {
        Ok(admitted) => {
            if breaker.cached_for > 0 {
                own.cached.keep(&admitted, began);
            }
            let ticket = admitted?;
            own.until.store(0, Ordering::Relaxed);
            Ok(By::Store(ticket))
        }
        Err(failed) => Ok(By::Local { permit: breaker.local.admit(&own.local, moment)?, failed }),
    }
}

impl<S> Sealed for SharedBreaker<S> {}

impl<S: Store> Guard for SharedBreaker<S> {
    type Memory = Own<Tally>;
    type Permit<'p> = SharedPermit<'p, S>;
    #[allow(clippy::declare_interior_mutable_const, reason = "each policy has a memory of its own: a copy is meant")]
    const NEW: Self::Memory =
        Own { local: Memory::NEW, until: AtomicU64::new(0), rest: Rest::NEW, cached: Cached::NEW };

    fn admit<'p>(&'p self, own: &'p Self::Memory, moment: &impl Moment) -> Result<SharedPermit<'p, S>, Rejected> {
        Ok(SharedPermit { breaker: self, own, by: Some(admit(self, own, moment)?) })
    }

    fn rejects_until(&self, own: &Self::Memory) -> Option<Instant> {
        let until = own.until.load(Ordering::Relaxed);
        if until != 0 { Some(Instant::from_nanos(until)) } else { self.local.rejects_until(&own.local) }
    }
}
