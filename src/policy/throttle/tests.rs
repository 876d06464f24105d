//! The throttle on its own: tables, properties and a slow reference.

mod calls;

use std::collections::VecDeque;

use super::*;
use crate::testing::SplitMix;

const THROTTLE: Throttle = Throttle::new();

fn counted(requests: u32, accepts: u32) -> State {
    State { total: Counts { requests, accepts }, ..State::NEW }
}

/// The probability as a number.
fn probability(throttle: Throttle, requests: u32, accepts: u32) -> f64 {
    f64::from(counted(requests, accepts).probability(&throttle)) / 4_294_967_296.0
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    for (throttle, message) in [
        (THROTTLE.multiplier(0.99), "throttle multiplier: 0.99 is not allowed: it must be a number from 1 up"),
        (THROTTLE.multiplier(f64::NAN), "throttle multiplier: NaN is not allowed: it must be a number from 1 up"),
        (THROTTLE.multiplier(f64::INFINITY), "throttle multiplier: inf is not allowed: it must be a number from 1 up"),
        (THROTTLE.window(Duration::ZERO), "throttle window: 0ns is not allowed: it must be 1 ms or longer"),
        (
            THROTTLE.window(Duration::from_micros(999)),
            "throttle window: 999µs is not allowed: it must be 1 ms or longer",
        ),
        (THROTTLE.padding(0), "throttle padding: 0 is not allowed: it must be 1 or more"),
        (
            THROTTLE.max_probability(0.0),
            "throttle max_probability: 0 is not allowed: it must be a number above 0, at most 1",
        ),
        (
            THROTTLE.max_probability(1.01),
            "throttle max_probability: 1.01 is not allowed: it must be a number above 0, at most 1",
        ),
        (
            THROTTLE.max_probability(f64::NAN),
            "throttle max_probability: NaN is not allowed: it must be a number above 0, at most 1",
        ),
    ] {
        assert_eq!(throttle.check().unwrap_err().to_string(), message);
    }
    for fine in [
        THROTTLE,
        THROTTLE.multiplier(1.0),
        THROTTLE.multiplier(f64::MAX),
        THROTTLE.window(SHORTEST),
        THROTTLE.window(Duration::MAX),
        THROTTLE.padding(u32::MAX),
        THROTTLE.max_probability(f64::MIN_POSITIVE),
    ] {
        assert_eq!(fine.check(), Ok(fine));
    }
}

// Site Reliability Engineering, chapter 21, equation "Client request rejection probability".
#[test]
fn the_probability_is_the_one_of_the_book() {
    for (requests, accepts, k, expected) in [
        (0, 0, 2.0, 0.0),
        (1, 0, 2.0, 1.0 / 2.0),
        (9, 0, 2.0, 9.0 / 10.0),
        (10, 5, 2.0, 0.0),
        (10, 10, 2.0, 0.0),
        (11, 5, 2.0, 1.0 / 12.0),
        (99, 25, 2.0, 49.0 / 100.0),
        (99, 60, 1.5, 9.0 / 100.0),
        (99, 60, 1.0, 39.0 / 100.0),
    ] {
        let found = probability(THROTTLE.multiplier(k), requests, accepts);
        assert!((found - expected).abs() < 1e-9, "{requests} {accepts} {k}: {found}, not {expected}");
    }
}

// gRPC-Go, balancer/rls/internal/adaptive/adaptive_test.go, TestShouldThrottleOptions: the draw is always one half.
#[test]
fn grpc_throttles_where_grpc_does() {
    const RESPONSES: &[u8] = b"TTTTTTTTTAAAAAATTTT";
    for (throttle, expected) in [
        (THROTTLE.multiplier(1.1).padding(8), "nnnnnnnnyyyyynnnyyy"),
        (THROTTLE.multiplier(1.1).padding(7), "nnnnnnnyyyyyyyyyyyy"),
        (THROTTLE.multiplier(1.4).padding(8), "nnnnnnnnyynnnnnnnnn"),
    ] {
        let mut state = State::NEW;
        let mut throttled = String::new();
        for response in RESPONSES {
            state.record(*response == b'A');
            let turned_away = state.probability(&throttle) > 1 << 31;
            if turned_away {
                state.record(false);
            }
            throttled.push(if turned_away { 'y' } else { 'n' });
        }
        assert_eq!(throttled, expected, "{throttle:?}");
    }
}

