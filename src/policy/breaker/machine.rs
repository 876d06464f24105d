//! The state machine: closed, open, half-open, and what a person forced it to be. Pure: no clock, no lock.

use super::settings::{MAX_PROBES, Settings};
use super::window::{Counts, Probed, Tally};
use crate::failure::{Cause, Reason};
use crate::observe::{BreakerState, Change, Tripped};
use crate::platform::clock::Instant;
use crate::policy::Rejected;

/// Which state it is, by number, and what calls have to do with it: all that most of them need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u32);

impl Pass {
    /// A call must ask whether it may pass.
    const ASK: u32 = 1;
    /// A success would change nothing, and need not be told.
    const CLEAN: u32 = 2;
    /// The other bits number the states, so that an outcome can be told from one of an earlier state.
    const NUMBER: u32 = 4;
    pub const NEW: Pass = Pass(0);

    pub const fn of(word: u32) -> Self {
        Pass(word)
    }

    pub const fn word(self) -> u32 {
        self.0
    }

    const fn asks(self) -> bool {
        self.0 & Self::ASK != 0
    }

    #[inline]
    const fn is_clean(self) -> bool {
        self.0 & Self::CLEAN != 0
    }

    const fn same_state(self, other: Pass) -> bool {
        (self.0 ^ other.0) & !Self::CLEAN == 0
    }

    const fn clean(self, clean: bool) -> Self {
        Pass(self.0 & !Self::CLEAN | if clean { Self::CLEAN } else { 0 })
    }

    const fn next(self, asks: bool) -> Self {
        Pass((self.0 & !(Self::NUMBER - 1)).wrapping_add(Self::NUMBER) | asks as u32)
    }

    /// For a call that needs not ask.
    #[inline]
    pub const fn ticket(self) -> Option<Ticket> {
        if self.asks() { None } else { Some(Ticket { pass: self, probe: 0 }) }
    }
}

/// What a call that was let through hands back with its outcome: two numbers, which stay in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pass: Pass,
    /// The number of a probe, which no other of the same half-open state has; zero in the closed state.
    probe: u32,
}

impl Ticket {
    /// Of a call that passes although the breaker would have it otherwise; its outcome is nobody's business.
    const UNCOUNTED: u32 = u32::MAX;

    /// Whether this call is the first after the breaker was open for its time.
    #[inline]
    pub const fn half_opened(&self) -> bool {
        self.probe >> PLACE_BITS == 1
    }

    #[inline]
    pub const fn of_closed(&self) -> bool {
        !self.pass.asks()
    }

    /// Whether it was given in the state that is as `pass` says.
    #[inline]
    pub const fn is_of(&self, pass: Pass) -> bool {
        self.pass.same_state(pass)
    }

    /// Whether its success changes nothing in a state that is still as `pass` says.
    #[inline]
    pub const fn success_is_no_news(&self, pass: Pass) -> bool {
        self.pass.0 == pass.0 && pass.is_clean()
    }
}

/// Everything a breaker remembers: a plain value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<T> {
    pass: Pass,
    /// Whether calls that the phase rejects pass all the same, uncounted.
    pub(super) lenient: bool,
    pub(super) phase: Phase<T>,
    /// How long it will be open the next time, in nanoseconds; zero before it was open for the first time.
    pub(super) next_break: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nothing is on the heap, and each variant has the room of the largest")]
pub enum Phase<T> {
    Closed(T),
    Open {
        until: Instant,
        cause: Cause,
    },
    HalfOpen {
        outcomes: Counts,
        cause: Cause,
        probes: Probes,
    },
    /// Open because somebody said so; where it is lenient, closed.
    Forced,
}

/// The probes under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// A bit for each place that is taken.
    taken: u32,
    /// How many probes there were.
    count: u32,
    /// The number of the probe in each place, whose lowest bits are the place.
    numbers: [u32; MAX_PROBES],
    began: [Instant; MAX_PROBES],
}

impl Probes {
    const NONE: Self =
        Probes { taken: 0, count: 0, numbers: [0; MAX_PROBES], began: [Instant::from_nanos(0); MAX_PROBES] };

