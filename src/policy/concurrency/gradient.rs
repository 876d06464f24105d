//! The limit that shrinks while calls wait at the target.

#[cfg(test)]
mod tests;

use core::time::Duration;

use super::{Concurrency, LimitAlgorithm, Signal};
use crate::platform::clock::{Instant, nanos};
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::policy::sealed::Sealed;

// The defaults are those of Netflix's `Gradient2Limit` and of the `WindowedLimit` around it, except for these two: the
// tolerance, and the minute between measurements, are those of Envoy's gradient controller.
pub(super) const TOLERANCE: f64 = 1.25;
pub(super) const SMOOTHING: f64 = 0.2;
pub(super) const QUEUE: u32 = 4;
pub(super) const WINDOW: Duration = Duration::from_secs(1);
pub(super) const LONG_WINDOW: u32 = 60;

/// The mean of fewer calls says more about the calls than about the target; as in `WindowedLimit`.
const SAMPLES: u32 = 10;

/// The base is measured again after so few windows where it turned out to be another by more than an eighth, and where
/// something else says that it may be wrong.
const SOON: u32 = 8;

/// While calls take longer than the base and not longer than is tolerated, the limit shrinks by so much less: it drifts
/// to where no call waits, also where many clients share the target.
const TOLERATED: u64 = 4;

/// A measurement of the base takes so many calls: it holds for a minute, so chance has to count for less in it. As low
/// as that, since calls of other clients grow more while it takes long.
const MEASURED: u32 = 20;

/// Times that differ by less than this part are the same: the mean of a window differs from the next one by chance.
const SAME: u64 = 32;

/// Limits, gradients and settings have 16 bits after the point. With limits of at most 20 bits, what is computed
/// with them fits into 64.
const POINT: u32 = 16;
const ONE: u64 = 1 << POINT;

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
    /// A limit found from the time that calls take, like the `Gradient2Limit` of Netflix's
    /// [concurrency-limits](https://github.com/Netflix/concurrency-limits) and the gradient controller of Envoy.
    ///
    /// Once in a [`window`](Self::window), the mean time of the calls that succeeded in it (*short*) is compared with
    /// the time that calls take while none of them waits at the target (*base*):
    ///
    /// - short is the base, within 1/32: the limit grows by smoothing · [`queue`](Self::queue), a low limit by less.
    /// - short is longer, within the [`tolerance`](Self::tolerance): the limit shrinks slowly, by a quarter of what
    ///   follows.
    /// - short is longer than is tolerated: limit = limit − smoothing · (1 − base / short) · limit, where base / short
    ///   counts as at least 1/2.
    ///
    /// The limit stands still while less than half of it is in use.
    ///
    /// The base is not learned from calls that fill the limit: they would teach it the queue that they make themselves.
    /// It is measured once in [`long_window`](Self::long_window) windows, and sooner where the limit has halved or
    /// doubled or calls are faster than the base. For a window or two, two thirds of the limit are let through, then a
    /// quarter where calls are still slower than the base; other calls are rejected meanwhile. Where so few are in
    /// flight anyway, no call is rejected. A measurement moves the base half of the way to what it found, upwards by a
    /// sixteenth at most: among several clients, each also sees the calls of the others.
    ///
    /// Up to about five clients may share a target without knowing of each other. With more, each is too small to see
    /// what the target does without its calls, and the limits grow too high together.
    ///
    /// A window in which the target refused a call as overloaded, or a call timed out, shrinks the limit by
    /// smoothing / 2: the time of a refusal is no measure, and a timeout has no time.
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

    /// How many times as long as the base calls may take before the limit shrinks at full speed; 1.25 by default, from
    /// 1 to 100. A sixteenth of the base is added, since that much may be chance.
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

    /// What the limit grows by, before smoothing, while calls are fast; 4 by default, from 1 to 1,000,000. At most a
    /// tenth of the limit and a quarter of a call counts.
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

    /// After how many windows the base is measured anew; 60 by default, from 1 to 1,000,000. A target that became
    /// slower for another reason than load is found out that late.
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
    /// How many calls are let through while the base is measured; zero while it is not.
    lowered: u32,
    /// How long calls take while none of them waits at the target, in nanoseconds. Zero until it is known.
    pub(super) base: u64,
    /// Windows since the base was measured, and the limit then.
    age: u32,
    measured_at: u64,
    /// Of the measurement under way: how long calls took before it, and since when as few are in flight as it wants.
    slower: u64,
    since: Instant,
    sample: Sample,
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

fn scaled(number: f64) -> u64 {
    (number * ONE as f64) as u64
}

/// Whether calls take less time than `others`, by more than chance would explain.
fn is_shorter(time: u64, others: u64) -> bool {
    time < others - others / SAME
}

impl State {
    /// A window is over.
    #[cold]
    fn update(&mut self, settings: &Concurrency<Gradient>, sample: Sample, now: Instant) {
        let limit = self.limit_or(settings);
        if sample.overloaded {
            // The time of a refusal is no measure, and a timeout has none.
            self.lowered = 0;
            self.limit = bounded(settings, limit - shrinks_by(settings, limit, ONE / 2));
            return;
        }
        let short = sample.total.checked_div(u64::from(sample.successes)).unwrap_or(0).max(1);
        if self.lowered != 0 {
            return self.measure(settings, short, now);
        }
        self.age = self.age.saturating_add(1);
        if self.base != 0 && u64::from(sample.most_in_flight) << POINT >= limit / 2 {
            self.limit = moved(settings, limit, self.base, short);
        }
        if self.is_due(settings, short) {
            let few = few(settings, limit);
            if sample.most_in_flight <= few {
                // It was measured just now, without holding back any call.
                return self.measured(settings, short);
            }
            (self.lowered, self.slower, self.since) = (few, short, now);
        }
    }

