//! Rate limits alone.

mod calls;
mod shared;
mod slots;

use super::*;
use crate::testing::Then;

const SECOND: u64 = 1_000_000_000;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The wait that a call at `now` is given, or how long it would have been. An admitted call is made.
pub(super) fn call<W: RateLimitKind>(limit: &RateLimit<W>, memory: &Memory<W>, now: u64) -> Result<u64, u64> {
    match limit.admit(memory, &Then(now)) {
        Ok(permit) => {
            let delay = permit.delay();
            permit.settle(Outcome::Success, &Then(now));
            Ok(delay)
        }
        Err(rejected) => {
            assert_eq!((rejected.reason, rejected.cause), (Reason::RateLimited, Cause::Overloaded));
            Err(rejected.retry_after)
        }
    }
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let refused = |limit: RateLimit| limit.check().unwrap_err().to_string();
    assert_eq!(refused(RateLimit::per_second(0)), "rate limit calls: 0 is not allowed: it must be 1 or more");
    assert_eq!(
        refused(RateLimit::tokens(0).every(secs(60)).burst(5)),
        "rate limit calls: 0 is not allowed: it must be 1 or more"
    );
    assert_eq!(
        refused(RateLimit::tokens(5).every(Duration::ZERO)),
        "rate limit period: 0ns is not allowed: it must be longer than zero"
    );
    assert_eq!(
        refused(RateLimit::per_second(5).burst(0)),
        "rate limit burst: 0 is not allowed: it must be 1 or more, and filled within 292 years"
    );
    assert_eq!(
        refused(RateLimit::tokens(1).every(Duration::MAX).burst(2)),
        "rate limit burst: 2 is not allowed: it must be 1 or more, and filled within 292 years"
    );
    assert_eq!(
        RateLimit::window(0, secs(1)).check().unwrap_err().to_string(),
        "rate limit calls: 0 is not allowed: it must be 1 or more"
    );
    assert_eq!(
        RateLimit::window(5, Duration::ZERO).check().unwrap_err().to_string(),
        "rate limit period: 0ns is not allowed: it must be longer than zero"
    );
    for limit in [
        RateLimit::per_second(u32::MAX).burst(u32::MAX),
        RateLimit::tokens(1).every(Duration::MAX).wait_up_to(Duration::MAX),
        RateLimit::tokens(u32::MAX).every(Duration::from_nanos(1)).burst(1),
        RateLimit::tokens(1).every(Duration::from_nanos(1 << 62)).burst(2),
        RateLimit::tokens(1).every(Duration::from_nanos(i64::MAX as u64)).burst(2),
    ] {
        assert!(limit.check().is_ok(), "{limit:?}");
    }
    assert!(RateLimit::window(u32::MAX, Duration::MAX).check().is_ok());
}

#[test]
fn the_order_of_the_settings_makes_no_difference() {
    let one = RateLimit::tokens(7).every(secs(3)).burst(5).wait_up_to(secs(1));
    assert_eq!(one, RateLimit::tokens(7).wait_up_to(secs(1)).burst(5).every(secs(3)));
    assert_eq!(RateLimit::per_second(7), RateLimit::tokens(7).every(secs(1)).burst(7));
}

#[test]
fn three_a_second_are_three_a_second_for_ever() {
    let limit = RateLimit::per_second(3).burst(2);
    let memory = RateLimit::<TokenBucket>::NEW;
    assert_eq!(call(&limit, &memory, 0), Ok(0));
    let mut now = 0;
    for calls in 1..=300_000_u64 {
        assert_eq!(call(&limit, &memory, now), Ok(0));
        let next = (calls * SECOND).div_ceil(3);
        assert_eq!(call(&limit, &memory, now), Err(next - now), "after {calls} calls");
        assert_eq!(call(&limit, &memory, next - 1), Err(1), "after {calls} calls");
        now = next;
    }
    assert_eq!(now, 100_000 * SECOND);
}

#[test]
fn without_a_burst_calls_are_whole_nanoseconds_apart_and_never_too_close() {
    let memory = RateLimit::<TokenBucket>::NEW;
    let limit = RateLimit::per_second(3).burst(1).wait_up_to(secs(10));
    let waits: Vec<_> = (0..4).map(|_| call(&limit, &memory, 0).unwrap()).collect();
    assert_eq!(waits, [0, 333_333_334, 666_666_668, 1_000_000_002]);
}

