//! What a person writes: when a breaker opens, for how long, and how it looks whether the target is back.

use core::marker::PhantomData;
use core::time::Duration;

use super::settings::{BUCKETS, Growth, Rate, Settings};
use super::{Consecutive, CountWindow, SlowCalls, TimeWindow, Window};
use crate::platform::clock::nanos;
use crate::policy::Invalid;

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
/// static GREETER: Policy<(Breaker,)> = Policy::new()
///     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
///
/// static PRICES: Policy<(Breaker<CountWindow>,)> = Policy::new()
///     .breaker(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(20));
/// ```
///
/// ```compile_fail
/// use steadfast::{Breaker, CountWindow, Policy};
///
/// static NEVER: Policy<(Breaker<CountWindow>,)> =
///     Policy::new().breaker(Breaker::failure_rate(1.5).over_calls(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker<W = Consecutive> {
    settings: Settings,
    window: PhantomData<W>,
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
        let minimum = if calls < MINIMUM_CALLS { calls } else { MINIMUM_CALLS };
        let settings = Settings { failure_rate: self.0, length: calls, minimum, ..Settings::DEFAULT };
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
        match self.settings.check(W::COUNTS_CALLS) {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    #[inline]
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }
}
