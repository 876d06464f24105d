//! What people write first: read the state, change it, write it back. The explorer finds what is wrong with it.

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
