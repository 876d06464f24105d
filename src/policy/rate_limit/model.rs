//! Rate limits beside slow references that are obviously right, with calls at random.

use super::tests::call;
use super::*;
use crate::testing::{SplitMix, Then};

/// A call of a model test: when it came, and when it passes or passed.
struct Made<'p, W: RateLimitKind> {
    at: u64,
    id: usize,
    permit: Option<RateLimitPermit<'p, W>>,
}

/// The reference: all that is known of the past and the future, in a list, in parts of a nanosecond.
trait Reference {
    /// When the call passes that comes now; `None` where it would wait longer than `patience` (all in nanoseconds).
    fn come(&mut self, id: usize, now: u64, patience: u64) -> Result<u64, u64>;
    /// The call with this number does not use its place.
    fn abandon(&mut self, id: usize);
}

/// Places an interval apart. A call may come as much before its place as the burst allows, and not after it.
struct Spaced {
    calls: u128,
    interval: u128,
    tolerance: u128,
    /// The place, and who has it.
    places: Vec<(u128, Option<usize>)>,
}

impl Reference for Spaced {
    fn come(&mut self, id: usize, now: u64, patience: u64) -> Result<u64, u64> {
        let now_parts = u128::from(now) * self.calls;
        while self.places.last().is_some_and(|(_, owner)| owner.is_none()) {
            self.places.pop();
        }
        let after_all = self.places.last().map_or(0, |(place, _)| place + self.interval).max(now_parts);
        let free = self.places.iter_mut().find(|(place, owner)| owner.is_none() && *place >= now_parts);
        let place = free.as_ref().map_or(after_all, |(place, _)| *place);
        let wait = place.saturating_sub(self.tolerance).saturating_sub(now_parts).div_ceil(self.calls) as u64;
        if wait > patience {
            return Err(wait);
        }
        match free {
            Some((_, owner)) => *owner = Some(id),
            None => self.places.push((place, Some(id))),
        }
        Ok(now + wait)
    }

    fn abandon(&mut self, id: usize) {
        for (_, owner) in self.places.iter_mut().filter(|(_, owner)| *owner == Some(id)) {
            *owner = None;
        }
    }
}

/// A call passes when the one that came `calls` before it is a period ago.
struct Logged {
    calls: usize,
    period: u64,
    places: Vec<(u64, Option<usize>)>,
}

impl Reference for Logged {
    fn come(&mut self, id: usize, now: u64, patience: u64) -> Result<u64, u64> {
        while self.places.last().is_some_and(|(_, owner)| owner.is_none()) {
            self.places.pop();
        }
        let earlier = self.places.len().checked_sub(self.calls);
        let after_all = earlier.map_or(now, |earlier| now.max(self.places[earlier].0 + self.period));
        let free = self.places.iter_mut().find(|(at, owner)| owner.is_none() && *at >= now);
        let at = free.as_ref().map_or(after_all, |(at, _)| *at);
        if at - now > patience {
            return Err(at - now);
        }
        match free {
            Some((_, owner)) => *owner = Some(id),
            None => self.places.push((at, Some(id))),
        }
        Ok(at)
    }

    fn abandon(&mut self, id: usize) {
        for (_, owner) in self.places.iter_mut().filter(|(_, owner)| *owner == Some(id)) {
            *owner = None;
        }
    }
}

/// Calls come, wait, pass and are abandoned at random. Returns when calls passed, in order.
fn at_random<W: RateLimitKind>(
    random: &mut SplitMix,
    limit: &RateLimit<W>,
    reference: &mut impl Reference,
    step: u64,
) -> Vec<u64> {
    let mut upto = |bound: u64| random.next() % bound.max(1);
    let memory = RateLimit::<W>::NEW;
    let mut now = upto(4 * step);
    let mut waiting: Vec<Made<W>> = Vec::new();
    let mut passed = Vec::new();
    for id in 0..60 {
        // Whoever's time has come makes its call.
        for made in &mut waiting {
            if made.at <= now
                && let Some(mut permit) = made.permit.take()
            {
                permit.begin(false);
                passed.push(made.at);
            }
        }
        waiting.retain(|made| made.permit.is_some());
        match upto(8) {
            0..=4 => {
                let permit = limit.admit(&memory, &Then(now));
                let got = match &permit {
                    Ok(permit) => Ok(now + permit.delay()),
                    Err(rejected) => Err(rejected.retry_after),
                };
                assert_eq!(got, reference.come(id, now, limit.patience), "{limit:?}, call {id} at {now}");
                waiting.extend(permit.ok().map(|permit| Made { at: now + permit.delay(), id, permit: Some(permit) }));
            }
            5 if !waiting.is_empty() => {
                let made = waiting.swap_remove(upto(waiting.len() as u64) as usize);
                reference.abandon(made.id);
                drop(made);
            }
            6 => now += upto(step),
            _ => now += upto(step / 8),
        }
    }
    for made in &mut waiting {
        made.permit.take().expect("waits").begin(false);
        passed.push(made.at);
    }
    passed.sort_unstable();
    passed
}

