//! When requests come that do not wait for each other: at a rate that may change, regularly or by chance.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// How many come in a second, in the mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    /// From which time on it is so much; between two of them it changes evenly. At least one, the first at 0, in order.
    points: Vec<(f64, f64)>,
}

/// How long after the one before it a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// As the rate says.
    Constant,
    /// By chance, as independent clients do: the times between have an exponential distribution.
    Poisson,
    /// So many at once.
    Bursts(u32),
}

impl Rate {
    pub fn constant(per_second: f64) -> Self {
        Rate { points: vec![(0.0, per_second)] }
    }

    /// That of these points, of which the first is at 0; or none, where they are not in order.
    pub fn through(points: &[(Duration, f64)]) -> Option<Self> {
        let points: Vec<(f64, f64)> = points.iter().map(|(at, rate)| (at.as_secs_f64(), *rate)).collect();
        let good = points.first().is_some_and(|(at, _)| *at == 0.0)
            && points.is_sorted_by(|(at, _), (next, _)| at < next)
            && points.last().is_some_and(|(_, rate)| *rate > 0.0);
        good.then_some(Rate { points })
    }

    /// From each point to the next: when it begins, how long it is, and the rates at both ends. The last has no end.
    fn parts(&self) -> impl Iterator<Item = (f64, f64, f64, f64)> {
        let nexts = self.points.iter().skip(1).copied().map(Some).chain([None]);
        self.points.iter().zip(nexts).map(|((at, rate), next)| match next {
            Some((end, then)) => (*at, end - at, *rate, then),
            None => (*at, f64::INFINITY, *rate, *rate),
        })
    }

    /// How many come until then, in the mean.
    pub fn requests_until(&self, end: Duration) -> f64 {
        let end = end.as_secs_f64();
        let of = |(at, length, rate, then): (f64, f64, f64, f64)| {
            let time = (end - at).clamp(0.0, length);
            let slope = if length.is_finite() { (then - rate) / length } else { 0.0 };
            time * (rate + slope * time / 2.0)
        };
        self.parts().map(of).sum()
    }
}

/// Finds the times until which so many come in the mean, for numbers that grow.
struct Course<'r> {
    parts: Box<dyn Iterator<Item = (f64, f64, f64, f64)> + 'r>,
    part: (f64, f64, f64, f64),
    /// How many come before this part.
    before: f64,
}

impl<'r> Course<'r> {
    fn of(rate: &'r Rate) -> Self {
        let mut parts: Box<dyn Iterator<Item = _>> = Box::new(rate.parts());
        let part = parts.next().unwrap_or_default();
        Course { parts, part, before: 0.0 }
    }

    fn time_of(&mut self, number: f64) -> f64 {
        loop {
            let (at, length, rate, then) = self.part;
            let within = length * (rate + then) / 2.0;
            if length.is_infinite() || number < self.before + within {
                let slope = if length.is_finite() { (then - rate) / length } else { 0.0 };
                let left = number - self.before;
                // The root of a square equation, in the form that is exact where the slope is 0.
                let time = 2.0 * left / (rate + (rate * rate + 2.0 * slope * left).max(0.0).sqrt());
                return at + if time.is_finite() { time } else { 0.0 };
            }
            self.before += within;
            self.part = self.parts.next().unwrap_or((at + length, f64::INFINITY, then, then));
        }
    }
}

/// The times of requests, one after the other.
pub(super) struct Times<'r> {
    course: Course<'r>,
    arrivals: Arrivals,
    count: u32,
    sum: f64,
}

impl<'r> Times<'r> {
    pub fn of(rate: &'r Rate, arrivals: Arrivals) -> Self {
        Times { course: Course::of(rate), arrivals, count: 0, sum: 0.0 }
    }

    /// When the next one comes; none where that is beyond all time.
    pub fn next(&mut self, chance: &mut StdRng) -> Option<Duration> {
        let number = match self.arrivals {
            Arrivals::Constant => f64::from(self.count),
            Arrivals::Poisson => {
                self.sum -= (1.0 - chance.random::<f64>()).ln();
                self.sum
            }
            Arrivals::Bursts(size) => f64::from(self.count - self.count % size.max(1)),
        };
        self.count += 1;
        Duration::try_from_secs_f64(self.course.time_of(number)).ok()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn times(rate: &Rate, arrivals: Arrivals, end: Duration) -> Vec<Duration> {
        let (mut times, mut chance) = (Times::of(rate, arrivals), StdRng::seed_from_u64(1));
        std::iter::from_fn(|| times.next(&mut chance).filter(|time| *time < end)).collect()
    }

    #[test]
    fn constant_arrivals_are_as_far_apart_as_the_rate_says() {
        let all = times(&Rate::constant(100.0), Arrivals::Constant, 100 * SECOND);
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().zip(0..).all(|(at, number)| *at == Duration::from_millis(10) * number));
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_theory() {
        let all = times(&Rate::constant(100.0), Arrivals::Poisson, 100 * SECOND);
        // The number has a standard deviation of 100.
        assert!((9_700..10_300).contains(&all.len()), "{}", all.len());
        let gaps: Vec<f64> = all.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Of an exponential distribution, the standard deviation is the mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn bursts_come_at_once_and_the_mean_stays() {
        let all = times(&Rate::constant(10.0), Arrivals::Bursts(20), 10 * SECOND);
        assert_eq!(all.len(), 100);
        assert!(all.iter().zip(0..).all(|(at, number)| *at == 2 * SECOND * (number / 20)));
    }

    #[test]
    fn a_rate_that_changes_changes_evenly() {
        // From 0 to 20 in 10 s, then 5 s without change, then down to 10, and no further.
        let points = [(0, 0.0), (10, 20.0), (15, 20.0), (25, 10.0)].map(|(at, rate)| (at * SECOND, rate));
        let rate = Rate::through(&points).unwrap();
        let until = |end: u32| rate.requests_until(end * SECOND);
        assert_eq!([10, 15, 25, 30].map(until), [100.0, 200.0, 350.0, 400.0]);
        let all = times(&rate, Arrivals::Constant, 30 * SECOND);
        let count = |end: u32| all.iter().filter(|at| **at < end * SECOND).count();
        assert_eq!([5, 10, 15, 25, 30].map(count), [25, 100, 200, 350, 400]);
        assert!(all.is_sorted());
        let chance = times(&rate, Arrivals::Poisson, 30 * SECOND);
        let first = chance.iter().filter(|at| **at < 10 * SECOND).count();
        assert!((60..140).contains(&first) && (330..470).contains(&chance.len()), "{first} of {}", chance.len());
    }

    #[test]
    fn a_rate_needs_points_in_order() {
        let through = |points: &[(u32, f64)]| {
            let points: Vec<_> = points.iter().map(|(at, rate)| (*at * SECOND, *rate)).collect();
            Rate::through(&points)
        };
        assert!(through(&[(0, 1.0), (5, 0.0), (6, 1.0)]).is_some());
        for wrong in
            [&[][..], &[(1, 1.0)], &[(0, 1.0), (0, 2.0)], &[(0, 1.0), (5, 0.0)], &[(0, 1.0), (5, 1.0), (4, 1.0)]]
        {
            assert!(through(wrong).is_none(), "{wrong:?}");
        }
    }
}