// gRPC-Go, the same file, TestRegisterBackendResponse: (tick, response) to (accepts, throttled), where the window
// lasts `bins` ticks.
#[test]
fn grpc_counts_what_grpc_does() {
    for (bins, events) in [
        (3, [(0, 'A', (1, 0)), (1, 'T', (1, 1)), (2, 'E', (1, 1))]), // Accumulate
        (3, [(1, 'A', (1, 0)), (0, 'T', (1, 1)), (2, 'E', (1, 1))]), // LightTimeTravel
        (1, [(0, 'A', (1, 0)), (1, 'T', (0, 1)), (2, 'E', (0, 0))]), // Rollover
    ] {
        let throttle = THROTTLE.window(Duration::from_secs(48 * bins));
        let mut state = State::NEW;
        for (tick, response, expected) in events {
            state.advance(throttle.bucket_at(Instant::from_nanos(tick * 48_000_000_000)));
            if response != 'E' {
                state.record(response == 'A');
            }
            let Counts { requests, accepts } = state.total;
            assert_eq!((accepts, requests - accepts), expected, "{bins} bins, tick {tick}");
        }
    }
}

// case 3
#[test]
fn a_probability_is_from_zero_to_below_one_and_zero_while_requests_are_at_most_k_times_the_accepts() {
    let mut draws = SplitMix::new(1);
    for _ in 0..10_000 {
        // Counts of every magnitude.
        let requests = (draws.next() as u32) >> (draws.next() % 32);
        let accepts = match draws.next() % 4 {
            0 => 0,
            1 => requests,
            // At the edge: as many as K takes, or one fewer.
            2 => (requests / 2 + requests % 2).saturating_sub(draws.next() as u32 % 2),
            _ => (draws.next() % (u64::from(requests) + 1)) as u32,
        };
        // Multiples of a 16th are exact.
        let k = 1.0 + (draws.next() % 64) as f64 / 16.0;
        let k = if draws.next().is_multiple_of(2) { 2.0 } else { k };
        let padding = 1 + (draws.next() as u32 >> (draws.next() % 32)).min(u32::MAX - 1);
        let throttle = THROTTLE.multiplier(k).padding(padding).check().unwrap();

        let found = probability(throttle, requests, accepts);
        let excess = f64::from(requests) - k * f64::from(accepts);
        let expected = (excess / (f64::from(requests) + f64::from(padding))).max(0.0);
        assert!((0.0..1.0).contains(&found), "{found}");
        // Whole numbers of 32 bits times a 16th: exact in an f64, which rounds only the quotient.
        assert!((found - expected).abs() < 1e-9, "{requests} {accepts} {k} {padding}: {found}, not {expected}");
        if excess <= 0.0 {
            assert_eq!(found, 0.0, "{requests} {accepts} {k}");
        }
        let capped = probability(throttle.max_probability(0.25), requests, accepts);
        assert_eq!(capped, found.min(0.25));
    }
}

// case 3
#[test]
fn no_multiplier_overflows() {
    for k in [1.0, 65_535.0, 65_536.0, 1e300, f64::MAX] {
        let throttle = THROTTLE.multiplier(k).check().unwrap();
        let few = counted(u32::MAX, 1);
        let all = counted(u32::MAX, u32::MAX);
        assert_eq!(all.probability(&throttle), 0);
        assert!(few.probability(&throttle) < u32::MAX);
    }
}

// case 7, case 22: against a reference that keeps every call and when it was.
#[test]
fn the_window_holds_what_a_list_of_all_calls_holds() {
    let mut draws = SplitMix::new(2);
    let window = Duration::from_secs(16);
    let throttle = THROTTLE.window(window);
    let (whole, bucket) = (nanos(window), nanos(window) / 16);
    for _ in 0..10_000 {
        let mut state = State::NEW;
        let mut calls = VecDeque::new();
        let mut now = draws.next() % (100 * whole);
        for _ in 0..40 {
            now += match draws.next() % 8 {
                0 => draws.next() % (3 * whole),
                1 => bucket,
                2 => whole - bucket,
                3 => whole,
                _ => draws.next() % bucket,
            };
            state.advance(throttle.bucket_at(Instant::from_nanos(now)));
            let accepted = draws.next().is_multiple_of(2);
            state.record(accepted);
            calls.push_back((now, accepted));

            let held = |least: u64| {
                let held = calls.iter().filter(|(at, _)| now / bucket - at / bucket < least);
                held.fold((0, 0), |(requests, accepts), call| (requests + 1, accepts + u32::from(call.1)))
            };
            let Counts { requests, accepts } = state.total;
            assert_eq!((requests, accepts), held(16));
            // In time, and not in buckets: nothing is older than the window, nothing younger than 15/16 is missing.
            let within = |age: u64| calls.iter().filter(|(at, _)| now - at < age).count() as u32;
            assert!(within(whole - bucket) <= requests && requests <= within(whole));
            while calls.front().is_some_and(|(at, _)| now - at > 2 * whole) {
                calls.pop_front();
            }
        }
    }
}

// case 22: it would not end if forgetting took as long as the time that passed.
#[test]
fn an_idle_age_is_forgotten_at_once() {
    let mut state = counted(0, 0);
    for _ in 0..1_000 {
        state.record(false);
    }
    state.advance(u64::MAX);
    assert_eq!(state, State { newest: u64::MAX, ..State::NEW });
    state.record(true);
    state.advance(u64::MAX);
    assert_eq!(state.total, Counts { requests: 1, accepts: 1 });
}

