//! A bucket of tokens, as the time at which it will be full again.

use super::{RateLimit, RateLimitKind};
use crate::policy::sealed::Sealed;

/// The kind of [`RateLimit`] that gets tokens at a steady rate, and holds a number of them for a burst.
///
/// It works as the generic cell rate algorithm does (GCRA, ITU-T I.371, "virtual scheduling"), which is a bucket of
/// tokens seen through the time at which it is full again: one number to remember, and nothing to be done while
/// time passes. It is exact: 3 calls a second are 3 calls a second, and not one each 333,333,333 ns. (With a burst of
/// 1 there is nothing to make up for a fraction with, so there it is one each 333,333,334 ns.)
///
/// ```
/// use steadfast::{Policy, RateLimit, TokenBucket};
///
/// static STEADY: Policy<(RateLimit<TokenBucket>,)> =
///     Policy::new().rate_limit(RateLimit::per_second(100).burst(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenBucket {}

/// A time in nanoseconds and parts of them: as many parts make a nanosecond as calls pass in a period, so that the
/// interval between two calls is a whole number of parts.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks {
    nanos: u64,
    parts: u32,
}

impl Ticks {
    pub(super) const ZERO: Ticks = Ticks { nanos: 0, parts: 0 };

    const fn at(nanos: u64) -> Self {
        Ticks { nanos, parts: 0 }
    }

    /// The interval between two of `calls` in a time; zero for none, which [`RateLimit::check`] refuses.
    pub(super) const fn between(period: u64, calls: u32) -> Self {
        if calls == 0 {
            return Ticks::ZERO;
        }
        Ticks { nanos: period / calls as u64, parts: (period % calls as u64) as u32 }
    }

    /// `count` intervals.
    pub(super) const fn times(self, count: u32, calls: u32) -> Self {
        if calls == 0 {
            return Ticks::ZERO;
        }
        // Each factor is below 2^32, so the product is below 2^64.
        let parts = self.parts as u64 * count as u64;
        let nanos = self.nanos.saturating_mul(count as u64).saturating_add(parts / calls as u64);
        Ticks { nanos, parts: (parts % calls as u64) as u32 }
    }

    pub(super) const fn rounded_up(self) -> Self {
        Ticks::at(self.nanos.saturating_add((self.parts > 0) as u64))
    }

    pub(super) const fn nanos(self) -> u64 {
        self.nanos
    }

    #[inline]
    fn plus(self, other: Ticks, calls: u32) -> Self {
        let parts = u64::from(self.parts) + u64::from(other.parts);
        let carry = parts >= u64::from(calls);
        let parts = if carry { parts - u64::from(calls) } else { parts };
        let nanos = self.nanos.saturating_add(other.nanos).saturating_add(u64::from(carry));
        Ticks { nanos, parts: parts as u32 }
    }
}

impl Sealed for TokenBucket {}

/// A place is a *theoretical arrival time*: when the call would come if all came evenly. Places are at least an
/// interval apart, and a call may come earlier than its place by the tolerance, which is the burst, but never later.
/// So of the calls in a span of length T, the places lie within T and the tolerance, and there are no more than
/// the burst and what the rate gives in T.
impl RateLimitKind for TokenBucket {
    /// When the bucket is full again: an interval after the last place.
    type State = Ticks;
    type Place = Ticks;
    const NEW: Ticks = Ticks::ZERO;

    #[inline]
    fn next(_: &RateLimit<Self>, full_at: &Ticks, now: u64) -> Ticks {
        (*full_at).max(Ticks::at(now))
    }

    #[inline]
    fn wait(limit: &RateLimit<Self>, place: &Ticks, now: u64) -> u64 {
        // Rounded up to whole nanoseconds.
        let up = u64::from(place.parts > limit.tolerance.parts);
        place.nanos.saturating_sub(now).saturating_add(up).saturating_sub(limit.tolerance.nanos)
    }

    #[inline]
    fn take(limit: &RateLimit<Self>, full_at: &mut Ticks, place: &Ticks) {
        *full_at = place.plus(limit.interval, limit.calls);
    }

    fn untake(limit: &RateLimit<Self>, full_at: &mut Ticks, place: &Ticks) -> bool {
        let last = *full_at == place.plus(limit.interval, limit.calls);
        if last {
            *full_at = *place;
        }
        last
    }

    fn is_past(place: &Ticks, now: u64) -> bool {
        Ticks::at(now) > *place
    }

    fn is_over(limit: &RateLimit<Self>, place: &Ticks, now: u64) -> bool {
        Ticks::at(now) >= place.plus(limit.interval, limit.calls)
    }

    fn is_before(place: &Ticks, other: &Ticks) -> bool {
        place < other
    }
}
