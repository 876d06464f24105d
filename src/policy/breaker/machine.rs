//! The state machine: closed, open, half-open, and what a person forced it to be. Pure: no clock, no lock.

use core::time::Duration;

use super::control::BreakerState;
use super::settings::{MAX_PROBES, Settings};
use super::window::{Counts, Probed, Tally};
use crate::clock::Instant;
use crate::event::{Change, Tripped};
use crate::failure::Cause;
use crate::policy::{Reason, Rejected};

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

    /// Whether its success changes nothing in a state that is still as `pass` says.
    #[inline]
    pub const fn success_is_no_news(&self, pass: Pass) -> bool {
        self.pass.0 == pass.0 && pass.is_clean()
    }
}

/// Everything a breaker remembers: a plain value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<T> {
    pub(super) pass: Pass,
    pub(super) mode: Mode,
    pub(super) phase: Phase,
    pub(super) tally: T,
    /// How long it will be open the next time, in nanoseconds; zero before it was open for the first time.
    pub(super) next_break: u64,
    probes: Probes,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Automatic,
    ForcedOpen,
    ForcedClosed,
    /// The machine runs as ever, and nobody does what it says.
    ObserveOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Closed,
    Open { until: Instant, cause: Cause },
    HalfOpen { outcomes: Counts, cause: Cause },
}

/// The probes under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probes {
    /// A bit for each place that is taken.
    taken: u32,
    /// How many probes there were.
    count: u32,
    places: [Place; MAX_PROBES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The number of the probe, whose lowest bits are the place.
    probe: u32,
    began: Instant,
}

impl Probes {
    const NONE: Self =
        Probes { taken: 0, count: 0, places: [Place { probe: 0, began: Instant::from_nanos(0) }; MAX_PROBES] };

    /// The number of one more, if no more than `allowed` are under way then. Those that take too long are given up.
    fn begin(&mut self, allowed: u32, timeout: u64, now: Instant) -> Option<u32> {
        let mut look = self.taken;
        while look != 0 {
            let began = self.place(look.trailing_zeros()).began;
            if now.as_nanos().saturating_sub(began.as_nanos()) >= timeout {
                self.taken &= !(look & look.wrapping_neg());
            }
            look &= look - 1;
        }
        if self.taken.count_ones() >= allowed {
            return None;
        }
        let place = self.taken.trailing_ones();
        // After 200 million probes the numbers begin again, at the second; none of the first is under way by then.
        self.count = if self.count < (Ticket::UNCOUNTED >> PLACE_BITS) - 1 { self.count + 1 } else { 2 };
        let probe = self.count << PLACE_BITS | place;
        *self.place(place) = Place { probe, began: now };
        self.taken |= 1 << place;
        Some(probe)
    }

    /// Frees the place of a probe; false when that was given up.
    fn end(&mut self, probe: u32) -> bool {
        let there = self.place(probe).probe == probe && self.taken >> (probe % MAX_PROBES as u32) & 1 != 0;
        if there {
            self.taken &= !(1 << (probe % MAX_PROBES as u32));
        }
        there
    }

    /// No place lies outside, which the remainder says to the compiler.
    fn place(&mut self, place: u32) -> &mut Place {
        &mut self.places[place as usize % MAX_PROBES]
    }
}

/// How many bits of a probe's number are its place.
const PLACE_BITS: u32 = MAX_PROBES.ilog2();

/// When there is no telling when: the end of the clock.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The breaker turns a call away since the target failed as `cause` says.
fn rejected(cause: Cause, retry_after: Duration) -> Rejected {
    Rejected { reason: Reason::BreakerOpen, cause, retry_after }
}

impl<T: Tally> State<T> {
    pub const NEW: State<T> = State {
        pass: Pass::NEW,
        mode: Mode::Automatic,
        phase: Phase::Closed,
        tally: T::NEW,
        next_break: 0,
        probes: Probes::NONE,
    };

    pub fn pass(&self, settings: &Settings) -> Pass {
        self.pass.clean(!self.pass.asks() && self.tally.is_clean(settings))
    }

    pub fn admit(&mut self, settings: &Settings, now: Instant) -> Result<Ticket, Rejected> {
        let uncounted = Ticket { pass: self.pass, probe: Ticket::UNCOUNTED };
        match self.mode {
            Mode::Automatic => self.admit_automatic(settings, now),
            Mode::ObserveOnly => Ok(self.admit_automatic(settings, now).unwrap_or(uncounted)),
            Mode::ForcedClosed => Ok(uncounted),
            Mode::ForcedOpen => Err(rejected(Cause::Other, Duration::ZERO)),
        }
    }

