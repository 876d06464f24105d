//! What a person sets: when a breaker opens, for how long, and how it looks whether the target is back.

use core::marker::PhantomData;
use core::time::Duration;

use super::{Consecutive, CountWindow, SlowCalls, TimeWindow, Window};
use crate::clock::{Instant, nanos};
use crate::policy::invalid::{Invalid, Value, refuse};

/// The most probes that [`Breaker::probes`] allows: each has a place in the state, which does not allocate.
pub const MAX_PROBES: usize = 16;

/// The most calls that [`FailureRate::over_calls`] allows: each has a bit in the state, which does not allocate.
pub const MAX_CALLS: u32 = 1024;

/// Into how many buckets a time window is cut: a tenth of the window is as exact as anybody sets it.
pub const BUCKETS: usize = 10;

/// Of fewer calls than this a rate says little: one failure would be more than a tenth.
const MINIMUM_CALLS: u32 = 10;

/// Stops calling a target that fails too often.
///
/// **When to use it**: in front of anything that can be down for longer than a caller waits; it answers at
/// once instead of making every caller wait for the same failure, and gives the target room to recover.
/// **When not**: around something that only fails by bad arguments. **Where its state lives**: in this
/// instance. On a host that makes a fresh instance for every request it sees one request only, unless a
/// [snapshot](super::BreakerControl::snapshot) is carried from one to the next.
///
/// - **Closed**: calls pass. It opens at a number of failures [in a row](Self::consecutive_failures), or at a
///   [rate](Self::failure_rate) of failures over the last [calls](FailureRate::over_calls) or
///   [seconds](FailureRate::over_time), or at a rate of [slow calls](Self::slow_calls). Only a failure or a slow
///   call opens it, never a success.
/// - **Open**: calls are rejected for [`open_for`](Self::open_for) without reaching the wire.
/// - **Half-open**: then as many calls as there are [`probes`](Self::probes) may try, and all others are
///   rejected at once. In a breaker of failures in a row, as many successes close it and one failure opens it
///   again; in one of a rate, the rate of the probes decides once all are back. A probe that is not back after
///   [`probe_timeout`](Self::probe_timeout) gives its place to another.
///
/// Only what speaks about the target's health counts: a missing link and a disagreement about types
/// ([`Cause::NoLink`](crate::Cause::NoLink), [`Cause::Protocol`](crate::Cause::Protocol)) stay what they are
/// however long one waits, and are ignored, as are calls that were cancelled. An outcome of a call that was let
/// through in an earlier state never moves a later one.
///
/// `Breaker` alone is one that counts failures in a row; the parameter says [what else](Window).
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Breaker, CountWindow, Policy};
///
/// static GREETER: Policy<(), (), Breaker> = Policy::new()
///     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
///
/// static PRICES: Policy<(), (), Breaker<CountWindow>> = Policy::new()
///     .breaker(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(20));
/// ```
///
/// ```compile_fail
/// use steadfast::{Breaker, CountWindow, Policy};
///
/// static NEVER: Policy<(), (), Breaker<CountWindow>> =
///     Policy::new().breaker(Breaker::failure_rate(1.5).over_calls(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker<W = Consecutive> {
    settings: Settings,
    window: PhantomData<W>,
}

/// The settings of every kind of breaker, so that they are checked in one place. Times are nanoseconds, as the
/// clock counts them. What a kind does not use has a value that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub(super) failures: u32,
    pub(super) failure_rate: Rate,
    /// Of a count window; `None` in others.
    calls: Option<u32>,
    /// The calls of a count window again, for when it is at work.
    pub(super) length: u32,
    /// Of a time window: how long each of its buckets lasts.
    pub(super) bucket: u64,
    pub(super) minimum: u32,
    pub(super) slow_rate: Rate,
    slow_after: u64,
    pub(super) open_for: u64,
    growth: Option<Growth>,
    pub(super) probes: u32,
    pub(super) probe_timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Growth {
    factor: f64,
    max_open_for: u64,
}

