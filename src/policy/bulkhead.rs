//! At most so many calls at a time, and a line of bounded length for the others.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::sealed::Sealed;
use super::{Guard, InFlight, Moment, Outcome, Permit, Rejected};
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// Lets at most a number of calls be under way at the same time.
///
/// [rate limit]: crate::RateLimit
/// [breaker]: crate::Breaker
#[doc = include_str!("../../docs/policies/bulkhead.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bulkhead {
    places: u32,
    line: u32,
}

impl Bulkhead {
    /// At most `calls` at a time, and nobody waits in line.
    ///
    /// ```
    /// use steadfast::Bulkhead;
    ///
    /// assert!(Bulkhead::concurrent(10).check().is_ok());
    /// assert!(Bulkhead::concurrent(0).check().is_err());
    /// ```
    pub const fn concurrent(calls: u32) -> Self {
        Bulkhead { places: calls, line: 0 }
    }

    /// How many awaited calls may wait for their turn; 0 by default, since a line only helps where calls come in
    /// bursts: where they are too many for good, it makes all of them late and none of them fewer.
    ///
    /// ```
    /// use steadfast::Bulkhead;
    ///
    /// assert!(Bulkhead::concurrent(10).waiting(20).check().is_ok());
    /// ```
    pub const fn waiting(self, calls: u32) -> Self {
        Bulkhead { line: calls, ..self }
    }

    /// The bulkhead itself, or why it makes no sense: no place at all.
    ///
    /// ```
    /// use steadfast::Bulkhead;
    ///
    /// let invalid = Bulkhead::concurrent(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "bulkhead concurrent: 0 is not allowed: it must be 1 or more");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.places == 0 {
            refuse!("bulkhead concurrent", Value::Count(0), "1 or more");
        }
        Ok(self)
    }
}

/// Who is in and who waits. Somebody waits only while all places are taken: a place that becomes free goes to the
/// first in line before anybody else can see it.
#[derive(Debug)]
struct State {
    /// Places taken, those included whose new owner does not know yet.
    taken: u32,
    /// In order of their numbers. Who has a number and is not here any more owns a place. A `VecDeque` would not move
    /// those behind the first, and its code is 1,500 bytes larger.
    line: Vec<Waiter>,
    next_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    waker: Waker,
}

/// What came of asking for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    In,
    Wait(u64),
    Full,
}

impl State {
    const NEW: State = State { taken: 0, line: Vec::new(), next_number: 0 };

    #[inline]
    fn enter(&mut self, bulkhead: &Bulkhead) -> bool {
        let free = self.taken < bulkhead.places;
        if free {
            self.taken += 1;
        }
        free
    }

    /// Takes a place, or a place in line; then `waker` is taken too.
    fn ask(&mut self, bulkhead: &Bulkhead, waker: &mut Option<Waker>) -> Answer {
        if self.enter(bulkhead) {
            return Answer::In;
        }
        if self.line.len() >= bulkhead.line as usize {
            return Answer::Full;
        }
        let Some(waker) = waker.take() else { return Answer::Full };
        let number = self.next_number;
        self.next_number += 1;
        self.line.push(Waiter { number, waker });
        Answer::Wait(number)
    }

    /// Whether the waiter is still in line. Then `waker` is exchanged for the one it left before.
    fn waits(&mut self, number: u64, waker: &mut Waker) -> bool {
        match self.line.iter_mut().find(|waiter| waiter.number == number) {
            Some(waiter) => {
                core::mem::swap(&mut waiter.waker, waker);
                true
            }
            None => false,
        }
    }

    /// Takes a waiter out of the line, if it is there. `Vec::remove` would bring the message of a panic that cannot be.
    #[cold]
    #[inline(never)]
    fn remove(&mut self, number: u64) -> Option<Waiter> {
        self.line.iter().find(|waiter| waiter.number == number)?;
        let mut gone = self.line.pop()?;
        for waiter in self.line.iter_mut().rev() {
            if gone.number == number {
                break;
            }
            core::mem::swap(&mut gone, waiter);
        }
        Some(gone)
    }

