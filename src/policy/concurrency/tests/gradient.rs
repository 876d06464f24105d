//! How the gradient moves: published examples, a reference in floating point, and a target of known capacity.

use super::*;
use crate::policy::concurrency::gradient::{Long, gradient};

// Netflix concurrency-limits, ExpAvgMeasurementTest.testWarmup: a window of 100, ten samples to warm up.
#[test]
fn the_long_term_time_is_a_plain_mean_first_and_an_exponential_one_then() {
    let mut long = Long::NEW;
    for (sample, mean) in (10..20).zip([10_000, 10_500, 11_000, 11_500, 12_000, 12_500, 13_000, 13_500, 14_000, 14_500])
    {
        long.add(sample * 1_000, 100);
        assert!(long.nanos().abs_diff(mean) <= 10, "{} not {mean}", long.nanos());
    }
    long.add(100_000, 100);
    assert!(long.nanos().abs_diff(16_200) <= 100, "{}", long.nanos());
    let mut longest = Long::NEW;
    for _ in 0..20 {
        longest.add(u64::MAX, 1);
    }
    assert_eq!(longest.nanos(), 1 << 40);
}

/// `Gradient2Limit` as its own documentation writes it, in floating point.
struct Reference {
    limit: f64,
    long: f64,
    windows: u32,
}

impl Reference {
    fn update(&mut self, settings: &Concurrency<Gradient>, short: f64, in_flight: u32) {
        self.long = if self.windows < 10 {
            self.windows += 1;
            self.long + (short - self.long) / f64::from(self.windows)
        } else {
            let factor = 2.0 / (f64::from(settings.long_window) + 1.0);
            self.long * (1.0 - factor) + short * factor
        };
        let long = self.long;
        if long / short > 2.0 {
            self.long *= 0.95;
        }
        if f64::from(in_flight) < self.limit / 2.0 {
            return;
        }
        let gradient = (settings.tolerance * long / short).clamp(0.5, 1.0);
        let limit = self.limit * gradient + f64::from(settings.queue);
        let limit = self.limit * (1.0 - settings.smoothing) + limit * settings.smoothing;
        self.limit = limit.clamp(f64::from(settings.min), f64::from(settings.max));
    }
}

// The limit that is shown is rounded down: by less than one. Whole nanoseconds and 16 bits after the point lose some
// 1/65,536 of a limit of at most 1,000 with each of 40 windows, which adds up to less than another. None of the times
// that this seed draws is so near an edge that rounding decides.
#[test]
fn the_gradient_moves_as_the_one_of_netflix() {
    let mut draws = SplitMix::new(6);
    let mut pick = |least: u64, most: u64| least + draws.next() % (most - least + 1);
    for _ in 0..10_000 {
        let settings = GRADIENT
            .max(1_000)
            .tolerance(1.0 + pick(0, 100) as f64 / 50.0)
            .smoothing(pick(1, 20) as f64 / 20.0)
            .queue(pick(1, 20) as u32)
            .long_window(pick(1, 1_000) as u32);
        let mut limiter = Limiter::new(settings);
        let mut reference = Reference { limit: 20.0, long: 0.0, windows: 0 };
        let usual = pick(100_000, 1_000_000_000);
        let mut now = 0;
        for _ in 0..40 {
            // Ten calls of the same time are a window: the first opens it, the last comes a second later.
            let longest = if pick(0, 9) == 0 { 20 * usual } else { 3 * usual };
            let took = pick(usual, longest);
            let in_flight = pick(1, u64::from(limiter.limit()));
            if (in_flight as f64 - reference.limit / 2.0).abs() < 1.0 {
                continue;
            }
            let busiest = pick(0, 9);
            for call in 0..10 {
                let in_flight = if call == busiest { in_flight } else { 1 };
                now += if call == 9 { settings.window } else { 0 };
                let state = &mut limiter.state.algorithm;
                let (began, now) = (now + 7 * usual, Instant::from_nanos(now + 7 * usual + took));
                Gradient::learn(&settings, state, began, Signal::Success, in_flight as u32, now);
            }
            now += 10 * usual;
            reference.update(&settings, took as f64, in_flight as u32);
            let found = limiter.limit();
            assert!((f64::from(found) - reference.limit).abs() < 2.0, "{found}, not {}: {settings:?}", reference.limit);
        }
    }
}

