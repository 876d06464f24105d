//! The real breaker in every order of operations.

use super::super::protocol::{Shared, Ticket};
use super::super::record::{Phase, Record};
use crate::failure::Cause;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::breaker::Breaker;
use crate::policy::shared::SKEW;
use crate::policy::shared::explorer::{self, Design, Fake, Instance, Kept, Rules, SECOND, Swapping, World};

/// Two failures open it for 5 s; a probe has 10 s.
pub const ONE_PROBE: Breaker = Breaker::consecutive_failures(2);
pub const TWO_PROBES: Breaker = Breaker::consecutive_failures(2).probes(2);

#[derive(Clone, Copy)]
pub struct Real<S>(Breaker, S);

impl<S: Store> Real<S> {
    fn shared(&self) -> Shared<'_, S> {
        Shared { store: self.1, name: "it", settings: &self.0.settings }
    }
}

impl<S: Store> Design for Real<S> {
    type Ticket = Ticket;

    fn admit(&self) -> Result<Option<Ticket>, StoreFailed> {
        self.shared().admit().map(Result::ok)
    }

    fn lease(&self, ticket: Ticket) -> Option<u64> {
        match ticket {
            Ticket::Closed(_) => None,
            Ticket::Probe { began, .. } => Some(began + self.0.settings.probe_timeout),
        }
    }

    fn settle(&self, ticket: Ticket, failure: Option<Cause>) -> Result<(), StoreFailed> {
        match failure {
            None => self.shared().succeeded(ticket).map(drop),
            Some(cause) => self.shared().failed(ticket, cause, 0).map(drop),
        }
    }
}

/// The newest generation that the store has.
fn newest(kept: &Kept) -> Record {
    let says = |key: &str| ["/open", "/closed", "/state"].iter().any(|end| key.ends_with(end));
    let records = kept.values.iter().filter(|(key, _)| says(key));
    let records = records.filter_map(|(_, value)| Record::read(&ONE_PROBE.settings, value));
    records.fold(Record::FIRST, |newest, record| {
        let newer = (record.generation, record.is_open()) > (newest.generation, newest.is_open());
        if newer { record } else { newest }
    })
}

/// No generation is left for an older one, and no opening is undone in its own.
pub fn moves_on(before: &Kept, after: &mut Kept) -> Result<(), String> {
    let (before, after) = (newest(before), newest(after));
    if (after.generation, after.is_open()) < (before.generation, before.is_open()) {
        return Err(format!("{before:?} was undone, it is {after:?}"));
    }
    Ok(())
}

/// What a call reads.
pub fn published(kept: &Kept) -> Record {
    let hint = kept
        .values
        .get(HINT)
        .or_else(|| kept.values.get(STATE))
        .and_then(|bytes| Record::read(&ONE_PROBE.settings, bytes));
    hint.unwrap_or(Record::FIRST)
}

/// What a call reads is the newest.
pub fn hint_is_right(kept: &Kept) -> Result<(), String> {
    let (hint, newest) = (published(kept), newest(kept));
    if hint.generation != newest.generation || hint.is_open() != newest.is_open() {
        return Err(format!("a call reads {hint:?}, and it is {newest:?}"));
    }
    Ok(())
}

pub fn rules<S: Store>(breaker: Breaker, store: S) -> Rules<Real<S>> {
    let (probes, failures) = (breaker.settings.probes as usize, breaker.settings.failures.into());
    Rules { design: Real(breaker, store), probes, failures, step: moves_on, done: hint_is_right }
}

/// In both kinds of stores, with at least as many states of the world as [`explorer::try_all`] is told for each.
fn try_all(breaker: Breaker, begin: World, [by_increment, by_swap]: [usize; 2]) {
    explorer::try_all(&rules(breaker, Swapping), swapping(begin.clone()), by_swap);
    explorer::try_all(&rules(breaker, Fake), begin, by_increment);
}

/// What a call reads in a store that counts up, and in one that swaps.
const HINT: &str = "steadfast/it";
const STATE: &str = "steadfast/it/0/state";

/// The same world with a store that swaps.
pub fn swapping(mut world: World) -> World {
    if let Some(state) = std::mem::take(&mut world.kept.values).remove(HINT) {
        world.kept.values.insert(STATE.into(), state);
    }
    world
}

