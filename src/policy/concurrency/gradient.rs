//! The limit that shrinks while calls take longer than they used to.

use core::time::Duration;

use super::{Concurrency, LimitAlgorithm, Signal};
use crate::platform::clock::{Instant, nanos};
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::policy::sealed::Sealed;

// The defaults are those of Netflix's `Gradient2Limit`, and of the `WindowedLimit` around it.
pub(super) const TOLERANCE: f64 = 1.5;
pub(super) const SMOOTHING: f64 = 0.2;
pub(super) const QUEUE: u32 = 4;
pub(super) const WINDOW: Duration = Duration::from_secs(1);
pub(super) const LONG_WINDOW: u32 = 600;

/// The mean of fewer calls says more about the calls than about the target; as in `WindowedLimit`.
const SAMPLES: u32 = 10;

/// So many windows are averaged plainly, before there is a past to smooth over; as in `Gradient2Limit`.
const WARM_UP: u32 = 10;

/// When the long-term time is this many times the short-term one, the target has recovered from something, and
/// the long-term time is cut by a twentieth: it would take its whole long window otherwise. As in `Gradient2Limit`.
const DRIFT: u64 = 2;
const CUT: u64 = 20;

/// Limits, gradients and settings have 16 bits after the point. With limits of at most 20 bits, what is computed
/// with them fits into 64.
const POINT: u32 = 16;
const ONE: u64 = 1 << POINT;

/// The long-term time has 8 bits after the point of a nanosecond: a 300th of a difference of a microsecond is not
/// lost.
const FINE: u32 = 8;

/// The longest time that a call is said to take, 18 minutes: the product with a tolerance of at most 100 fits into
/// 64 bits.
const LONGEST: u64 = 1 << 40;

/// By the gradient of the time that calls take: see [`Concurrency::gradient`].
///
/// ```
/// use steadfast::{Concurrency, Gradient, Policy};
///
/// static PAGES: Policy<(Concurrency<Gradient>,)> = Policy::new().concurrency(Concurrency::gradient());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gradient;

impl Concurrency<Gradient> {
    /// A limit found from the time that calls take: the `Gradient2Limit` of Netflix's
    /// [concurrency-limits](https://github.com/Netflix/concurrency-limits).
    ///
    /// Once in a [`window`](Self::window), the mean time of the calls that succeeded in it (*short*) is compared with
    /// an exponential mean of the past (*long*):
    ///
    /// > gradient = tolerance · long / short, but at least 1/2 and at most 1\
    /// > limit = (1 − smoothing) · limit + smoothing · (gradient · limit + queue)
    ///
    /// While calls are as fast as ever, the limit grows by smoothing · queue. When they take longer than the
    /// tolerance allows, calls are waiting at the target, and it shrinks. It stands still while less than half of it
    /// is in use.
    ///
    /// Unlike there, a window in which the target refused a call as overloaded, or a call timed out, has the lowest
    /// gradient: the time of a refusal is no measure, and a timeout has no time.
    ///
    /// It reads the clock twice for each attempt, when it is let through and when it is over. What is spent waiting
    /// for a rate limit in between counts as time of the call.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().check().is_ok());
    /// ```
    pub const fn gradient() -> Self {
        Concurrency::DEFAULT
    }

    /// How many times as long as usual calls may take before the limit shrinks; 1.5 by default, from 1 to 100.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().tolerance(2.0).check().is_ok());
    /// assert!(Concurrency::gradient().tolerance(0.5).check().is_err());
    /// ```
    pub const fn tolerance(self, tolerance: f64) -> Self {
        Concurrency { tolerance, ..self }
    }

    /// How many calls may wait at the target: what the limit grows by, before smoothing, while calls are fast; 4
    /// by default, from 1 to 1,000,000. With none it could only ever shrink.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().queue(10).check().is_ok());
    /// assert!(Concurrency::gradient().queue(0).check().is_err());
    /// ```
    pub const fn queue(self, queue: u32) -> Self {
        Concurrency { queue, ..self }
    }

    /// How much of a newly computed limit is taken over, as a fraction; 0.2 by default, above 0 and at most 1.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().smoothing(1.0).check().is_ok());
    /// assert!(Concurrency::gradient().smoothing(0.0).check().is_err());
    /// ```
    pub const fn smoothing(self, smoothing: f64) -> Self {
        Concurrency { smoothing, ..self }
    }

    /// How long calls are measured before the limit moves; 1 s by default, longer than zero. A window also lasts
    /// until ten calls succeeded in it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().window(Duration::from_millis(100)).check().is_ok());
    /// assert!(Concurrency::gradient().window(Duration::ZERO).check().is_err());
    /// ```
    pub const fn window(self, window: Duration) -> Self {
        Concurrency { window: nanos(window), ..self }
    }

    /// How many windows the long-term time is smoothed over, each with a weight of 2/(n + 1); 600 by default, from 1
    /// to 1,000,000. An overload that lasts as long as that becomes the new normal.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::gradient().long_window(100).check().is_ok());
    /// assert!(Concurrency::gradient().long_window(0).check().is_err());
    /// ```
    pub const fn long_window(self, long_window: u32) -> Self {
        Concurrency { long_window, ..self }
    }
}

