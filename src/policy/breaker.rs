//! Leaves a target alone that keeps failing, and looks now and then whether it is back.

use core::time::Duration;

use super::{Guard, Moment, Outcome, Permit, Reason, Rejected};
use crate::clock::Instant;
use crate::event::Change;
use crate::failure::Cause;
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::state::Local;

/// The most probes that [`Breaker::probes`] allows: each has a place in the state, which does not allocate.
const MAX_PROBES: usize = 16;

/// Stops calling a target after a number of failures in a row.
///
/// **When to use it**: in front of anything that can be down for longer than a caller waits; it answers at
/// once instead of making every caller wait for the same failure, and gives the target room to recover.
/// **When not**: around something that only fails by bad arguments. **Where its state lives**: in this
/// instance. On a host that makes a fresh instance for every request it sees one request only.
///
/// - **Closed**: calls pass. The `failures`-th failure in a row opens it; a success starts the count again.
/// - **Open**: calls are rejected for [`open_for`](Self::open_for) without reaching the wire.
/// - **Half-open**: then at most [`probes`](Self::probes) calls at a time may try, and all others are
///   rejected at once. As many successes close it; one failure opens it again. A probe that is not back
///   after [`probe_timeout`](Self::probe_timeout) gives its place to another.
///
/// Only what speaks about the target's health counts: a missing link and a disagreement about types
/// ([`Cause::NoLink`], [`Cause::Protocol`]) stay what they are however long one waits, and are ignored, as
/// are calls that were cancelled. An outcome of a call that was let through in an earlier state never moves
/// a later one.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Breaker, Policy};
///
/// static GREETER: Policy<(), (), Breaker> = Policy::new()
///     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    open_for: Duration,
    probes: u32,
    probe_timeout: Duration,
}

impl Breaker {
    /// Opens at the `failures`-th failure in a row. It stays open for 5 s, then lets 1 probe through and waits
    /// 10 s for it (ten times the usual invocation timeout of a host, so it is lost rather than slow).
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).check().is_ok());
    /// assert!(Breaker::consecutive_failures(0).check().is_err());
    /// ```
    pub const fn consecutive_failures(failures: u32) -> Self {
        Breaker { failures, open_for: Duration::from_secs(5), probes: 1, probe_timeout: Duration::from_secs(10) }
    }

    /// How long the breaker stays open before it lets a probe through; 5 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).open_for(Duration::ZERO).check().is_err());
    /// ```
    pub const fn open_for(self, open_for: Duration) -> Self {
        Breaker { open_for, ..self }
    }

    /// How many calls may try at a time while half-open, and how many successes close the breaker; 1 by
    /// default, at most 16.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// assert!(Breaker::consecutive_failures(5).probes(4).check().is_ok());
    /// assert!(Breaker::consecutive_failures(5).probes(17).check().is_err());
    /// ```
    pub const fn probes(self, probes: u32) -> Self {
        Breaker { probes, ..self }
    }

    /// How long a probe may take before its place goes to another; 10 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Breaker;
    ///
    /// let breaker = Breaker::consecutive_failures(5).probe_timeout(Duration::from_secs(2));
    /// assert!(breaker.check().is_ok());
    /// ```
    pub const fn probe_timeout(self, probe_timeout: Duration) -> Self {
        Breaker { probe_timeout, ..self }
    }

    /// The breaker itself, or why it makes no sense: a count or a duration of zero, too many probes.
    ///
    /// ```
    /// use steadfast::Breaker;
    ///
    /// let invalid = Breaker::consecutive_failures(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "breaker failures: 0 is not allowed: it must be 1 or more");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.failures == 0 {
            refuse!("breaker failures", Value::Count(0), "1 or more");
        }
        if self.open_for.is_zero() {
            refuse!("breaker open_for", Value::Time(self.open_for), "longer than zero");
        }
        if self.probes == 0 || self.probes as usize > MAX_PROBES {
            refuse!("breaker probes", Value::Count(self.probes), "from 1 to 16");
        }
        if self.probe_timeout.is_zero() {
            refuse!("breaker probe_timeout", Value::Time(self.probe_timeout), "longer than zero");
        }
        Ok(self)
    }
}

/// Everything a breaker remembers: a plain value, decided on by pure functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    phase: Phase,
    /// Moves with every change of phase, so that an outcome can be told from one of an earlier phase.
    generation: u32,
    /// The places of probes in flight while half-open: a number that no other probe had, and when it began.
    probes: [Option<(u32, Instant)>; MAX_PROBES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant, cause: Cause },
    HalfOpen { successes: u32, admitted: u32, cause: Cause },
}

/// What a call that was let through hands back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    generation: u32,
    /// Place and number of a probe; unused while closed.
    place: u32,
    number: u32,
    /// Whether this call is the first after the breaker was open for its time.
    first_probe: bool,
}

