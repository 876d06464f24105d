//! When a breaker opens, for how long, and how it tries whether the target is back.

use core::marker::PhantomData;
use core::time::Duration;

use super::settings::{BUCKETS, Kind, Rate, Settings};
use crate::platform::clock::nanos;
use crate::policy::Invalid;

/// Below this number of calls a rate says little: one failure would be more than a tenth.
const MINIMUM_CALLS: u32 = 10;

/// Stops calling a target that fails too often.
///
/// `Breaker` alone is one that counts failures in a row; the parameter says [what else](super::Window). A probe that is
/// not back after [`probe_timeout`](Self::probe_timeout) gives its place to another.
///
/// ```compile_fail
/// steadfast::policy! {
///     static NEVER = breaker(failure_rate = 1.5, over_calls = 100);
/// }
/// ```
///
/// [retry]: crate::Retry
/// [shared]: crate::SharedBreaker
/// [stores]: https://github.com/steadfast-rs/steadfast/blob/main/docs/hosts.md#which-key-value-store-there-is
#[doc = include_str!("../../../docs/policies/breaker.md")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker<W = Consecutive> {
    pub(super) settings: Settings,
    window: PhantomData<W>,
}

/// A rate of failures that still needs a window: [`over_calls`](Self::over_calls) or [`over_time`](Self::over_time).
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

/// Counts failures in a row: the cheapest, and the one to begin with.
///
/// **When to use it**: for a target that is either there or not. **When not**: for one that fails every other call
/// for minutes. It rarely fails often enough in a row; its rate shows it.
///
/// ```
/// use steadfast::{Breaker, Consecutive};
///
/// let breaker: Breaker<Consecutive> = Breaker::consecutive_failures(5);
/// assert!(breaker.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consecutive;

/// Counts the rate of failures among the last calls, and that of [slow calls](Breaker::slow_calls) where it is set.
///
/// **When to use it**: for a target that is called often, or where a rate should mean the same at any load.
/// **When not**: for one that is called so seldom that the window holds last night's failures: take a
/// [`TimeWindow`]. It reads no clock while the breaker is closed, except for slow calls.
///
/// ```
/// use steadfast::{Breaker, CountWindow};
///
/// let breaker: Breaker<CountWindow> = Breaker::failure_rate(0.5).over_calls(100);
/// assert!(breaker.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountWindow;

/// Counts the rate of failures within the last seconds, and that of [slow calls](Breaker::slow_calls) where it is set.
///
/// The time is cut into 10 buckets and moves on by one of them at a time, so a call counts for the whole window or
/// up to a tenth less. A success counts at the last moment at which the policy read the clock, which is the beginning
/// of the call where there is a deadline. So it costs one reading and no more.
///
/// **When to use it**: where the load differs much, and failures of an hour ago say nothing. **When not**: where
/// reading the clock is too much for every call: take a [`CountWindow`].
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Breaker, TimeWindow};
///
/// let breaker: Breaker<TimeWindow> = Breaker::failure_rate(0.5).over_time(Duration::from_secs(10));
/// assert!(breaker.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow;

/// A window of which a rate is taken.
pub trait RateWindow {}

impl RateWindow for CountWindow {}
impl RateWindow for TimeWindow {}

impl FailureRate {
    /// The rate over the last `calls` calls, from 1 to 1024. It counts once there were 10 calls, or all of a shorter
    /// window; [`minimum_calls`](Breaker::minimum_calls) sets another number.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_calls(1024).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_calls(1025).check().is_err());
    /// ```
    pub const fn over_calls(self, calls: u32) -> Breaker<CountWindow> {
        let minimum = if calls < MINIMUM_CALLS { calls } else { MINIMUM_CALLS };
        Breaker::of(Settings { kind: Kind::Calls, failure_rate: self.0, length: calls, minimum, ..Settings::DEFAULT })
    }