/// A rate, as it was given and as it is compared: in parts of 2^32, rounded down. A rate that is a fraction of two
/// counts is reached by just these counts, and no float is on the way of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    given: f64,
    parts: u64,
}

impl Rate {
    const fn new(given: f64) -> Self {
        let parts = (given * (1_u64 << 32) as f64) as u64;
        // However low, a rate is not reached by nothing.
        Rate { given, parts: if parts == 0 { 1 } else { parts } }
    }

    const fn allowed(self) -> bool {
        self.given > 0.0 && self.given <= 1.0
    }

    pub fn reached(self, part: u32, of: u32) -> bool {
        // Of a rate of at most 1, neither side goes beyond 64 bits.
        u64::from(part) << 32 >= self.parts.wrapping_mul(u64::from(of))
    }
}

impl Settings {
    const DEFAULT: Settings = Settings {
        failures: 1,
        failure_rate: Rate::new(1.0),
        calls: None,
        length: 0,
        bucket: 1,
        minimum: 1,
        slow_rate: Rate::new(1.0),
        slow_after: 1,
        open_for: 5_000_000_000,
        growth: None,
        probes: 1,
        probe_timeout: 10_000_000_000,
    };

    const fn check(&self) -> Result<(), Invalid> {
        if self.failures == 0 {
            refuse!("breaker failures", Value::Count(0), "1 or more");
        }
        if !self.failure_rate.allowed() {
            refuse!("breaker failure_rate", Value::Factor(self.failure_rate.given), "above 0 and at most 1");
        }
        if let Some(calls) = self.calls
            && (calls == 0 || calls > MAX_CALLS)
        {
            refuse!("breaker over_calls", Value::Count(calls), "from 1 to 1024");
        }
        if self.bucket == 0 {
            refuse!("breaker over_time", Value::Time(Duration::ZERO), "10 ns or longer");
        }
        if self.minimum == 0 {
            refuse!("breaker minimum_calls", Value::Count(0), "1 or more");
        }
        if let Some(calls) = self.calls
            && self.minimum > calls
        {
            refuse!("breaker minimum_calls", Value::Count(self.minimum), "at most the calls of the window");
        }
        if !self.slow_rate.allowed() {
            refuse!("breaker slow_calls", Value::Factor(self.slow_rate.given), "above 0 and at most 1");
        }
        if self.slow_after == 0 {
            refuse!("breaker slow_calls longer_than", Value::Time(Duration::ZERO), "longer than zero");
        }
        if self.open_for == 0 {
            refuse!("breaker open_for", Value::Time(Duration::ZERO), "longer than zero");
        }
        if let Some(growth) = self.growth {
            if !(growth.factor >= 1.0 && growth.factor.is_finite()) {
                refuse!("breaker growing", Value::Factor(growth.factor), "1 or more");
            }
            if growth.max_open_for < self.open_for {
                let max_open_for = Duration::from_nanos(growth.max_open_for);
                refuse!("breaker growing max_open_for", Value::Time(max_open_for), "at least open_for");
            }
        }
        if self.probes == 0 || self.probes as usize > MAX_PROBES {
            refuse!("breaker probes", Value::Count(self.probes), "from 1 to 16");
        }
        if self.probe_timeout == 0 {
            refuse!("breaker probe_timeout", Value::Time(Duration::ZERO), "longer than zero");
        }
        Ok(())
    }

    #[inline]
    pub(super) fn is_slow(&self, began: Instant, now: Instant) -> bool {
        now.as_nanos().saturating_sub(began.as_nanos()) > self.slow_after
    }

    /// How long a break is that follows one of `open_for`.
    pub(super) fn longer_than(&self, open_for: u64) -> u64 {
        match self.growth {
            None => open_for,
            Some(Growth { factor, max_open_for }) => {
                ((open_for as f64 * factor) as u64).max(open_for).min(max_open_for)
            }
        }
    }

