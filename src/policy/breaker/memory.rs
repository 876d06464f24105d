//! A breaker's state behind its lock, shared by all calls through one policy.

use core::sync::atomic::{AtomicU32, Ordering};

use super::machine::{Admission, Closed, State};
use super::settings::Settings;
use super::window::Tally;
use crate::failure::Cause;
use crate::observe::Change;
use crate::platform::clock::Instant;
use crate::platform::state::Local;
use crate::policy::Rejected;

/// A breaker's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Memory<T> {
    /// What the state says to most calls, without the lock: 226 fuel less for a success. A call that reads
    /// it while it changes is taken for one that came before.
    closed: AtomicU32,
    state: Local<State<T>>,
}

impl<T: Tally> Memory<T> {
    #[allow(clippy::declare_interior_mutable_const, reason = "each policy has a memory of its own: a copy is meant")]
    pub const NEW: Self = Memory { closed: AtomicU32::new(Closed::NEW.0), state: Local::new(State::NEW) };

    pub fn with<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        self.state.with(look)
    }

    /// For decisions that may change the state.
    pub fn decide<R>(&self, settings: &Settings, decide: impl FnOnce(&mut State<T>) -> R) -> R {
        self.state.with(|state| {
            let result = decide(state);
            self.closed.store(state.closed(settings).0, Ordering::Relaxed);
            result
        })
    }

    #[inline]
    pub fn closed(&self) -> Closed {
        Closed(self.closed.load(Ordering::Relaxed))
    }

    /// For a breaker that is not closed. It may become half-open by that, which [`closed`](Self::closed) does not show.
    #[cold]
    pub fn admit(&self, settings: &Settings, now: Instant) -> Result<Admission, Rejected> {
        self.state.with(|state| state.admit(settings, now))
    }

    /// An attempt is over: what that changed.
    // Cold, as `admit`: in line both would cost each success 68 to 86 fuel more.
    #[cold]
    pub fn settle(
        &self,
        settings: &Settings,
        admission: Admission,
        failure: Option<Cause>,
        began: Instant,
        now: Instant,
        draw: impl FnOnce() -> u64,
    ) -> Option<Change> {
        let slow = settings.counts_slow && now.nanos_since(began) > settings.slow_after;
        if failure.is_none() && !slow && self.closed().is_calm_if_fast(admission) {
            return None;
        }
        let may_open = failure.is_some() || slow || !admission.is_of_closed();
        let draw = if settings.jitter > 0.0 && may_open { draw() } else { 0 };
        self.decide(settings, |state| state.settle(settings, admission, now, failure, slow, draw))
    }

    /// The attempt begins that was let through while the breaker was not closed.
    #[cold]
    pub fn begin_probe(&self, admission: Admission) -> Option<Change> {
        self.state.with(|state| state.begin_probe(admission)).then_some(Change::HalfOpened)
    }

    #[cold]
    #[inline(never)] // 40 bytes less wherever a permit is dropped.
    pub fn ignore(&self, admission: Admission) {
        self.state.with(|state| state.ignore(admission));
    }
}
