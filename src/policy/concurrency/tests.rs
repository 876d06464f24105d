//! Both kinds of limit by tables, properties and references, and as a user of a policy sees them.

use core::cell::Cell;
use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use super::gradient::{self, Long};
use super::*;
use crate::clock::Clock;
use crate::testing::{Recorder, SplitMix, TestClock, block_on};
use crate::{AttemptTimeout, Delivery, Event, Failure, Retry, RpcError};

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

fn overloaded() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::Overloaded, Delivery::NotSent))
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
                let room = under_way.len() < limiter.limit() as usize;
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
    assert_eq!(gradient::gradient(1.0, 0, 0), 1 << 16);
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

#[test]
fn only_what_says_something_about_load_moves_a_limit() {
    for (cause, limit) in [
        (Cause::Overloaded, 18),
        (Cause::Timeout, 18),
        (Cause::Disconnected, 20),
        (Cause::NoTarget, 20),
        (Cause::Trapped, 20),
        (Cause::Other, 20),
        (Cause::NoLink, 20),
        (Cause::Protocol, 20),
    ] {
        let policy = Policy::new().concurrency(AIMD);
        let fail = || Err::<(), _>(RpcError::new(cause, Delivery::Unknown));
        policy.with(&TestClock::new()).call(fail).unwrap_err();
        assert_eq!((policy.concurrency_limit(), policy.in_flight()), (limit, 0), "{cause:?}");

        // 20 * 0.8 + 0.2 * (20 / 2 + 4) = 18.8
        let policy = Policy::new().concurrency(GRADIENT);
        let clock = TestClock::new();
        for _ in 0..2 {
            policy.with(&clock).call(fail).unwrap_err();
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!((policy.concurrency_limit(), policy.in_flight()), (limit, 0), "{cause:?}");
    }
}

#[test]
fn aimd_reads_no_clock_and_the_gradient_reads_it_twice() {
    let clock = TestClock::new();
    let aimd = Policy::new().concurrency(AIMD);
    aimd.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    block_on(aimd.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 0);
    let gradient = Policy::new().concurrency(GRADIENT);
    gradient.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(clock.reads(), 2);
    block_on(gradient.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
    assert_eq!(clock.reads(), 4);
}

#[test]
fn the_gradient_measures_the_calls_of_a_policy() {
    // Ten calls of 100 ms open and close a window of 0.9 s: 1 + 0.2 * 4 = 1.8, then 2.6, where one call is less than
    // half.
    let policy = Policy::new().concurrency(GRADIENT.start(1).window(Duration::from_millis(900)));
    let clock = TestClock::new();
    let mut limits = Vec::new();
    for _ in 0..30 {
        let call = || {
            clock.advance(Duration::from_millis(100));
            Ok::<_, RpcError>(())
        };
        policy.with(&clock).call(call).unwrap();
        limits.push(policy.concurrency_limit());
    }
    assert_eq!((limits[18], limits[19], limits[29]), (1, 2, 2));
    let long = policy.memory.1.0.with(|state| state.algorithm.long.nanos());
    assert_eq!(long, 100_000_000);
}

#[test]
fn a_call_that_runs_out_of_time_shrinks_the_limit() {
    let policy = Policy::new().concurrency(AIMD).attempt_timeout(AttemptTimeout::after(Duration::from_secs(1)));
    let clock = TestClock::new();
    let failed =
        block_on(policy.with(&clock).call_async(async || pending::<Result<(), RpcError>>().await)).unwrap_err();
    assert_eq!(failed.cause(), Cause::Timeout);
    assert_eq!((policy.concurrency_limit(), policy.in_flight()), (18, 0));
}

#[test]
fn a_call_beyond_the_limit_is_rejected_at_once_and_says_why() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().retry(Retry::attempts(3)).concurrency(AIMD.max(1)).observer(&SEEN);
    let clock = TestClock::new();
    let inner = policy
        .with(&clock)
        .call(|| {
            SEEN.take();
            Ok::<_, RpcError>(policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("called") }).unwrap_err())
        })
        .unwrap();
    assert_eq!((inner.reason(), inner.attempts(), inner.last()), (Reason::BulkheadFull, 0, None));
    assert_eq!((inner.cause(), inner.delivery()), (Cause::Overloaded, Delivery::NotSent));
    assert_eq!(inner.to_string(), "overloaded; not called: too many calls are under way");
    let full = Reason::BulkheadFull;
    let events = [Event::Rejected { reason: full }, Event::GaveUp { reason: full, attempts: 0 }];
    assert_eq!(SEEN.take()[..2], events);
    assert_eq!(policy.in_flight(), 0);
}

