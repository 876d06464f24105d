//! How far the actual delays of a backoff are spread: a function for each jitter.

use super::Backoff;
use crate::platform::rng::below;

/// How far the actual delays of a [`Backoff`] are spread around the wait `d`, which is at most the cap.
///
/// Delays are drawn uniformly from an interval that lies inside the cap; they are never drawn beyond it and cut.
///
/// **When to use which**: [`Full`](Jitter::Full) unless there is a reason. Callers that failed together come back
/// together, and only what is drawn from a wide interval takes them apart.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Jitter};
///
/// let second = Backoff::constant(Duration::from_secs(1));
/// let ends = |jitter| {
///     let [low, high] = [0, u64::MAX].map(|draw| second.jitter(jitter).delay(1, Duration::ZERO, draw));
///     (low.as_millis(), high.as_millis())
/// };
/// assert_eq!(ends(Jitter::None), (1_000, 1_000));
/// assert_eq!(ends(Jitter::Full), (0, 1_000));
/// assert_eq!(ends(Jitter::Equal), (500, 1_000));
/// assert_eq!(ends(Jitter::Proportional(0.25)), (750, 1_250));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// Not at all: for tests, and for callers that are never many.
    None,
    /// From `0` to `d`. The least work for the target and the fewest collisions, of the kinds that the AWS
    /// Architecture Blog compared ("Exponential Backoff And Jitter", 2015); single delays can be very short.
    Full,
    /// From `d/2` to `d`: for a target that needs some time in any case.
    Equal,
    /// From `d - f*d` to `d + f*d`, but at most the cap, where `f` is the fraction: above 0, at most 1. For
    /// delays that stay near the wait. Close to the cap the interval loses its upper part, and a wait that has
    /// reached the cap is spread from `d - f*d` to `d`.
    Proportional(f64),
}

/// Nanoseconds, at most the cap, from a wait that may lie beyond it and a number drawn from all of `u64`.
pub(super) type Spread = fn(&Backoff, wait: u64, draw: u64) -> u64;

impl Jitter {
    pub(super) const fn spread(self) -> Spread {
        match self {
            Jitter::None => none,
            Jitter::Full => full,
            Jitter::Equal => equal,
            Jitter::Proportional(_) => proportional,
        }
    }
}

fn none(backoff: &Backoff, wait: u64, _: u64) -> u64 {
    wait.min(backoff.max_delay)
}

pub(super) fn full(backoff: &Backoff, wait: u64, draw: u64) -> u64 {
    below(draw, wait.min(backoff.max_delay))
}

fn equal(backoff: &Backoff, wait: u64, draw: u64) -> u64 {
    let wait = wait.min(backoff.max_delay);
    let half = wait / 2;
    half + below(draw, wait - half)
}

fn proportional(backoff: &Backoff, wait: u64, draw: u64) -> u64 {
    let wait = wait.min(backoff.max_delay);
    let width = match backoff.jitter {
        // As an integer, a fraction that was never checked is at worst zero or the highest.
        Some(Jitter::Proportional(fraction)) => (wait as f64 * fraction) as u64,
        _ => 0,
    };
    let low = wait.saturating_sub(width);
    let high = wait.saturating_add(width).min(backoff.max_delay);
    low + below(draw, high - low)
}

/// The draw of a decorrelated backoff, cut as its formula says: `min(cap, uniform(base, wait))`.
pub(super) fn decorrelated(backoff: &Backoff, wait: u64, draw: u64) -> u64 {
    let drawn = backoff.base + below(draw, wait.saturating_sub(backoff.base));
    drawn.min(backoff.max_delay)
}
