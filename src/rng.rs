//! The one source of jitter.

use crate::clock::System;

/// Where jitter comes from. It need not be unpredictable, only different between instances: callers that
/// wait the same time come back together.
///
/// ```
/// use steadfast::rng::Rng;
/// use steadfast::testing::TestClock;
///
/// // A test clock draws the highest number, so a delay with jitter is as long as it can be.
/// assert_eq!(TestClock::new().draw(), u64::MAX);
/// ```
pub trait Rng {
    /// A number drawn uniformly from all of `u64`.
    fn draw(&self) -> u64;
}

impl<R: Rng + ?Sized> Rng for &R {
    fn draw(&self) -> u64 {
        (**self).draw()
    }
}

#[cfg(target_os = "wasi")]
impl Rng for System {
    fn draw(&self) -> u64 {
        wasip2::random::insecure::get_insecure_random_u64()
    }
}

#[cfg(not(target_os = "wasi"))]
impl Rng for System {
    fn draw(&self) -> u64 {
        // Every `RandomState` has keys of its own, which makes an empty hash a random number.
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(())
    }
}

/// `draw` brought into `0..=bound`, uniformly.
///
/// In floating point, which costs a component a few bytes, where the product of two `u64` costs a function: 53
/// bits of the draw count, and a delay of 104 days has no more nanoseconds.
pub(crate) const fn below(draw: u64, bound: u64) -> u64 {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    let drawn = ((draw >> 11) as f64 * UNIT * (bound as f64 + 1.0)) as u64;
    // The product may have been rounded up to the next integer.
    if drawn < bound { drawn } else { bound }
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_draw_reaches_both_ends_and_never_passes_them() {
        for shift in 0..64 {
            let bound = u64::MAX >> shift;
            assert_eq!(below(0, bound), 0);
            // Beyond 53 bits, as far as they reach.
            assert!(below(u64::MAX, bound) >= bound - (bound >> 52), "{bound}");
            assert!(shift < 11 || below(u64::MAX, bound) == bound, "{bound}");
            for draw in [1, u64::MAX / 3, u64::MAX - 1] {
                assert!(below(draw, bound) <= bound);
            }
        }
        assert_eq!(below(u64::MAX / 2, 100), 50);
        assert_eq!(below(u64::MAX, 0), 0);
    }
}
