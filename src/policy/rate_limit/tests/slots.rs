//! Instances that share a rate limit, in every order of the operations that they ask of the store.

use core::sync::atomic::AtomicU64;

use super::secs;
use crate::failure::Cause;
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::shared::SKEW;
use crate::policy::shared::explorer::{self, Design, Fake, Instance, Kept, Rules, SECOND, World, explore};
use crate::{RateLimit, SharedRateLimit};

const CALLS: u64 = 3;
const PERIOD: u64 = 5 * SECOND;
const LIMIT: RateLimit = RateLimit::tokens(CALLS as u32).every(secs(5));

/// Notes the slot in which a call passes.
fn passes(slot: u64) -> Result<(), StoreFailed> {
    Fake.increment(&format!("passed/{slot}"), 1).map(drop)
}

/// No slot has let more calls pass than it may.
fn within_the_limit(_: &Kept, after: &mut Kept) -> Result<(), String> {
    let mut slots = after.counts.iter().filter(|(key, _)| key.starts_with("passed/"));
    match slots.find(|(_, passed)| **passed > CALLS) {
        Some((slot, passed)) => Err(format!("{passed} calls {slot}, and {CALLS} may")),
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Real(SharedRateLimit<Fake>);

impl Design for Real {
    type Ticket = ();

    fn admit(&self) -> Result<Option<()>, StoreFailed> {
        // The time that the limit reads too: there is no operation between.
        let now = nanos(Fake.wall_time());
        Ok(match self.0.take(&AtomicU64::new(0))? {
            Ok(wait) => Some(passes((now + wait) / PERIOD)?),
            Err(_) => None,
        })
    }

    fn lease(&self, (): ()) -> Option<u64> {
        None
    }

    fn settle(&self, (): (), _: Option<Cause>) -> Result<(), StoreFailed> {
        Ok(())
    }
}

fn rules<D>(design: D) -> Rules<D> {
    Rules { design, probes: 0, failures: u64::MAX, step: within_the_limit, done: |_| Ok(()) }
}

fn world(instances: &[(usize, u64)], pauses: &[u64], deaths: u32) -> World {
    let instances = instances.iter().map(|(calls, ahead)| Instance::new(&vec![true; *calls], *ahead)).collect();
    World { kept: Kept::default(), instances, pauses: pauses.into(), deaths }
}

fn try_all(limit: RateLimit, begin: World, states: usize) {
    explorer::try_all(&rules(Real(limit.shared("it", Fake))), begin, states);
}

#[test]
fn of_four_instances_at_a_time_three_pass() {
    try_all(LIMIT, world(&[(1, 0), (1, 0), (1, 0), (1, 0)], &[], 0), 40);
}

#[test]
fn clocks_that_differ_let_no_more_pass_in_a_slot() {
    try_all(LIMIT, world(&[(2, 0), (1, SKEW), (1, SKEW / 2)], &[5 * SECOND], 0), 3_500);
}

#[test]
fn four_clocks_that_differ_let_no_more_pass_in_a_slot() {
    try_all(LIMIT, world(&[(2, 0), (1, 0), (1, SKEW), (1, SKEW / 2)], &[5 * SECOND], 0), 40_000);
}

#[test]
fn no_slot_is_deleted_that_a_clock_is_in() {
    try_all(LIMIT, world(&[(4, 0), (1, SKEW)], &[], 0), 90);
    // The second pause is as long as slots are kept.
    try_all(LIMIT, world(&[(2, 0), (1, SKEW)], &[5 * SECOND, 10 * SECOND], 0), 1_200);
}

#[test]
fn an_instance_that_ends_lets_no_more_pass() {
    try_all(LIMIT, world(&[(2, 0), (3, SKEW)], &[5 * SECOND], 1), 2_000);
}

#[test]
fn of_four_instances_one_ends_and_no_more_pass() {
    try_all(LIMIT, world(&[(1, 0), (1, 0), (1, 0), (2, SKEW)], &[5 * SECOND], 1), 13_000);
}

#[test]
fn calls_that_wait_are_counted_where_they_pass() {
    try_all(LIMIT.wait_up_to(secs(7)), world(&[(2, 0), (3, SKEW)], &[5 * SECOND], 0), 1_200);
}

/// What people write first: read the count, and write it back with one more.
#[derive(Clone, Copy)]
struct Naive;

impl Design for Naive {
    type Ticket = ();

    fn admit(&self) -> Result<Option<()>, StoreFailed> {
        let slot = nanos(Fake.wall_time()) / PERIOD;
        let key = format!("slot/{slot}");
        let count = Fake.get(&key)?.and_then(|value| value.first().copied()).unwrap_or(0);
        if u64::from(count) >= CALLS {
            return Ok(None);
        }
        Fake.set(&key, &[count + 1])?;
        passes(slot).map(Some)
    }

    fn lease(&self, (): ()) -> Option<u64> {
        None
    }

    fn settle(&self, (): (), _: Option<Cause>) -> Result<(), StoreFailed> {
        Ok(())
    }
}

#[test]
fn a_count_that_is_read_and_written_back_is_lost() {
    let problem = explore(&rules(Naive), world(&[(2, 0), (2, 0)], &[], 0)).unwrap_err();
    assert_eq!(problem, "4 calls passed/0, and 3 may");
}

/// Deletes the slot before when a new one begins, though a clock that is behind is still in it.
#[derive(Clone, Copy)]
struct Hasty;

impl Design for Hasty {
    type Ticket = ();

    fn admit(&self) -> Result<Option<()>, StoreFailed> {
        let slot = nanos(Fake.wall_time()) / PERIOD;
        let count = Fake.increment(&format!("slot/{slot}"), 1)?;
        if let (1, Some(before)) = (count, slot.checked_sub(1)) {
            Fake.delete(&format!("slot/{before}"))?;
        }
        if count > CALLS { Ok(None) } else { passes(slot).map(Some) }
    }

    fn lease(&self, (): ()) -> Option<u64> {
        None
    }

    fn settle(&self, (): (), _: Option<Cause>) -> Result<(), StoreFailed> {
        Ok(())
    }
}

#[test]
fn a_slot_that_is_deleted_at_once_lets_more_pass() {
    let problem = explore(&rules(Hasty), world(&[(4, 0), (1, SKEW)], &[], 0)).unwrap_err();
    assert_eq!(problem, "4 calls passed/0, and 3 may");
}
