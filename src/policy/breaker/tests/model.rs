//! Random sequences of calls, outcomes, time steps, cancellations and control, against a
//! [reference](super::reference) that is slow and obviously right.

use super::reference::{Kind, Mode, Reference, Rules};
use super::*;
use crate::testing::SplitMix;

const STEPS: u32 = 10_000;
const SEEDS: u64 = 20;

struct Dice(SplitMix);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next() % bound
    }

    fn from<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }
}

fn rules(dice: &mut Dice, window: Kind, slow: bool) -> Rules {
    let fractions = [(1, 10), (1, 4), (1, 3), (1, 2), (2, 3), (9, 10), (1, 1)];
    let longest = match window {
        Kind::Calls(calls) => calls as u64,
        _ => 12,
    };
    let open_for = dice.from(&[1, 20, 300]);
    Rules {
        window,
        rate: dice.from(&fractions),
        slow: slow.then(|| (dice.from(&fractions), dice.from(&[5, 50]))),
        minimum: 1 + dice.below(longest) as usize,
        open_for,
        growth: dice.from(&[None, Some((1, 300)), Some((2, 300)), Some((3, 1_000))]),
        jitter: dice.from(&[false, true]),
        probes: 1 + dice.below(16) as usize,
        probe_timeout: dice.from(&[10, 100, 1_000]),
    }
}

fn with_rules<W: Window>(breaker: Breaker<W>, rules: Rules) -> Breaker<W> {
    let breaker =
        breaker.open_for(millis(rules.open_for)).probes(rules.probes as u32).probe_timeout(millis(rules.probe_timeout));
    let breaker = if rules.jitter { breaker.jitter(1.0) } else { breaker };
    match rules.growth {
        None => breaker,
        Some((factor, max)) => breaker.growing(factor as f64, millis(max)),
    }
}

/// Which states were seen, so that a test that never leaves the first does not pass for one that does.
#[derive(Default)]
struct Seen {
    open: u32,
    half_open: u32,
    late: u32,
    closed_again: u32,
    restored: u32,
}

fn agree<W: Window>(breaker: Breaker<W>, rules: Rules, seed: u64, dice: &mut Dice, seen: &mut Seen) {
    let target = Subject::new(with_rules(breaker, rules));
    let mut reference = Reference::new(rules);
    let mut now = 1_000_000;
    let mut under_way = Vec::new();
    let health = [dice.from(&[0, 1, 3, 9]), dice.from(&[0, 1, 3, 9])];
    for step in 0..STEPS {
        let at = now;
        let place = || format!("seed {seed}, step {step}, at {at} ms, {rules:?}");
        let change = match dice.below(1_000) {
            0..400 => {
                match (target.ask(now), reference.admit(now)) {
                    (Ok(mut permit), Ok(call)) => {
                        let half_opened = call.half_opened.then_some(Change::HalfOpened);
                        assert_eq!(permit.begin(true), half_opened, "{}", place());
                        under_way.push((permit, call, now));
                    }
                    (Err(rejection), Err((cause, left))) => {
                        assert_eq!(rejection, rejected(cause, millis(left)), "{}", place());
                    }
                    (ours, theirs) => panic!("{}: {ours:?} instead of {theirs:?}", place()),
                }
                None
            }
            400..800 if !under_way.is_empty() => {
                let (permit, call, began) = under_way.swap_remove(dice.below(under_way.len() as u64) as usize);
                let failure = if dice.below(10) < health[usize::from(now % 2_000 < 1_000)] {
                    Some(dice.from(&[
                        Cause::Timeout,
                        Cause::NoTarget,
                        Cause::Overloaded,
                        Cause::NoLink,
                        Cause::Protocol,
                    ]))
                } else {
                    None
                };
                let outcome = failure.map_or(Outcome::Success, Outcome::Failure);
                let doubled = dice.below(2) == 1;
                let change = permit.settle(outcome, &Drawing(At(began, now), if doubled { u64::MAX } else { 0 }));
                assert_eq!(change, reference.settle(call, began, now, failure, doubled), "{}", place());
                change
            }
            800..850 if !under_way.is_empty() => {
                let (permit, call, _) = under_way.swap_remove(dice.below(under_way.len() as u64) as usize);
                drop(permit);
                reference.dropped(call);
                None
            }
            850..990 => {
                now += dice.from(&[0, 1, 1, 2, 5, 10, 50, 300, 5_000]);
                None
            }
            // Time does not run backwards, but a clock may be wrong.
            990 if !matches!(reference.state(), BreakerState::Open) => {
                now -= dice.from(&[1, 10, 100]);
                None
            }
            991..995 => {
                let control = target.control(now);
                control.restore(control.snapshot().as_bytes()).unwrap_or_else(|bad| panic!("{}: {bad}", place()));
                reference.carried(now);
                seen.restored += 1;
                None
            }
            995 => {
                let doubled = dice.below(2) == 1;
                target.control(now).with(Drawing(At(now, now), if doubled { u64::MAX } else { 0 })).trip();
                reference.trip(now, doubled);
                None
            }
            996 | 997 => {
                target.control(now).reset();
                reference.start(Mode::Automatic);
                None
            }
            998 => {
                target.control(now).observe_only();
                reference.start(Mode::ObserveOnly);
                None
            }
            999 => {
                if dice.below(2) == 0 {
                    target.control(now).force_open();
                    reference.start(Mode::ForcedOpen);
                } else {
                    target.control(now).force_closed();
                    reference.start(Mode::ForcedClosed);
                }
                None
            }
            _ => None,
        };
        assert_eq!(target.state(), reference.state(), "{}", place());
        assert_eq!(target.counts(now), reference.counts(now), "{}", place());
        seen.open += u32::from(matches!(change, Some(Change::Opened { .. })));
        seen.late += u32::from(change == Some(Change::Late));
        seen.closed_again += u32::from(change == Some(Change::Closed));
        seen.half_open += u32::from(target.state() == BreakerState::HalfOpen);
    }
}