/// The breaker turns a call away since the target failed as `cause` says.
fn rejected(cause: Cause, retry_after: Duration) -> Rejected {
    Rejected { reason: Reason::BreakerOpen, cause, retry_after }
}

impl State {
    const NEW: State = State { phase: Phase::Closed { failures: 0 }, generation: 0, probes: [None; MAX_PROBES] };

    /// Lets a call through where that needs no clock.
    #[inline]
    fn admit_closed(&self) -> Option<Ticket> {
        match self.phase {
            Phase::Closed { .. } => {
                Some(Ticket { generation: self.generation, place: 0, number: 0, first_probe: false })
            }
            _ => None,
        }
    }

    fn admit(&mut self, breaker: &Breaker, now: Instant) -> Result<Ticket, Rejected> {
        if let Phase::Open { until, cause } = self.phase
            && now >= until
        {
            self.enter(Phase::HalfOpen { successes: 0, admitted: 0, cause });
        }
        match &mut self.phase {
            Phase::Closed { .. } => Ok(Ticket { generation: self.generation, place: 0, number: 0, first_probe: false }),
            Phase::Open { until, cause } => Err(rejected(*cause, until.since(now))),
            Phase::HalfOpen { admitted, cause, .. } => {
                let mut places = self.probes.iter_mut().take(breaker.probes as usize).zip(0..);
                let free = places.find(|(place, _)| match place {
                    None => true,
                    Some((_, began)) => now.since(*began) >= breaker.probe_timeout,
                });
                let Some((place, index)) = free else {
                    return Err(rejected(*cause, Duration::ZERO));
                };
                *admitted = admitted.wrapping_add(1);
                *place = Some((*admitted, now));
                Ok(Ticket { generation: self.generation, place: index, number: *admitted, first_probe: *admitted == 1 })
            }
        }
    }

    /// Until when calls are rejected for certain.
    fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            _ => None,
        }
    }

    #[inline]
    fn succeeded(&mut self, breaker: &Breaker, ticket: Ticket) -> Option<Change> {
        if ticket.generation != self.generation {
            return Some(Change::Late);
        }
        if let Phase::Closed { failures } = &mut self.phase {
            *failures = 0;
            None
        } else {
            self.probe_succeeded(breaker, ticket)
        }
    }

    #[cold]
    fn probe_succeeded(&mut self, breaker: &Breaker, ticket: Ticket) -> Option<Change> {
        if !self.vacate(ticket) {
            return Some(Change::Late);
        }
        if let Phase::HalfOpen { successes, .. } = &mut self.phase {
            *successes += 1;
            if *successes >= breaker.probes {
                self.enter(Phase::Closed { failures: 0 });
                return Some(Change::Closed);
            }
        }
        None
    }

    fn failed(&mut self, breaker: &Breaker, ticket: Ticket, now: Instant, cause: Cause) -> Option<Change> {
        if ticket.generation != self.generation {
            return Some(Change::Late);
        }
        if matches!(cause, Cause::NoLink | Cause::Protocol) {
            self.ignored(ticket);
            return None;
        }
        if let Phase::Closed { failures } = &mut self.phase {
            *failures = failures.saturating_add(1);
            if *failures < breaker.failures {
                return None;
            }
        } else if !self.vacate(ticket) {
            return Some(Change::Late);
        }
        self.enter(Phase::Open { until: now + breaker.open_for, cause });
        Some(Change::Opened(cause))
    }

    /// A call was cancelled, dropped, or says nothing about the target.
    fn ignored(&mut self, ticket: Ticket) {
        if ticket.generation == self.generation {
            self.vacate(ticket);
        }
    }

    /// Frees a probe's place; false when the place had gone to another already.
    fn vacate(&mut self, ticket: Ticket) -> bool {
        if matches!(self.phase, Phase::HalfOpen { .. })
            && let Some(place) = self.probes.get_mut(ticket.place as usize)
            && matches!(place, Some((number, _)) if *number == ticket.number)
        {
            *place = None;
            return true;
        }
        false
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.probes = [None; MAX_PROBES];
        self.generation = self.generation.wrapping_add(1);
    }
}

/// A breaker's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Memory(Local<State>);

#[doc(hidden)]
#[derive(Debug)]
pub struct BreakerPermit<'p> {
    breaker: &'p Breaker,
    memory: &'p Memory,
    ticket: Ticket,
}

impl Permit for BreakerPermit<'_> {
    #[inline]
    fn admitted(&self) -> Option<Change> {
        self.ticket.first_probe.then_some(Change::HalfOpened)
    }

    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let change = match outcome {
            Outcome::Success => self.memory.0.with(|state| state.succeeded(self.breaker, self.ticket)),
            Outcome::Failure(cause) => {
                let now = moment.now();
                self.memory.0.with(|state| state.failed(self.breaker, self.ticket, now, cause))
            }
        };
        core::mem::forget(self);
        change
    }
}

