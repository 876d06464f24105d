//! Stops calling a target that keeps failing, and tries now and then whether it is back.
//!
//! `builder` is what a person writes, `settings` the same as numbers, `window` what calls are counted in. `machine`
//! decides. `snapshot` carries the state elsewhere, written and read with `wire`. `control` reads and moves it. Here is
//! how a call passes. Each file uses only those before it in this order: `wire`, `settings`, `builder`, `window`,
//! `machine`, `snapshot`, `memory`, `control`, and this one. `shared` is a breaker whose state all instances share.

mod builder;
mod control;
mod machine;
mod memory;
mod settings;
mod shared;
mod snapshot;
#[cfg(test)]
mod tests;
mod window;
mod wire;

pub use builder::{Breaker, Consecutive, CountWindow, FailureRate, TimeWindow};
#[cfg(feature = "config")]
pub use control::Controlled;
pub use control::{BreakerControl, BreakerCounts};
pub use shared::{SharedBreaker, SharedState};
pub use snapshot::{BadSnapshot, BreakerSnapshot};
pub use window::Window;

use super::sealed::Sealed;
use super::{Guard, Moment, Outcome, Permit, Rejected};
use crate::observe::Change;
use crate::platform::clock::Instant;
use machine::Admission;
use memory::Memory;
use settings::Settings;
use window::Tally;

#[doc(hidden)]
#[derive(Debug)]
pub struct BreakerPermit<'p, W: Window> {
    settings: &'p Settings,
    memory: &'p Memory<W::Tally>,
    admission: Admission,
}

impl<W: Window> Permit for BreakerPermit<'_, W> {
    fn renew(&mut self, moment: &impl Moment) -> Result<(), Rejected> {
        if !self.memory.with(|state| state.is_probe(self.admission)) {
            self.admission = admission(self.settings, self.memory, moment)?;
        }
        Ok(())
    }

    #[inline]
    fn begin(&mut self, watched: bool) -> Option<Change> {
        if watched && !self.admission.is_of_closed() { self.memory.begin_probe(self.admission) } else { None }
    }

    // In line, so that most successes end at the first comparison: 76 fuel less.
    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let BreakerPermit { settings, memory, admission } = self;
        core::mem::forget(self);
        let failure = match outcome {
            Outcome::Success if memory.closed().is_calm(admission) => return None,
            Outcome::Success => None,
            Outcome::Failure(cause) => Some(cause),
        };
        // Read outside of the lock, since it may be a caller's own clock; for a success of a closed breaker only where
        // time matters.
        let slow_counts = settings.counts_slow;
        let clocked = W::Tally::CLOCKED || slow_counts || failure.is_some() || !admission.is_of_closed();
        let now = if clocked { moment.now() } else { Instant::from_nanos(0) };
        let began = if slow_counts { moment.began() } else { now };
        memory.settle(settings, admission, failure, began, now, || moment.draw())
    }
}

impl<W: Window> Drop for BreakerPermit<'_, W> {
    #[inline]
    fn drop(&mut self) {
        if !self.admission.is_of_closed() {
            self.memory.ignore(self.admission);
        }
    }
}

#[inline]
fn admission<T: Tally>(settings: &Settings, memory: &Memory<T>, moment: &impl Moment) -> Result<Admission, Rejected> {
    match memory.closed().admission() {
        Some(admission) => Ok(admission),
        None => memory.admit(settings, moment.now()),
    }
}

impl<W: Window> Sealed for Breaker<W> {}

impl<W: Window> Guard for Breaker<W> {
    type Memory = Memory<W::Tally>;
    type Permit<'p> = BreakerPermit<'p, W>;
    #[allow(clippy::declare_interior_mutable_const, reason = "each policy has a memory of its own: a copy is meant")]
    const NEW: Self::Memory = Memory::NEW;

    #[inline]
    fn is_timed(&self) -> bool {
        self.settings.counts_slow
    }

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Self::Memory, moment: &impl Moment) -> Result<BreakerPermit<'p, W>, Rejected> {
        let settings = &self.settings;
        Ok(BreakerPermit { settings, memory, admission: admission(settings, memory, moment)? })
    }

    fn rejects_until(&self, memory: &Self::Memory) -> Option<Instant> {
        memory.with(|state| state.rejects_until())
    }
}