#[test]
fn the_gradient_has_its_edges_where_netflix_has_them() {
    let settings = GRADIENT.window(Duration::from_nanos(9)).start(20);
    let mut limiter = Limiter::new(settings);
    let mut window = |took: u64, in_flight: u32| {
        for now in 1_000..1_010 {
            let state = &mut limiter.state.algorithm;
            Gradient::learn(&settings, state, now - took, Signal::Success, in_flight, Instant::from_nanos(now));
        }
        (limiter.limit(), limiter.state.algorithm.long.nanos())
    };
    // Nine of twenty are less than half, ten are not: 20 + 0.2 * 4 twice is 21.6.
    assert_eq!(window(300, 9), (20, 300));
    // (300 + 100) / 2 is twice 100 and not above it.
    assert_eq!(window(100, 10), (20, 200));
    // (2 * 200 + 60) / 3 is above twice 60: the long-term time is cut by a twentieth.
    assert_eq!(window(60, 11), (21, 145));
}

// platinummonkey/go-concurrency-limits, gradient2_test.go, OnSample: at a limit of 50 with one call under way,
// sixty samples change nothing.
#[test]
fn the_gradient_stands_still_while_less_than_half_of_it_is_in_use() {
    let mut limiter = Limiter::new(GRADIENT.start(50));
    for window in 0..60 {
        for call in 0..10 {
            let began = window * 2_000_000_000 + call * 200_000_000;
            let mark = limiter.enter(began).unwrap();
            limiter.leave(mark, Signal::Success, began + if window == 0 { 10 } else { 100 });
        }
        assert_eq!(limiter.limit(), 50);
    }
}

// A target that serves C calls at a time and shares its time among more: a call takes max(1, n / C) times the base.
// With the long-term time at the base (a long window that hardly moves), the gradient is tolerance * C / limit as soon
// as the limit is above tolerance * C, and the limit stands still where limit * (1 - gradient) = queue, which is at
// tolerance * C + queue. The way there: by 0.8 a window at first, then a fifth of what remains.
#[test]
fn the_gradient_finds_where_calls_begin_to_wait() {
    for capacity in [10, 50, 100] {
        let mut limiter = Limiter::new(GRADIENT.long_window(1_000_000).start(capacity / 2));
        let mut now = 0;
        for _ in 0..300 {
            for _ in 0..10 {
                let in_flight = limiter.limit();
                let took = 10_000_000 * u64::from(in_flight.max(capacity)) / u64::from(capacity);
                limiter.round(now, took, usize::MAX);
                now += 200_000_000;
            }
        }
        let expected = capacity * 3 / 2 + 4;
        assert!(limiter.limit().abs_diff(expected) <= 1, "{} for {capacity}, not {expected}", limiter.limit());
    }
}

#[test]
fn a_window_with_an_overload_has_the_lowest_gradient() {
    // 100 * (1 - 0.2) + 0.2 * (100 / 2 + 4) = 90.8
    let mut limiter = Limiter::new(GRADIENT.start(100));
    let mark = limiter.enter(0).unwrap();
    limiter.leave(mark, Signal::Overload, 5);
    assert_eq!(limiter.limit(), 100, "the window is not over");
    let mark = limiter.enter(0).unwrap();
    limiter.leave(mark, Signal::Overload, 1_000_000_005);
    assert_eq!(limiter.limit(), 90);
    assert_eq!(limiter.state.algorithm.long, Long::NEW, "the time of a refusal is no measure");
}

// case 16
#[test]
fn a_clock_that_stands_still_or_steps_back_shrinks_no_limit() {
    assert_eq!(gradient(1.0, 0, 0), 1 << 16);
    let mut limiter = Limiter::new(GRADIENT);
    for window in 0..20 {
        // Half a minute back with every window, and within each the end of a call before its beginning.
        let now = 3_600_000_000_000 - window * 30_000_000_000;
        limiter.round(now, 0, usize::MAX);
        let mark = limiter.enter(now).unwrap();
        limiter.leave(mark, Signal::Success, now - 1_000);
        limiter.round(now + 1_000_000_000, 0, usize::MAX);
    }
    assert!(limiter.limit() > 20, "{}: windows go on", limiter.limit());
}
