//! How long to wait between attempts.

mod jitter;
mod sequence;
#[cfg(test)]
mod tests;

pub use jitter::Jitter;

use core::fmt;
use core::time::Duration;

use crate::platform::clock::nanos;
use crate::policy::invalid::{Invalid, Value, refuse};
use jitter::Spread;
use sequence::{Sequence, Wait};

/// The cap where none is set: most of the three seconds that a person waits for an answer. Longer waits are for
/// work that nobody watches, and whoever writes that says so.
const USUAL_MAX_DELAY: Duration = Duration::from_secs(2);

/// The waits between the attempts of one call: a sequence, a cap, and jitter.
///
/// [Full jitter](Jitter::Full), the default, is that of "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015),
/// which spreads callers that failed together best.
///
/// [retry]: crate::Retry
/// [`retry-after`]: crate::Retry::retry_after_cap
#[doc = include_str!("../../../docs/policies/backoff.md")]
// The functions stand beside the names of what they do because a `match` at run time would link the code of every
// sequence and jitter into every component; of a pointer that a `const` has set, only its target is linked.
#[derive(Clone, Copy)]
pub struct Backoff {
    sequence: Sequence,
    wait: Wait,
    /// In nanoseconds, as everything here: converted once, when it is built.
    base: u64,
    factor: f64,
    max_delay: u64,
    /// None where the sequence has a draw of its own.
    jitter: Option<Jitter>,
    spread: Spread,
}

impl Backoff {
    /// 50 ms, doubling, at most 2 s, full jitter: a first retry within a blink, and four attempts within the
    /// three seconds that a person waits.
    ///
    /// ```
    /// assert!(steadfast::Backoff::DEFAULT.check().is_ok());
    /// ```
    pub const DEFAULT: Backoff = Backoff::exponential(Duration::from_millis(50));

    const fn new(sequence: Sequence, wait: Wait, base: Duration) -> Self {
        Backoff {
            sequence,
            wait,
            base: nanos(base),
            factor: 1.0,
            max_delay: nanos(USUAL_MAX_DELAY),
            jitter: Some(Jitter::Full),
            spread: jitter::full,
        }
    }

    /// Waits that double, beginning with `base`: `base * factor^(n-1)` before retry `n`, where
    /// [`factor`](Self::factor) is 2 until it is set. The cap is 2 s until [`max_delay`](Self::max_delay) sets
    /// another, and the jitter is full until [`jitter`](Self::jitter) does.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// assert_eq!(Backoff::exponential(Duration::from_millis(50)), Backoff::DEFAULT);
    /// ```
    pub const fn exponential(base: Duration) -> Self {
        Backoff { factor: 2.0, ..Self::new(Sequence::Exponential, sequence::exponential, base) }
    }

    /// The same wait each time. The cap is 2 s, or `base` where that is longer. The jitter is full, as of every
    /// sequence but [`decorrelated`](Self::decorrelated) and [`custom`](Self::custom).
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let minutely = Backoff::constant(Duration::from_secs(60)).jitter(Jitter::None);
    /// assert_eq!(minutely.delay(7, Duration::ZERO, 0), Duration::from_secs(60));
    /// ```
    pub const fn constant(base: Duration) -> Self {
        let backoff = Self::new(Sequence::Constant, sequence::constant, base);
        if backoff.base > backoff.max_delay { backoff.max_delay(base) } else { backoff }
    }

    /// Waits that grow by `base` each time: `base * n` before retry `n`. At most 2 s, and full jitter, until they
    /// are set.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::linear(Duration::from_millis(100)).jitter(Jitter::None);
    /// let delays: Vec<_> = (1..=4).map(|retry| backoff.delay(retry, Duration::ZERO, 0).as_millis()).collect();
    /// assert_eq!(delays, [100, 200, 300, 400]);
    /// ```
    pub const fn linear(base: Duration) -> Self {
        Self::new(Sequence::Linear, sequence::linear, base)
    }