type Boxed<'f> = Pin<Box<dyn Future<Output = Result<(), Reason>> + 'f>>;

// case 11, case 26
#[test]
fn of_100_interleaved_calls_as_many_run_as_the_limit_is_high_and_dropped_ones_count_as_neither() {
    let policy = Policy::new().concurrency(AIMD.start(40));
    let clock = TestClock::new();
    let call = policy.with(&clock);
    let open = Cell::new(false);
    let start = || {
        Box::pin(async {
            let operation = async || {
                poll_fn(|_| if open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
                Ok::<_, RpcError>(())
            };
            call.call_async(operation).await.map_err(|failed| failed.reason())
        }) as Boxed
    };
    let mut context = Context::from_waker(Waker::noop());
    let mut calls: Vec<_> = (0..100).map(|_| start()).collect();
    let first: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(&mut context)).collect();
    assert!(first[..40].iter().all(Poll::is_pending));
    assert!(first[40..].iter().all(|poll| *poll == Poll::Ready(Err(Reason::BulkheadFull))));
    assert_eq!(policy.in_flight(), 40);

    calls.truncate(30);
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (30, 40));
    let mut later: Vec<_> = (0..11).map(|_| start()).collect();
    let passed = later.iter_mut().filter_map(|call| call.as_mut().poll(&mut context).is_pending().then_some(()));
    assert_eq!(passed.count(), 10, "the places of dropped calls are free");
    open.set(true);
    for (call, others) in calls.iter_mut().chain(&mut later[..10]).zip((0..40).rev()) {
        assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(Ok(())));
        assert_eq!(policy.in_flight(), others);
    }
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 40), "half of 40 successes were below half of it");
}

// case 11
#[test]
fn a_future_that_is_dropped_before_it_is_polled_takes_no_place() {
    let policy = Policy::new().concurrency(GRADIENT);
    let clock = TestClock::new();
    let call = policy.with(&clock);
    drop(call.call_async(async || overloaded()));
    assert_eq!(policy.in_flight(), 0);
    {
        let mut dropped = pin!(call.call_async(async || pending::<Result<(), RpcError>>().await));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(policy.in_flight(), 1);
    }
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 20));
}

// case 13
#[test]
fn an_operation_or_a_clock_that_panics_gives_its_place_back() {
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> Instant {
            panic!("no time")
        }
        fn sleep(&self, _: Duration) {}
    }
    impl crate::rng::Rng for Broken {
        fn draw(&self) -> u64 {
            0
        }
    }
    let policy = Policy::new().concurrency(GRADIENT);
    let clock = TestClock::new();
    let operation =
        std::panic::AssertUnwindSafe(|| policy.with(&clock).call(|| -> Result<(), RpcError> { panic!("no") }));
    assert!(std::panic::catch_unwind(operation).is_err());
    assert_eq!(policy.in_flight(), 0);
    let now = std::panic::AssertUnwindSafe(|| policy.with(Broken).call(|| Ok::<_, RpcError>(())));
    assert!(std::panic::catch_unwind(now).is_err());
    assert_eq!((policy.in_flight(), policy.concurrency_limit()), (0, 20));
}
