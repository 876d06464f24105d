//! How long a call is delayed: always as long, or by chance.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Serialize, Serializer};

/// The distribution of a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delay {
    Constant(Duration),
    /// All between the two are as likely.
    Uniform(Duration, Duration),
    /// With this mean: mostly short, and sometimes many times as long.
    Exponential(Duration),
}

impl Delay {
    pub fn draw(self, chance: &mut StdRng) -> Duration {
        match self {
            Delay::Constant(delay) => delay,
            Delay::Uniform(min, max) => {
                min.saturating_add(max.saturating_sub(min).mul_f64(chance.random::<f64>())).min(max)
            }
            Delay::Exponential(mean) => {
                let delay = -(1.0 - chance.random::<f64>()).ln() * mean.as_secs_f64();
                Duration::try_from_secs_f64(delay).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// In seconds: a number, or an object as in a manifest.
impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = Duration::as_secs_f64;
        match self {
            Delay::Constant(delay) => serializer.serialize_f64(seconds(delay)),
            Delay::Uniform(min, max) => serializer.collect_map([("min", seconds(min)), ("max", seconds(max))]),
            Delay::Exponential(mean) => serializer.collect_map([("mean", seconds(mean))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn drawn(delay: Delay) -> Vec<f64> {
        let mut chance = StdRng::seed_from_u64(1);
        (0..100_000).map(|_| delay.draw(&mut chance).as_secs_f64()).collect()
    }

    fn mean_and_deviation(all: &[f64]) -> (f64, f64) {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn delays_have_the_mean_and_the_deviation_of_theory() {
        let second = Duration::from_secs(1);
        assert!(drawn(Delay::Constant(second)).iter().all(|delay| *delay == 1.0));

        let uniform = drawn(Delay::Uniform(second, 3 * second));
        let (mean, deviation) = mean_and_deviation(&uniform);
        assert!(uniform.iter().all(|delay| (1.0..=3.0).contains(delay)));
        assert!((mean - 2.0).abs() < 0.01 && (deviation - 1.0 / 3f64.sqrt()).abs() < 0.01, "{mean} {deviation}");

        let (mean, deviation) = mean_and_deviation(&drawn(Delay::Exponential(second)));
        assert!((mean - 1.0).abs() < 0.02 && (deviation - 1.0).abs() < 0.02, "{mean} {deviation}");
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let mut chance = StdRng::seed_from_u64(1);
        for delay in [Delay::Uniform(Duration::ZERO, Duration::MAX), Delay::Exponential(Duration::MAX)] {
            assert!((0..1000).any(|_| delay.draw(&mut chance) > Duration::from_secs(1 << 60)));
        }
    }
}