    /// Waits of which each is the sum of the two before: `base` times 1, 1, 2, 3, 5, 8 and so on. They grow about
    /// 1.6-fold. At most 2 s, and full jitter, until they are set.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::fibonacci(Duration::from_millis(100)).jitter(Jitter::None);
    /// let delays: Vec<_> = (1..=6).map(|retry| backoff.delay(retry, Duration::ZERO, 0).as_millis()).collect();
    /// assert_eq!(delays, [100, 100, 200, 300, 500, 800]);
    /// ```
    pub const fn fibonacci(base: Duration) -> Self {
        Self::new(Sequence::Fibonacci, sequence::fibonacci, base)
    }

    /// Delays that are drawn from the delay before: `min(max_delay, uniform(base, 3 * previous))`, where the
    /// previous delay of the first retry is `base`. That is the "decorrelated jitter" of "Exponential Backoff And
    /// Jitter" (AWS Architecture Blog, 2015): each caller walks a way of its own, and none waits less than `base`.
    /// At most 2 s until [`max_delay`](Self::max_delay) sets another cap.
    ///
    /// The formula is kept as published, and it cuts what it has drawn. So this is the one backoff whose delays do
    /// pile up on the cap once they have come near it: up to two thirds of them. Where many callers stay there
    /// for long, prefer [`exponential`](Self::exponential) with [`Jitter::Full`].
    ///
    /// It is a jitter itself. One that is set with [`jitter`](Self::jitter) takes its place, and leaves waits of three
    /// times the delay before.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// let backoff = Backoff::decorrelated(Duration::from_millis(100));
    /// let previous = Duration::from_millis(400);
    /// assert_eq!(backoff.delay(2, previous, 0), Duration::from_millis(100)); // the lowest draw
    /// assert_eq!(backoff.delay(2, previous, u64::MAX), Duration::from_millis(1_200)); // the highest
    /// ```
    pub const fn decorrelated(base: Duration) -> Self {
        Backoff {
            jitter: None,
            spread: jitter::decorrelated,
            ..Self::new(Sequence::Decorrelated, sequence::tripled, base)
        }
    }

    /// Waits as `wait` says for each retry (from 1). They are used as they are, without jitter, until
    /// [`jitter`](Self::jitter) sets one; and at most 2 s, until [`max_delay`](Self::max_delay) does.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// // Twice at once, then patiently.
    /// static SCHEDULE: Backoff = Backoff::custom(|retry| Duration::from_secs(if retry <= 2 { 0 } else { 30 }))
    ///     .max_delay(Duration::from_secs(30));
    /// assert_eq!(SCHEDULE.delay(2, Duration::ZERO, 0), Duration::ZERO);
    /// assert_eq!(SCHEDULE.delay(3, Duration::ZERO, 0), Duration::from_secs(30));
    /// ```
    pub const fn custom(wait: fn(u32) -> Duration) -> Self {
        Self::new(Sequence::Custom(wait), sequence::custom, Duration::ZERO).jitter(Jitter::None)
    }

    /// What each wait of an [`exponential`](Self::exponential) backoff is multiplied with to get the next; 2 by
    /// default, at least 1. The other sequences have none: there it is refused.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::exponential(Duration::from_millis(100)).factor(3.0).jitter(Jitter::None);
    /// assert_eq!(backoff.delay(2, Duration::ZERO, 0), Duration::from_millis(300));
    /// ```
    pub const fn factor(self, factor: f64) -> Self {
        Backoff { factor, ..self }
    }

    /// The longest delay, jitter included; 2 s by default. More than 584 years (2^64 ns) count as that. A `retry-after`
    /// has [a cap](crate::Retry::retry_after_cap) apart from this one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::exponential(Duration::from_secs(86_400))
    ///     .max_delay(Duration::from_secs(100_000))
    ///     .jitter(Jitter::None);
    /// assert_eq!(backoff.delay(1_000, Duration::ZERO, 0), Duration::from_secs(100_000));
    /// ```
    pub const fn max_delay(self, max_delay: Duration) -> Self {
        Backoff { max_delay: nanos(max_delay), ..self }
    }

