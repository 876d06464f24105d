//! What every attempt passes on its way: parts that let it through, have it wait, or turn it away.

use core::fmt::Debug;
use core::future::Future;

use super::sealed::Sealed;
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::clock::Instant;

/// The present, as guards see it. However often it is asked, the clock is read once.
#[doc(hidden)]
pub trait Moment {
    fn now(&self) -> Instant;
    /// When the attempt under way began. Only a guard that is [timed](Guard::is_timed) may ask; `now` is then the end
    /// of the attempt in [`Permit::settle`].
    fn began(&self) -> Instant {
        self.now()
    }
    /// A number drawn uniformly from all of `u64`.
    fn draw(&self) -> u64;
}

/// An attempt was turned away before it reached the wire.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub(crate) reason: Reason,
    /// Of the failure that made the guard reject; of the rejection itself where there is no such failure.
    pub(crate) cause: Cause,
    /// How many nanoseconds until an attempt may be let through; zero when nobody can tell.
    pub(crate) retry_after: u64,
}

/// How an attempt ended. An attempt that came to nothing has none: its permit is dropped.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure(Cause),
}

/// The right to make one attempt. Dropping it gives it back, and counts as neither success nor failure.
#[doc(hidden)]
pub trait Permit {
    /// How many nanoseconds to wait before the attempt; the wait is part of the right.
    fn delay(&self) -> u64 {
        0
    }

    /// Time has passed since the attempt was let through: it waited for its turn at another guard, or for as long as a
    /// permit said. A permit that is worth nothing any more becomes a new one, where there is one.
    #[inline]
    fn renew(&mut self, _moment: &impl Moment) -> Result<(), Rejected> {
        Ok(())
    }

    /// The wait is over and the attempt begins: from here on the call may have reached the target, however it ends.
    /// Says what that changed, where it is `watched` by an observer: without one, a component is 140 bytes smaller.
    #[inline]
    fn begin(&mut self, _watched: bool) -> Option<Change> {
        None
    }

    /// The attempt is over. Says what that changed, for observers: nobody may be called from within.
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change>;
}

/// A part that each attempt passes: a [`Breaker`](super::Breaker), for one. `()` lets everything through, and
/// `Option<Guard>` is decided at run time.
///
/// ```
/// use steadfast::{Breaker, Guard};
///
/// fn guard<G: Guard>(_: G) {}
/// guard(Breaker::consecutive_failures(5));
/// ```
pub trait Guard: Copy + Debug + Sealed + 'static {
    #[doc(hidden)]
    type Memory: Debug;
    #[doc(hidden)]
    type Permit<'p>: Permit
    where
        Self: 'p;
    #[doc(hidden)]
    const NEW: Self::Memory;
    /// Whether it may have a caller wait, in line or for its turn: where no guard does, the code for that is not there.
    #[doc(hidden)]
    const WAITS: bool = false;
    /// Whether it matters how long an attempt takes.
    #[doc(hidden)]
    #[inline]
    fn is_timed(&self) -> bool {
        false
    }

    #[doc(hidden)]
    fn admit<'p>(&'p self, memory: &'p Self::Memory, moment: &impl Moment) -> Result<Self::Permit<'p>, Rejected>;

    /// Whether an awaited call that was rejected may wait in line for its turn.
    #[doc(hidden)]
    #[inline]
    fn has_line(&self) -> bool {
        false
    }

    /// Waits in line for a turn; asked only where there [is a line](Self::has_line). Dropped, it leaves the line.
    #[doc(hidden)]
    #[inline]
    fn turn<'p>(&'p self, _memory: &'p Self::Memory) -> impl Future<Output = Result<Self::Permit<'p>, Rejected>> {
        core::future::pending()
    }

    /// Until when attempts are turned away for certain.
    #[doc(hidden)]
    fn rejects_until(&self, _memory: &Self::Memory) -> Option<Instant> {
        None
    }
}

impl Permit for () {
    #[inline]
    fn settle(self, _: Outcome, _: &impl Moment) -> Option<Change> {
        None
    }
}

impl Guard for () {
    type Memory = ();
    type Permit<'p> = ();
    const NEW: () = ();

    #[inline]
    fn admit<'p>(&'p self, (): &'p (), _: &impl Moment) -> Result<(), Rejected> {
        Ok(())
    }
}

impl<P: Permit> Permit for Option<P> {
    #[inline]
    fn delay(&self) -> u64 {
        self.as_ref().map_or(0, P::delay)
    }

    #[inline]
    fn renew(&mut self, moment: &impl Moment) -> Result<(), Rejected> {
        self.as_mut().map_or(Ok(()), |permit| permit.renew(moment))
    }

    #[inline]
    fn begin(&mut self, watched: bool) -> Option<Change> {
        self.as_mut()?.begin(watched)
    }

    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        self?.settle(outcome, moment)
    }
}

impl<G: Guard> Guard for Option<G> {
    type Memory = G::Memory;
    type Permit<'p>
        = Option<G::Permit<'p>>
    where
        G: 'p;
    const NEW: G::Memory = G::NEW;
    const WAITS: bool = G::WAITS;

