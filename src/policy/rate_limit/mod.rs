//! At most so many calls in a time: what is over is turned away, or waits.

#[cfg(test)]
mod model;
mod places;
mod shared;
mod sliding_window;
#[cfg(test)]
mod tests;
mod token_bucket;

use core::marker::PhantomData;
use core::time::Duration;

pub use places::RateLimitKind;
pub use shared::SharedRateLimit;
pub use sliding_window::SlidingWindow;
pub use token_bucket::TokenBucket;

use self::places::Places;
use self::token_bucket::Ticks;
use super::sealed::Sealed;
use super::{Guard, Moment, Outcome, Permit, Rejected};
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::clock::nanos;
use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};

/// Bounds how many calls are made in a time.
///
/// There are two kinds, [`TokenBucket`] and [`SlidingWindow`]. They are types, so that the one that is not used costs
/// nothing.
///
/// [bulkhead]: crate::Bulkhead
/// [deadline]: crate::Deadline
/// [breaker]: crate::Breaker
/// [shared]: crate::SharedBreaker
/// [together]: crate::SharedRateLimit
#[doc = include_str!("../../../docs/policies/rate-limit.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit<W = TokenBucket> {
    /// In each `period`, which is in nanoseconds.
    calls: u32,
    period: u64,
    /// How long a call may wait, in nanoseconds.
    patience: u64,
    burst: u32,
    // What a token bucket would have to work out for each call otherwise.
    interval: Ticks,
    tolerance: Ticks,
    kind: PhantomData<W>,
}

impl RateLimit<TokenBucket> {
    /// A token bucket that gets `calls` tokens a second, evenly, and holds as many: the same as
    /// [`tokens(calls)`](Self::tokens).
    ///
    /// ```
    /// use steadfast::RateLimit;
    ///
    /// assert!(RateLimit::per_second(100).burst(20).check().is_ok());
    /// assert!(RateLimit::per_second(0).check().is_err());
    /// ```
    pub const fn per_second(calls: u32) -> Self {
        Self::tokens(calls)
    }

    /// A token bucket that gets `calls` tokens in each period, evenly, and holds as many. A period is 1 s long,
    /// unless [`every`](Self::every) says otherwise.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::RateLimit;
    ///
    /// let five_a_minute = RateLimit::tokens(5).every(Duration::from_secs(60));
    /// assert!(five_a_minute.check().is_ok());
    /// ```
    pub const fn tokens(calls: u32) -> Self {
        Self::new(calls, 1_000_000_000).derived()
    }

    /// How long a period is; 1 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::RateLimit;
    ///
    /// assert!(RateLimit::tokens(5).every(Duration::ZERO).check().is_err());
    /// ```
    pub const fn every(self, period: Duration) -> Self {
        RateLimit { period: nanos(period), ..self }.derived()
    }

    /// How many calls may pass at once after a time of quiet: what the bucket holds. By default as many as pass in a
    /// period. With 1, calls are spaced evenly.
    ///
    /// In any span of time, no more calls pass than the burst and what the rate gives in that span.
    ///
    /// ```
    /// use steadfast::RateLimit;
    ///
    /// assert!(RateLimit::per_second(100).burst(1).check().is_ok());
    /// assert!(RateLimit::per_second(100).burst(0).check().is_err());
    /// ```
    pub const fn burst(self, calls: u32) -> Self {
        RateLimit { burst: calls, ..self }.derived()
    }

    const fn derived(self) -> Self {
        let interval = Ticks::between(self.period, self.calls);
        let tolerance = interval.times(self.burst.saturating_sub(1), self.calls);
        // A call begins at a whole nanosecond, which must not be later than its place.
        let interval = if tolerance.nanos() == 0 { interval.rounded_up() } else { interval };
        RateLimit { interval, tolerance, ..self }
    }
}

impl RateLimit<SlidingWindow> {
    /// At most `calls` in any span of length `period`, wherever it begins.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::RateLimit;
    ///
    /// assert!(RateLimit::window(100, Duration::from_secs(60)).check().is_ok());
    /// assert!(RateLimit::window(100, Duration::ZERO).check().is_err());
    /// ```
    pub const fn window(calls: u32, period: Duration) -> Self {
        Self::new(calls, nanos(period))
    }
}

impl<W: RateLimitKind> RateLimit<W> {
    const fn new(calls: u32, period: u64) -> Self {
        RateLimit {
            calls,
            period,
            patience: 0,
            burst: calls,
            interval: Ticks::ZERO,
            tolerance: Ticks::ZERO,
            kind: PhantomData,
        }
    }

