//! How AIMD moves: published examples, edges, and a target of known capacity.

use super::*;

// Netflix concurrency-limits, AIMDLimitTest.decreaseOnDrops: 10 becomes 9. Its increase by one for each success is
// that of a slow start and not of AIMD; ours is that of RFC 5681 (3.1, congestion avoidance: by one in a round trip),
// counted as in RFC 3465 (2.1: by one when as many as the window are acknowledged).
#[test]
fn aimd_grows_by_one_after_as_many_successes_as_it_is_high_and_falls_to_nine_tenths() {
    let mut limiter = Limiter::new(AIMD.start(10));
    let mut under_way = Vec::new();
    for limit in 10..14 {
        for _ in 0..limit {
            assert_eq!(limiter.limit(), limit);
            while let Some(mark) = limiter.enter(0) {
                under_way.push(mark);
            }
            limiter.leave(under_way.pop().unwrap(), Signal::Success, 0);
        }
        assert_eq!(limiter.limit(), limit + 1);
    }
    let mut limiter = Limiter::new(AIMD.start(10));
    limiter.round(0, 0, 0);
    assert_eq!(limiter.limit(), 9);
    for (decrease, start, falls) in
        [(0.5, 10, 5), (0.9, 100, 90), (0.99, 10, 9), (0.001, 10, 1), (0.9, 1, 1), (0.9, 2, 1)]
    {
        let mut limiter = Limiter::new(AIMD.start(start).decrease(decrease));
        limiter.round(0, 0, 0);
        assert_eq!(limiter.limit(), falls, "{start} * {decrease}");
    }
}

// case 19: at half, and not one below it.
#[test]
fn aimd_grows_only_while_half_of_it_is_in_use() {
    for (limit, in_flight, grows) in [(10, 5, true), (10, 4, false), (11, 6, true), (11, 5, false), (1, 1, true)] {
        let mut limiter = Limiter::new(AIMD.start(limit));
        for _ in 0..limit {
            let marks: Vec<_> = (0..in_flight).map(|_| limiter.enter(0).unwrap()).collect();
            limiter.leave(marks[0], Signal::Success, 0);
            for _ in 1..in_flight {
                limiter.state.leave();
            }
        }
        assert_eq!(limiter.limit(), limit + u32::from(grows), "{in_flight} of {limit}");
    }
}

#[test]
fn aimd_counts_anew_after_an_overload() {
    let mut limiter = Limiter::new(AIMD.start(10).max(10).min(5));
    let mut limits = Vec::new();
    for signal in [[Signal::Success; 9].as_slice(), &[Signal::Overload], &[Signal::Success; 9]].concat() {
        let marks: Vec<_> = (0..5).map(|_| limiter.enter(0).unwrap()).collect();
        limiter.leave(marks[0], signal, 0);
        marks[1..].iter().for_each(|_| limiter.state.leave());
        limits.push(limiter.limit());
    }
    assert_eq!(limits, [[10; 9].as_slice(), &[9; 9], &[10]].concat());
}

// case 8
#[test]
fn one_overload_shrinks_aimd_once_however_many_calls_it_fails() {
    let mut limiter = Limiter::new(AIMD.start(100));
    let marks: Vec<_> = (0..100).map(|_| limiter.enter(0).unwrap()).collect();
    for mark in &marks[..50] {
        limiter.leave(*mark, Signal::Overload, 0);
    }
    assert_eq!(limiter.limit(), 90);
    for mark in &marks[50..] {
        limiter.leave(*mark, Signal::Success, 0);
    }
    limiter.round(0, 0, 0);
    assert_eq!(limiter.limit(), 81, "calls that began after it count again");
    assert_eq!(limiter.state.in_flight, 0);
}

// A target that takes C calls at a time: the limit climbs to C + 1, one call is refused, it falls to nine tenths of
// that and climbs again.
#[test]
fn aimd_finds_what_a_target_can_take() {
    for capacity in [1, 7, 50, 120] {
        let mut limiter = Limiter::new(AIMD);
        // The second half of a round comes back when less than half of the limit is in use: two rounds for a step.
        for _ in 0..2 * 120 {
            limiter.round(0, 0, capacity);
        }
        let capacity = capacity as u32;
        for _ in 0..100 {
            limiter.round(0, 0, capacity as usize);
            let least = (capacity + 1) * 9 / 10;
            assert!((least..=capacity + 1).contains(&limiter.limit()), "{} for {capacity}", limiter.limit());
        }
    }
}