// case 15
#[test]
fn in_any_span_no_more_calls_pass_than_the_burst_and_what_the_rate_gives() {
    for seed in 0..10_000 {
        let mut random = SplitMix::new(seed);
        let mut upto = |bound: u64| random.next() % bound;
        let (calls, period, burst) = (1 + upto(20) as u32, 1 + upto(1_000), 1 + upto(10) as u32);
        let patience = if upto(2) == 0 { 0 } else { upto(2_000) };
        let limit = RateLimit::tokens(calls).every(Duration::from_nanos(period)).burst(burst);
        let limit = limit.wait_up_to(Duration::from_nanos(patience)).check().unwrap();
        let (calls, period) = (u128::from(calls), u128::from(period));
        let tolerance = period * u128::from(burst - 1);
        // In parts: where nothing makes up for a fraction of a nanosecond, it is rounded up.
        let interval = if tolerance < calls { period.div_ceil(calls) * calls } else { period };
        let mut reference = Spaced { calls, interval, tolerance, places: Vec::new() };
        let passed =
            at_random(&mut random, &limit, &mut reference, 2 * period as u64 / calls as u64 * u64::from(burst));
        for (index, from) in passed.iter().enumerate() {
            for (count, to) in (1..).zip(&passed[index..]) {
                let rate = u128::from(to - from) * calls / period;
                assert!(count <= u128::from(burst) + rate, "{limit:?}: {count} from {from} to {to}");
            }
        }
    }
}

// case 15
#[test]
fn in_any_window_no_more_calls_pass_than_allowed() {
    for seed in 0..10_000 {
        let mut random = SplitMix::new(seed);
        let mut upto = |bound: u64| random.next() % bound;
        let (calls, period) = (1 + upto(10) as u32, 1 + upto(1_000));
        let patience = if upto(2) == 0 { 0 } else { upto(3_000) };
        let limit = RateLimit::window(calls, Duration::from_nanos(period));
        let limit = limit.wait_up_to(Duration::from_nanos(patience)).check().unwrap();
        let mut reference = Logged { calls: calls as usize, period, places: Vec::new() };
        let passed = at_random(&mut random, &limit, &mut reference, period);
        for calls in passed.windows(calls as usize + 1) {
            assert!(calls[calls.len() - 1] - calls[0] >= period, "{limit:?}: {calls:?}");
        }
    }
}

#[test]
fn a_bucket_does_what_counting_tokens_does() {
    for seed in 0..10_000 {
        let mut random = SplitMix::new(seed);
        let mut upto = |bound: u64| random.next() % bound;
        let (calls, period, burst) = (1 + upto(1_000) as u32, 1 + upto(10_000_000), 1 + upto(50) as u32);
        let limit = RateLimit::tokens(calls).every(Duration::from_nanos(period)).burst(burst).check().unwrap();
        let memory = RateLimit::<TokenBucket>::NEW;
        // A token is `period` of a level that rises by `calls` each nanosecond.
        let full = u64::from(burst) * period;
        let (mut level, mut last, mut now) = (full, 0, 0);
        for _ in 0..60 {
            now += if upto(3) == 0 { upto(1 + period * 4 / u64::from(calls)) } else { 0 };
            level = full.min(level + (now - last) * u64::from(calls));
            last = now;
            let expected = match level.checked_sub(period) {
                Some(rest) => {
                    level = rest;
                    Ok(0)
                }
                None => Err((period - level).div_ceil(u64::from(calls))),
            };
            let permit = limit.admit(&memory, &Then(now));
            match permit {
                // A call that does not come to be costs no token.
                Ok(permit) if upto(4) == 0 => {
                    assert_eq!(expected, Ok(0), "{limit:?} at {now}");
                    drop(permit);
                    level += period;
                }
                permit => {
                    let got = permit.map(|permit| permit.settle(Outcome::Success, &Then(now)));
                    assert_eq!(got.map(|_| 0).map_err(|it| it.retry_after), expected, "{limit:?} at {now}");
                }
            }
        }
    }
}

#[test]
fn a_large_window_never_lets_more_pass_and_holds_at_most_a_64th_back() {
    for seed in 0..10_000 {
        let mut random = SplitMix::new(seed);
        let mut upto = |bound: u64| random.next() % bound;
        let (calls, period) = (1 + upto(400) as usize, 1 + upto(1_000));
        let limit = RateLimit::window(calls as u32, Duration::from_nanos(period)).check().unwrap();
        let memory = RateLimit::<SlidingWindow>::NEW;
        let (mut passed, mut now) = (Vec::new(), 0);
        for _ in 0..3 * calls {
            now += if upto(1 + calls as u64 / 4) == 0 { upto(period) } else { 0 };
            let in_window = passed.len() - passed.partition_point(|at| at + period <= now);
            match call(&limit, &memory, now) {
                Ok(_) => {
                    assert!(in_window < calls, "{limit:?}: one more than allowed at {now}");
                    passed.push(now);
                }
                Err(wait) => {
                    assert!(in_window + (calls - 1) / 64 >= calls, "{limit:?}: only {in_window} at {now}");
                    assert!(call(&limit, &memory, now + wait - 1).is_err(), "{limit:?}: earlier than it said");
                    now += wait;
                    assert!(call(&limit, &memory, now).is_ok(), "{limit:?}: later than it said");
                    passed.push(now);
                }
            }
        }
    }
}
