//! Limits on their own, of either kind: settings, places and bounds.

mod aimd;
mod calls;
mod gradient;
mod target;

use core::time::Duration;

use super::*;
use crate::testing::SplitMix;

const AIMD: Concurrency<Aimd> = Concurrency::aimd();
const GRADIENT: Concurrency<Gradient> = Concurrency::gradient();

/// A limit on its own, without a policy around it.
struct Limiter<L: LimitAlgorithm> {
    settings: Concurrency<L>,
    state: State<L::State>,
}

impl<L: LimitAlgorithm> Limiter<L> {
    fn new(settings: Concurrency<L>) -> Self {
        Limiter { settings: settings.check().unwrap(), state: State::new(L::NEW) }
    }

    fn limit(&self) -> u32 {
        L::limit(&self.settings, &self.state.algorithm)
    }

    /// As a permit does it.
    fn enter(&mut self, now: u64) -> Option<u64> {
        self.state.enter(&self.settings).map(|mark| if L::TIMED { now } else { mark })
    }

    fn leave(&mut self, mark: u64, signal: Signal, now: u64) {
        let in_flight = self.state.in_flight;
        L::learn(&self.settings, &mut self.state.algorithm, mark, signal, in_flight, Instant::from_nanos(now));
        self.state.leave();
    }

    /// As many calls at a time as there is room for, which all take `took` and end in the same way, the one with
    /// the number `refused` and those after it as overloaded.
    fn round(&mut self, began: u64, took: u64, refused: usize) {
        let mut marks = Vec::new();
        while let Some(mark) = self.enter(began) {
            marks.push(mark);
        }
        for (index, mark) in marks.into_iter().enumerate() {
            let signal = if index < refused { Signal::Success } else { Signal::Overload };
            self.leave(mark, signal, began + took);
        }
    }
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let max = "at least min (1 by default), at most 1000000";
    let start = "from min (1 by default) to max (200 by default)";
    let aimd = [
        (AIMD.min(0), "min: 0", "1 or more"),
        (AIMD.max(0), "max: 0", max),
        (AIMD.min(10).max(9), "max: 9", max),
        (AIMD.max(1_000_001), "max: 1000001", max),
        (AIMD.start(0), "start: 0", start),
        (AIMD.min(10).start(9), "start: 9", start),
        (AIMD.start(201), "start: 201", start),
        (AIMD.decrease(0.0), "decrease: 0", "a number above 0 and below 1"),
        (AIMD.decrease(1.0), "decrease: 1", "a number above 0 and below 1"),
        (AIMD.decrease(f64::NAN), "decrease: NaN", "a number above 0 and below 1"),
    ]
    .map(|(limit, found, allowed)| (limit.check().unwrap_err(), found, allowed));
    let gradient = [
        (GRADIENT.min(0), "min: 0", "1 or more"),
        (GRADIENT.tolerance(0.9), "tolerance: 0.9", "a number from 1 to 100"),
        (GRADIENT.tolerance(100.5), "tolerance: 100.5", "a number from 1 to 100"),
        (GRADIENT.tolerance(f64::NAN), "tolerance: NaN", "a number from 1 to 100"),
        (GRADIENT.queue(0), "queue: 0", "from 1 to 1000000"),
        (GRADIENT.queue(1_000_001), "queue: 1000001", "from 1 to 1000000"),
        (GRADIENT.smoothing(0.0), "smoothing: 0", "a number above 0, at most 1"),
        (GRADIENT.smoothing(1.5), "smoothing: 1.5", "a number above 0, at most 1"),
        (GRADIENT.smoothing(f64::NAN), "smoothing: NaN", "a number above 0, at most 1"),
        (GRADIENT.window(Duration::ZERO), "window: 0ns", "longer than zero"),
        (GRADIENT.long_window(0), "long_window: 0", "from 1 to 1000000"),
        (GRADIENT.long_window(1_000_001), "long_window: 1000001", "from 1 to 1000000"),
    ]
    .map(|(limit, found, allowed)| (limit.check().unwrap_err(), found, allowed));
    for (invalid, found, allowed) in aimd.into_iter().chain(gradient) {
        assert_eq!(invalid.to_string(), format!("concurrency {found} is not allowed: it must be {allowed}"));
    }
    for fine in [AIMD, AIMD.min(200), AIMD.max(1), AIMD.min(7).max(7), AIMD.max(1_000_000), AIMD.start(200)] {
        assert_eq!(fine.check(), Ok(fine));
    }
    for fine in
        [GRADIENT, GRADIENT.tolerance(1.0).smoothing(1.0).queue(1), GRADIENT.window(Duration::MAX).long_window(1)]
    {
        assert_eq!(fine.check(), Ok(fine));
    }
}

#[test]
fn it_starts_at_20_or_at_the_bound_that_is_nearer() {
    assert_eq!(Limiter::new(AIMD).limit(), 20);
    assert_eq!(Limiter::new(AIMD.min(30)).limit(), 30);
    assert_eq!(Limiter::new(AIMD.max(5)).limit(), 5);
    assert_eq!(Limiter::new(AIMD.start(1)).limit(), 1);
    assert_eq!(Limiter::new(GRADIENT.max(5)).limit(), 5);
}

// case 3, case 26: random calls that begin and end in any way and order, by a clock that jumps anywhere.
fn stays_within_its_bounds<L: LimitAlgorithm>(settings: Concurrency<L>) {
    let mut draws = SplitMix::new(5);
    for _ in 0..10_000 {
        let min = 1 + (draws.next() % 20) as u32;
        let max = min + (draws.next() % 20) as u32;
        let start = min + (draws.next() % u64::from(max - min + 1)) as u32;
        let mut limiter = Limiter::new(settings.min(min).max(max).start(start));
        let mut under_way = Vec::new();
        let mut now: u64 = 0;
        for _ in 0..60 {
            now = match draws.next() % 20 {
                0 => 0,
                1 => u64::MAX,
                2 => draws.next(),
                _ => now.saturating_add(draws.next() % 1_000_000_000),
            };
            if draws.next().is_multiple_of(2) {
                let room = under_way.len() < L::lets_in(&limiter.settings, &limiter.state.algorithm) as usize;
                let mark = limiter.enter(now);
                assert_eq!(mark.is_some(), room, "{} of {}", under_way.len(), limiter.limit());
                under_way.extend(mark);
            } else if !under_way.is_empty() {
                let mark = under_way.swap_remove(draws.next() as usize % under_way.len());
                match draws.next() % 5 {
                    0 | 1 => limiter.leave(mark, Signal::Success, now),
                    2 => limiter.leave(mark, Signal::Overload, now),
                    3 => limiter.leave(mark, Signal::Nothing, now),
                    _ => limiter.state.leave(),
                }
            }
            assert_eq!(limiter.state.in_flight as usize, under_way.len());
            assert!((min..=max).contains(&limiter.limit()), "{} not in {min}..={max}", limiter.limit());
        }
    }
}

#[test]
fn aimd_stays_within_its_bounds_and_lets_no_call_in_beyond_them() {
    stays_within_its_bounds(AIMD);
    stays_within_its_bounds(AIMD.decrease(0.01));
}

#[test]
fn the_gradient_stays_within_its_bounds_and_lets_no_call_in_beyond_them() {
    stays_within_its_bounds(GRADIENT);
    stays_within_its_bounds(GRADIENT.tolerance(100.0).smoothing(1.0).queue(1_000_000).long_window(1));
}
