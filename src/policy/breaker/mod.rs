//! Leaves a target alone that keeps failing, and looks now and then whether it is back.
//!
//! `builder` is what a person writes, `settings` the same as numbers, `window` what calls are counted in
//! (`consecutive`, `count_window` and `time_window`, one each), `machine` decides, `control` is the hand on the switch, and
//! `snapshot` carries the state elsewhere. Here is how a call passes.

mod builder;
mod consecutive;
mod control;
mod count_window;
mod machine;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod time_window;
mod window;

use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(test)]
use control::control_of;

pub use builder::{Breaker, FailureRate};
pub use consecutive::Consecutive;
pub use control::{BreakerControl, BreakerCounts};
pub use count_window::CountWindow;

pub use snapshot::{BadSnapshot, BreakerSnapshot};
pub use time_window::TimeWindow;
pub use window::{SlowCalls, Window};

use super::sealed::Sealed;
use super::{Guard, Moment, Outcome, Permit, Rejected};
use crate::failure::Cause;
use crate::observe::Change;
use crate::platform::clock::Instant;
use crate::platform::state::Local;
use machine::{Pass, State, Ticket};
use settings::Settings;
use window::Tally;

/// A breaker's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Memory<T> {
    /// The state's own [`Pass`], to be read without the lock: that is all a closed breaker asks of a call. One that
    /// changes just then takes the call for one that came before, which is what it is.
    pass: AtomicU32,
    state: Local<State<T>>,
}

impl<T: Tally> Memory<T> {
    const fn new() -> Self {
        Memory { pass: AtomicU32::new(Pass::NEW.word()), state: Local::new(State::NEW) }
    }

    fn pass(&self) -> Pass {
        Pass::of(self.pass.load(Ordering::Relaxed))
    }

    /// For decisions that may change what the pass says.
    fn change<R>(&self, decide: impl FnOnce(&mut State<T>) -> R) -> R {
        self.state.with(|state| {
            let result = decide(state);
            self.publish(state);
            result
        })
    }

    fn publish(&self, state: &State<T>) {
        self.pass.store(state.pass().word(), Ordering::Relaxed);
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct BreakerPermit<'p, W: Window> {
    settings: &'p Settings,
    memory: &'p Memory<W::Tally>,
    ticket: Ticket,
}

impl<W: Window> Permit for BreakerPermit<'_, W> {
    #[inline]
    fn admitted(&self) -> Option<Change> {
        self.ticket.half_opened().then_some(Change::HalfOpened)
    }

    #[cold]
    fn renew(&mut self, moment: &impl Moment) -> Result<bool, Rejected> {
        if self.ticket.of_closed() && self.ticket.is_of(self.memory.pass()) {
            return Ok(false);
        }
        if self.memory.state.with(|state| state.honours(self.ticket)) {
            return Ok(false);
        }
        let ticket = admit_asking(self.settings, self.memory, moment.now())?;
        let new = self.ticket != ticket;
        self.ticket = ticket;
        Ok(new)
    }

    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let BreakerPermit { settings, memory, ticket } = self;
        core::mem::forget(self);
        let slow = W::TIMED && settings.tells_slow() && settings.is_slow(moment.began(), moment.now());
        if outcome == Outcome::Success && !slow && ticket.of_closed() {
            if ticket.success_is_no_news(memory.pass()) {
                return None;
            }
            // The present is the moment of admission where anybody asked for it then.
            let now = if W::Tally::CLOCKED { moment.now() } else { Instant::from_nanos(0) };
            if succeeded_closed(settings, memory, ticket, now) {
                return None;
            }
        }
        let failure = match outcome {
            Outcome::Success => None,
            Outcome::Failure(cause) => Some(cause),
        };
        // The clock is read outside of the lock: it may be a caller's own.
        settled(settings, memory, ticket, moment.now(), failure, slow)
    }
}

// Not in line: there may be many calls through one policy, and most of them end before they come here.
#[inline(never)]
fn succeeded_closed<T: Tally>(settings: &Settings, memory: &Memory<T>, ticket: Ticket, now: Instant) -> bool {
    memory.state.with(|state| match state.closed(ticket) {
        Some(tally) => {
            tally.succeeded(settings, now);
            // A success may be the last thing that was news, and nothing else of the pass changes by one.
            if tally.is_clean() {
                memory.publish(state);
            }
            true
        }
        None => false,
    })
}

#[cold]
fn settled<T: Tally>(
    settings: &Settings,
    memory: &Memory<T>,
    ticket: Ticket,
    now: Instant,
    failure: Option<Cause>,
    slow: bool,
) -> Option<Change> {
    memory.change(|state| state.settled(settings, ticket, now, failure, slow))
}

impl<W: Window> Drop for BreakerPermit<'_, W> {
    #[inline]
    fn drop(&mut self) {
        if !self.ticket.of_closed() {
            self.memory.state.with(|state| state.ignored(self.ticket));
        }
    }
}

impl<W: Window> Sealed for Breaker<W> {}

impl<W: Window> Guard for Breaker<W> {
    type Memory = Memory<W::Tally>;
    type Permit<'p> = BreakerPermit<'p, W>;
    #[allow(clippy::declare_interior_mutable_const, reason = "each policy has a memory of its own: a copy is meant")]
    const NEW: Self::Memory = Memory::new();

    #[inline]
    fn is_timed(&self) -> bool {
        W::TIMED && self.settings().tells_slow()
    }

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Self::Memory, moment: &impl Moment) -> Result<BreakerPermit<'p, W>, Rejected> {
        let ticket = match memory.pass().ticket() {
            Some(ticket) => ticket,
            None => admit_asking(self.settings(), memory, moment.now())?,
        };
        Ok(BreakerPermit { settings: self.settings(), memory, ticket })
    }

    fn rejects_until(&self, memory: &Self::Memory) -> Option<Instant> {
        memory.state.with(|state| state.rejects_until())
    }
}

/// For a breaker that does not simply let calls pass.
// The clock is read outside of the lock: it may be a caller's own.
#[cold]
fn admit_asking<T: Tally>(settings: &Settings, memory: &Memory<T>, now: Instant) -> Result<Ticket, Rejected> {
    memory.change(|state| state.admit(settings, now))
}
