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

/// `draw` brought into `0..=bound`, without the bias of a remainder.
pub(crate) const fn below(draw: u64, bound: u64) -> u64 {
    ((draw as u128 * (bound as u128 + 1)) >> 64) as u64
}
