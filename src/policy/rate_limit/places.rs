//! Who may make a call and when: places in time, of which each call takes one.

use core::fmt::Debug;

use super::RateLimit;
use crate::policy::sealed::Sealed;

/// How a [`RateLimit`] counts: as a [`TokenBucket`](super::TokenBucket) or with a
/// [`SlidingWindow`](super::SlidingWindow).
///
/// ```
/// use steadfast::{RateLimit, RateLimitKind};
///
/// fn settled<W: RateLimitKind>(limit: RateLimit<W>) -> bool {
///     limit.check().is_ok()
/// }
/// assert!(settled(RateLimit::per_second(100)));
/// ```
// Each place that is given out allows one call at one time, whoever makes it, and places are given out in order of
// that time. So the limit holds as long as no place is used twice, or by a call that comes too late for it.
pub trait RateLimitKind: Sealed + Copy + Debug + 'static {
    #[doc(hidden)]
    type State: Debug;
    #[doc(hidden)]
    type Place: Copy + Debug;
    #[doc(hidden)]
    const NEW: Self::State;

    /// The place after all that were given out, for a call that comes now.
    #[doc(hidden)]
    fn next(limit: &RateLimit<Self>, state: &Self::State, now: u64) -> Self::Place;

    /// How long a call that comes now has to wait for its place, in nanoseconds: zero if it need not.
    #[doc(hidden)]
    fn wait(limit: &RateLimit<Self>, place: &Self::Place, now: u64) -> u64;

    /// Gives out the next place.
    #[doc(hidden)]
    fn take(limit: &RateLimit<Self>, state: &mut Self::State, place: &Self::Place);

    /// Makes it as if `place` had never been given out, if it was the last that was.
    #[doc(hidden)]
    fn untake(limit: &RateLimit<Self>, state: &mut Self::State, place: &Self::Place) -> bool;

    /// Whether a call that comes now is too late for the place.
    #[doc(hidden)]
    fn is_past(place: &Self::Place, now: u64) -> bool;

    /// Whether nobody would pass earlier now if the place, and all after it, had never been given out.
    #[doc(hidden)]
    fn is_over(limit: &RateLimit<Self>, place: &Self::Place, now: u64) -> bool;

    /// Whether `place` was given out before `other`.
    #[doc(hidden)]
    fn is_before(place: &Self::Place, other: &Self::Place) -> bool;
}

/// All that a rate limit remembers.
#[derive(Debug)]
pub(crate) struct Places<W: RateLimitKind> {
    pub(super) state: W::State,
    /// Places of calls that were abandoned while later ones waited, whose times are fixed: in order, for whoever comes
    /// in time, and until they do not matter any more. There are none as a rule.
    pub(super) abandoned: Vec<W::Place>,
    /// The latest time that was seen, in nanoseconds. A clock that steps back leaves what was free then, and gives
    /// nothing new until it has caught up.
    latest: u64,
}

impl<W: RateLimitKind> Places<W> {
    pub const NEW: Self = Places { state: W::NEW, abandoned: Vec::new(), latest: 0 };

    /// A place for a call that comes now and how long it has to wait for it; or how long it would have to wait, when
    /// that is too long. Both in nanoseconds.
    #[inline]
    pub fn take(&mut self, limit: &RateLimit<W>, now: u64) -> Result<(W::Place, u64), u64> {
        self.latest = self.latest.max(now);
        if !self.abandoned.is_empty()
            && let Some(taken) = self.take_abandoned(limit, now)
        {
            return taken;
        }
        let place = W::next(limit, &self.state, self.latest);
        let wait = Self::wait(limit, &place, self.latest, now);
        if wait > limit.patience {
            return Err(wait);
        }
        W::take(limit, &mut self.state, &place);
        Ok((place, wait))
    }

    #[inline]
    fn wait(limit: &RateLimit<W>, place: &W::Place, latest: u64, now: u64) -> u64 {
        match W::wait(limit, place, latest) {
            0 => 0,
            wait => wait.saturating_add(latest.saturating_sub(now)),
        }
    }

    #[cold]
    fn take_abandoned(&mut self, limit: &RateLimit<W>, now: u64) -> Option<Result<(W::Place, u64), u64>> {
        let latest = self.latest;
        let place = self.abandoned.iter().find(|place| !W::is_past(place, latest)).copied();
        let taken = place.map(|place| match Self::wait(limit, &place, latest, now) {
            wait if wait > limit.patience => Err(wait),
            wait => Ok((place, wait)),
        });
        // The first that is not past goes if it is taken, and what is over goes anyway.
        let mut takes = matches!(taken, Some(Ok(_)));
        self.abandoned.retain(|place| {
            let is_past = W::is_past(place, latest);
            if is_past { !W::is_over(limit, place, latest) } else { !core::mem::take(&mut takes) }
        });
        taken
    }

    /// A call does not use its place.
    #[cold]
    pub fn give_back(&mut self, limit: &RateLimit<W>, mut place: W::Place) {
        for other in &mut self.abandoned {
            if W::is_before(&place, other) {
                core::mem::swap(&mut place, other);
            }
        }
        // Where there is no memory for it, nobody gets the place. `push` alone would bring the message of a panic, and
        // 27 kB for printing it; where it sees that there is room, it cannot panic.
        let _ = self.abandoned.try_reserve(1);
        if self.abandoned.len() < self.abandoned.capacity() {
            self.abandoned.push(place);
        }
        // What nobody waits behind is as if it had never been taken.
        while self.abandoned.last().is_some_and(|last| W::untake(limit, &mut self.state, last)) {
            self.abandoned.pop();
        }
    }
}