    /// The rate over the last `time`, 10 ns or longer. It counts once there were 10 calls within it;
    /// [`minimum_calls`](Breaker::minimum_calls) sets another number.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_time(Duration::ZERO).check().is_err());
    /// ```
    pub const fn over_time(self, time: Duration) -> Breaker<TimeWindow> {
        let (bucket, minimum) = (nanos(time) / BUCKETS as u64, MINIMUM_CALLS);
        Breaker::of(Settings { kind: Kind::Time, failure_rate: self.0, bucket, minimum, ..Settings::DEFAULT })
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
        Breaker::of(Settings { failures, ..Settings::DEFAULT })
    }

    /// Opens when `rate` of the calls fail, above 0 and at most 1, [`over_calls`](FailureRate::over_calls) or
    /// [`over_time`](FailureRate::over_time). The rest is as in [`consecutive_failures`](Self::consecutive_failures):
    /// open for 5 s, then 1 probe for at most 10 s.
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

impl<W: RateWindow> Breaker<W> {
    /// How many calls there must be in the window before its rates count; 10 by default, or all of a shorter window.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(100).check().is_ok());
    /// assert!(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(101).check().is_err());
    /// ```
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.settings.minimum = calls;
        self
    }

    /// Opens also when `rate` of the calls, above 0 and at most 1, take more than `longer_than`, whether they fail
    /// or not; off by default. It reads the clock twice for every call.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::failure_rate(0.5).over_time(Duration::from_secs(10));
    /// assert!(breaker.slow_calls(0.8, Duration::from_secs(1)).check().is_ok());
    /// assert!(breaker.slow_calls(0.8, Duration::ZERO).check().is_err());
    /// ```
    pub const fn slow_calls(mut self, rate: f64, longer_than: Duration) -> Self {
        self.settings.counts_slow = true;
        self.settings.slow_rate = Rate::new(rate);
        self.settings.slow_after = nanos(longer_than);
        self
    }
}

impl<W> Breaker<W> {
    const fn of(settings: Settings) -> Self {
        Breaker { settings, window: PhantomData }
    }

    /// How long the breaker stays open before it lets a probe through; 5 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).open_for(Duration::ZERO).check().is_err());
    /// ```
    pub const fn open_for(mut self, open_for: Duration) -> Self {
        self.settings.open_for = nanos(open_for);
        self
    }

    /// Has each break last `factor` times as long as the one before, at least 1, up to `max_open_for`. Once the
    /// target is back, the first break is [`open_for`](Self::open_for) again. By default all breaks have one
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
    pub const fn growing(mut self, factor: f64, max_open_for: Duration) -> Self {
        self.settings.factor = factor;
        self.settings.max_open_for = nanos(max_open_for);
        self
    }

    /// Lengthens each break by a random share of itself, drawn uniformly from 0 to `share`, which is from 0 to 1; 0 by
    /// default.
    ///
    /// Instances that see the same outage open together. With jitter they do not all probe the target in the same
    /// moment. A break is never shortened, and never lengthened beyond the `max_open_for` of
    /// [`growing`](Self::growing). Without jitter no number is drawn.
    ///
    /// `policy!` and the attribute `resilient` set `0.1`. (Envoy has the same as `max_ejection_time_jitter`.)
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::TestClock;
    /// use steadfast::{Breaker, Failure, Policy, RpcError};
    ///
    /// let breaker = Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)).jitter(0.1);
    /// let policy = Policy::new().breaker(breaker);
    /// let clock = TestClock::new(); // It draws the highest number.
    /// policy.breaker_control().with(&clock).trip();
    /// let failed = policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap_err();
    /// assert_eq!(failed.retry_after(), Some(Duration::from_secs(11)));
    /// ```
    pub const fn jitter(mut self, share: f64) -> Self {
        self.settings.jitter = share;
        self
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
    pub const fn probes(mut self, probes: u32) -> Self {
        self.settings.probes = probes;
        self
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
    pub const fn probe_timeout(mut self, probe_timeout: Duration) -> Self {
        self.settings.probe_timeout = nanos(probe_timeout);
        self
    }

    /// The breaker itself, if its settings make sense.
    ///
    /// # Errors
    /// [`Invalid`]: a count or a duration of zero, a rate or a jitter out of its range, a window that is too long or
    /// shorter than its minimum, too many probes, breaks that shrink.
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
}