    /// The longest time to be open.
    pub(super) fn max_open_for(&self) -> u64 {
        self.growth.map_or(self.open_for, |growth| growth.max_open_for)
    }
}

/// A rate of failures that still needs to be told over what: [`over_calls`](Self::over_calls) or
/// [`over_time`](Self::over_time).
///
/// ```
/// use core::time::Duration;
/// use steadfast::Breaker;
///
/// let half = Breaker::failure_rate(0.5);
/// assert!(half.over_calls(100).check().is_ok());
/// assert!(half.over_time(Duration::from_secs(10)).check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "it becomes a breaker with `over_calls` or `over_time`"]
pub struct FailureRate(Rate);

impl FailureRate {
    /// The rate over the last `calls` calls, from 1 to 1024. It counts once there were 10 calls, or all of a shorter
    /// window; [`minimum_calls`](Breaker::minimum_calls) says otherwise.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_calls(1024).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_calls(1025).check().is_err());
    /// ```
    pub const fn over_calls(self, calls: u32) -> Breaker<CountWindow> {
        // A window of no calls is refused for that, and not for its minimum.
        let minimum = if calls > 0 && calls < MINIMUM_CALLS { calls } else { MINIMUM_CALLS };
        let settings =
            Settings { failure_rate: self.0, calls: Some(calls), length: calls, minimum, ..Settings::DEFAULT };
        Breaker { settings, window: PhantomData }
    }

    /// The rate over the last `time`, 10 ns or longer. It counts once there were 10 calls within it;
    /// [`minimum_calls`](Breaker::minimum_calls) says otherwise.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_time(Duration::ZERO).check().is_err());
    /// ```
    pub const fn over_time(self, time: Duration) -> Breaker<TimeWindow> {
        let bucket = nanos(time) / BUCKETS as u64;
        let settings = Settings { failure_rate: self.0, bucket, minimum: MINIMUM_CALLS, ..Settings::DEFAULT };
        Breaker { settings, window: PhantomData }
    }
}

impl Breaker {
    /// Opens at the `failures`-th failure in a row. It stays open for 5 s, then lets 1 probe through and waits
    /// 10 s for it (ten times the usual invocation timeout of a host, so it is lost rather than slow).
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).check().is_ok());
    /// assert!(Breaker::consecutive_failures(0).check().is_err());
    /// ```
    pub const fn consecutive_failures(failures: u32) -> Self {
        Breaker { settings: Settings { failures, ..Settings::DEFAULT }, window: PhantomData }
    }

    /// Opens when `rate` of the calls fail, above 0 and at most 1, [`over_calls`](FailureRate::over_calls) or
    /// [`over_time`](FailureRate::over_time). Otherwise it is as [`consecutive_failures`](Self::consecutive_failures)
    /// says: open for 5 s, then 1 probe for at most 10 s.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_calls(100).check().is_ok());
    /// assert!(Breaker::failure_rate(0.0).over_calls(100).check().is_err());
    /// ```
    pub const fn failure_rate(rate: f64) -> FailureRate {
        FailureRate(Rate::new(rate))
    }
}

impl<S> Breaker<CountWindow<S>> {
    /// How many calls there must have been before a rate counts; 10 by default, or all of a shorter window.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(100).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(101).check().is_err());
    /// ```
    pub const fn minimum_calls(self, calls: u32) -> Self {
        Breaker { settings: Settings { minimum: calls, ..self.settings }, window: PhantomData }
    }
}

impl<S> Breaker<TimeWindow<S>> {
    /// How many calls there must have been within the time before a rate counts; 10 by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::failure_rate(0.5).over_time(Duration::from_secs(10));
    /// assert!(breaker.minimum_calls(1_000).check().is_ok());
    /// assert!(breaker.minimum_calls(0).check().is_err());
    /// ```
    pub const fn minimum_calls(self, calls: u32) -> Self {
        Breaker { settings: Settings { minimum: calls, ..self.settings }, window: PhantomData }
    }
}