impl Drop for BreakerPermit<'_> {
    #[cold]
    fn drop(&mut self) {
        self.memory.0.with(|state| state.ignored(self.ticket));
    }
}

impl Guard for Breaker {
    type Memory = Memory;
    type Permit<'p> = BreakerPermit<'p>;
    const NEW: Memory = Memory(Local::new(State::NEW));

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Memory, moment: &impl Moment) -> Result<BreakerPermit<'p>, Rejected> {
        let ticket = match memory.0.with(|state| state.admit_closed()) {
            Some(ticket) => ticket,
            // The clock is read outside of the borrow: it may be a caller's own.
            None => {
                let now = moment.now();
                memory.0.with(|state| state.admit(self, now))?
            }
        };
        Ok(BreakerPermit { breaker: self, memory, ticket })
    }

    fn rejects_until(&self, memory: &Memory) -> Option<Instant> {
        memory.0.with(|state| state.open_until())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKER: Breaker =
        Breaker::consecutive_failures(3).open_for(Duration::from_secs(10)).probe_timeout(Duration::from_secs(2));

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// A breaker that opened at 0 s for 10 s.
    fn opened(breaker: &Breaker) -> State {
        let mut state = State::NEW;
        for _ in 0..breaker.failures {
            let ticket = state.admit(breaker, at(0)).expect("closed");
            state.failed(breaker, ticket, at(0), Cause::NoTarget);
        }
        assert!(matches!(state.phase, Phase::Open { .. }), "{state:?}");
        state
    }

    fn fail(state: &mut State, breaker: &Breaker, now: Instant) {
        let ticket = state.admit(breaker, now).expect("let through");
        state.failed(breaker, ticket, now, Cause::Timeout);
    }

    // case 19
    #[test]
    fn a_threshold_of_n_trips_at_n_and_a_success_starts_the_count_again() {
        let mut state = State::NEW;
        fail(&mut state, &BREAKER, at(0));
        fail(&mut state, &BREAKER, at(0));
        let ticket = state.admit(&BREAKER, at(0)).unwrap();
        state.succeeded(&BREAKER, ticket);
        for _ in 0..2 {
            fail(&mut state, &BREAKER, at(1));
            assert!(state.admit_closed().is_some());
        }
        fail(&mut state, &BREAKER, at(1));
        let rejected = state.admit(&BREAKER, at(1)).unwrap_err();
        assert_eq!(rejected, super::rejected(Cause::Timeout, Duration::from_secs(10)));
    }

    // vector 9
    #[test]
    fn open_for_60_s_means_open_at_59_999_s_and_half_open_at_60_s() {
        let breaker = Breaker::consecutive_failures(6).open_for(Duration::from_secs(60));
        let mut state = opened(&breaker);
        assert_eq!(state.admit(&breaker, at(59_999)).unwrap_err().retry_after, Duration::from_millis(1));
        let mut probe = state.admit(&breaker, at(60_000)).expect("half-open");
        for _ in 0..4 {
            state.ignored(probe);
            assert!(matches!(state.phase, Phase::HalfOpen { successes: 0, .. }));
            probe = state.admit(&breaker, at(60_000)).expect("an ignored outcome frees its place");
        }
        state.succeeded(&breaker, probe);
        assert_eq!(state.phase, Phase::Closed { failures: 0 });
    }

    // case 8, case 10
    #[test]
    fn a_late_outcome_never_moves_a_later_state() {
        let mut state = State::NEW;
        let early: Vec<_> = (0..6).map(|_| state.admit(&BREAKER, at(0)).unwrap()).collect();
        for ticket in &early[..3] {
            state.failed(&BREAKER, *ticket, at(0), Cause::Timeout);
        }
        let open = state;
        state.failed(&BREAKER, early[3], at(9_000), Cause::Timeout);
        state.succeeded(&BREAKER, early[4]);
        assert_eq!(state, open, "a call of the closed state moved the open one");

        let probe = state.admit(&BREAKER, at(10_000)).unwrap();
        let half_open = state;
        state.succeeded(&BREAKER, early[4]);
        state.failed(&BREAKER, early[5], at(10_000), Cause::Timeout);
        state.ignored(early[5]);
        assert_eq!(state, half_open, "a call of the closed state moved the half-open one");

        state.succeeded(&BREAKER, probe);
        let closed = state;
        state.failed(&BREAKER, probe, at(10_000), Cause::Timeout);
        assert_eq!(state, closed, "a probe counted twice");
    }

    // case 9
    #[test]
    fn of_100_callers_at_once_only_the_probes_pass() {
        for probes in [1, 3, 16] {
            let breaker = BREAKER.probes(probes);
            let mut state = opened(&breaker);
            let passed = (0..100).filter(|_| state.admit(&breaker, at(10_000)).is_ok()).count();
            assert_eq!(passed, probes as usize);
        }
    }

    // case 11
    #[test]
    fn an_ignored_probe_gives_its_place_back_and_counts_as_neither() {
        let breaker = BREAKER.probes(2);
        let mut state = opened(&breaker);
        let first = state.admit(&breaker, at(10_000)).unwrap();
        let second = state.admit(&breaker, at(10_000)).unwrap();
        state.ignored(first);
        state.failed(&breaker, second, at(10_000), Cause::NoLink);
        assert!(matches!(state.phase, Phase::HalfOpen { successes: 0, .. }));
        assert!(state.admit(&breaker, at(10_000)).is_ok());
        assert!(state.admit(&breaker, at(10_000)).is_ok());
        assert!(state.admit(&breaker, at(10_000)).is_err());
    }

    // case 12
    #[test]
    fn a_probe_that_never_returns_is_given_up_and_its_late_outcome_counts_for_nothing() {
        let mut state = opened(&BREAKER);
        let lost = state.admit(&BREAKER, at(10_000)).unwrap();
        assert!(state.admit(&BREAKER, at(11_999)).is_err());
        let next = state.admit(&BREAKER, at(12_000)).expect("the place is free again");
        let waiting = state;
        state.failed(&BREAKER, lost, at(12_000), Cause::Timeout);
        state.succeeded(&BREAKER, lost);
        assert_eq!(state, waiting);
        state.succeeded(&BREAKER, next);
        assert_eq!(state.phase, Phase::Closed { failures: 0 });
    }

    #[test]
    fn as_many_successes_as_probes_close_it_and_one_failure_opens_it_again() {
        let breaker = BREAKER.probes(2);
        let mut state = opened(&breaker);
        let first = state.admit(&breaker, at(10_000)).unwrap();
        state.succeeded(&breaker, first);
        assert!(matches!(state.phase, Phase::HalfOpen { successes: 1, .. }));
        fail(&mut state, &breaker, at(10_500));
        assert_eq!(state.phase, Phase::Open { until: at(20_500), cause: Cause::Timeout });
        for _ in 0..2 {
            let probe = state.admit(&breaker, at(20_500)).unwrap();
            state.succeeded(&breaker, probe);
        }
        assert_eq!(state.phase, Phase::Closed { failures: 0 });
    }

    // case 16
    #[test]
    fn a_clock_that_steps_back_unlocks_nothing_and_panics_nowhere() {
        let mut state = State::NEW;
        let hour = at(3_600_000);
        for _ in 0..3 {
            fail(&mut state, &BREAKER, hour);
        }
        assert!(state.admit(&BREAKER, at(0)).is_err());
        let probe = state.admit(&BREAKER, hour + BREAKER.open_for).expect("half-open");
        assert!(state.admit(&BREAKER, at(0)).is_err(), "the probe's place is not free");
        state.failed(&BREAKER, probe, at(0), Cause::Timeout);
        assert_eq!(state.open_until(), Some(at(10_000)));
        let mut last = Instant::from_nanos(u64::MAX);
        state = State::NEW;
        for _ in 0..3 {
            fail(&mut state, &BREAKER, last);
        }
        last = last + Duration::from_secs(1);
        assert!(state.admit(&BREAKER, last).is_ok(), "the end of time is not the end of the breaker");
    }

    #[test]
    fn permanent_causes_say_nothing_about_the_target() {
        let mut state = State::NEW;
        for _ in 0..10 {
            for cause in [Cause::NoLink, Cause::Protocol] {
                let ticket = state.admit(&BREAKER, at(0)).unwrap();
                state.failed(&BREAKER, ticket, at(0), cause);
            }
        }
        assert_eq!(state, State::NEW);
    }

    // case 4
    #[test]
    fn nonsense_is_refused_with_field_value_and_range() {
        for (breaker, message) in [
            (Breaker::consecutive_failures(0), "breaker failures: 0 is not allowed: it must be 1 or more"),
            (BREAKER.open_for(Duration::ZERO), "breaker open_for: 0ns is not allowed: it must be longer than zero"),
            (BREAKER.probes(0), "breaker probes: 0 is not allowed: it must be from 1 to 16"),
            (BREAKER.probes(17), "breaker probes: 17 is not allowed: it must be from 1 to 16"),
            (
                BREAKER.probe_timeout(Duration::ZERO),
                "breaker probe_timeout: 0ns is not allowed: it must be longer than zero",
            ),
        ] {
            assert_eq!(breaker.check().unwrap_err().to_string(), message);
        }
    }
}
