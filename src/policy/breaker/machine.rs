//! The state machine: closed, open, half-open, and what it was forced to be. Pure: no clock, no lock, no randomness.

use super::settings::{MAX_PROBES, Settings};
use super::window::{Counts, Tally};
use crate::failure::{Cause, Reason};
use crate::observe::{BreakerState, Change, Tripped};
use crate::platform::clock::Instant;
use crate::policy::Rejected;

/// What a call that was let through brings back with its outcome: that of a closed breaker the number of the state (its
/// generation), a probe a number of its own. Numbers begin again after 134 million; until then an outcome whose number
/// is not known any more is too late. One number with a few bits in it: with two, each success costs 5 fuel more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission(u32);

/// How many of the lowest bits of a probe's number are its place.
const PLACE_BITS: u32 = MAX_PROBES.ilog2();

impl Admission {
    const PROBE: u32 = 1 << PLACE_BITS;
    /// From here on it counts.
    const ONE: u32 = 2 << PLACE_BITS;
    /// Of a call that passes although the breaker would reject it, or counts nothing: its outcome is ignored.
    const UNCOUNTED: Self = Admission(Self::PROBE);

    pub const fn is_of_closed(self) -> bool {
        self.0 & Self::PROBE == 0
    }

    /// Always within an array of places, which the remainder says to the compiler.
    const fn place(self) -> usize {
        self.0 as usize % MAX_PROBES
    }
}

/// Of a state that is closed, its number, and whether a success would change nothing; zero of others. It is all that
/// most calls need.
#[derive(Clone, Copy, Debug)]
pub struct Closed(pub u32);

impl Closed {
    const CALM: u32 = 1;
    /// The same where slow calls count: a success that was not slow takes no lock, which is 169 fuel less.
    const CALM_IF_FAST: u32 = 2;
    /// Of [`State::NEW`].
    pub const NEW: Self = Closed(Admission::ONE);

    pub const fn admission(self) -> Option<Admission> {
        match self.0 & !(Self::CALM | Self::CALM_IF_FAST) {
            0 => None,
            generation => Some(Admission(generation)),
        }
    }

    pub const fn is_calm(self, admission: Admission) -> bool {
        self.0 == admission.0 | Self::CALM
    }

    pub const fn is_calm_if_fast(self, admission: Admission) -> bool {
        self.0 == admission.0 | Self::CALM_IF_FAST
    }
}

/// Everything a breaker remembers: a plain value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<T> {
    /// The number of the closed state, or of the latest probe of another, without its other bits. Never zero.
    generation: u32,
    /// Whether calls that the phase rejects pass all the same, uncounted.
    pub observes_only: bool,
    pub phase: Phase<T>,
    /// How long it will be open the next time without jitter, in nanoseconds; zero before it was open for the first
    /// time.
    pub next_break: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nothing is on the heap, and each variant has the room of the largest")]
pub enum Phase<T> {
    Closed(T),
    Open { until: Instant, cause: Cause },
    HalfOpen { outcomes: Counts, cause: Cause, probes: Probes },
    ForcedOpen,
    ForcedClosed,
}

/// The probes in flight, each in a place. Which places are taken is in the bits of a number: loops over all places are
/// unrolled, and a component is 2,100 bytes larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// A bit for each place that is taken.
    taken: u32,
    /// Whether observers were told already that a probe began.
    begun: bool,
    admissions: [Admission; MAX_PROBES],
    began: [Instant; MAX_PROBES],
}

impl Probes {
    const NONE: Self = Probes {
        taken: 0,
        begun: false,
        admissions: [Admission(0); MAX_PROBES],
        began: [Instant::from_nanos(0); MAX_PROBES],
    };

    /// None in flight, and the first was reported already: of a half-open state that was restored.
    pub const RESTORED: Self = Probes { begun: true, ..Self::NONE };

    /// One more, if no more than `allowed` are in flight then. Those that take too long are given up.
    fn begin(&mut self, number: u32, allowed: u32, timeout: u64, now: Instant) -> Option<Admission> {
        let mut look = self.taken;
        while look != 0 {
            let place = look.trailing_zeros();
            if now.nanos_since(self.began[place as usize % MAX_PROBES]) >= timeout {
                self.taken &= !(1 << place);
            }
            look &= look - 1;
        }
        if self.taken.count_ones() >= allowed {
            return None;
        }
        let place = self.taken.trailing_ones();
        let admission = Admission(number | Admission::PROBE | place);
        self.admissions[admission.place()] = admission;
        self.began[admission.place()] = now;
        self.taken |= 1 << place;
        Some(admission)
    }

    /// Whether a probe is in flight, and was not given up.
    fn has(&self, admission: Admission) -> bool {
        self.admissions[admission.place()] == admission && self.taken & 1 << admission.place() != 0
    }

    /// Frees the place of a probe; false when that was given up.
    fn end(&mut self, admission: Admission) -> bool {
        let there = self.has(admission);
        if there {
            self.taken &= !(1 << admission.place());
        }
        there
    }
}

const fn next(number: u32) -> u32 {
    match number.checked_add(Admission::ONE) {
        Some(next) => next,
        None => Admission::ONE,
    }
}