    /// How delays are spread; [`Jitter::Full`] by default.
    ///
    /// ```
    /// use steadfast::{Backoff, Jitter};
    ///
    /// assert_eq!(Backoff::DEFAULT.jitter(Jitter::Full), Backoff::DEFAULT);
    /// ```
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Backoff { jitter: Some(jitter), spread: jitter.spread(), ..self }
    }

    /// The backoff itself, or why it makes no sense.
    ///
    /// # Errors
    /// [`Invalid`]: a factor below 1 or not a number, or one for a sequence that has none; a first wait above the
    /// longest; a [`Jitter::Proportional`] that is not above 0 and at most 1.
    ///
    /// ```
    /// use steadfast::Backoff;
    ///
    /// let invalid = Backoff::DEFAULT.factor(-2.0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "backoff factor: -2 is not allowed: it must be a number from 1 up");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if !(self.factor >= 1.0 && self.factor < f64::INFINITY) {
            refuse!("backoff factor", Value::Factor(self.factor), "a number from 1 up");
        }
        // A factor of 1 changes nothing, and is what the other sequences have.
        if self.factor != 1.0 && !matches!(self.sequence, Sequence::Exponential) {
            refuse!("backoff factor", Value::Factor(self.factor), "left out unless the backoff is exponential");
        }
        if self.base > self.max_delay {
            let base = Duration::from_nanos(self.base);
            refuse!("backoff base", Value::Time(base), "at most the longest delay (2 s by default)");
        }
        if let Some(Jitter::Proportional(fraction)) = self.jitter
            && !(fraction > 0.0 && fraction <= 1.0)
        {
            refuse!("backoff jitter", Value::Factor(fraction), "a fraction above 0 and at most 1");
        }
        Ok(self)
    }

    /// The delay before retry `retry` (from 1; 0 counts as 1), when the delay before the retry before it was
    /// `previous`, given a number drawn uniformly from all of `u64`. The same arguments give the same delay.
    ///
    /// Only a [`decorrelated`](Self::decorrelated) backoff looks at `previous`; for the first retry it is
    /// [`Duration::ZERO`], or whatever is shorter than the base.
    ///
    /// Saturates for every input: a wait beyond the cap, however far, is the cap.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// let none = Duration::ZERO;
    /// assert_eq!(Backoff::DEFAULT.delay(1, none, 0), Duration::ZERO);
    /// assert_eq!(Backoff::DEFAULT.delay(1, none, u64::MAX), Duration::from_millis(50));
    /// assert_eq!(Backoff::DEFAULT.delay(u32::MAX, none, u64::MAX), Duration::from_secs(2));
    /// ```
    pub fn delay(&self, retry: u32, previous: Duration, draw: u64) -> Duration {
        Duration::from_nanos(self.nanos(retry, nanos(previous), draw))
    }

    /// The same in nanoseconds, as all that a call decides about waits.
    pub(crate) fn nanos(&self, retry: u32, previous: u64, draw: u64) -> u64 {
        let wait = (self.wait)(self, retry.max(1), previous);
        (self.spread)(self, wait, draw)
    }
}

/// The same settings. Two [custom](Backoff::custom) backoffs are equal when their functions have one address, which
/// a compiler may give to two functions that do the same, and two addresses to one.
impl PartialEq for Backoff {
    fn eq(&self, other: &Self) -> bool {
        // The functions follow from sequence and jitter.
        self.sequence == other.sequence
            && self.base == other.base
            && self.factor == other.factor
            && self.max_delay == other.max_delay
            && self.jitter == other.jitter
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut backoff = f.debug_struct("Backoff");
        backoff.field("sequence", &self.sequence).field("base", &Duration::from_nanos(self.base));
        if self.sequence == Sequence::Exponential {
            backoff.field("factor", &self.factor);
        }
        backoff.field("max_delay", &Duration::from_nanos(self.max_delay));
        if let Some(jitter) = &self.jitter {
            backoff.field("jitter", jitter);
        }
        backoff.finish()
    }
}
