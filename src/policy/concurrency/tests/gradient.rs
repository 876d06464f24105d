//! How the gradient moves, window by window.

use super::*;
use crate::policy::concurrency::gradient::moved;

/// Lets a window pass in which ten calls take `took`, with so many in flight.
fn window(limiter: &mut Limiter<Gradient>, now: &mut u64, took: u64, in_flight: u32) {
    for call in 0..10 {
        *now += if call == 9 { limiter.settings.window } else { 0 };
        let (state, ends) = (&mut limiter.state.algorithm, Instant::from_nanos(*now + took));
        Gradient::learn(&limiter.settings, state, *now, Signal::Success, in_flight, ends);
    }
    *now += took;
}

#[test]
fn the_limit_grows_while_calls_are_fast_and_shrinks_while_they_wait() {
    let point = |limit: f64| (limit * 65_536.0) as u64;
    let settings = GRADIENT.max(1_000).queue(4);
    for (limit, short, expected) in [
        // By smoothing times the queue, or times a tenth of the limit and a quarter.
        (100.0, 1_000, 100.0 + 0.2 * 4.0),
        (100.0, 1_031, 100.0 + 0.2 * 4.0),
        (100.0, 500, 100.0 + 0.2 * 4.0),
        (8.0, 1_000, 8.0 + 0.2 * 1.05),
        (1.0, 1_000, 1.0 + 0.2 * 0.35),
        // By a quarter of the rest while that is tolerated, up to 1.25 + 1/16.
        (100.0, 1_250, 100.0 - 0.2 * 20.0 / 4.0),
        (100.0, 1_312, 100.0 - 0.2 * 23.78 / 4.0),
        (100.0, 1_313, 100.0 - 0.2 * 23.83),
        (100.0, 1_600, 100.0 - 0.2 * 37.5),
        // By half at most, before smoothing.
        (100.0, 2_000, 90.0),
        (100.0, u64::MAX, 90.0),
        (1.0, 2_000, 1.0),
        (1_000.0, 1, 1_000.0),
    ] {
        let found = moved(&settings, point(limit), 1_000, short);
        assert!(found.abs_diff(point(expected)) < 65_536 / 100, "{limit}, {short}: {}", found as f64 / 65_536.0);
    }
}

#[test]
fn calls_that_fill_the_limit_teach_no_base() {
    let mut limiter = Limiter::new(GRADIENT.long_window(1_000));
    let mut now = 1;
    window(&mut limiter, &mut now, 100_000, 3);
    assert_eq!(limiter.state.algorithm.base, 100_000);
    for _ in 0..900 {
        let full = limiter.limit();
        window(&mut limiter, &mut now, 120_000, full);
        assert_eq!(limiter.state.algorithm.base, 100_000);
    }
    assert!(limiter.limit() < 20, "{}", limiter.limit());
}

#[test]
fn a_measurement_lets_few_calls_through_and_believes_only_those() {
    let mut limiter = Limiter::new(GRADIENT.long_window(3));
    let mut now = 1;
    window(&mut limiter, &mut now, 100, 3);
    for _ in 0..3 {
        window(&mut limiter, &mut now, 100, 20);
    }
    let entered = |limiter: &mut Limiter<Gradient>, now: u64| {
        let marks: Vec<_> = std::iter::from_fn(|| limiter.enter(now)).collect();
        marks.iter().for_each(|_| limiter.state.leave());
        marks.len()
    };
    assert_eq!((limiter.limit(), entered(&mut limiter, now)), (21, 14), "two thirds");
    // More in flight than wanted, and a call that began while there were: neither counts.
    window(&mut limiter, &mut now, 900, 20);
    let began = now - 1;
    for _ in 0..100 {
        let state = &mut limiter.state.algorithm;
        Gradient::learn(&limiter.settings, state, began, Signal::Success, 1, Instant::from_nanos(now));
    }
    assert_eq!((limiter.state.algorithm.base, entered(&mut limiter, now)), (100, 14));
    window(&mut limiter, &mut now, 98, 14);
    window(&mut limiter, &mut now, 98, 14);
    assert_eq!((limiter.state.algorithm.base, entered(&mut limiter, now)), (99, 21), "half of the way");
}

#[test]
fn a_base_that_rose_is_taken_in_by_little_at_a_time() {
    let mut limiter = Limiter::new(GRADIENT.long_window(1));
    let mut now = 1;
    window(&mut limiter, &mut now, 1_600, 1);
    for (took, base) in [(1_700, 1_650), (9_000, 1_753), (9_000, 1_862), (800, 1_331), (u64::MAX, 1_414)] {
        window(&mut limiter, &mut now, took.min(10_000), 1);
        assert_eq!(limiter.state.algorithm.base, base);
    }
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

#[test]
fn a_window_with_an_overload_shrinks_the_limit_by_a_tenth() {
    let mut limiter = Limiter::new(GRADIENT.start(100));
    let mark = limiter.enter(0).unwrap();
    limiter.leave(mark, Signal::Overload, 5);
    assert_eq!(limiter.limit(), 100, "the window is not over");
    let mark = limiter.enter(0).unwrap();
    limiter.leave(mark, Signal::Overload, 1_000_000_005);
    assert_eq!(limiter.limit(), 90);
    assert_eq!(limiter.state.algorithm.base, 0, "the time of a refusal is no measure");
}

#[test]
fn an_overload_ends_a_measurement() {
    let mut limiter = Limiter::new(GRADIENT);
    let mut now = 1;
    window(&mut limiter, &mut now, 100, 20);
    let in_flight = |limiter: &mut Limiter<Gradient>| {
        let marks: Vec<_> = std::iter::from_fn(|| limiter.enter(1)).collect();
        marks.iter().for_each(|_| limiter.state.leave());
        marks.len()
    };
    assert_eq!(in_flight(&mut limiter), 13);
    for later in [0, 1_000_000_000] {
        let state = &mut limiter.state.algorithm;
        Gradient::learn(&limiter.settings, state, now, Signal::Overload, 5, Instant::from_nanos(now + later));
    }
    assert_eq!((limiter.limit(), in_flight(&mut limiter)), (18, 18));
}

// case 16
#[test]
fn a_clock_that_stands_still_or_steps_back_shrinks_no_limit() {
    let mut limiter = Limiter::new(GRADIENT);
    for window in 0..40 {
        // Half a minute back with every window, and within each the end of a call before its beginning.
        let now = 3_600_000_000_000 - window * 30_000_000_000;
        limiter.round(now, 0, usize::MAX);
        let mark = limiter.enter(now).unwrap();
        limiter.leave(mark, Signal::Success, now - 1_000);
        for second in 1..8 {
            limiter.round(now + second * 1_000_000_000, 0, usize::MAX);
        }
    }
    assert!(limiter.limit() > 20, "{}: windows go on", limiter.limit());
}
