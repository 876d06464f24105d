//! A breaker that is slow and obviously right: it remembers every call and counts anew each time.

use std::collections::VecDeque;

use super::*;
use crate::observe::Tripped;

/// Rates are fractions of whole numbers here; times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub window: Kind,
    pub rate: (u64, u64),
    pub slow: Option<((u64, u64), u64)>,
    pub minimum: usize,
    pub open_for: u64,
    pub growth: Option<(u64, u64)>,
    /// Whether each break is up to twice as long.
    pub jitter: bool,
    pub probes: usize,
    pub probe_timeout: u64,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    InARow(usize),
    Calls(usize),
    /// How long one of the ten buckets lasts.
    Time(u64),
}

/// What one call came to, and in which bucket that was.
#[derive(Clone, Copy, Debug)]
struct Past {
    failed: bool,
    slow: bool,
    bucket: u64,
}

#[derive(Clone, Debug)]
enum Phase {
    Closed { past: VecDeque<Past>, bucket: u64, bucket_began: u64 },
    Open { until: u64, cause: Cause },
    HalfOpen { cause: Cause, outcomes: Vec<Past>, under_way: Vec<(usize, u64)> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Automatic,
    ForcedOpen,
    ForcedClosed,
    ObserveOnly,
}

/// A call that was let through: its name, and in which state.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    name: usize,
    generation: u64,
    counted: bool,
    pub half_opened: bool,
}

#[derive(Clone, Debug)]
pub struct Reference {
    pub rules: Rules,
    phase: Phase,
    mode: Mode,
    generation: u64,
    breaks: u32,
    calls: usize,
}

fn closed() -> Phase {
    Phase::Closed { past: VecDeque::new(), bucket: 0, bucket_began: 0 }
}

impl Reference {
    pub fn new(rules: Rules) -> Self {
        Reference { rules, phase: closed(), mode: Mode::Automatic, generation: 0, breaks: 0, calls: 0 }
    }

    fn enter(&mut self, phase: Phase) {
        self.generation += 1;
        self.phase = phase;
    }

