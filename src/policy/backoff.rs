//! How long to wait between attempts.

use core::time::Duration;

use crate::clock::nanos;
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::rng::below;

/// The waits between the attempts of one call: exponential, with a cap and jitter.
///
/// Before retry `n` (from 1) the wait is `base * factor^(n-1)`, at most `max_delay`. With [`Jitter::Full`],
/// the default, the actual delay is drawn uniformly from zero to that wait: the "full jitter" of "Exponential
/// Backoff And Jitter" (AWS Architecture Blog, 2015), which spreads callers that failed together best.
/// The draw is made inside the cap, so the cap holds with jitter included and delays do not pile up on it.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100))
///     .max_delay(Duration::from_secs(1))
///     .jitter(Jitter::None);
/// let delays: Vec<_> = (1..=5).map(|retry| backoff.delay(retry, 0).as_millis()).collect();
/// assert_eq!(delays, [100, 200, 400, 800, 1000]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    base: Duration,
    factor: f64,
    max_delay: Duration,
    jitter: Jitter,
}

/// How far the actual delays of a [`Backoff`] are spread.
///
/// ```
/// use steadfast::{Backoff, Jitter};
///
/// let regular = Backoff::DEFAULT.jitter(Jitter::None);
/// assert_eq!(regular.delay(1, 12345), regular.delay(1, 67890));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all: for tests, and for callers that are never many.
    None,
    /// Uniformly from zero to the whole wait.
    Full,
}

impl Backoff {
    /// 50 ms, doubling, at most 2 s, full jitter: a first retry within a blink, and four attempts within the
    /// three seconds that a person waits.
    ///
    /// ```
    /// assert!(steadfast::Backoff::DEFAULT.check().is_ok());
    /// ```
    pub const DEFAULT: Backoff = Backoff::exponential(Duration::from_millis(50));

    /// Waits that double, beginning with `base`. The cap is 2 s until [`max_delay`](Self::max_delay) sets
    /// another.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// assert_eq!(Backoff::exponential(Duration::from_millis(50)), Backoff::DEFAULT);
    /// ```
    pub const fn exponential(base: Duration) -> Self {
        Backoff { base, factor: 2.0, max_delay: Duration::from_secs(2), jitter: Jitter::Full }
    }

    /// What each wait is multiplied with to get the next; 2 by default, at least 1.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::exponential(Duration::from_millis(100)).factor(3.0).jitter(Jitter::None);
    /// assert_eq!(backoff.delay(2, 0), Duration::from_millis(300));
    /// ```
    pub const fn factor(self, factor: f64) -> Self {
        Backoff { factor, ..self }
    }

    /// The longest delay, jitter included; 2 s by default. It also bounds the `retry-after` of a callee that
    /// is honoured: one beyond it counts as absurd, and the computed delay is used.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::exponential(Duration::from_secs(86_400))
    ///     .max_delay(Duration::from_secs(100_000))
    ///     .jitter(Jitter::None);
    /// assert_eq!(backoff.delay(1_000, 0), Duration::from_secs(100_000));
    /// ```
    pub const fn max_delay(self, max_delay: Duration) -> Self {
        Backoff { max_delay, ..self }
    }