    /// Whether it is time to measure the base.
    fn is_due(&self, settings: &Concurrency<Gradient>, short: u64) -> bool {
        let limit = self.limit_or(settings);
        let elsewhere = limit < self.measured_at / 2 || limit / 2 > self.measured_at;
        let too_high = short < self.base - self.base / 4;
        let wait = if elsewhere || too_high { settings.long_window.min(SOON) } else { settings.long_window };
        self.base == 0 || self.age >= wait
    }

    /// A window of the measurement is over: measures with fewer calls, or takes in what was found.
    fn measure(&mut self, settings: &Concurrency<Gradient>, short: u64, now: Instant) {
        let confirmed = self.base != 0 && short <= self.base + self.base / SAME;
        let faster = is_shorter(short, self.slower);
        // One step further says whether the calls waited for each other.
        let fewest = ((self.limit_or(settings) >> POINT) as u32 / 4).max(settings.min);
        if !confirmed && self.lowered > fewest {
            (self.lowered, self.since) = (fewest, now);
            return;
        }
        // Calls that got faster and are still slow wait for those of other clients: that says nothing about the base.
        let theirs = self.base != 0 && short > self.base && faster;
        self.measured(settings, if theirs { self.base } else { short });
        if theirs {
            self.age = settings.long_window.saturating_sub(SOON);
        }
    }

    fn measured(&mut self, settings: &Concurrency<Gradient>, found: u64) {
        let differs = found.abs_diff(self.base) > self.base / 8;
        // Up by little at a time: of many that share a target, each sees the calls of the others.
        let most = if self.base == 0 { found } else { self.base + self.base / 16 };
        self.base = if self.base == 0 { found } else { self.base.midpoint(found) }.min(most);
        self.age = if differs { settings.long_window.saturating_sub(SOON) } else { 0 };
        self.measured_at = self.limit_or(settings);
        self.lowered = 0;
    }

    #[inline]
    fn wanted(&self) -> u32 {
        if self.lowered == 0 { SAMPLES } else { MEASURED }
    }

    /// Whether a call says how long calls take with few of them in flight.
    #[cold]
    fn is_clean(&mut self, began: u64, in_flight: u32, now: Instant) -> bool {
        if in_flight > self.lowered || now < self.since {
            self.since = now;
            self.sample = EMPTY;
            return false;
        }
        began >= self.since.as_nanos()
    }

    #[inline]
    fn limit_or(&self, settings: &Concurrency<Gradient>) -> u64 {
        if self.limit == 0 { u64::from(settings.first()) << POINT } else { self.limit }
    }
}

/// So few calls that they do not wait at the target, where the limit is what it serves at a time.
fn few(settings: &Concurrency<Gradient>, limit: u64) -> u32 {
    (((limit * 2 / 3 + ONE / 2) >> POINT) as u32).max(settings.min)
}

/// The limit after a window in which calls took `short`.
pub(super) fn moved(settings: &Concurrency<Gradient>, limit: u64, base: u64, short: u64) -> u64 {
    let moved = if short <= base + base / SAME {
        // A low limit grows by less: it may be one of several that share a target.
        let queue = (u64::from(settings.queue) << POINT).min(limit / 10 + ONE / 4);
        limit + ((queue * smoothing(settings)) >> POINT)
    } else {
        let gradient = (base << POINT).checked_div(short).unwrap_or(ONE).clamp(ONE / 2, ONE);
        let less = shrinks_by(settings, limit, ONE - gradient);
        // Also with a tolerance of 1, what may be chance counts for little.
        let tolerated = (base * (scaled(settings.tolerance) + ONE / 16)) >> POINT;
        limit - if short <= tolerated { less / TOLERATED } else { less }
    };
    bounded(settings, moved)
}

/// This share of the limit, smoothed.
fn shrinks_by(settings: &Concurrency<Gradient>, limit: u64, share: u64) -> u64 {
    (((limit * share) >> POINT) * smoothing(settings)) >> POINT
}

fn smoothing(settings: &Concurrency<Gradient>) -> u64 {
    scaled(settings.smoothing).min(ONE)
}

fn bounded(settings: &Concurrency<Gradient>, limit: u64) -> u64 {
    limit.max(u64::from(settings.min) << POINT).min(u64::from(settings.max) << POINT)
}

impl Sealed for Gradient {}

impl LimitAlgorithm for Gradient {
    const TIMED: bool = true;
    type State = State;
    const NEW: State = State {
        limit: 0,
        lowered: 0,
        base: 0,
        age: 0,
        measured_at: 0,
        slower: 0,
        since: Instant::from_nanos(0),
        sample: EMPTY,
    };

    #[inline]
    fn limit(settings: &Concurrency<Self>, state: &State) -> u32 {
        (state.limit_or(settings) >> POINT) as u32
    }

    #[inline]
    fn lets_in(settings: &Concurrency<Self>, state: &State) -> u32 {
        if state.lowered == 0 { Self::limit(settings, state) } else { state.lowered }
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
        if state.lowered != 0 && signal == Signal::Success && !state.is_clean(mark, in_flight, now) {
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
        let sample = state.sample;
        let open = now.as_nanos().saturating_sub(sample.opened.as_nanos());
        if open >= settings.window && (sample.successes >= state.wanted() || sample.overloaded) {
            state.sample = EMPTY;
            state.update(settings, sample, now);
        }
    }
}
