//! What a backoff must hold: tables for the published numbers, and properties over all sequences and jitters.

use super::*;
use crate::platform::rng::below;
use crate::testing::SplitMix;

const CASES: usize = 10_000;
const DAY: Duration = Duration::from_secs(86_400);

fn seconds(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Every sequence that is made from a base.
fn sequences(base: Duration) -> [Backoff; 5] {
    [
        Backoff::constant(base),
        Backoff::linear(base),
        Backoff::exponential(base),
        Backoff::fibonacci(base),
        Backoff::decorrelated(base),
    ]
}

/// The delays of the first retries of a call, each the previous one of the next, as a retry would ask for them.
fn delays(backoff: Backoff, retries: u32, mut draw: impl FnMut() -> u64) -> Vec<Duration> {
    let mut previous = Duration::ZERO;
    let next = |retry| {
        previous = backoff.delay(retry, previous, draw());
        previous
    };
    (1..=retries).map(next).collect()
}

/// A number of any size: one that is uniform would nearly always be huge.
fn any_size(rng: &mut SplitMix) -> u64 {
    rng.next() >> (rng.next() % 64)
}

/// A custom sequence without any order in it.
fn wild(retry: u32) -> Duration {
    let nanos = SplitMix::new(retry.into()).next();
    if retry.is_multiple_of(7) { Duration::MAX } else { Duration::from_nanos(nanos) }
}

/// A backoff that makes sense, of any sequence and any jitter.
fn any(rng: &mut SplitMix) -> Backoff {
    let max = any_size(rng);
    let base = Duration::from_nanos(below(rng.next(), max));
    let backoff = match rng.next() % 6 {
        0 => Backoff::constant(base),
        1 => Backoff::linear(base),
        2 => match rng.next() % 4 {
            0 => Backoff::exponential(base).factor(f64::MAX),
            _ => Backoff::exponential(base).factor(1.0 + any_size(rng) as f64 / 1e6),
        },
        3 => Backoff::fibonacci(base),
        4 => Backoff::decorrelated(base),
        _ => Backoff::custom(wild),
    };
    let backoff = match rng.next() % 5 {
        0 => backoff.jitter(Jitter::None),
        1 => backoff.jitter(Jitter::Full),
        2 => backoff.jitter(Jitter::Equal),
        3 => backoff.jitter(Jitter::Proportional((below(rng.next(), 999) + 1) as f64 / 1e3)),
        _ => backoff, // the one that comes with it
    };
    backoff.max_delay(Duration::from_nanos(max))
}

// case 1, case 3
#[test]
fn no_delay_exceeds_the_cap_whatever_the_input() {
    let mut rng = SplitMix::new(1);
    for _ in 0..CASES {
        let backoff = any(&mut rng);
        assert!(backoff.check().is_ok(), "{backoff:?}");
        let retry = any_size(&mut rng) as u32;
        let previous =
            if rng.next().is_multiple_of(8) { Duration::MAX } else { Duration::from_nanos(any_size(&mut rng)) };
        for draw in [0, rng.next(), u64::MAX] {
            let delay = backoff.delay(retry, previous, draw);
            assert!(nanos(delay) <= backoff.max_delay, "{backoff:?}, retry {retry}, {previous:?}, {draw}: {delay:?}");
        }
    }
}

// case 1, case 3
#[test]
fn unchecked_settings_neither_panic_nor_exceed_the_cap() {
    const FLOATS: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 0.5, 1e300];
    for base in [Duration::ZERO, Duration::from_nanos(1), DAY, Duration::MAX] {
        for max in [Duration::ZERO, Duration::from_nanos(1), secs(2), Duration::MAX] {
            for factor in FLOATS {
                for fraction in FLOATS {
                    for backoff in sequences(base) {
                        let backoff = backoff.max_delay(max).factor(factor);
                        for backoff in [backoff, backoff.jitter(Jitter::Proportional(fraction))] {
                            for retry in [0, 1, 2, 94, 1_000, u32::MAX] {
                                for draw in [0, u64::MAX] {
                                    let delay = backoff.delay(retry, base, draw);
                                    assert!(delay <= max, "{backoff:?}, retry {retry}: {delay:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

// case 3
#[test]
fn without_jitter_no_delay_is_shorter_than_the_one_before() {
    let mut rng = SplitMix::new(2);
    for _ in 0..CASES {
        let backoff = any(&mut rng).jitter(Jitter::None);
        if matches!(backoff.sequence, Sequence::Custom(_)) {
            continue; // its order is its author's
        }
        let retry = any_size(&mut rng) as u32;
        let previous = Duration::from_nanos(below(rng.next(), backoff.max_delay));
        let this = backoff.delay(retry, previous, rng.next());
        let next = backoff.delay(retry.saturating_add(1), this, rng.next());
        assert!(this <= next, "{backoff:?}, retry {retry}: {this:?}, then {next:?}");
    }
}

// case 2
#[test]
fn at_the_cap_jitter_is_drawn_from_its_whole_interval_and_not_piled_up_on_the_cap() {
    let cap = secs(2);
    for (jitter, low) in
        [(Jitter::Full, Duration::ZERO), (Jitter::Equal, cap / 2), (Jitter::Proportional(0.25), cap * 3 / 4)]
    {
        let growing = sequences(secs(1)).map(|backoff| backoff.max_delay(cap));
        for backoff in [Backoff::constant(cap), growing[1], growing[2], growing[3], growing[4]] {
            let backoff = backoff.jitter(jitter);
            let mut rng = SplitMix::new(3);
            let delays: Vec<_> = (0..CASES).map(|_| backoff.delay(40, cap, rng.next())).collect();
            assert!(delays.iter().filter(|&&delay| delay == cap).count() < CASES / 100, "{backoff:?}");
            for tenth in 0..10 {
                let from = low + (cap - low) * tenth / 10;
                let to = low + (cap - low) * (tenth + 1) / 10;
                let share = delays.iter().filter(|&&delay| from <= delay && delay < to).count();
                assert!((850..1150).contains(&share), "{backoff:?}: {share} of 10,000 in tenth {tenth}");
            }
        }
    }
}

// case 2
#[test]
fn below_the_cap_jitter_is_drawn_from_the_interval_that_its_name_says() {
    let mut rng = SplitMix::new(4);
    for _ in 0..CASES {
        let plain = any(&mut rng).jitter(Jitter::None);
        let retry = any_size(&mut rng) as u32;
        let wait = nanos(plain.delay(retry, Duration::ZERO, 0));
        let width = (wait as f64 * 0.3) as u64;
        for (jitter, low, high) in [
            (Jitter::None, wait, wait),
            (Jitter::Full, 0, wait),
            (Jitter::Equal, wait / 2, wait),
            (Jitter::Proportional(0.3), wait - width, plain.max_delay.min(wait.saturating_add(width))),
        ] {
            let at = |draw| nanos(plain.jitter(jitter).delay(retry, Duration::ZERO, draw));
            assert_eq!((at(0), at(u64::MAX)), (low, high), "{plain:?}, {jitter:?}, retry {retry}");
            let drawn = at(rng.next());
            assert!((low..=high).contains(&drawn), "{plain:?}, {jitter:?}, retry {retry}: {drawn}");
        }
    }
}

#[test]
fn decorrelated_delays_follow_the_published_formula() {
    let (base, cap) = (secs(1), secs(20));
    let backoff = Backoff::decorrelated(base).max_delay(cap);
    for (previous, lowest, highest) in [(0, 1, 3), (1, 1, 3), (2, 1, 6), (6, 1, 18), (7, 1, 20), (20, 1, 20)] {
        assert_eq!(backoff.delay(1, secs(previous), 0), secs(lowest), "{previous}");
        assert_eq!(backoff.delay(9, secs(previous), u64::MAX), secs(highest), "{previous}");
    }

    // Uniform below the cap, and what is drawn above it is the cap: from 1 to 60 s, 40 parts of 59.
    let mut rng = SplitMix::new(5);
    let drawn: Vec<_> = (0..CASES).map(|_| backoff.delay(9, cap, rng.next())).collect();
    let capped = drawn.iter().filter(|&&delay| delay == cap).count();
    assert!((6_580..6_980).contains(&capped), "{capped}");
    let early = drawn.iter().filter(|&&delay| delay < seconds(10.5)).count();
    assert!((1_450..1_770).contains(&early), "{early}");
    assert!(drawn.iter().all(|&delay| delay >= base));

    let tripling = backoff.jitter(Jitter::None);
    assert_eq!(delays(tripling, 4, || 0), [secs(3), secs(9), secs(20), secs(20)]);
}

#[test]
fn the_same_draws_give_the_same_delays() {
    let mut rng = SplitMix::new(6);
    for seed in 0..100 {
        let backoff = any(&mut rng);
        let run = |seed| {
            let mut draws = SplitMix::new(seed);
            delays(backoff, 10, move || draws.next())
        };
        assert_eq!(run(seed), run(seed));
    }
    let (mut one, mut other) = (SplitMix::new(1), SplitMix::new(2));
    assert_ne!(delays(Backoff::DEFAULT, 5, || one.next()), delays(Backoff::DEFAULT, 5, || other.next()));
}

// case 3, vector 10
#[test]
fn attempt_1000_with_a_base_of_a_day_gives_the_cap() {
    let cap = DAY * 900;
    for backoff in sequences(DAY) {
        let backoff = backoff.max_delay(cap).jitter(Jitter::None);
        let growing = backoff.sequence != Sequence::Constant;
        let expected = if growing { cap } else { DAY };
        let all = delays(backoff, 1_000, || 0);
        assert_eq!((all.len(), all.last()), (1_000, Some(&expected)), "{backoff:?}");
        assert_eq!(backoff.delay(u32::MAX, cap, 0), expected, "{backoff:?}");
    }
    let steepest = Backoff::exponential(DAY).factor(f64::MAX).max_delay(cap);
    for retry in [2, 3, 1_000, u32::MAX] {
        assert_eq!(steepest.delay(retry, DAY, u64::MAX), cap);
    }
}

// case 3
#[test]
fn a_base_of_zero_never_waits_whatever_it_is_multiplied_with() {
    for backoff in sequences(Duration::ZERO).into_iter().chain([Backoff::exponential(Duration::ZERO).factor(f64::MAX)])
    {
        for retry in [1, 2, 1_000, u32::MAX] {
            assert_eq!(backoff.delay(retry, Duration::ZERO, u64::MAX), Duration::ZERO, "{backoff:?}");
        }
    }
}

// case 3
#[test]
fn the_cap_itself_saturates_at_what_the_clock_can_count() {
    let centuries = Duration::from_nanos(u64::MAX);
    for backoff in sequences(Duration::from_nanos(u64::MAX / 2 + 1)) {
        let backoff = backoff.max_delay(Duration::MAX).jitter(Jitter::None);
        let growing = backoff.sequence != Sequence::Constant;
        let expected = if growing { centuries } else { Duration::from_nanos(u64::MAX / 2 + 1) };
        assert_eq!(backoff.delay(u32::MAX, Duration::MAX, 0), expected, "{backoff:?}");
    }
    // The Fibonacci numbers of 64 bits end with the 93rd.
    let fine = Backoff::fibonacci(Duration::from_nanos(1)).max_delay(Duration::MAX).jitter(Jitter::None);
    assert_eq!(fine.delay(93, Duration::ZERO, 0), Duration::from_nanos(12_200_160_415_121_876_738));
    assert_eq!(fine.delay(94, Duration::ZERO, 0), centuries);
    assert_eq!(fine.delay(u32::MAX, Duration::ZERO, 0), centuries);
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let base = "it must be at most the longest delay (2 s by default)";
    let factor = "it must be a number from 1 up";
    let no_factor = "it must be left out unless the backoff is exponential";
    let fraction = "it must be a fraction above 0 and at most 1";
    let spread = |fraction| Backoff::DEFAULT.jitter(Jitter::Proportional(fraction));
    for (backoff, refused, allowed) in [
        (Backoff::DEFAULT.factor(-2.0), "factor: -2", factor),
        (Backoff::DEFAULT.factor(0.99), "factor: 0.99", factor),
        (Backoff::DEFAULT.factor(f64::NAN), "factor: NaN", factor),
        (Backoff::DEFAULT.factor(f64::INFINITY), "factor: inf", factor),
        (Backoff::linear(secs(1)).factor(f64::NAN), "factor: NaN", factor),
        (Backoff::constant(secs(1)).factor(2.0), "factor: 2", no_factor),
        (Backoff::linear(secs(1)).factor(2.0), "factor: 2", no_factor),
        (Backoff::fibonacci(secs(1)).factor(2.0), "factor: 2", no_factor),
        (Backoff::decorrelated(secs(1)).factor(2.0), "factor: 2", no_factor),
        (Backoff::custom(wild).factor(2.0), "factor: 2", no_factor),
        (Backoff::exponential(secs(3)), "base: 3s", base),
        (Backoff::linear(secs(3)), "base: 3s", base),
        (Backoff::fibonacci(secs(3)), "base: 3s", base),
        (Backoff::decorrelated(secs(3)), "base: 3s", base),
        (Backoff::constant(secs(3)).max_delay(secs(2)), "base: 3s", base),
        (spread(0.0), "jitter: 0", fraction),
        (spread(-0.5), "jitter: -0.5", fraction),
        (spread(1.01), "jitter: 1.01", fraction),
        (spread(f64::NAN), "jitter: NaN", fraction),
        (spread(f64::INFINITY), "jitter: inf", fraction),
    ] {
        let message = format!("backoff {refused} is not allowed: {allowed}");
        assert_eq!(backoff.check().unwrap_err().to_string(), message);
    }
    for backoff in [
        Backoff::exponential(secs(2)).factor(1.0),
        Backoff::exponential(Duration::ZERO).max_delay(Duration::ZERO),
        Backoff::constant(secs(3)),
        Backoff::decorrelated(secs(2)),
        Backoff::custom(wild),
        spread(f64::MIN_POSITIVE),
        spread(1.0),
    ] {
        assert_eq!(backoff.check(), Ok(backoff));
    }
}

// case 6, vectors 3, 4 and 10
#[test]
fn retry_n_waits_as_its_sequence_says() {
    fn reversed(retry: u32) -> Duration {
        secs(u64::from(10_u32.saturating_sub(retry)))
    }
    let exponential = |base, factor, max| Backoff::exponential(seconds(base)).factor(factor).max_delay(seconds(max));
    for (backoff, expected) in [
        (exponential(0.1, 2.0, 1.0), &[0.1, 0.2, 0.4, 0.8, 1.0][..]), // gRPC A6
        (exponential(1.0, 2.0, 20.0), &[1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0, 20.0]), // AWS standard mode
        (exponential(0.1, 10.0, 1000.0), &[0.1, 1.0, 10.0, 100.0, 1000.0]),
        (exponential(0.1, 1.5, 1000.0), &[0.1, 0.15, 0.225]),
        (exponential(0.1, 1.0, 1000.0), &[0.1, 0.1, 0.1]),
        (Backoff::linear(secs(1)).max_delay(secs(4)), &[1.0, 2.0, 3.0, 4.0, 4.0]), // Polly
        (Backoff::constant(secs(1)), &[1.0, 1.0, 1.0]),
        (Backoff::constant(secs(5)), &[5.0, 5.0, 5.0]),
        (Backoff::fibonacci(secs(1)).max_delay(secs(10)), &[1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 10.0]),
        (Backoff::decorrelated(secs(1)).max_delay(secs(10)), &[3.0, 9.0, 10.0]),
        (Backoff::custom(reversed).max_delay(secs(8)), &[8.0, 8.0, 7.0, 6.0]),
    ] {
        let expected: Vec<_> = expected.iter().copied().map(seconds).collect();
        let retries = expected.len() as u32;
        assert_eq!(delays(backoff.jitter(Jitter::None), retries, || 7), expected, "{backoff:?}");
    }
}

#[test]
fn there_is_no_retry_before_the_first() {
    for backoff in sequences(secs(1)).into_iter().chain([Backoff::custom(wild)]) {
        let [zeroth, first] = [0, 1].map(|retry| backoff.delay(retry, Duration::ZERO, u64::MAX));
        assert_eq!(zeroth, first, "{backoff:?}");
    }
}

#[test]
fn jitter_is_full_unless_the_sequence_brings_its_own() {
    for backoff in [Backoff::constant, Backoff::linear, Backoff::exponential, Backoff::fibonacci] {
        let backoff = backoff(secs(1));
        assert_eq!(backoff, backoff.jitter(Jitter::Full));
        assert_eq!(backoff.delay(1, Duration::ZERO, 0), Duration::ZERO);
        assert_eq!(backoff.delay(1, Duration::ZERO, u64::MAX), secs(1));
    }
    let schedule = Backoff::custom(|_| secs(1));
    assert_eq!(schedule, schedule.jitter(Jitter::None));
    assert_eq!(schedule.delay(1, Duration::ZERO, 0), secs(1));
}

#[test]
fn backoffs_are_equal_when_their_settings_are() {
    let all: Vec<_> = [
        Backoff::DEFAULT,
        Backoff::DEFAULT.factor(1.5),
        Backoff::DEFAULT.max_delay(secs(3)),
        Backoff::DEFAULT.jitter(Jitter::Equal),
        Backoff::DEFAULT.jitter(Jitter::Proportional(0.1)),
        Backoff::DEFAULT.jitter(Jitter::Proportional(0.2)),
        Backoff::custom(wild),
        Backoff::custom(|retry| wild(retry) / 2),
    ]
    .into_iter()
    .chain(sequences(secs(1)))
    .chain(sequences(secs(2)))
    .collect();
    for (i, one) in all.iter().enumerate() {
        for (j, other) in all.iter().enumerate() {
            assert_eq!(one == other, i == j, "{one:?}, {other:?}");
        }
    }
}

#[test]
fn a_backoff_prints_its_settings_and_no_addresses() {
    assert_eq!(
        format!("{:?}", Backoff::DEFAULT),
        "Backoff { sequence: Exponential, base: 50ms, factor: 2.0, max_delay: 2s, jitter: Full }"
    );
    assert_eq!(
        format!("{:?}", Backoff::decorrelated(secs(1))),
        "Backoff { sequence: Decorrelated, base: 1s, max_delay: 2s }"
    );
}