impl<L> Concurrency<L> {
    pub(super) const fn check_gradient(self) -> Result<Self, Invalid> {
        if !(self.tolerance >= 1.0 && self.tolerance <= 100.0) {
            refuse!("concurrency tolerance", Value::Factor(self.tolerance), "a number from 1 to 100");
        }
        if self.queue == 0 || self.queue > super::HIGHEST {
            refuse!("concurrency queue", Value::Count(self.queue), "from 1 to 1000000");
        }
        if !(self.smoothing > 0.0 && self.smoothing <= 1.0) {
            refuse!("concurrency smoothing", Value::Factor(self.smoothing), "a number above 0, at most 1");
        }
        if self.window == 0 {
            refuse!("concurrency window", Value::Time(Duration::ZERO), "longer than zero");
        }
        if self.long_window == 0 || self.long_window > super::HIGHEST {
            refuse!("concurrency long_window", Value::Count(self.long_window), "from 1 to 1000000");
        }
        Ok(self)
    }
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// With `POINT` bits after the point. Zero until it first moves: where it starts is a setting.
    limit: u64,
    pub(super) long: Long,
    sample: Sample,
}

/// The time that calls usually take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Long {
    /// In nanoseconds, with `FINE` bits after the point.
    mean: u64,
    /// How many windows it is the mean of, as far as that matters.
    windows: u32,
}

/// The window under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    /// When the first of its calls was over.
    opened: Instant,
    /// Of the calls that succeeded, in nanoseconds.
    total: u64,
    successes: u32,
    most_in_flight: u32,
    overloaded: bool,
}

const EMPTY: Sample =
    Sample { opened: Instant::from_nanos(0), total: 0, successes: 0, most_in_flight: 0, overloaded: false };

impl Long {
    pub(super) const NEW: Long = Long { mean: 0, windows: 0 };

    /// Takes in the time that calls took in one window, in nanoseconds.
    pub(super) fn add(&mut self, short: u64, long_window: u32) {
        let short = short.min(LONGEST) << FINE;
        let (weight, of) = if self.windows < WARM_UP {
            self.windows += 1;
            (1, u64::from(self.windows))
        } else {
            (2, u64::from(long_window) + 1)
        };
        // A weight is never more than its whole, so that the mean stays between what it was and what came.
        let step = (self.mean.abs_diff(short) * weight).checked_div(of).unwrap_or(0);
        self.mean = if short > self.mean { self.mean + step } else { self.mean - step.min(self.mean) };
    }

    /// In nanoseconds.
    pub(super) fn nanos(&self) -> u64 {
        self.mean >> FINE
    }
}

/// `long / short` as far as it matters: with the tolerance, at least a half and at most one.
pub(super) fn gradient(tolerance: f64, long: u64, short: u64) -> u64 {
    let tolerance = (tolerance * ONE as f64) as u64;
    // On a clock that stands still all calls take no time, and none longer than usual.
    tolerance.saturating_mul(long).checked_div(short).unwrap_or(ONE).clamp(ONE / 2, ONE)
}

impl State {
    /// A window is over in which calls took `short`, unless none succeeded.
    #[cold]
    fn update(&mut self, settings: &Concurrency<Gradient>, sample: Sample) {
        let short = sample.total.checked_div(u64::from(sample.successes));
        let mut slope = ONE;
        if let Some(short) = short {
            self.long.add(short, settings.long_window);
            let long = self.long.nanos();
            if long > short.saturating_mul(DRIFT) {
                self.long.mean -= self.long.mean / CUT;
            }
            slope = gradient(settings.tolerance, long, short);
        }
        let limit = self.limit_or(settings);
        if sample.overloaded {
            slope = ONE / 2;
        } else if u64::from(sample.most_in_flight) << POINT < limit / 2 {
            return;
        }
        self.limit = moved(settings, limit, slope);
    }

    #[inline]
    fn limit_or(&self, settings: &Concurrency<Gradient>) -> u64 {
        if self.limit == 0 { u64::from(settings.first()) << POINT } else { self.limit }
    }
}

/// The limit after a window with this gradient.
pub(super) fn moved(settings: &Concurrency<Gradient>, limit: u64, gradient: u64) -> u64 {
    let smoothing = ((settings.smoothing * ONE as f64) as u64).min(ONE);
    let aim = ((limit * gradient) >> POINT) + (u64::from(settings.queue) << POINT);
    let moved = (limit * (ONE - smoothing) + aim * smoothing) >> POINT;
    moved.max(u64::from(settings.min) << POINT).min(u64::from(settings.max) << POINT)
}

impl Sealed for Gradient {}

impl LimitAlgorithm for Gradient {
    const TIMED: bool = true;
    type State = State;
    const NEW: State = State { limit: 0, long: Long::NEW, sample: EMPTY };

    #[inline]
    fn limit(settings: &Concurrency<Self>, state: &State) -> u32 {
        (state.limit_or(settings) >> POINT) as u32
    }

    #[inline]
    fn mark(_: &State) -> u64 {
        0
    }

    #[inline]
    fn learn(settings: &Concurrency<Self>, state: &mut State, mark: u64, signal: Signal, in_flight: u32, now: Instant) {
        if signal == Signal::Nothing {
            return;
        }
        let sample = &mut state.sample;
        // A clock that stepped back would keep the window open until it is where it was.
        if (sample.successes == 0 && !sample.overloaded) || now < sample.opened {
            sample.opened = now;
        }
        sample.most_in_flight = sample.most_in_flight.max(in_flight);
        if signal == Signal::Success {
            let took = now.as_nanos().saturating_sub(mark).min(LONGEST);
            sample.total = sample.total.saturating_add(took);
            sample.successes = sample.successes.saturating_add(1);
        } else {
            sample.overloaded = true;
        }
        let open = now.as_nanos().saturating_sub(sample.opened.as_nanos());
        if open >= settings.window && (sample.successes >= SAMPLES || sample.overloaded) {
            let sample = *sample;
            state.sample = EMPTY;
            state.update(settings, sample);
        }
    }
}
