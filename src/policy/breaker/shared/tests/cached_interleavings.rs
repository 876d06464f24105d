//! Instances that are kept, and trust for three seconds what they have read, in every order of operations.

use core::cell::RefCell;
use core::time::Duration;

use super::super::protocol::Ticket;
use super::super::{By, Own, SharedBreaker, SharedPermit, Tally, admit};
use super::interleavings::{ONE_PROBE, TWO_PROBES, hint_is_right, moves_on, opened, published, swapping, world};
use crate::failure::Cause;
use crate::observe::Change;
use crate::platform::clock::{Instant, nanos};
use crate::platform::state::{Store, StoreFailed};
use crate::policy::breaker::Breaker;
use crate::policy::shared::SKEW;
use crate::policy::shared::explorer::{self, Design, Fake, Kept, Rules, SECOND, Swapping, World, note, turn};
use crate::policy::{Guard, Moment, Outcome, Permit};

const TRUSTED: u64 = 3 * SECOND;

thread_local! {
    /// What the instance that runs now remembers.
    static OWN: RefCell<Own<Tally>> = const { RefCell::new(SharedBreaker::<Fake>::NEW) };
}

/// The clock of an instance is that of its store.
struct Now;

impl Moment for Now {
    fn now(&self) -> Instant {
        Instant::from_nanos(nanos(Fake.wall_time()))
    }

    fn draw(&self) -> u64 {
        0
    }
}

#[derive(Clone, Copy)]
struct Cached<S>(SharedBreaker<S>);

impl<S: Store> Design for Cached<S> {
    type Ticket = Ticket;

    fn fresh(&self) {
        OWN.set(SharedBreaker::<Fake>::NEW);
    }

    fn admit(&self) -> Result<Option<Ticket>, StoreFailed> {
        // A call that is admitted without the store is a step too: it may come at any time.
        turn()?;
        let now = Now.now().as_nanos();
        let ticket = OWN.with_borrow(|own| match admit(&self.0, own, &Now) {
            Ok(By::Store(ticket)) => Ok(Some(ticket)),
            // The store fails only where the explorer stops the instance.
            Ok(By::Local { .. }) => Err(StoreFailed),
            Err(_) => Ok(None),
        })?;
        if let Some(Ticket::Closed(_)) = ticket {
            note(|kept| {
                if kept.counts.get(OPEN_SINCE).is_some_and(|since| now >= since + TRUSTED) {
                    kept.counts.insert(MISSED.into(), now);
                }
            })?;
        }
        Ok(ticket)
    }

    fn lease(&self, ticket: Ticket) -> Option<u64> {
        match ticket {
            Ticket::Closed(_) => None,
            Ticket::Probe { began, .. } => Some(began + self.0.local.settings.probe_timeout),
        }
    }

    fn settle(&self, ticket: Ticket, failure: Option<Cause>) -> Result<(), StoreFailed> {
        let change = OWN.with_borrow(|own| {
            let permit = SharedPermit { breaker: &self.0, own, by: Some(By::Store(ticket)) };
            permit.settle(failure.map_or(Outcome::Success, Outcome::Failure), &Now)
        });
        if change == Some(Change::StoreFailed) { Err(StoreFailed) } else { Ok(()) }
    }
}

const UP: &[bool] = &[true];
const DOWN: &[bool] = &[false];
const TWICE_UP: &[bool] = &[true, true];
const TWICE_DOWN: &[bool] = &[false, false];

/// Since when those who ask are told that it is open.
const OPEN_SINCE: &str = "noted/open since";
/// When a call passed that should have known.
const MISSED: &str = "noted/missed";

/// Who may trust an answer from before the trip, does so no longer than is said.
fn seen_in_time(before: &Kept, after: &mut Kept) -> Result<(), String> {
    if !published(after).is_open() {
        after.counts.remove(OPEN_SINCE);
    } else if !published(before).is_open() {
        after.counts.insert(OPEN_SINCE.into(), after.now);
    }
    if let Some(at) = after.counts.get(MISSED) {
        return Err(format!("a call passed at {at} ns, and the trip was there long before"));
    }
    moves_on(before, after)
}

/// In both kinds of stores, with at least as many states of the world as [`explorer::try_all`] is told for each.
fn try_all(breaker: Breaker, begin: World, [by_increment, by_swap]: [usize; 2]) {
    try_all_in(breaker.shared("it", Swapping), swapping(begin.clone()), by_swap);
    try_all_in(breaker.shared("it", Fake), begin, by_increment);
}

fn try_all_in<S: Store>(breaker: SharedBreaker<S>, begin: World, states: usize) {
    let cached = breaker.cached_for(Duration::from_nanos(TRUSTED));
    let settings = &cached.local.settings;
    let (probes, failures) = (settings.probes as usize, settings.failures.into());
    let rules = Rules { design: Cached(cached), probes, failures, step: seen_in_time, done: hint_is_right };
    explorer::try_all(&rules, begin, states);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "so many states take too long in Wasmtime")]
fn a_trip_is_seen_by_all_within_the_time() {
    let calls: &[bool] = &[true; 4];
    try_all(ONE_PROBE, world(&[(TWICE_DOWN, 0), (calls, 0)], &[2 * SECOND, SECOND], 0), [23_000, 15_000]);
}

#[test]
fn three_instances_that_cache_see_a_trip() {
    let begin = world(&[(DOWN, 0), (DOWN, 0), (TWICE_UP, 0)], &[3 * SECOND], 0);
    try_all(ONE_PROBE, begin, [24_000, 2_100]);
}

#[test]
fn an_instance_that_caches_and_ends_loses_no_trip() {
    try_all(ONE_PROBE, world(&[(TWICE_DOWN, 0), (TWICE_DOWN, 0)], &[], 1), [1_100, 200]);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "so many states take too long in Wasmtime")]
fn of_instances_that_cache_one_is_the_probe() {
    let begin = world(&[(TWICE_UP, 0), (DOWN, SKEW), (UP, 0)], &[2 * SECOND], 0);
    try_all(ONE_PROBE, opened(begin), [90_000, 6_000]);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "so many states take too long in Wasmtime")]
fn of_instances_that_cache_two_are_probes() {
    let begin = world(&[(TWICE_UP, 0), (UP, 0), (DOWN, 0)], &[2 * SECOND], 0);
    try_all(TWO_PROBES, opened(begin), [27_000, 59_000]);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "so many states take too long in Wasmtime")]
fn of_four_instances_that_cache_one_is_the_probe() {
    let begin = world(&[(UP, 0), (UP, 0), (UP, 0), (DOWN, SKEW)], &[2 * SECOND], 0);
    try_all(ONE_PROBE, opened(begin), [68_000, 3_100]);
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "so many states take too long in Wasmtime")]
fn four_instances_that_cache_see_a_trip() {
    try_all(ONE_PROBE, world(&[(DOWN, 0), (DOWN, 0), (DOWN, 0), (TWICE_UP, 0)], &[], 0), [130_000, 1_900]);
}
