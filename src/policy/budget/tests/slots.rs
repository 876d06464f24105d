//! Instances that share a budget, in every order of the operations that they ask of the store.

use super::secs;
use crate::failure::Cause;
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::shared::SKEW;
use crate::policy::shared::explorer::{self, Design, Fake, Instance, Kept, Rules, SECOND, World, explore, note};
use crate::{Budget, SharedBudget};

const LENGTH: u64 = 5 * SECOND;

/// In a slot, every second call is repeated.
static HALF: SharedBudget<Fake> = Budget::windowed(0.5, 0, secs(5)).shared("it", Fake);

fn slot() -> u64 {
    nanos(Fake.wall_time()) / LENGTH
}

fn counted(kept: &Kept, slot: u64, what: &str) -> u64 {
    kept.counts.get(&format!("{what}/{slot}")).copied().unwrap_or(0)
}

/// Notes what happened in a slot, beside what the design keeps there.
fn noted(slot: u64, what: &str) -> Result<(), StoreFailed> {
    note(|kept| *kept.counts.entry(format!("{what}/{slot}")).or_default() += 1)
}

/// No slot has more retries than its calls allow.
fn within_the_share(_: &Kept, after: &mut Kept) -> Result<(), String> {
    for slot in 0..4 {
        let [calls, retries, undone] = ["called", "retried", "undone"].map(|what| counted(after, slot, what));
        if retries > calls / 2 + undone {
            return Err(format!("{retries} retries, of which {undone} were given back, of {calls} calls"));
        }
    }
    Ok(())
}

/// When all is done, only the retries that were made have a price. Where slots were deleted, there is nothing to see.
fn refused_ones_do_not_count(kept: &Kept) -> Result<(), String> {
    for slot in 0..4 {
        let of = |what| kept.counts.get(&format!("steadfast/it/{slot}/{what}")).copied().unwrap_or(0);
        let (spent, returned) = (of("spent"), of("returned"));
        let made = counted(kept, slot, "retried") - counted(kept, slot, "undone");
        if spent != 0 && spent.saturating_sub(returned) != made {
            return Err(format!("{spent} were spent and {returned} given back for {made} retries"));
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Real {
    /// Whether retries are cancelled before they begin.
    cancels: bool,
}

/// A call, in the slot that it began in.
#[derive(Clone, Copy)]
struct Ticket {
    slot: u64,
    calls: u64,
}

impl Design for Real {
    type Ticket = Ticket;

    fn admit(&self) -> Result<Option<Ticket>, StoreFailed> {
        let slot = slot();
        // Before the store counts it: what it allows is then noted already.
        noted(slot, "called")?;
        Ok(Some(Ticket { slot, calls: HALF.deposit(slot, 1)? }))
    }

    fn lease(&self, _: Ticket) -> Option<u64> {
        None
    }

    fn settle(&self, ticket: Ticket, failure: Option<Cause>) -> Result<(), StoreFailed> {
        if failure.is_none() {
            return Ok(());
        }
        let slot = slot();
        let calls = if slot == ticket.slot { ticket.calls } else { HALF.deposit(slot, 0)? };
        if !HALF.spend(slot, calls, 1)? {
            return Ok(());
        }
        noted(slot, "retried")?;
        if self.cancels {
            noted(slot, "undone")?;
            HALF.give_back(slot, 1)?;
        }
        Ok(())
    }
}

fn rules<D>(design: D) -> Rules<D> {
    Rules { design, probes: 0, failures: u64::MAX, step: within_the_share, done: refused_ones_do_not_count }
}

fn world(instances: &[(&[bool], u64)], pauses: &[u64], deaths: u32) -> World {
    let instances = instances.iter().map(|(calls, ahead)| Instance::new(calls, *ahead)).collect();
    World { kept: Kept::default(), instances, pauses: pauses.into(), deaths }
}

fn try_all(cancels: bool, begin: World, states: usize) {
    explorer::try_all(&rules(Real { cancels }), begin, states);
}

const DOWN: &[bool] = &[false];
const UP_AND_DOWN: &[bool] = &[true, false];

#[test]
fn of_four_calls_at_a_time_at_most_two_are_repeated() {
    try_all(false, world(&[(DOWN, 0), (DOWN, 0), (DOWN, 0), (DOWN, 0)], &[], 0), 1_900);
}

#[test]
fn clocks_that_differ_repeat_no_more_in_a_slot() {
    try_all(false, world(&[(UP_AND_DOWN, 0), (DOWN, 0), (DOWN, SKEW)], &[5 * SECOND], 0), 45_000);
}

#[test]
fn an_instance_that_ends_repeats_no_more() {
    try_all(false, world(&[(UP_AND_DOWN, 0), (DOWN, 0), (DOWN, 0)], &[], 1), 4_000);
}

#[test]
fn what_is_given_back_is_used_once() {
    try_all(true, world(&[(UP_AND_DOWN, 0), (DOWN, 0), (DOWN, 0)], &[], 0), 5_500);
}

/// A budget that others would write. Its calls are those of the real one.
#[derive(Clone, Copy)]
enum Naive {
    /// What was spent is read, and written back with one more.
    WrittenBack,
    /// What was given back is read when the retry has counted already.
    ReadTooLate,
    /// A retry that is refused has counted.
    RefusedCounts,
}

impl Naive {
    fn spend(self, slot: u64, calls: u64) -> Result<bool, StoreFailed> {
        let [spent, returned] = ["spent", "returned"].map(|what| format!("steadfast/it/{slot}/{what}"));
        match self {
            Naive::WrittenBack => {
                let count = Fake.get(&spent)?.and_then(|value| value.first().copied()).unwrap_or(0);
                if u64::from(count) >= calls / 2 {
                    return Ok(false);
                }
                Fake.set(&spent, &[count + 1])?;
                Ok(true)
            }
            Naive::ReadTooLate => {
                let sum = Fake.increment(&spent, 1)?;
                let affords = sum.saturating_sub(Fake.increment(&returned, 0)?) <= calls / 2;
                if !affords {
                    Fake.increment(&returned, 1)?;
                }
                Ok(affords)
            }
            Naive::RefusedCounts => Ok(Fake.increment(&spent, 1)? <= calls / 2),
        }
    }
}

impl Design for Naive {
    type Ticket = Ticket;

    fn admit(&self) -> Result<Option<Ticket>, StoreFailed> {
        Real { cancels: false }.admit()
    }

    fn lease(&self, _: Ticket) -> Option<u64> {
        None
    }

    fn settle(&self, Ticket { slot, calls }: Ticket, _: Option<Cause>) -> Result<(), StoreFailed> {
        if self.spend(slot, calls)? { noted(slot, "retried") } else { Ok(()) }
    }
}

fn problem(naive: Naive, instances: usize) -> String {
    explore(&rules(naive), world(&vec![(DOWN, 0); instances], &[], 0)).unwrap_err()
}

#[test]
fn what_is_spent_and_written_back_is_lost() {
    assert_eq!(problem(Naive::WrittenBack, 3), "2 retries, of which 0 were given back, of 3 calls");
}

#[test]
fn what_is_given_back_and_read_too_late_is_used_twice() {
    assert_eq!(problem(Naive::ReadTooLate, 3), "2 retries, of which 0 were given back, of 3 calls");
}

#[test]
fn a_refused_retry_that_counts_takes_the_place_of_another() {
    assert_eq!(problem(Naive::RefusedCounts, 2), "2 were spent and 0 given back for 0 retries");
}