impl Breaker<CountWindow> {
    /// Opens also when `rate` of the calls, above 0 and at most 1, take more than `longer_than`, whether they fail
    /// or not. It looks at the clock twice for every call.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::failure_rate(0.5).over_calls(100).slow_calls(0.8, Duration::from_secs(1));
    /// assert!(breaker.check().is_ok());
    /// ```
    pub const fn slow_calls(self, rate: f64, longer_than: Duration) -> Breaker<CountWindow<SlowCalls>> {
        Breaker { settings: self.settings.slow_calls(rate, longer_than), window: PhantomData }
    }
}

impl Breaker<TimeWindow> {
    /// Opens also when `rate` of the calls, above 0 and at most 1, take more than `longer_than`, whether they fail
    /// or not. It looks at the clock twice for every call.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::failure_rate(0.5).over_time(Duration::from_secs(10));
    /// assert!(breaker.slow_calls(0.8, Duration::from_secs(1)).check().is_ok());
    /// assert!(breaker.slow_calls(0.8, Duration::ZERO).check().is_err());
    /// ```
    pub const fn slow_calls(self, rate: f64, longer_than: Duration) -> Breaker<TimeWindow<SlowCalls>> {
        Breaker { settings: self.settings.slow_calls(rate, longer_than), window: PhantomData }
    }
}

impl Settings {
    const fn slow_calls(self, rate: f64, longer_than: Duration) -> Self {
        Settings { slow_rate: Rate::new(rate), slow_after: nanos(longer_than), ..self }
    }
}

impl<W: Window> Breaker<W> {
    /// How long the breaker stays open before it lets a probe through; 5 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).open_for(Duration::ZERO).check().is_err());
    /// ```
    pub const fn open_for(self, open_for: Duration) -> Self {
        Breaker { settings: Settings { open_for: nanos(open_for), ..self.settings }, ..self }
    }

    /// Has each break last `factor` times as long as the one before, at least 1, up to `max_open_for`; once the
    /// target is back, the first break is [`open_for`](Self::open_for) again. By default all breaks are of one
    /// length.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::consecutive_failures(5).growing(2.0, Duration::from_secs(60));
    /// assert!(breaker.check().is_ok());
    /// assert!(breaker.open_for(Duration::from_secs(61)).check().is_err());
    /// ```
    pub const fn growing(self, factor: f64, max_open_for: Duration) -> Self {
        let growth = Some(Growth { factor, max_open_for: nanos(max_open_for) });
        Breaker { settings: Settings { growth, ..self.settings }, ..self }
    }

    /// How many calls may try while half-open, at a time and in all: as many outcomes decide; 1 by default, at
    /// most 16.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).probes(4).check().is_ok());
    /// assert!(Breaker::consecutive_failures(5).probes(17).check().is_err());
    /// ```
    pub const fn probes(self, probes: u32) -> Self {
        Breaker { settings: Settings { probes, ..self.settings }, ..self }
    }

    /// How long a probe may take before its place goes to another; 10 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::consecutive_failures(5).probe_timeout(Duration::from_secs(2));
    /// assert!(breaker.check().is_ok());
    /// ```
    pub const fn probe_timeout(self, probe_timeout: Duration) -> Self {
        Breaker { settings: Settings { probe_timeout: nanos(probe_timeout), ..self.settings }, ..self }
    }

    /// The breaker itself, or why it makes no sense: a count or a duration of zero, a rate that is none, a window
    /// that is too long or shorter than its minimum, too many probes, breaks that shrink.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// let invalid = Breaker::consecutive_failures(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "breaker failures: 0 is not allowed: it must be 1 or more");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        match self.settings.check() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    #[inline]
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }
}