#[test]
fn a_bucket_is_full_at_first_and_after_a_time_of_quiet_and_never_more() {
    let limit = RateLimit::per_second(10).burst(3);
    let memory = RateLimit::<TokenBucket>::NEW;
    for start in [0, SECOND, 1_000_000 * SECOND] {
        for _ in 0..3 {
            assert_eq!(call(&limit, &memory, start), Ok(0));
        }
        assert_eq!(call(&limit, &memory, start), Err(SECOND / 10));
        assert_eq!(call(&limit, &memory, start + SECOND / 10), Ok(0));
        assert_eq!(call(&limit, &memory, start + SECOND / 10), Err(SECOND / 10));
    }
}

#[test]
fn a_window_slides() {
    let limit = RateLimit::window(3, Duration::from_secs(10));
    let memory = RateLimit::<SlidingWindow>::NEW;
    for second in [0, 4, 9] {
        assert_eq!(call(&limit, &memory, second * SECOND), Ok(0));
    }
    assert_eq!(call(&limit, &memory, 9 * SECOND), Err(SECOND));
    assert_eq!(call(&limit, &memory, 10 * SECOND - 1), Err(1));
    assert_eq!(call(&limit, &memory, 10 * SECOND), Ok(0));
    assert_eq!(call(&limit, &memory, 10 * SECOND), Err(4 * SECOND));
    assert_eq!(call(&limit, &memory, 14 * SECOND), Ok(0));
    assert_eq!(call(&limit, &memory, 14 * SECOND), Err(5 * SECOND));
}

// case 16
#[test]
fn a_clock_that_steps_back_unlocks_nothing_and_takes_nothing_away() {
    fn check<W: RateLimitKind>(limit: RateLimit<W>, until_next: u64) {
        let memory = RateLimit::<W>::NEW;
        let hour = 3_600 * SECOND;
        assert_eq!(call(&limit, &memory, hour), Ok(0));
        // What was left is there still, and nothing is new until the clock has caught up.
        assert_eq!(call(&limit, &memory, 0), Ok(0));
        assert_eq!(call(&limit, &memory, 0), Ok(0));
        assert_eq!(call(&limit, &memory, 0), Err(hour + until_next));
        assert_eq!(call(&limit, &memory, hour / 2), Err(hour / 2 + until_next));
        assert_eq!(call(&limit, &memory, hour), Err(until_next));
        assert_eq!(call(&limit, &memory, hour + until_next - 1), Err(1));
        assert_eq!(call(&limit, &memory, hour + until_next), Ok(0));
    }
    check(RateLimit::per_second(10).burst(3), SECOND / 10);
    check(RateLimit::window(3, secs(10)), 10 * SECOND);
}

#[test]
fn the_end_of_time_panics_nowhere() {
    fn check<W: RateLimitKind>(limit: RateLimit<W>) {
        let limit = limit.wait_up_to(Duration::MAX).check().unwrap();
        let memory = RateLimit::<W>::NEW;
        for now in [u64::MAX - 1, u64::MAX, 0, u64::MAX / 2, u64::MAX] {
            let kept = limit.admit(&memory, &Then(now)).unwrap();
            let dropped = limit.admit(&memory, &Then(now)).unwrap();
            drop(limit.admit(&memory, &Then(now)));
            drop(dropped);
            drop(kept);
            let _ = call(&limit, &memory, now);
        }
    }
    check(RateLimit::per_second(u32::MAX).burst(u32::MAX));
    check(RateLimit::tokens(1).every(Duration::MAX));
    check(RateLimit::tokens(u32::MAX).every(Duration::MAX).burst(1));
    check(RateLimit::window(u32::MAX, Duration::MAX));
    check(RateLimit::window(1, Duration::MAX));
}