    fn admit_automatic(&mut self, settings: &Settings, now: Instant) -> Result<Ticket, Rejected> {
        if let Phase::Open { until, cause } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { outcomes: Counts::default(), cause });
        }
        let probe = match self.phase {
            Phase::Closed => 0,
            Phase::Open { until, cause } => return Err(rejected(cause, until.since(now))),
            Phase::HalfOpen { outcomes, cause } => {
                let allowed = settings.probes.saturating_sub(outcomes.calls);
                match self.probes.begin(allowed, settings.probe_timeout, now) {
                    Some(probe) => probe,
                    None => return Err(rejected(cause, Duration::ZERO)),
                }
            }
        };
        Ok(Ticket { pass: self.pass, probe })
    }

    /// A success that was not slow, of a call that was let through by the closed state it still is in; false when
    /// it was not.
    #[inline]
    pub fn succeeded_closed(&mut self, settings: &Settings, ticket: Ticket, now: Instant) -> bool {
        let closed = ticket.pass.same_state(self.pass);
        if closed {
            self.tally.succeeded(settings, now);
        }
        closed
    }

    /// Any other outcome; `failure` is `None` for a success.
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
        if !ticket.pass.same_state(self.pass) {
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
            Phase::HalfOpen { outcomes, .. } => {
                if !self.probes.end(ticket.probe) {
                    return Some(Change::Late);
                }
                outcomes.calls += 1;
                outcomes.failures += u32::from(failure.is_some());
                outcomes.slow += u32::from(slow);
                T::probed(settings, *outcomes)
            }
            _ => {
                self.tally.record(settings, now, failure.is_some(), slow);
                self.tally.verdict(settings).map_or(Probed::Undecided, Probed::NotBack)
            }
        };
        match probed {
            Probed::Undecided => None,
            Probed::NotBack(why) => Some(self.open(settings, now, why, cause)),
            Probed::Back => {
                self.next_break = 0;
                self.enter(Phase::Closed);
                Some(Change::Closed)
            }
        }
    }

    /// A call was cancelled, dropped, or says nothing about the target.
    #[cold]
    pub fn ignored(&mut self, ticket: Ticket) {
        if !ticket.of_closed() && ticket.pass.same_state(self.pass) {
            self.probes.end(ticket.probe);
        }
    }

    /// Until when calls are rejected for certain.
    pub fn rejects_until(&self) -> Option<Instant> {
        match (self.mode, self.phase) {
            (Mode::ForcedOpen, _) => Some(NEVER),
            (Mode::Automatic, Phase::Open { until, .. }) => Some(until),
            _ => None,
        }
    }

    pub fn trip(&mut self, settings: &Settings, now: Instant) -> Change {
        self.mode = Mode::Automatic;
        self.open(settings, now, Tripped::Manual, Cause::Other)
    }

    /// Closed and empty, in another mode.
    pub fn start(&mut self, mode: Mode) {
        self.mode = mode;
        self.next_break = 0;
        self.enter(Phase::Closed);
    }

    pub fn name(&self) -> BreakerState {
        match (self.mode, self.phase) {
            (Mode::ForcedOpen, _) => BreakerState::ForcedOpen,
            (Mode::ForcedClosed, _) => BreakerState::ForcedClosed,
            (_, Phase::Closed) => BreakerState::Closed,
            (_, Phase::Open { .. }) => BreakerState::Open,
            (_, Phase::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    fn open(&mut self, settings: &Settings, now: Instant, why: Tripped, cause: Cause) -> Change {
        let open_for = if self.next_break == 0 { settings.open_for } else { self.next_break };
        self.next_break = settings.longer_than(open_for);
        self.enter(Phase::Open { until: Instant::from_nanos(now.as_nanos().saturating_add(open_for)), cause });
        Change::Opened { why, cause }
    }

    /// As if there had been so many probes.
    #[cfg(test)]
    pub(super) fn probes_were(&mut self, count: u32) {
        self.probes.count = count;
    }

    /// Enters a state that was entered before, elsewhere: its first probe has been told.
    pub(super) fn resume(&mut self, phase: Phase) {
        self.enter(phase);
        self.probes.count = 1;
    }

    /// Every state begins with nothing counted and no probe under way.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.tally = T::NEW;
        self.probes = Probes::NONE;
        let passes = phase == Phase::Closed && matches!(self.mode, Mode::Automatic | Mode::ObserveOnly);
        self.pass = self.pass.next(!passes);
    }
}
