//! The ambient scope of the handler that is running: set whenever it is polled, and put back after.

use core::cell::Cell;

use super::Bound;
use crate::failure::{Cause, Reason};
use crate::observe::Event;
#[cfg(any(feature = "wstd", test))]
use crate::platform::clock::Instant;

/// A page that needs more calls than these to fail has worse problems than the rest of the list.
pub(crate) const MAX_NOTES: usize = 6;

/// What went wrong with the calls of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Empty where the observer has none.
    pub name: &'static str,
    /// How many calls had trouble and came to an end, and how many attempts they made in all.
    pub calls: u32,
    pub attempts: u32,
    /// Of the last failed attempt.
    pub cause: Option<Cause>,
    /// Of the last call.
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was dropped, or is under way.
    None,
    Recovered,
    GaveUp(Reason),
    Fallback,
}

/// The deadline and the notes of one handler.
pub(crate) struct Scope {
    ends: Cell<Bound>,
    notes: [Cell<Option<Note>>; MAX_NOTES],
}

thread_local! {
    /// Apart from the scope, so that a component in which no handler sets it is known never to have one: then all
    /// that follows from it vanishes.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
    static SCOPE: Scope = const { Scope::until(Bound::NONE) };
}

impl Scope {
    pub const fn until(ends: Bound) -> Self {
        Scope { ends: Cell::new(ends), notes: [const { Cell::new(None) }; MAX_NOTES] }
    }

    /// Runs `work` within this scope.
    #[cfg(any(feature = "wasi-http", test))]
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Also where `work` unwinds.
        struct Leave<'s>(&'s Scope, bool);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                SCOPE.with(|scope| scope.swap(self.0));
                WITHIN.set(self.1);
            }
        }
        SCOPE.with(|scope| scope.swap(self));
        let _leave = Leave(self, WITHIN.replace(true));
        work()
    }

    #[cfg(any(feature = "wstd", test))]
    pub fn ends(&self) -> Option<Instant> {
        self.ends.get().ends()
    }

    #[cfg(any(feature = "wasi-http", test))]
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        self.notes.iter().filter_map(Cell::get)
    }

    #[cfg(any(feature = "wasi-http", test))]
    fn swap(&self, other: &Scope) {
        self.ends.swap(&other.ends);
        for (note, other) in self.notes.iter().zip(&other.notes) {
            note.swap(other);
        }
    }
}

/// Until when the handler that is running has to answer, for the calls made within it; [`Bound::NONE`] outside of a
/// handler, and in one without a deadline. It is on the [`System`](crate::clock::System) clock.
///
/// ```
/// use steadfast::{Bound, Policy, RpcError, handler::bound};
///
/// static GREETER: Policy = Policy::new();
/// assert_eq!(bound(), Bound::NONE);
/// assert!(GREETER.within(bound()).call(|| Ok::<_, RpcError>("hi")).is_ok());
/// ```
#[inline]
pub fn bound() -> Bound {
    if !WITHIN.get() {
        return Bound::NONE;
    }
    SCOPE.with(|scope| scope.ends.get())
}

/// Notes what went wrong; nothing of an attempt that began, or of a call that succeeded at once. Inlined where events
/// are made, so that of the others nothing remains.
#[inline(always)]
pub(crate) fn note(name: &'static str, event: &Event) {
    match *event {
        Event::AttemptFailed { cause, .. } => add(name, 0, 0, Some(cause), End::None),
        Event::AttemptSucceeded { attempt, failures: 1.. } => add(name, 1, attempt, None, End::Recovered),
        Event::GaveUp { reason, attempts } => add(name, 1, attempts, None, End::GaveUp(reason)),
        Event::FallbackUsed => add(name, 0, 0, None, End::Fallback),
        _ => {}
    }
}

#[cold]
#[inline(never)]
fn add(name: &'static str, calls: u32, attempts: u32, cause: Option<Cause>, end: End) {
    if !WITHIN.get() {
        return;
    }
    SCOPE.with(|scope| {
        for place in &scope.notes {
            let mut note = match place.get() {
                None => Note { name, calls: 0, attempts: 0, cause: None, end: End::None },
                Some(note) if note.name == name => note,
                Some(_) => continue,
            };
            note.calls = note.calls.saturating_add(calls);
            note.attempts = note.attempts.saturating_add(attempts);
            note.cause = cause.or(note.cause);
            if end != End::None {
                note.end = end;
            }
            return place.set(Some(note));
        }
    });
}
