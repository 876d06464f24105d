//! What people write first: read the state, change it, write it back. The explorer finds what is wrong with it.

use std::time::Duration;

use super::interleavings::{ONE_PROBE, opened, rules as real, swapping, world as world_of};
use crate::failure::Cause;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::shared::explorer::{Design, Fake, Instance, Kept, Rules, SECOND, World, explore};

/// Five seconds after two failures in a row.
#[derive(Clone, Copy)]
struct Naive;

/// Failures in a row, and until when it is open.
fn read() -> Result<(u64, u64), StoreFailed> {
    let value = Fake.get("state")?.unwrap_or_else(|| vec![0; 16]);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Ok((number(&value[..8]), number(&value[8..])))
}

fn write(failures: u64, until: u64) -> Result<(), StoreFailed> {
    Fake.set("state", &[failures.to_le_bytes(), until.to_le_bytes()].concat())
}

impl Design for Naive {
    type Ticket = bool;

    fn admit(&self) -> Result<Option<bool>, StoreFailed> {
        let (_, until) = read()?;
        let now = Fake.wall_time().as_nanos() as u64;
        Ok(if until == 0 { Some(false) } else { (now >= until).then_some(true) })
    }

    fn lease(&self, is_probe: bool) -> Option<u64> {
        is_probe.then_some(u64::MAX)
    }

    fn settle(&self, _: bool, failure: Option<Cause>) -> Result<(), StoreFailed> {
        if failure.is_none() {
            return write(0, 0);
        }
        let (failures, until) = read()?;
        let now = Fake.wall_time().as_nanos() as u64;
        write(failures + 1, if failures + 1 >= 2 { now + 5 * SECOND } else { until })
    }
}

fn rules() -> Rules<Naive> {
    fn anything(_: &Kept, _: &mut Kept) -> Result<(), String> {
        Ok(())
    }
    Rules { design: Naive, probes: 1, failures: 2, step: anything, done: |_| Ok(()) }
}

fn world(kept: Kept) -> World {
    World { kept, instances: vec![Instance::new(&[false], 0); 2], pauses: Vec::new(), deaths: 0 }
}

#[test]
fn a_naive_breaker_loses_an_update() {
    let found = explore(&rules(), world(Kept::default())).unwrap_err();
    assert_eq!(found, "a trip is lost: 2 calls failed, and the next one passes");
}

#[test]
fn a_naive_breaker_lets_everyone_probe() {
    let mut kept = Kept::default();
    kept.values.insert("state".into(), [2_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
    let mut begin = world(kept);
    begin.pauses = vec![5 * SECOND];
    let found = explore(&rules(), begin).unwrap_err();
    assert_eq!(found, "2 probes are under way, and 1 may be");
}

/// A store that says it swaps, and compares nothing.
#[derive(Clone, Copy, Debug)]
struct Blind;

impl Store for Blind {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        Fake.get(key)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        Fake.set(key, value)
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        Fake.increment(key, by)
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        Fake.delete(key)
    }

    fn swaps(&self) -> bool {
        true
    }

    fn swap(&self, key: &str, change: &mut dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<bool, StoreFailed> {
        let read = Fake.get(key)?;
        match change(read.as_deref()) {
            Some(value) => Fake.set(key, &value).map(|()| true),
            None => Ok(true),
        }
    }

    fn wall_time(&self) -> Duration {
        Fake.wall_time()
    }
}

#[test]
fn a_swap_that_compares_nothing_loses_a_trip() {
    let found = explore(&real(ONE_PROBE, Blind), world(Kept::default())).unwrap_err();
    assert_eq!(found, "a trip is lost: 2 calls failed, and the next one passes");
}

#[test]
fn a_swap_that_compares_nothing_lets_everyone_probe() {
    let begin = swapping(opened(world_of(&[(&[true], 0), (&[true], 0)], &[2 * SECOND], 0)));
    let found = explore(&real(ONE_PROBE, Blind), begin).unwrap_err();
    assert_eq!(found, "2 probes are under way, and 1 may be");
}