// case 16
#[test]
fn a_clock_that_steps_back_forgets_nothing_and_unlocks_nothing() {
    let mut state = State::NEW;
    let hour = THROTTLE.bucket_at(Instant::from_nanos(3_600_000_000_000));
    state.advance(hour);
    for _ in 0..9 {
        state.record(false);
    }
    let before = state;
    state.advance(0);
    assert_eq!(state, before);
    state.record(true);
    assert_eq!(state.total, Counts { requests: 10, accepts: 1 });
    state.advance(hour + 15);
    assert_eq!(state.total.requests, 10);
    state.advance(hour + 16);
    assert_eq!(state.total, NONE);
}

#[test]
fn a_bucket_that_is_full_keeps_its_share() {
    let mut state = State::NEW;
    let full = Counts { requests: MOST - 1, accepts: 7 };
    state.buckets = [full; BUCKETS];
    state.total = Counts { requests: (MOST - 1) * 16, accepts: 7 * 16 };
    state.record(true);
    state.record(true);
    assert_eq!(state.total, Counts { requests: (MOST - 1) * 16 + 1, accepts: 7 * 16 + 1 });
    state.slide(16);
    assert_eq!(state.total, NONE);
}

/// One call per millisecond through a throttle with a window of 10 s. `takes` is told of each call whether it is sent,
/// and says whether the target takes it. The share of the calls that is sent in the `then` windows after `settle`.
fn share_sent(k: f64, settle: u64, then: u64, mut takes: impl FnMut(bool) -> bool) -> f64 {
    let throttle = THROTTLE.multiplier(k).window(Duration::from_secs(10)).check().unwrap();
    let mut draws = SplitMix::new(3);
    let mut state = State::NEW;
    let mut sent = 0;
    for call in 0..(settle + then) * 10_000 {
        state.advance(throttle.bucket_at(Instant::from_nanos(call * 1_000_000)));
        let goes = draws.next() >> 32 >= u64::from(state.probability(&throttle));
        state.record(takes(goes) && goes);
        if call >= settle * 10_000 {
            sent += u64::from(goes);
        }
    }
    sent as f64 / (then * 10_000) as f64
}

// With R requests in the window of which the target takes A, the share that is sent is
//     s = 1 - p = (1 + K A) / (R + 1), near K A / R.
// A target that takes at most a share c of the demand, and is sent more, has A = c R: the share settles at K c, which
// is K calls for each that is taken, as the book says.
// Tolerance: the n calls that are looked at are each sent with probability s, so their share has a standard deviation
// of sqrt(s (1 - s) / n), and four of those are missed once in 16,000 times. The allowance below lets A differ from
// c R by up to 20 calls of the at least 9,375 in the window (15/16 of 10,000), which moves s by 20 K / 9,375.
#[test]
fn a_target_with_room_for_a_part_is_sent_k_times_what_it_takes() {
    for (k, room) in [(2.0, 0.1), (2.0, 0.25), (2.0, 0.4), (1.5, 0.5), (3.0, 0.2)] {
        let mut allowance = 0.0;
        let then = 5;
        let sent = share_sent(k, 10, then, |arrives| {
            allowance = f64::min(allowance + room, 20.0);
            let takes = arrives && allowance >= 1.0;
            allowance -= f64::from(u8::from(takes));
            takes
        });
        let expected = k * room;
        let deviation = (expected * (1.0 - expected) / (then * 10_000) as f64).sqrt();
        let tolerance = 4.0 * deviation + 20.0 * k / 9_375.0;
        assert!((sent - expected).abs() < tolerance, "K {k}, room {room}: {sent}, not {expected} +- {tolerance}");
    }
}

// A target that takes the same share a of whatever it is sent: from a = 1/K on nothing is turned away. Below, the
// share that is sent shrinks by K a with every window, s = K A / R = K a s, down to the call or two that the 1 in
// (1 + K A) / (R + 1) always leaves: some 1 / (1 - K a) in a window of 10,000.
#[test]
fn below_an_accept_share_of_one_in_k_hardly_anything_is_sent_and_above_it_everything() {
    for (k, share, least, most) in
        [(2.0, 0.6, 1.0, 1.0), (2.0, 1.0, 1.0, 1.0), (2.0, 0.25, 0.0, 0.005), (1.5, 0.0, 0.0, 0.005)]
    {
        let mut draws = SplitMix::new(4);
        let sent = share_sent(k, 20, 10, |_| (draws.next() >> 11) as f64 / ((1u64 << 53) as f64) < share);
        assert!((least..=most).contains(&sent), "K {k}, accept share {share}: {sent}");
    }
}