/// The end of a rejection without end: the end of the clock.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl<T: Tally> State<T> {
    pub const NEW: Self =
        State { generation: Admission::ONE, observes_only: false, phase: Phase::Closed(T::NEW), next_break: 0 };

    /// What [`Closed`] says about this state.
    pub fn closed(&self, settings: &Settings) -> Closed {
        match &self.phase {
            Phase::Closed(tally) if tally.is_calm(settings) => {
                Closed(self.generation | if settings.counts_slow { Closed::CALM_IF_FAST } else { Closed::CALM })
            }
            Phase::Closed(_) => Closed(self.generation),
            _ => Closed(0),
        }
    }

    pub fn admit(&mut self, settings: &Settings, now: Instant) -> Result<Admission, Rejected> {
        if let Phase::Open { until, cause } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { outcomes: Counts::default(), cause, probes: Probes::NONE });
        }
        let (cause, retry_after) = match &mut self.phase {
            Phase::Closed(_) => return Ok(Admission(self.generation)),
            Phase::ForcedClosed => return Ok(Admission::UNCOUNTED),
            Phase::Open { until, cause } => (*cause, until.nanos_since(now)),
            Phase::HalfOpen { outcomes, cause, probes } => {
                let allowed = settings.probes.saturating_sub(outcomes.calls);
                self.generation = next(self.generation);
                if let Some(probe) = probes.begin(self.generation, allowed, settings.probe_timeout, now) {
                    return Ok(probe);
                }
                (*cause, 0)
            }
            Phase::ForcedOpen => (Cause::Other, 0),
        };
        if self.observes_only {
            return Ok(Admission::UNCOUNTED);
        }
        Err(Rejected { reason: Reason::BreakerOpen, cause, retry_after })
    }

    /// Whether this is a probe in flight. Any other call that waited asks anew: where nothing changed meanwhile, it is
    /// let through as before.
    pub fn is_probe(&self, admission: Admission) -> bool {
        matches!(&self.phase, Phase::HalfOpen { probes, .. } if probes.has(admission))
    }

    /// An attempt begins. Whether it is the first probe since the breaker was open: one that another part turns away does
    /// not count.
    pub fn begin_probe(&mut self, admission: Admission) -> bool {
        match &mut self.phase {
            Phase::HalfOpen { probes, .. } if probes.has(admission) => !core::mem::replace(&mut probes.begun, true),
            _ => false,
        }
    }

    /// The outcome of a call; `failure` is `None` for a success.
    pub fn settle(
        &mut self,
        settings: &Settings,
        admission: Admission,
        now: Instant,
        failure: Option<Cause>,
        slow: bool,
        draw: u64,
    ) -> Option<Change> {
        if admission == Admission::UNCOUNTED {
            return None;
        }
        // These causes do not go away with time, and say nothing about the target's health.
        let ignored = matches!(failure, Some(Cause::NoLink | Cause::Protocol));
        let failed = failure.is_some();
        let (counts, half_open) = match &mut self.phase {
            Phase::Closed(tally) if admission == Admission(self.generation) => {
                if ignored {
                    return None;
                }
                tally.record(settings, now, failed, slow);
                if !failed && !slow {
                    return None;
                }
                (tally.counts(settings, now), false)
            }
            Phase::HalfOpen { outcomes, probes, .. } => {
                if !probes.end(admission) {
                    return Some(Change::Late);
                }
                if ignored {
                    return None;
                }
                outcomes.count(failed, slow);
                (*outcomes, true)
            }
            _ => return Some(Change::Late),
        };
        match T::trips(settings, counts, half_open) {
            // A call that was only slow did not answer in time.
            Some(why) => Some(self.open(settings, now, draw, why, failure.unwrap_or(Cause::Timeout))),
            None if half_open && counts.calls >= settings.probes => {
                self.next_break = 0;
                self.enter(Phase::Closed(T::NEW));
                Some(Change::Closed)
            }
            None => None,
        }
    }

    /// A call was cancelled, dropped, or says nothing about the target.
    pub fn ignore(&mut self, admission: Admission) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.end(admission);
        }
    }

    /// Until when calls are rejected for certain.
    pub fn rejects_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } if !self.observes_only => Some(until),
            Phase::ForcedOpen => Some(NEVER),
            _ => None,
        }
    }

    pub fn trip(&mut self, settings: &Settings, now: Instant, draw: u64) -> Change {
        self.observes_only = false;
        self.open(settings, now, draw, Tripped::Manual, Cause::Other)
    }

    /// Begins anew, with breaks of the first length.
    pub fn start(&mut self, phase: Phase<T>, observes_only: bool) {
        self.observes_only = observes_only;
        self.next_break = 0;
        self.enter(phase);
    }

    pub fn name(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
            Phase::ForcedOpen => BreakerState::ForcedOpen,
            Phase::ForcedClosed => BreakerState::ForcedClosed,
        }
    }

    pub fn counts(&self, settings: &Settings, now: Instant) -> Counts {
        match &self.phase {
            Phase::Closed(tally) => tally.counts(settings, now),
            _ => Counts::default(),
        }
    }

    /// Opens for the length of this break and its jitter.
    fn open(&mut self, settings: &Settings, now: Instant, draw: u64, why: Tripped, cause: Cause) -> Change {
        let open_for = if self.next_break == 0 { settings.open_for } else { self.next_break };
        self.next_break = settings.break_after(open_for);
        let until = now.after(open_for).after(settings.jitter_of(open_for, draw));
        self.enter(Phase::Open { until, cause });
        Change::Opened { why, cause }
    }

    /// As if there had been as many states and probes as have a number.
    #[cfg(test)]
    pub fn use_up_numbers(&mut self) {
        self.generation = u32::MAX - (Admission::ONE - 1);
    }

    pub fn enter(&mut self, phase: Phase<T>) {
        self.generation = next(self.generation);
        self.phase = phase;
    }
}
