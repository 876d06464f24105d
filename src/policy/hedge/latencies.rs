//! Quantiles of observed latencies: a histogram of fixed size, in integers.

use core::time::Duration;

use crate::platform::clock::nanos;

/// Below eight units of 2^16 ns (66 µs) each unit is a bucket; above, each power of two has eight. A bucket is
/// then at most an eighth of its value wide.
const UNIT_BITS: u32 = 16;
const PART_BITS: u32 = 3;
/// Latencies up to 2^20 units, 68 s, are told apart: longer than anybody waits.
const RANGE_BITS: u32 = 20;
const BUCKETS: usize = ((RANGE_BITS - PART_BITS + 1) << PART_BITS) as usize;

/// At this many counts all are halved, which keeps the counts small and forgets old ones.
const FULL: u32 = 1024;
/// How many counts are left after that.
pub(super) const KEPT: u32 = FULL / 2;

/// How often which latency was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latencies {
    counts: [u16; BUCKETS],
    counted: u32,
    /// The bucket where the last quantile was found, and how many were counted below it: the next one is near.
    found: usize,
    below: u32,
}

impl Latencies {
    pub const NEW: Latencies = Latencies { counts: [0; BUCKETS], counted: 0, found: 0, below: 0 };

    pub fn counted(&self) -> u32 {
        self.counted
    }

    pub fn count(&mut self, latency: Duration) {
        let bucket = bucket(latency);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.counted += 1;
            if bucket < self.found {
                self.below += 1;
            }
        }
        if self.counted >= FULL {
            self.halve();
        }
    }

    /// Halves the counts such that also every sum of the first so many buckets is halved, within one: rounding
    /// each for itself would lose the tail, where each bucket has one.
    #[cold]
    fn halve(&mut self) {
        let mut left_over = 0;
        self.counted = 0;
        for count in &mut self.counts {
            let doubled = *count + left_over;
            left_over = doubled % 2;
            *count = doubled / 2;
            self.counted += u32::from(*count);
        }
        (self.found, self.below) = (0, 0);
    }

    /// The latency that the fraction `quantile` of those counted did not exceed, by the nearest rank: not below it,
    /// and above it by no more than a bucket is wide.
    pub fn quantile(&mut self, quantile: f64) -> Duration {
        // In millionths, so that a rank such as 0.07 of 100 is exactly 7.
        let millionths = (quantile * 1e6 + 0.5) as u64;
        let rank = (millionths * u64::from(self.counted)).div_ceil(1_000_000).clamp(1, FULL.into()) as u32;
        while self.below >= rank {
            self.found -= 1;
            self.below -= self.at(self.found);
        }
        while self.found < BUCKETS - 1 && self.below + self.at(self.found) < rank {
            self.below += self.at(self.found);
            self.found += 1;
        }
        upper_edge(self.found)
    }

    fn at(&self, bucket: usize) -> u32 {
        self.counts.get(bucket).copied().unwrap_or(0).into()
    }
}

fn bucket(latency: Duration) -> usize {
    let units = nanos(latency) >> UNIT_BITS;
    let units = units.min((1 << RANGE_BITS) - 1) as usize;
    // Which power of two above the lowest; its upper bits say which part of it.
    let octave = (units >> PART_BITS).checked_ilog2().map_or(0, |log| log as usize);
    (octave << PART_BITS) + (units >> octave)
}

fn upper_edge(bucket: usize) -> Duration {
    let octave = (bucket >> PART_BITS).saturating_sub(1);
    let units = bucket - (octave << PART_BITS) + 1;
    Duration::from_nanos(((units as u64) << octave) << UNIT_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::rng::below;
    use crate::testing::SplitMix;

    const UNIT: u64 = 1 << UNIT_BITS;

    #[test]
    fn the_buckets_are_an_eighth_wide_and_leave_no_gap() {
        let mut last = 0;
        for units in 0..1 << RANGE_BITS {
            let latency = Duration::from_nanos(units * UNIT);
            let bucket = bucket(latency);
            assert!(bucket == last || bucket == last + 1, "{units}");
            last = bucket;
            let edge = upper_edge(bucket);
            assert!(edge > latency, "{units}");
            assert!(nanos(edge) - nanos(latency) <= (nanos(latency) / 8).max(UNIT), "{units}");
        }
        assert_eq!(last, BUCKETS - 1);
        assert_eq!(bucket(Duration::MAX), last, "as long as can be told");
        assert_eq!(upper_edge(last), Duration::from_nanos(UNIT << RANGE_BITS));
    }

    #[test]
    fn a_quantile_of_nothing_is_not_a_panic() {
        let mut latencies = Latencies::NEW;
        assert_eq!(latencies.quantile(0.5), upper_edge(BUCKETS - 1));
        assert_eq!(latencies.counted(), 0);
    }

    #[test]
    fn quantiles_are_within_an_eighth_of_the_true_ones() {
        let mut draws = SplitMix::new(3);
        let mut latencies = Latencies::NEW;
        let mut sorted = Vec::new();
        for case in 0..10_000 {
            if sorted.len() == FULL as usize - 1 {
                (latencies, sorted) = (Latencies::NEW, Vec::new());
            }
            // Spread over all sizes that matter, 66 µs to 34 s.
            let latency = UNIT << below(draws.next(), 18);
            let latency = latency + below(draws.next(), latency);
            latencies.count(Duration::from_nanos(latency));
            sorted.insert(sorted.partition_point(|other| *other < latency), latency);
            for percent in [1, 50, 95, 99, below(draws.next(), 98) + 1] {
                let rank = (sorted.len() * percent as usize).div_ceil(100);
                let exact = sorted[rank - 1];
                let told = nanos(latencies.quantile(percent as f64 / 100.0));
                assert!(told > exact && told <= exact + exact / 8 + UNIT, "case {case}, {percent} %: {told}, {exact}");
            }
        }
    }

    #[test]
    fn a_quantile_is_exact_to_a_millionth() {
        let mut latencies = Latencies::NEW;
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(1));
        latencies.count(short);
        latencies.count(long);
        for (quantile, slow) in [(0.499_999, false), (0.5, false), (0.500_000_4, false), (0.500_001, true)] {
            assert_eq!(latencies.quantile(quantile) > long, slow, "{quantile}");
        }
    }

    #[test]
    fn halving_keeps_the_tail() {
        let mut latencies = Latencies::NEW;
        for _ in 0..1000 {
            latencies.count(Duration::from_millis(1));
        }
        // 24 slow ones, each in a bucket of its own.
        for slow in 0..24 {
            latencies.count(upper_edge(64 + slow));
        }
        assert_eq!(latencies.counted(), KEPT);
        let tail: u32 = (64..BUCKETS).map(|bucket| latencies.at(bucket)).sum();
        assert_eq!(tail, 12);
        assert!(latencies.quantile(0.98) > Duration::from_millis(10));
        assert!(latencies.quantile(0.97) < Duration::from_millis(2));
    }

    #[test]
    fn old_latencies_are_forgotten() {
        let mut latencies = Latencies::NEW;
        for _ in 0..100_000 {
            latencies.count(Duration::from_millis(1));
        }
        for _ in 0..8 * FULL {
            latencies.count(Duration::from_secs(1));
        }
        assert!(latencies.quantile(0.05) >= Duration::from_secs(1));
        assert!(latencies.counted() < FULL);
    }
}