fn for_all_seeds<W: Window>(
    slow: bool,
    make: impl Fn(&mut Dice) -> (Kind, Breaker<W>),
    finish: impl Fn(Breaker<W>, Rules) -> Breaker<W>,
) {
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        let mut dice = Dice(SplitMix::new(seed));
        let (kind, breaker) = make(&mut dice);
        let rules = rules(&mut dice, kind, slow);
        agree(finish(breaker, rules), rules, seed, &mut dice, &mut seen);
    }
    let Seen { open, half_open, late, closed_again, restored } = seen;
    assert!(open.min(half_open).min(late).min(closed_again).min(restored) > 10, "the sequences are too tame");
}

#[test]
fn failures_in_a_row_agree_with_the_reference() {
    let make = |dice: &mut Dice| {
        let failures = 1 + dice.below(6) as u32;
        (Kind::InARow(failures as usize), Breaker::consecutive_failures(failures))
    };
    for_all_seeds(false, make, |breaker, _| breaker);
}

fn rate((over, under): (u64, u64)) -> f64 {
    over as f64 / under as f64
}

// case 7, case 10, case 11
#[test]
fn a_count_window_agrees_with_the_reference() {
    let make = |dice: &mut Dice| {
        let calls = 1 + dice.below(40) as u32;
        (Kind::Calls(calls as usize), Breaker::failure_rate(1.0).over_calls(calls))
    };
    for_all_seeds(false, make, |breaker, rules| {
        let Kind::Calls(calls) = rules.window else { return breaker };
        Breaker::failure_rate(rate(rules.rate)).over_calls(calls as u32).minimum_calls(rules.minimum as u32)
    });
}

#[test]
fn a_count_window_with_slow_calls_agrees_with_the_reference() {
    let make = |dice: &mut Dice| {
        let calls = 1 + dice.below(40) as u32;
        (Kind::Calls(calls as usize), Breaker::failure_rate(1.0).over_calls(calls).slow_calls(1.0, SECOND))
    };
    for_all_seeds(true, make, |breaker, rules| {
        let (Kind::Calls(calls), Some((slow, after))) = (rules.window, rules.slow) else { return breaker };
        let breaker = Breaker::failure_rate(rate(rules.rate)).over_calls(calls as u32);
        breaker.minimum_calls(rules.minimum as u32).slow_calls(rate(slow), millis(after))
    });
}

#[test]
fn a_time_window_agrees_with_the_reference() {
    let make = |dice: &mut Dice| {
        let width = dice.from(&[1, 7, 100]);
        (Kind::Time(width), Breaker::failure_rate(1.0).over_time(millis(width * 10)))
    };
    for_all_seeds(false, make, |breaker, rules| {
        let Kind::Time(width) = rules.window else { return breaker };
        let breaker = Breaker::failure_rate(rate(rules.rate)).over_time(millis(width * 10));
        breaker.minimum_calls(rules.minimum as u32)
    });
}

#[test]
fn a_time_window_with_slow_calls_agrees_with_the_reference() {
    let make = |dice: &mut Dice| {
        let width = dice.from(&[1, 7, 100]);
        (Kind::Time(width), Breaker::failure_rate(1.0).over_time(millis(width * 10)).slow_calls(1.0, SECOND))
    };
    for_all_seeds(true, make, |breaker, rules| {
        let (Kind::Time(width), Some((slow, after))) = (rules.window, rules.slow) else { return breaker };
        let breaker = Breaker::failure_rate(rate(rules.rate)).over_time(millis(width * 10));
        breaker.minimum_calls(rules.minimum as u32).slow_calls(rate(slow), millis(after))
    });
}

/// Says nothing of buckets: only what a person is promised.
#[test]
fn a_time_window_counts_every_call_for_nine_tenths_of_it_and_none_for_longer() {
    let mut dice = Dice(SplitMix::new(7));
    let target = Subject::new(Breaker::failure_rate(1.0).over_time(SECOND).minimum_calls(u32::MAX));
    let (mut now, mut calls) = (0, Vec::new());
    for _ in 0..STEPS {
        now += dice.from(&[0, 1, 10, 99, 100, 101, 500, 899, 900, 901, 3_000]);
        target.fail(now);
        calls.push(now);
        let later = now + dice.below(1_200);
        let younger_than = |age: u64| calls.iter().rev().take_while(|call| later - **call < age).count() as u32;
        let counted = target.counts(later).0;
        assert!(younger_than(900) <= counted && counted <= younger_than(1_000), "at {later} ms: {counted}");
    }
}