    /// None under way, and the first was told already: of a half-open state that was entered elsewhere.
    pub const RESUMED: Self = Probes { count: 1, ..Self::NONE };

    /// The number of one more, if no more than `allowed` are under way then. Those that take too long are given up.
    fn begin(&mut self, allowed: u32, timeout: u64, now: Instant) -> Option<u32> {
        let mut look = self.taken;
        while look != 0 {
            let began = self.began[place(look.trailing_zeros())];
            if now.nanos_since(began) >= timeout {
                self.taken &= !(look & look.wrapping_neg());
            }
            look &= look - 1;
        }
        if self.taken.count_ones() >= allowed {
            return None;
        }
        let free = self.taken.trailing_ones();
        // After 200 million probes the numbers begin again, at the second; none of the first is under way by then.
        self.count = if self.count < (Ticket::UNCOUNTED >> PLACE_BITS) - 1 { self.count + 1 } else { 2 };
        let probe = self.count << PLACE_BITS | free;
        self.numbers[place(free)] = probe;
        self.began[place(free)] = now;
        self.taken |= 1 << free;
        Some(probe)
    }

    /// Frees the place of a probe; false when that was given up.
    fn end(&mut self, probe: u32) -> bool {
        let there = self.has(probe);
        if there {
            self.taken &= !(1 << place(probe));
        }
        there
    }

    /// Whether a probe is under way, and was not given up.
    fn has(&self, probe: u32) -> bool {
        self.numbers[place(probe)] == probe && self.taken & 1 << place(probe) != 0
    }
}

/// The place that a probe's number has in its lowest bits. None lies outside, which the remainder says to the
/// compiler.
const fn place(probe: u32) -> usize {
    probe as usize % MAX_PROBES
}

/// How many bits of a probe's number are its place.
const PLACE_BITS: u32 = MAX_PROBES.ilog2();