// case 15
#[test]
fn an_abandoned_place_goes_to_the_next_who_comes_or_was_never_there() {
    fn check<W: RateLimitKind>(limit: RateLimit<W>) {
        let memory = RateLimit::<W>::NEW;
        let limit = limit.wait_up_to(secs(100));
        let wait = |now| {
            let permit = limit.admit(&memory, &Then(now * SECOND)).unwrap();
            (permit.delay() / SECOND, permit)
        };
        assert_eq!(call(&limit, &memory, 0), Ok(0));
        let (waits, mut permits): (Vec<_>, Vec<_>) = (0..4).map(|_| wait(0)).unzip();
        assert_eq!(waits, [1, 2, 3, 4]);
        // The second and the first are abandoned: whoever comes next gets the earliest, and nobody's twice.
        drop(permits.remove(1));
        drop(permits.remove(0));
        let (first, first_permit) = wait(0);
        let (second, second_permit) = wait(0);
        let (fifth, fifth_permit) = wait(0);
        assert_eq!((first, second, fifth), (1, 2, 5));
        // In whatever order all are abandoned, there is nothing left of them.
        drop(second_permit);
        drop(fifth_permit);
        drop(permits.pop());
        drop(first_permit);
        drop(permits);
        assert_eq!(wait(0).0, 1);
        assert_eq!(call(&limit, &memory, SECOND), Ok(0));
        // A place whose time is over is nobody's.
        let (_, abandoned) = wait(1);
        let (waits, _kept) = wait(1);
        assert_eq!(waits, 2);
        drop(abandoned);
        assert_eq!(call(&limit, &memory, 2 * SECOND + SECOND / 2), Ok(SECOND + SECOND / 2));
    }
    check(RateLimit::per_second(1));
    check(RateLimit::window(1, secs(1)));
}

#[test]
fn an_abandoned_place_that_is_too_far_away_is_no_reason_to_wait() {
    let limit = RateLimit::per_second(1).wait_up_to(secs(3));
    let memory = RateLimit::<TokenBucket>::NEW;
    assert_eq!(call(&limit, &memory, 0), Ok(0));
    let first = limit.admit(&memory, &Then(0)).unwrap();
    let second = limit.admit(&memory, &Then(0)).unwrap();
    let third = limit.admit(&memory, &Then(0)).unwrap();
    drop(first);
    drop(second);
    drop(limit.admit(&memory, &Then(0)).unwrap());
    let impatient = limit.wait_up_to(Duration::from_millis(500));
    assert_eq!(call(&impatient, &memory, 0), Err(SECOND));
    assert_eq!(call(&impatient, &memory, SECOND + 1), Err(SECOND - 1));
    assert_eq!(call(&impatient, &memory, 3 * SECOND / 2), Ok(SECOND / 2));
    drop(third);
}

// case 15
#[test]
fn abandoned_places_leave_a_full_log_as_it_was() {
    // 64 is as many as are logged one by one; of 6,400, a hundred share an entry.
    for calls in [64, 6_400] {
        let limit = RateLimit::window(calls, secs(1)).wait_up_to(secs(10));
        let memory = RateLimit::<SlidingWindow>::NEW;
        for _ in 0..calls {
            assert_eq!(call(&limit, &memory, 0), Ok(0));
        }
        let before = memory.0.with(|places| places.state);
        let permits: Vec<_> = (0..3 * calls).map(|_| limit.admit(&memory, &Then(0)).unwrap()).collect();
        assert_eq!(permits.last().map(Permit::delay), Some(3 * SECOND));
        drop(permits);
        assert_eq!(memory.0.with(|places| (places.state, places.abandoned.len())), (before, 0));
    }
}

#[test]
fn abandoned_places_are_remembered_no_longer_than_they_matter() {
    fn check<W: RateLimitKind>(limit: RateLimit<W>) {
        let memory = RateLimit::<W>::NEW;
        let limit = limit.wait_up_to(secs(10));
        let abandoned = || memory.0.with(|places| places.abandoned.len());
        assert_eq!(call(&limit, &memory, 0), Ok(0));
        let mut permits: Vec<_> = (0..4).map(|_| limit.admit(&memory, &Then(0)).unwrap()).collect();
        drop(permits.drain(..2));
        assert_eq!(abandoned(), 2);
        // The first was for 1 s, and the second for 2 s. Whoever looks, even to be turned away, clears what is over.
        let impatient = limit.wait_up_to(Duration::ZERO);
        for (now, left) in [(2 * SECOND - 1, 2), (2 * SECOND + 1, 1), (3 * SECOND - 1, 1), (3 * SECOND, 0)] {
            assert!(call(&impatient, &memory, now).is_err());
            assert_eq!(abandoned(), left, "at {now}");
        }
    }
    check(RateLimit::per_second(1));
    check(RateLimit::window(1, secs(1)));
}
