//! The one source of jitter.

use crate::platform::clock::System;

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
        crate::platform::wasi::insecure::get_insecure_random_u64()
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

/// `draw` brought into `0..=bound`, without the bias of a remainder: the upper half of `draw * (bound + 1)`.
pub(crate) const fn below(draw: u64, bound: u64) -> u64 {
    // By halves, since a component would multiply 128 bits with a function that is larger than this one.
    const LOW: u64 = u32::MAX as u64;
    let (draw_high, draw_low) = (draw >> 32, draw & LOW);
    let (bound_high, bound_low) = (bound >> 32, bound & LOW);
    let low = draw_low * bound_low;
    let middle = draw_high * bound_low + (low >> 32);
    let crossed = draw_low * bound_high + (middle & LOW);
    let upper = draw_high * bound_high + (middle >> 32) + (crossed >> 32);
    let lower = (crossed << 32) | (low & LOW);
    upper + lower.overflowing_add(draw).1 as u64
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_draw_reaches_both_ends_and_never_passes_them() {
        for shift in 0..64 {
            let bound = u64::MAX >> shift;
            assert_eq!(below(0, bound), 0);
            assert_eq!(below(u64::MAX, bound), bound);
            for draw in [1, u64::MAX / 3, u64::MAX - 1] {
                assert!(below(draw, bound) <= bound);
            }
        }
        assert_eq!(below(u64::MAX / 2, 100), 50);
        let mut rng = crate::testing::SplitMix::new(1);
        for _ in 0..10_000 {
            let (draw, bound) = (rng.next(), rng.next());
            assert_eq!(u128::from(below(draw, bound)), (u128::from(draw) * (u128::from(bound) + 1)) >> 64);
        }
        assert_eq!(below(u64::MAX, 0), 0);
    }
}