/// When there is no telling when: the end of the clock.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl<T: Tally> State<T> {
    pub const NEW: State<T> = State { pass: Pass::NEW, lenient: false, phase: Phase::Closed(T::NEW), next_break: 0 };

    pub fn pass(&self) -> Pass {
        self.pass.clean(matches!(&self.phase, Phase::Closed(tally) if tally.is_clean()))
    }

    pub fn admit(&mut self, settings: &Settings, now: Instant) -> Result<Ticket, Rejected> {
        let admitted = self.admit_strictly(settings, now);
        if self.lenient && admitted.is_err() {
            return Ok(Ticket { pass: self.pass, probe: Ticket::UNCOUNTED });
        }
        admitted
    }

    fn admit_strictly(&mut self, settings: &Settings, now: Instant) -> Result<Ticket, Rejected> {
        if let Phase::Open { until, cause } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { outcomes: Counts::default(), cause, probes: Probes::NONE });
        }
        let (cause, retry_after) = match &mut self.phase {
            Phase::Closed(_) => return Ok(Ticket { pass: self.pass, probe: 0 }),
            Phase::Open { until, cause } => (*cause, until.nanos_since(now)),
            Phase::HalfOpen { outcomes, cause, probes } => {
                let allowed = settings.probes.saturating_sub(outcomes.calls);
                if let Some(probe) = probes.begin(allowed, settings.probe_timeout, now) {
                    return Ok(Ticket { pass: self.pass, probe });
                }
                (*cause, 0)
            }
            Phase::Forced => (Cause::Other, 0),
        };
        Err(Rejected { reason: Reason::BreakerOpen, cause, retry_after })
    }

    /// Whether a call that was let through earlier may still begin.
    pub fn honours(&self, ticket: Ticket) -> bool {
        ticket.is_of(self.pass)
            && match &self.phase {
                Phase::HalfOpen { probes, .. } => probes.has(ticket.probe),
                _ => true,
            }
    }

    /// What the closed state that let a call through remembers; `None` when that state is no more. The rest of the
    /// outcomes are [settled](Self::settled), but a success only adds to this.
    #[inline]
    pub fn closed(&mut self, ticket: Ticket) -> Option<&mut T> {
        match &mut self.phase {
            Phase::Closed(tally) if ticket.is_of(self.pass) => Some(tally),
            _ => None,
        }
    }

    /// Any outcome but such a success; `failure` is `None` for a success.
    pub fn settled(
        &mut self,
        settings: &Settings,
        ticket: Ticket,
        now: Instant,
        failure: Option<Cause>,
        slow: bool,
    ) -> Option<Change> {
        if ticket.probe == Ticket::UNCOUNTED {
            return None;
        }
        if !ticket.is_of(self.pass) {
            return Some(Change::Late);
        }
        // These stay what they are however long one waits, and say nothing about the target's health.
        if let Some(Cause::NoLink | Cause::Protocol) = failure {
            self.ignored(ticket);
            return None;
        }
        // Who was slow, and no more, did not answer in time.
        let cause = failure.unwrap_or(Cause::Timeout);
        let probed = match &mut self.phase {
            Phase::Closed(tally) => {
                tally.record(settings, now, failure.is_some(), slow);
                tally.verdict(settings).map_or(Probed::Undecided, Probed::NotBack)
            }
            Phase::HalfOpen { outcomes, probes, .. } => {
                if !probes.end(ticket.probe) {
                    return Some(Change::Late);
                }
                outcomes.calls += 1;
                outcomes.failures += u32::from(failure.is_some());
                outcomes.slow += u32::from(slow);
                T::probed(settings, *outcomes)
            }
            // Neither lets a call through that it counts, so whatever this is, it is from elsewhere.
            Phase::Open { .. } | Phase::Forced => return Some(Change::Late),
        };
        match probed {
            Probed::Undecided => None,
            Probed::NotBack(why) => Some(self.open(settings, now, why, cause)),
            Probed::Back => {
                self.next_break = 0;
                self.enter(Phase::Closed(T::NEW));
                Some(Change::Closed)
            }
        }
    }

    /// A call was cancelled, dropped, or says nothing about the target.
    #[cold]
    pub fn ignored(&mut self, ticket: Ticket) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase
            && ticket.is_of(self.pass)
        {
            probes.end(ticket.probe);
        }
    }

    /// Until when calls are rejected for certain.
    pub fn rejects_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } if !self.lenient => Some(until),
            Phase::Forced if !self.lenient => Some(NEVER),
            _ => None,
        }
    }

    pub fn trip(&mut self, settings: &Settings, now: Instant) -> Change {
        self.lenient = false;
        self.open(settings, now, Tripped::Manual, Cause::Other)
    }

    /// Begins anew, with breaks of the first length.
    pub fn start(&mut self, phase: Phase<T>, lenient: bool) {
        self.lenient = lenient;
        self.next_break = 0;
        self.enter(phase);
    }

    pub fn name(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
            Phase::Forced if self.lenient => BreakerState::ForcedClosed,
            Phase::Forced => BreakerState::ForcedOpen,
        }
    }

    pub fn counts(&self, settings: &Settings, now: Instant) -> Counts {
        match &self.phase {
            Phase::Closed(tally) => tally.counts(settings, now),
            _ => Counts::default(),
        }
    }

    fn open(&mut self, settings: &Settings, now: Instant, why: Tripped, cause: Cause) -> Change {
        let open_for = if self.next_break == 0 { settings.open_for } else { self.next_break };
        self.next_break = settings.longer_than(open_for);
        self.enter(Phase::Open { until: now.after(open_for), cause });
        Change::Opened { why, cause }
    }

    /// As if there had been so many probes.
    #[cfg(test)]
    pub(super) fn probes_were(&mut self, number: u32) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.count = number;
        }
    }

    pub(super) fn enter(&mut self, phase: Phase<T>) {
        self.pass = self.pass.next(!matches!(phase, Phase::Closed(_)));
        self.phase = phase;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_probes_end_before_they_mean_something_else_and_begin_again_at_the_second() {
        let last = (Ticket::UNCOUNTED >> PLACE_BITS) - 1;
        let mut probes = Probes { count: last - 1, ..Probes::NONE };
        for number in [last, 2, 3] {
            let probe = probes.begin(1, 1, Instant::from_nanos(0)).expect("a free place");
            assert_eq!(probe >> PLACE_BITS, number);
            assert!(probe < Ticket::UNCOUNTED);
            assert!(probes.end(probe));
        }
    }
}