    /// A place becomes free. It goes to the first in line, who is returned to be woken.
    #[inline]
    fn leave(&mut self) -> Option<Waiter> {
        match self.line.first() {
            Some(first) => self.remove(first.number),
            None => {
                self.taken = self.taken.saturating_sub(1);
                None
            }
        }
    }

    /// A waiter waits no longer. It is returned as the first of the two; if it had its turn already, whoever comes
    /// next is the second, to be woken.
    fn abandon(&mut self, number: u64) -> (Option<Waiter>, Option<Waiter>) {
        match self.remove(number) {
            Some(waiter) => (Some(waiter), None),
            None => (None, self.leave()),
        }
    }
}

#[cold]
fn wake(waiter: Waiter) {
    waiter.waker.wake();
}

#[cold]
fn full() -> Rejected {
    // Nobody can tell when a call under way will be done.
    Rejected { reason: Reason::BulkheadFull, cause: Cause::Overloaded, retry_after: 0 }
}

/// A bulkhead's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Memory(Local<State>);

/// One place, until it is dropped.
#[doc(hidden)]
#[derive(Debug)]
pub struct BulkheadPermit<'p>(&'p Memory);

impl Permit for BulkheadPermit<'_> {
    #[inline]
    fn settle(self, _: Outcome, _: &impl Moment) -> Option<Change> {
        None
    }
}

impl Drop for BulkheadPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        // A waker is an executor's code: it runs when the state is free again.
        if let Some(next) = self.0.0.with(State::leave) {
            wake(next);
        }
    }
}

/// A caller in line. Dropping it gives up its place in line, or its turn if that came meanwhile.
struct Turn<'p> {
    bulkhead: &'p Bulkhead,
    memory: &'p Memory,
    number: Option<u64>,
}

impl<'p> Future for Turn<'p> {
    type Output = Result<BulkheadPermit<'p>, Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Wakers are cloned before the state is borrowed and dropped after it: both is an executor's code.
        let mut waker = context.waker().clone();
        let Turn { bulkhead, memory, number } = *self;
        if let Some(number) = number {
            if memory.0.with(|state| state.waits(number, &mut waker)) {
                return Poll::Pending;
            }
            self.number = None;
            return Poll::Ready(Ok(BulkheadPermit(memory)));
        }
        let mut waker = Some(waker);
        match memory.0.with(|state| state.ask(bulkhead, &mut waker)) {
            Answer::In => Poll::Ready(Ok(BulkheadPermit(memory))),
            Answer::Full => Poll::Ready(Err(full())),
            Answer::Wait(number) => {
                self.number = Some(number);
                Poll::Pending
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let (_gone, next) = self.memory.0.with(|state| state.abandon(number));
        if let Some(next) = next {
            wake(next);
        }
    }
}

impl InFlight for Bulkhead {
    type Count = u32;

    fn limit(&self, _: &Memory) -> u32 {
        self.places
    }

    fn in_flight(&self, memory: &Memory) -> u32 {
        memory.0.with(|state| state.taken)
    }
}

impl InFlight for Option<Bulkhead> {
    type Count = Option<u32>;

    fn limit(&self, memory: &Memory) -> Option<u32> {
        self.as_ref().map(|bulkhead| bulkhead.limit(memory))
    }

    fn in_flight(&self, memory: &Memory) -> Option<u32> {
        self.as_ref().map(|bulkhead| bulkhead.in_flight(memory))
    }
}

impl Sealed for Bulkhead {}

impl Guard for Bulkhead {
    type Memory = Memory;
    type Permit<'p> = BulkheadPermit<'p>;
    const NEW: Memory = Memory(Local::new(State::NEW));
    const WAITS: bool = true;

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Memory, _: &impl Moment) -> Result<BulkheadPermit<'p>, Rejected> {
        match memory.0.with(|state| state.enter(self)) {
            true => Ok(BulkheadPermit(memory)),
            false => Err(full()),
        }
    }

    #[inline]
    fn has_line(&self) -> bool {
        self.line > 0
    }

    fn turn<'p>(&'p self, memory: &'p Memory) -> impl Future<Output = Result<BulkheadPermit<'p>, Rejected>> {
        Turn { bulkhead: self, memory, number: None }
    }
}