    /// How delays are spread; [`Jitter::Full`] by default.
    ///
    /// ```
    /// use steadfast::{Backoff, Jitter};
    ///
    /// assert_eq!(Backoff::DEFAULT.jitter(Jitter::Full), Backoff::DEFAULT);
    /// ```
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Backoff { jitter, ..self }
    }

    /// The backoff itself, or why it makes no sense: a factor below 1 or not a number, a first wait above
    /// the longest.
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
        if self.base.as_nanos() > self.max_delay.as_nanos() {
            refuse!("backoff base", Value::Time(self.base), "at most the longest delay, max_delay (2 s by default)");
        }
        Ok(self)
    }

    /// The delay before retry `retry` (from 1), given a number drawn uniformly from all of `u64`.
    ///
    /// Saturates for every input: a wait beyond the cap, however far, is the cap.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Backoff;
    ///
    /// assert_eq!(Backoff::DEFAULT.delay(1, 0), Duration::ZERO);
    /// assert_eq!(Backoff::DEFAULT.delay(1, u64::MAX), Duration::from_millis(50));
    /// assert_eq!(Backoff::DEFAULT.delay(u32::MAX, u64::MAX), Duration::from_secs(2));
    /// ```
    pub fn delay(&self, retry: u32, draw: u64) -> Duration {
        let base = nanos(self.base);
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        // Zero times infinity would not be a number. A float beyond the integers becomes the highest one.
        let wait = if base == 0 { 0 } else { (base as f64 * self.factor.powi(exponent)) as u64 };
        let wait = wait.min(nanos(self.max_delay));
        Duration::from_nanos(match self.jitter {
            Jitter::None => wait,
            Jitter::Full => below(draw, wait),
        })
    }

    /// The delay that honours what the callee asks for: never shorter than asked, and as computed when it
    /// asks for more than the cap.
    pub(crate) fn delay_honouring(&self, retry_after: Option<Duration>, retry: u32, draw: u64) -> Duration {
        let computed = self.delay(retry, draw);
        match retry_after {
            Some(asked) if asked <= self.max_delay => computed.max(asked),
            _ => computed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SplitMix;

    fn seconds(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    fn plain(base: f64, factor: f64, max: f64) -> Backoff {
        Backoff::exponential(seconds(base)).factor(factor).max_delay(seconds(max)).jitter(Jitter::None)
    }

    // case 1, case 3
    #[test]
    fn no_delay_exceeds_the_cap_whatever_the_input() {
        let mut rng = SplitMix::new(1);
        for _ in 0..10_000 {
            let max = Duration::from_nanos(rng.next() >> (rng.next() % 64));
            let base = Duration::from_nanos(below(rng.next(), nanos(max)));
            let factor = 1.0 + (rng.next() >> (rng.next() % 64)) as f64 / 1e6;
            let backoff = Backoff::exponential(base).factor(factor).max_delay(max);
            assert!(backoff.check().is_ok(), "{backoff:?}");
            let retry = (rng.next() >> (rng.next() % 64)) as u32;
            for jitter in [Jitter::None, Jitter::Full] {
                let delay = backoff.jitter(jitter).delay(retry, rng.next());
                assert!(delay <= max, "{backoff:?}, retry {retry}: {delay:?}");
            }
        }
    }

    // case 2
    #[test]
    fn at_the_cap_full_jitter_is_drawn_from_the_whole_range_and_not_piled_up_on_it() {
        let cap = Duration::from_secs(2);
        let backoff = Backoff::exponential(Duration::from_secs(1)).max_delay(cap);
        let mut rng = SplitMix::new(2);
        let delays: Vec<_> = (0..10_000).map(|_| backoff.delay(40, rng.next())).collect();
        assert!(delays.iter().filter(|&&delay| delay == cap).count() < 100);
        for tenth in 0..10 {
            let (low, high) = (cap * tenth / 10, cap * (tenth + 1) / 10);
            let share = delays.iter().filter(|&&delay| low <= delay && delay < high).count();
            assert!((850..1150).contains(&share), "{share} of 10,000 in tenth {tenth}");
        }
    }

    // case 3, vector 10
    #[test]
    fn attempt_1000_with_a_base_of_a_day_gives_the_cap() {
        let cap = Duration::from_secs(90_000);
        let day = Backoff::exponential(Duration::from_secs(86_400)).max_delay(cap).jitter(Jitter::None);
        assert_eq!(day.delay(1_000, 0), cap);
        assert_eq!(day.factor(f64::MAX).delay(u32::MAX, 0), cap);
        let zero = Backoff::exponential(Duration::ZERO).factor(f64::MAX);
        assert_eq!(zero.delay(u32::MAX, u64::MAX), Duration::ZERO);
    }

    // case 4
    #[test]
    fn nonsense_is_refused_with_field_value_and_range() {
        for (backoff, message) in [
            (Backoff::DEFAULT.factor(-2.0), "backoff factor: -2 is not allowed: it must be a number from 1 up"),
            (Backoff::DEFAULT.factor(0.99), "backoff factor: 0.99 is not allowed: it must be a number from 1 up"),
            (Backoff::DEFAULT.factor(f64::NAN), "backoff factor: NaN is not allowed: it must be a number from 1 up"),
            (
                Backoff::DEFAULT.factor(f64::INFINITY),
                "backoff factor: inf is not allowed: it must be a number from 1 up",
            ),
            (
                Backoff::exponential(Duration::from_secs(3)),
                "backoff base: 3s is not allowed: it must be at most the longest delay, max_delay (2 s by default)",
            ),
        ] {
            assert_eq!(backoff.check().unwrap_err().to_string(), message);
        }
        assert!(Backoff::exponential(Duration::from_secs(2)).factor(1.0).check().is_ok());
    }

    // case 6, vectors 3 and 4
    #[test]
    fn retry_n_waits_base_times_factor_to_the_n_minus_1() {
        for (backoff, expected) in [
            (plain(0.1, 2.0, 1.0), &[0.1, 0.2, 0.4, 0.8, 1.0][..]), // gRPC A6
            (plain(1.0, 2.0, 20.0), &[1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0, 20.0]), // AWS standard mode
            (plain(0.1, 10.0, 1000.0), &[0.1, 1.0, 10.0, 100.0, 1000.0]),
            (plain(0.1, 1.0, 1000.0), &[0.1, 0.1, 0.1]),
        ] {
            for (retry, expected) in (1..).zip(expected) {
                assert_eq!(backoff.delay(retry, 7), seconds(*expected), "retry {retry}");
            }
        }
    }

    // case 20
    #[test]
    fn retry_after_is_never_shortened_and_an_absurd_one_is_not_believed() {
        let backoff = Backoff::DEFAULT.jitter(Jitter::None);
        for (asked, delay) in [
            (None, 0.05),
            (Some(0.0), 0.05),
            (Some(0.01), 0.05),
            (Some(1.5), 1.5),
            (Some(2.0), 2.0),
            (Some(2.1), 0.05),
            (Some(1e12), 0.05),
        ] {
            assert_eq!(backoff.delay_honouring(asked.map(seconds), 1, 0), seconds(delay), "{asked:?}");
        }
    }
}