    #[inline]
    fn is_timed(&self) -> bool {
        self.as_ref().is_some_and(G::is_timed)
    }

    #[inline]
    fn admit<'p>(&'p self, memory: &'p G::Memory, moment: &impl Moment) -> Result<Option<G::Permit<'p>>, Rejected> {
        self.as_ref().map(|guard| guard.admit(memory, moment)).transpose()
    }

    #[inline]
    fn has_line(&self) -> bool {
        self.as_ref().is_some_and(G::has_line)
    }

    #[inline]
    async fn turn<'p>(&'p self, memory: &'p G::Memory) -> Result<Option<G::Permit<'p>>, Rejected> {
        match self {
            Some(guard) => guard.turn(memory).await.map(Some),
            None => Ok(None),
        }
    }

    fn rejects_until(&self, memory: &G::Memory) -> Option<Instant> {
        self.as_ref()?.rejects_until(memory)
    }
}

/// The permits of a policy's three guards: breaker, bulkhead, rate limit.
impl<A: Permit, B: Permit, C: Permit> Permit for (A, B, C) {
    #[inline]
    fn delay(&self) -> u64 {
        self.0.delay().max(self.1.delay()).max(self.2.delay())
    }

    #[inline]
    fn renew(&mut self, moment: &impl Moment) -> Result<(), Rejected> {
        self.0.renew(moment)?;
        self.1.renew(moment)?;
        self.2.renew(moment)
    }

    #[inline]
    fn begin(&mut self, watched: bool) -> Option<Change> {
        // Only a breaker changes in a way that observers are told of, and a policy has one.
        let (first, second, third) = (self.0.begin(watched), self.1.begin(watched), self.2.begin(watched));
        first.or(second).or(third)
    }

    // Without a hint: in line twice, a policy with all parts would be 230 bytes larger.
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let first = self.0.settle(outcome, moment);
        let second = self.1.settle(outcome, moment);
        let third = self.2.settle(outcome, moment);
        first.or(second).or(third)
    }
}

/// A guard and what it remembers.
#[derive(Debug)]
pub(crate) struct Guarded<G: Guard> {
    pub guard: G,
    pub memory: G::Memory,
}

impl<G: Guard> Guarded<G> {
    pub const fn new(guard: G) -> Self {
        Guarded { guard, memory: G::NEW }
    }

    #[inline]
    pub fn admit(&self, moment: &impl Moment) -> Result<G::Permit<'_>, Rejected> {
        self.guard.admit(&self.memory, moment)
    }

    pub fn turn(&self) -> impl Future<Output = Result<G::Permit<'_>, Rejected>> {
        self.guard.turn(&self.memory)
    }

    pub fn rejects_until(&self) -> Option<Instant> {
        self.guard.rejects_until(&self.memory)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::testing::Then;

    /// Notes that its attempt began.
    struct Noted<'n>(&'n Cell<u32>);

    impl Permit for Noted<'_> {
        fn begin(&mut self, _: bool) -> Option<Change> {
            self.0.set(self.0.get() + 1);
            (self.0.get() == 3).then_some(Change::HalfOpened)
        }
        fn settle(self, _: Outcome, _: &impl Moment) -> Option<Change> {
            None
        }
    }

    #[test]
    fn an_optional_permit_and_each_of_three_in_a_row_learn_that_the_attempt_begins() {
        let begun = Cell::new(0);
        assert_eq!(Some(Noted(&begun)).begin(true), None);
        assert_eq!(begun.get(), 1);
        assert_eq!((Noted(&begun), Noted(&begun), Some(Noted(&begun))).begin(true), Some(Change::HalfOpened));
        assert_eq!(begun.get(), 4);
    }

    /// Is renewed or turned away, and notes that it was asked.
    struct Renewed<'n>(Result<(), Rejected>, &'n Cell<u32>);

    impl Permit for Renewed<'_> {
        fn renew(&mut self, _: &impl Moment) -> Result<(), Rejected> {
            self.1.set(self.1.get() + 1);
            self.0
        }
        fn settle(self, _: Outcome, _: &impl Moment) -> Option<Change> {
            None
        }
    }

    #[test]
    fn three_in_a_row_are_asked_to_be_renewed_until_one_is_turned_away() {
        let now = Then(0);
        assert_eq!(Noted(&Cell::new(0)).renew(&now), Ok(()), "a permit that does not expire needs no renewal");
        let rejected = Rejected { reason: Reason::BreakerOpen, cause: Cause::Timeout, retry_after: 7 };
        for turned_away in 0..4 {
            let asked = Cell::new(0);
            let permit = |number| Some(Renewed(if number == turned_away { Err(rejected) } else { Ok(()) }, &asked));
            let all = (permit(0), permit(1), permit(2)).renew(&now);
            assert_eq!(all, if turned_away == 3 { Ok(()) } else { Err(rejected) });
            assert_eq!(asked.get(), (turned_away + 1).min(3));
        }
    }
}