    /// A call over the limit waits for its turn, if that comes within `duration`; by default it is turned away. It
    /// waits before the attempt, and a blocking call blocks the component meanwhile.
    ///
    /// The waits are worked out in advance. Where the sleep itself takes longer than it should, calls can come closer
    /// together than the limit says.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::TestClock;
    /// use steadfast::{Policy, RateLimit, RpcError};
    ///
    /// static MAIL: Policy<(RateLimit,)> =
    ///     Policy::new().rate_limit(RateLimit::per_second(10).burst(1).wait_up_to(Duration::from_secs(1)));
    ///
    /// let clock = TestClock::new();
    /// for _ in 0..3 {
    ///     MAIL.with(&clock).call(|| Ok::<_, RpcError>("sent")).unwrap();
    /// }
    /// assert_eq!(clock.slept(), [Duration::from_millis(100), Duration::from_millis(100)]);
    /// ```
    pub const fn wait_up_to(self, duration: Duration) -> Self {
        RateLimit { patience: nanos(duration), ..self }
    }

    /// How long a call may wait for its turn.
    #[cfg(feature = "config")]
    pub(crate) const fn longest_wait(&self) -> Duration {
        Duration::from_nanos(self.patience)
    }

    /// The rate limit itself, or why it makes no sense: no call at all, no time, or a burst that the rate would not
    /// fill in 292 years (2^63 ns: with the clock's own time added, it still has to fit into 64 bits).
    ///
    /// ```
    /// use steadfast::RateLimit;
    ///
    /// let invalid = RateLimit::per_second(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "rate limit calls: 0 is not allowed: it must be 1 or more");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.calls == 0 {
            refuse!("rate limit calls", Value::Count(0), "1 or more");
        }
        if self.period == 0 {
            refuse!("rate limit period", Value::Time(Duration::ZERO), "longer than zero");
        }
        if self.burst == 0 || self.tolerance.nanos() > i64::MAX as u64 {
            refuse!("rate limit burst", Value::Count(self.burst), "1 or more, and filled within 292 years");
        }
        Ok(self)
    }
}

#[cold]
fn limited(wait: u64) -> Rejected {
    Rejected { reason: Reason::RateLimited, cause: Cause::Overloaded, retry_after: wait }
}

/// A rate limit's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Memory<W: RateLimitKind>(Local<Places<W>>);

/// The place of one call. Dropped before the attempt began, it is given back.
#[doc(hidden)]
#[derive(Debug)]
pub struct RateLimitPermit<'p, W: RateLimitKind> {
    /// Until the attempt began.
    limit: Option<&'p RateLimit<W>>,
    memory: &'p Memory<W>,
    place: W::Place,
    wait: u64,
}

impl<W: RateLimitKind> Permit for RateLimitPermit<'_, W> {
    #[inline]
    fn delay(&self) -> u64 {
        self.wait
    }

    #[inline]
    fn begin(&mut self, _: bool) -> Option<Change> {
        self.limit = None;
        None
    }

    #[inline]
    fn settle(mut self, _: Outcome, _: &impl Moment) -> Option<Change> {
        self.limit = None;
        None
    }
}

impl<W: RateLimitKind> Drop for RateLimitPermit<'_, W> {
    #[inline]
    fn drop(&mut self) {
        // A call that was cancelled under way may have reached the target all the same: it counts.
        if let Some(limit) = self.limit {
            self.memory.0.with(|places| places.give_back(limit, self.place));
        }
    }
}

impl<W: RateLimitKind> Sealed for RateLimit<W> {}

impl<W: RateLimitKind> Guard for RateLimit<W> {
    type Memory = Memory<W>;
    type Permit<'p>
        = RateLimitPermit<'p, W>
    where
        W: 'p;
    const NEW: Memory<W> = Memory(Local::new(Places::NEW));
    const WAITS: bool = true;

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Memory<W>, moment: &impl Moment) -> Result<RateLimitPermit<'p, W>, Rejected> {
        // The clock is read outside of the borrow: it may be a caller's own.
        let now = moment.now().as_nanos();
        match memory.0.with(|places| places.take(self, now)) {
            Ok((place, wait)) => Ok(RateLimitPermit { limit: Some(self), memory, place, wait }),
            Err(wait) => Err(limited(wait)),
        }
    }
}