pub fn world(instances: &[(&[bool], u64)], pauses: &[u64], deaths: u32) -> World {
    let instances = instances.iter().map(|(calls, ahead)| Instance::new(calls, *ahead)).collect();
    World { kept: Kept::default(), instances, pauses: pauses.into(), deaths }
}

/// It is open until the first second.
pub fn opened(mut world: World) -> World {
    let phase = Phase::Open { until: SECOND, next_break: 5 * SECOND, cause: Cause::NoTarget };
    let record = Record { generation: 1, phase };
    for key in [HINT, "steadfast/it/1/open"] {
        world.kept.values.insert(key.into(), record.write().written().into());
    }
    world
}

const DOWN: &[bool] = &[false];
const UP: &[bool] = &[true];

#[test]
fn two_failures_at_a_time_open_it() {
    try_all(ONE_PROBE, world(&[(DOWN, 0), (DOWN, SKEW)], &[], 0), [200, 26]);
}

#[test]
fn three_failures_at_a_time_open_it() {
    try_all(ONE_PROBE, world(&[(DOWN, 0), (DOWN, 0), (DOWN, SKEW)], &[], 0), [14_000, 160]);
}

#[test]
fn an_instance_that_ends_loses_no_trip() {
    let twice: &[bool] = &[false, false];
    try_all(ONE_PROBE, world(&[(DOWN, 0), (twice, SKEW)], &[], 1), [1_400, 100]);
}

#[test]
fn a_success_between_failures_undoes_no_opening() {
    try_all(ONE_PROBE, world(&[(DOWN, 0), (DOWN, 0), (UP, 0)], &[], 0), [1_500, 60]);
}

#[test]
fn of_three_instances_one_is_the_probe() {
    try_all(ONE_PROBE, opened(world(&[(UP, 0), (DOWN, SKEW), (DOWN, 0)], &[2 * SECOND], 0)), [20_000, 850]);
}

#[test]
fn a_probe_that_ends_makes_room_for_one_other() {
    let pauses = [2 * SECOND, 9 * SECOND, 7 * SECOND];
    try_all(ONE_PROBE, opened(world(&[(UP, 0), (DOWN, SKEW)], &pauses, 1)), [13_000, 2_000]);
}

#[test]
fn a_clock_that_is_behind_gives_no_probe_up_early() {
    let pauses = [6 * SECOND, 9 * SECOND, 7 * SECOND];
    try_all(ONE_PROBE, opened(world(&[(DOWN, SKEW), (UP, 0)], &pauses, 0)), [14_000, 1_700]);
}

#[test]
fn of_three_instances_two_are_probes() {
    try_all(TWO_PROBES, opened(world(&[(UP, 0), (UP, SKEW), (DOWN, 0)], &[2 * SECOND], 0)), [6_000, 21_000]);
}

#[test]
fn a_call_that_is_late_moves_no_newer_state() {
    let others: &[bool] = &[false, false, true];
    try_all(ONE_PROBE, world(&[(DOWN, 0), (others, 0)], &[6 * SECOND], 0), [7_500, 500]);
}

#[test]
fn four_failures_at_a_time_open_it() {
    try_all(ONE_PROBE, world(&[(DOWN, 0); 4], &[], 0), [80_000, 220]);
}

#[test]
fn two_successes_between_failures_undo_no_opening() {
    try_all(ONE_PROBE, world(&[(DOWN, 0), (DOWN, 0), (UP, 0), (UP, 0)], &[], 0), [11_000, 210]);
}

#[test]
fn of_four_instances_one_is_the_probe_and_one_ends() {
    try_all(ONE_PROBE, opened(world(&[(UP, 0), (UP, 0), (UP, 0), (DOWN, SKEW)], &[2 * SECOND], 1)), [59_000, 1_600]);
}

#[test]
fn of_four_instances_two_are_probes() {
    try_all(TWO_PROBES, opened(world(&[(UP, 0), (UP, 0), (UP, 0), (DOWN, SKEW)], &[2 * SECOND], 0)), [25_000, 82_000]);
}
