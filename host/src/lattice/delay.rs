//! How long a call is delayed, or worked on: always as long, or by chance.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Serialize, Serializer};

/// The distribution of a delay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Delay {
    Constant(Duration),
    /// All between the two are as likely.
    Uniform(Duration, Duration),
    /// With this mean: mostly short, and sometimes many times as long.
    Exponential(Duration),
    /// With this median, and longer than the other for one in a hundred: as answers of busy servers are.
    LogNormal(Duration, Duration),
    /// Shares from 0 to 1, and within which time such a share is over. Both grow; between two of them, all are as likely.
    Quantiles(Arc<[(f64, Duration)]>),
}

/// So many standard deviations above the mean, a normal distribution has its 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

impl Delay {
    pub fn draw(&self, chance: &mut StdRng) -> Duration {
        match self {
            Delay::Constant(delay) => *delay,
            Delay::Uniform(min, max) => between(*min, *max, chance.random()),
            Delay::Exponential(mean) => seconds(-(1.0 - chance.random::<f64>()).ln() * mean.as_secs_f64()),
            Delay::LogNormal(median, p99) => {
                let (median, p99) = (median.as_secs_f64(), p99.as_secs_f64());
                seconds(median * ((p99 / median).ln() / Z99 * normal(chance)).exp())
            }
            Delay::Quantiles(all) => {
                let share = chance.random::<f64>();
                let next = all.partition_point(|(upto, _)| *upto <= share);
                match (next.checked_sub(1).and_then(|before| all.get(before)), all.get(next)) {
                    (Some((low, min)), Some((high, max))) => between(*min, *max, (share - low) / (high - low)),
                    // Beyond the ends, as long as there.
                    (before, after) => after.or(before).map_or(Duration::ZERO, |(_, delay)| *delay),
                }
            }
        }
    }
}

/// By the method of Box and Muller, with the mean 0 and the standard deviation 1.
fn normal(chance: &mut StdRng) -> f64 {
    let (radius, angle) = (1.0 - chance.random::<f64>(), chance.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

fn between(min: Duration, max: Duration, share: f64) -> Duration {
    min.saturating_add(max.saturating_sub(min).mul_f64(share.clamp(0.0, 1.0))).min(max)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// In short, for people.
impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delay::Constant(delay) => write!(f, "{delay:?}"),
            Delay::Uniform(min, max) => write!(f, "{min:?} to {max:?}"),
            Delay::Exponential(mean) => write!(f, "{mean:?} in the mean"),
            Delay::LogNormal(median, p99) => write!(f, "p50 {median:?} and p99 {p99:?}"),
            Delay::Quantiles(all) => {
                let all: Vec<String> =
                    all.iter().map(|(share, delay)| format!("p{} {delay:?}", (share * 1e6).round() / 1e4)).collect();
                f.write_str(&all.join(", "))
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
            Delay::LogNormal(median, p99) => {
                serializer.collect_map([("median", seconds(median)), ("p99", seconds(p99))])
            }
            Delay::Quantiles(all) => {
                let all: Vec<_> = all.iter().map(|(share, delay)| (share, seconds(delay))).collect();
                serializer.collect_map([("quantiles", all)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A hundred thousand of them, in order.
    fn drawn(delay: Delay) -> Vec<f64> {
        let mut chance = StdRng::seed_from_u64(1);
        let mut all: Vec<f64> = (0..100_000).map(|_| delay.draw(&mut chance).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn mean_and_deviation(all: &[f64]) -> (f64, f64) {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn delays_have_the_mean_and_the_deviation_of_theory() {
        assert!(drawn(Delay::Constant(SECOND)).iter().all(|delay| *delay == 1.0));

        let uniform = drawn(Delay::Uniform(SECOND, 3 * SECOND));
        let (mean, deviation) = mean_and_deviation(&uniform);
        assert!(uniform.iter().all(|delay| (1.0..=3.0).contains(delay)));
        assert!((mean - 2.0).abs() < 0.01 && (deviation - 1.0 / 3f64.sqrt()).abs() < 0.01, "{mean} {deviation}");

        let (mean, deviation) = mean_and_deviation(&drawn(Delay::Exponential(SECOND)));
        assert!((mean - 1.0).abs() < 0.02 && (deviation - 1.0).abs() < 0.02, "{mean} {deviation}");

        let logs: Vec<f64> = drawn(Delay::LogNormal(SECOND, 10 * SECOND)).iter().map(|delay| delay.ln()).collect();
        let (mean, deviation) = mean_and_deviation(&logs);
        assert!(mean.abs() < 0.01 && (deviation - 10f64.ln() / Z99).abs() < 0.01, "{mean} {deviation}");
    }

    #[test]
    fn delays_have_the_quantiles_that_are_listed() {
        let all = drawn(Delay::LogNormal(SECOND, 10 * SECOND));
        assert!((all[50_000] - 1.0).abs() < 0.02 && (all[99_000] / 10.0 - 1.0).abs() < 0.05, "{}", all[99_000]);

        let listed = [(0.0, SECOND), (0.5, 2 * SECOND), (0.9, 10 * SECOND), (1.0, 11 * SECOND)];
        let all = drawn(Delay::Quantiles(Arc::from(listed)));
        assert!(all[0] >= 1.0 && all[99_999] <= 11.0);
        for (share, expected) in [(0.25, 1.5), (0.5, 2.0), (0.7, 6.0), (0.9, 10.0), (0.95, 10.5)] {
            let found = all[(share * 100_000.0) as usize];
            assert!((found - expected).abs() < 0.1, "{share}: {found}");
        }
        // What is beyond the list is as its ends.
        let all = drawn(Delay::Quantiles(Arc::from([(0.5, SECOND), (0.9, 3 * SECOND)])));
        assert_eq!((all[0], all[49_000], all[91_000], all[99_999]), (1.0, 1.0, 3.0, 3.0));
    }

    #[test]
    fn a_delay_is_told_in_short() {
        let listed = Delay::Quantiles(Arc::from([(0.5, SECOND), (0.999, 3 * SECOND)]));
        assert_eq!(listed.to_string(), "p50 1s, p99.9 3s");
        assert_eq!(Delay::LogNormal(SECOND / 50, 3 * SECOND).to_string(), "p50 20ms and p99 3s");
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let mut chance = StdRng::seed_from_u64(1);
        let long = [
            Delay::Uniform(Duration::ZERO, Duration::MAX),
            Delay::Exponential(Duration::MAX),
            Delay::LogNormal(Duration::from_nanos(1), Duration::MAX),
            Delay::Quantiles(Arc::from([(0.0, Duration::ZERO), (1.0, Duration::MAX)])),
        ];
        for delay in long {
            assert!((0..10_000).any(|_| delay.draw(&mut chance) > Duration::from_secs(1 << 60)), "{delay:?}");
        }
    }
}