    pub fn admit(&mut self, now: u64) -> Result<Admitted, (Cause, u64)> {
        self.calls += 1;
        let name = self.calls;
        let uncounted =
            |reference: &Self| Admitted { name, generation: reference.generation, counted: false, half_opened: false };
        match self.mode {
            Mode::ForcedOpen => return Err((Cause::Other, 0)),
            Mode::ForcedClosed => return Ok(uncounted(self)),
            Mode::Automatic | Mode::ObserveOnly => {}
        }
        let mut half_opened = false;
        if let Phase::Open { until, cause } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { cause, outcomes: Vec::new(), under_way: Vec::new() });
            half_opened = true;
        }
        let Rules { probes, probe_timeout, .. } = self.rules;
        let rejection = match &mut self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { until, cause } => Some((*cause, *until - now)),
            Phase::HalfOpen { cause, outcomes, under_way } => {
                under_way.retain(|(_, began)| now.saturating_sub(*began) < probe_timeout);
                if under_way.len() + outcomes.len() < probes {
                    under_way.push((name, now));
                    None
                } else {
                    Some((*cause, 0))
                }
            }
        };
        match rejection {
            None => Ok(Admitted { name, generation: self.generation, counted: true, half_opened }),
            Some(_) if self.mode == Mode::ObserveOnly => Ok(uncounted(self)),
            Some(rejection) => Err(rejection),
        }
    }

    pub fn dropped(&mut self, call: Admitted) {
        if let Phase::HalfOpen { under_way, .. } = &mut self.phase
            && call.generation == self.generation
        {
            under_way.retain(|(name, _)| *name != call.name);
        }
    }

    pub fn settle(
        &mut self,
        call: Admitted,
        began: u64,
        now: u64,
        failure: Option<Cause>,
        doubled: bool,
    ) -> Option<Change> {
        if !call.counted {
            return None;
        }
        if call.generation != self.generation {
            return Some(Change::Late);
        }
        if let Phase::HalfOpen { under_way, .. } = &self.phase
            && under_way.iter().all(|(name, _)| *name != call.name)
        {
            return Some(Change::Late);
        }
        if let Some(Cause::NoLink | Cause::Protocol) = failure {
            self.dropped(call);
            return None;
        }
        let rules = self.rules;
        let slow = rules.slow.is_some_and(|(_, longer_than)| now.saturating_sub(began) > longer_than);
        let cause = failure.unwrap_or(Cause::Timeout);
        let mut past_call = Past { failed: failure.is_some(), slow, bucket: 0 };
        let why = match &mut self.phase {
            Phase::Open { .. } => unreachable!("no call is let through in the open state"),
            Phase::Closed { past, bucket, bucket_began } => {
                slide(rules, past, bucket, bucket_began, now);
                past_call.bucket = *bucket;
                past.push_back(past_call);
                slide(rules, past, bucket, bucket_began, now);
                if past_call.failed || past_call.slow { too_much(rules, past) } else { None }
            }
            Phase::HalfOpen { outcomes, under_way, .. } => {
                under_way.retain(|(name, _)| *name != call.name);
                outcomes.push(past_call);
                let all = outcomes.len() == rules.probes;
                let outcomes: VecDeque<_> = outcomes.iter().copied().collect();
                let why = match rules.window {
                    Kind::InARow(_) => past_call.failed.then_some(Tripped::Probe),
                    _ if all => rates(rules, &outcomes),
                    _ => None,
                };
                if why.is_none() && all {
                    self.breaks = 0;
                    self.enter(closed());
                    return Some(Change::Closed);
                }
                why
            }
        };
        why.map(|why| self.open(now, doubled, why, cause))
    }

    fn open(&mut self, now: u64, doubled: bool, why: Tripped, cause: Cause) -> Change {
        let open_for = match self.rules.growth {
            None => self.rules.open_for,
            Some((factor, max)) => (self.rules.open_for * factor.saturating_pow(self.breaks)).min(max),
        };
        self.breaks = (self.breaks + 1).min(20);
        let longest = self.rules.growth.map_or(u64::MAX, |(_, max)| max);
        let open_for = if self.rules.jitter && doubled { (2 * open_for).min(longest) } else { open_for };
        self.enter(Phase::Open { until: now + open_for, cause });
        Change::Opened { why, cause }
    }

    pub fn trip(&mut self, now: u64, doubled: bool) {
        self.mode = Mode::Automatic;
        self.open(now, doubled, Tripped::Manual, Cause::Other);
    }

    pub fn start(&mut self, mode: Mode) {
        self.mode = mode;
        self.breaks = 0;
        self.enter(closed());
    }

    /// Carried to another instance at once: all is as it was, but for what is under way.
    pub fn carried(&mut self, now: u64) {
        self.generation += 1;
        match &mut self.phase {
            Phase::HalfOpen { under_way, .. } => under_way.clear(),
            Phase::Closed { bucket_began, .. } => *bucket_began = now.min(*bucket_began),
            Phase::Open { .. } => {}
        }
    }

    pub fn state(&self) -> BreakerState {
        match (self.mode, &self.phase) {
            (Mode::ForcedOpen, _) => BreakerState::ForcedOpen,
            (Mode::ForcedClosed, _) => BreakerState::ForcedClosed,
            (_, Phase::Closed { .. }) => BreakerState::Closed,
            (_, Phase::Open { .. }) => BreakerState::Open,
            (_, Phase::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// Calls, failures and slow calls.
    pub fn counts(&self, now: u64) -> (u32, u32, u32) {
        let Phase::Closed { mut past, mut bucket, mut bucket_began } = self.phase.clone() else {
            return (0, 0, 0);
        };
        slide(self.rules, &mut past, &mut bucket, &mut bucket_began, now);
        count(&past)
    }
}

/// Forgets what is out of the window.
fn slide(rules: Rules, past: &mut VecDeque<Past>, bucket: &mut u64, bucket_began: &mut u64, now: u64) {
    match rules.window {
        Kind::InARow(_) => {
            while past.iter().any(|call| !call.failed) {
                past.pop_front();
            }
        }
        Kind::Calls(calls) => {
            while past.len() > calls {
                past.pop_front();
            }
        }
        Kind::Time(width) => {
            let steps = now.saturating_sub(*bucket_began) / width;
            *bucket += steps;
            *bucket_began = if steps > 10 { now } else { *bucket_began + steps * width };
            past.retain(|call| call.bucket + 10 > *bucket);
        }
    }
}

fn count(past: &VecDeque<Past>) -> (u32, u32, u32) {
    let failed = past.iter().filter(|call| call.failed).count();
    let slow = past.iter().filter(|call| call.slow).count();
    (past.len() as u32, failed as u32, slow as u32)
}

fn too_much(rules: Rules, past: &VecDeque<Past>) -> Option<Tripped> {
    match rules.window {
        Kind::InARow(failures) => (past.len() >= failures).then_some(Tripped::Failures),
        _ if past.len() < rules.minimum => None,
        _ => rates(rules, past),
    }
}

fn rates(rules: Rules, past: &VecDeque<Past>) -> Option<Tripped> {
    let (calls, failed, slow) = count(past);
    let reached = |part: u32, (over, under): (u64, u64)| u64::from(part) * under >= over * u64::from(calls);
    if reached(failed, rules.rate) {
        Some(Tripped::FailureRate)
    } else if rules.slow.is_some_and(|(rate, _)| reached(slow, rate)) {
        Some(Tripped::SlowCalls)
    } else {
        None
    }
}
