//! Runs instances in every order of the operations that they ask of a store, with time that passes in between, and
//! instances that end in the middle.
//!
//! The code under test is the real one. To stop it between two operations, it is run anew for each step: what it was
//! answered before is played back, one operation is carried out, and whatever it asks after that fails, which ends it.
//!
//! Worlds that differ only in what makes no difference are one: instances are in a fixed order, and one that has ended
//! forgets what it was answered.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::failure::Cause;
use crate::platform::state::{Store, StoreFailed};

pub const SECOND: u64 = 1_000_000_000;

/// A breaker, or another part, as an instance uses it.
pub trait Design: Copy {
    type Ticket: Copy;
    /// An instance begins, and remembers nothing.
    fn fresh(&self) {}
    fn admit(&self) -> Result<Option<Self::Ticket>, StoreFailed>;
    /// Of a probe, until when it counts, on the clock of its instance.
    fn lease(&self, ticket: Self::Ticket) -> Option<u64>;
    fn settle(&self, ticket: Self::Ticket, failure: Option<Cause>) -> Result<(), StoreFailed>;
}

/// What an instance was answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Answer {
    Value(Option<Vec<u8>>),
    Done,
    Count(u64),
    Time(u64),
}

/// What the store holds, and the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kept {
    pub values: BTreeMap<String, Vec<u8>>,
    pub counts: BTreeMap<String, u64>,
    pub now: u64,
}

/// One instance: what its calls come to, by how much its clock differs, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Whether the target answers, of one call after the other.
    pub calls: Vec<bool>,
    /// How far its clock is ahead.
    pub ahead: u64,
    history: Vec<Answer>,
    ended: bool,
    /// Until when the probe that it has in flight counts.
    probe: Option<u64>,
    /// How many of its calls failed, and reached the target.
    failed: u64,
}

impl Instance {
    pub fn new(calls: &[bool], ahead: u64) -> Self {
        Instance { calls: calls.into(), ahead, history: Vec::new(), ended: false, probe: None, failed: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub kept: Kept,
    pub instances: Vec<Instance>,
    /// What time may still pass, one after the other.
    pub pauses: Vec<u64>,
    /// How many instances may still end in the middle of what they do.
    pub deaths: u32,
}

/// What is played back to the code that runs now.
#[derive(Default)]
struct Tape {
    kept: Kept,
    ahead: u64,
    history: Vec<Answer>,
    at: usize,
    stepped: bool,
    suspended: bool,
    /// Whether everything is carried out, without a stop.
    free: bool,
}

thread_local! {
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// The store of the instance that runs now.
#[derive(Clone, Copy, Debug)]
pub struct Fake;

fn ask(operation: impl FnOnce(&mut Kept) -> Answer) -> Result<Answer, StoreFailed> {
    TAPE.with_borrow_mut(|tape| {
        if tape.free {
            return Ok(operation(&mut tape.kept));
        }
        if let Some(answer) = tape.history.get(tape.at) {
            tape.at += 1;
            return Ok(answer.clone());
        }
        if tape.stepped {
            tape.suspended = true;
            return Err(StoreFailed);
        }
        tape.stepped = true;
        let answer = operation(&mut tape.kept);
        tape.history.push(answer.clone());
        tape.at += 1;
        Ok(answer)
    })
}

impl Store for Fake {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        match ask(|kept| Answer::Value(kept.values.get(key).cloned()))? {
            Answer::Value(value) => Ok(value),
            other => unreachable!("played back another answer: {other:?}"),
        }
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        let set = |kept: &mut Kept| {
            kept.values.insert(key.into(), value.into());
            Answer::Done
        };
        ask(set).map(drop)
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        let count = |kept: &mut Kept| {
            let count = kept.counts.entry(key.into()).or_default();
            *count += by;
            Answer::Count(*count)
        };
        match ask(count)? {
            Answer::Count(count) => Ok(count),
            other => unreachable!("played back another answer: {other:?}"),
        }
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        let delete = |kept: &mut Kept| {
            kept.values.remove(key);
            kept.counts.remove(key);
            Answer::Done
        };
        ask(delete).map(drop)
    }

    fn wall_time(&self) -> Duration {
        TAPE.with_borrow_mut(|tape| {
            let now = tape.kept.now + tape.ahead;
            // What is read after the step is read again in the next one.
            if tape.free || tape.stepped && tape.at == tape.history.len() {
                return Duration::from_nanos(now);
            }
            if tape.at == tape.history.len() {
                tape.history.push(Answer::Time(now));
            }
            tape.at += 1;
            match tape.history[tape.at - 1] {
                Answer::Time(now) => Duration::from_nanos(now),
                ref other => unreachable!("played back another answer: {other:?}"),
            }
        })
    }
}

/// What an instance has done when it stops.
#[derive(Default)]
struct Course {
    probe: Option<u64>,
    failed: u64,
    over: bool,
}

/// A step in which nothing is asked of the store.
pub fn turn() -> Result<(), StoreFailed> {
    ask(|_| Answer::Done).map(drop)
}

/// A step that looks at all that is kept, and may note something in it.
pub fn note(look: impl FnOnce(&mut Kept)) -> Result<(), StoreFailed> {
    let look = |kept: &mut Kept| {
        look(kept);
        Answer::Done
    };
    ask(look).map(drop)
}

/// All calls of an instance, from the first on.
fn run<D: Design>(design: &D, calls: &[bool]) -> Course {
    let mut course = Course::default();
    design.fresh();
    let mut each = || -> Result<(), StoreFailed> {
        for up in calls {
            if let Some(ticket) = design.admit()? {
                course.probe = design.lease(ticket);
                if course.probe.is_some() {
                    // The end of a probe is a step. That of another call makes no difference to others.
                    turn()?;
                }
                course.probe = None;
                course.failed += u64::from(!up);
                design.settle(ticket, (!up).then_some(Cause::NoTarget))?;
            }
        }
        Ok(())
    };
    course.over = each().is_ok();
    course
}

/// How a world is judged.
pub struct Rules<D> {
    pub design: D,
    pub probes: usize,
    /// From how many failures on it must be open, if nothing succeeded and no time has passed.
    pub failures: u64,
    /// What must hold from one step to the next. It may note something in what is kept after it.
    pub step: fn(&Kept, &mut Kept) -> Result<(), String>,
    /// What must hold when all instances are done, and none has died.
    pub done: fn(&Kept) -> Result<(), String>,
}

/// One more step of the instance `number`; `None` when it has none.
fn step<D: Design>(rules: &Rules<D>, world: &World, number: usize) -> World {
    let mut world = world.clone();
    let instance = &mut world.instances[number];
    let history = std::mem::take(&mut instance.history);
    let kept = std::mem::take(&mut world.kept);
    TAPE.set(Tape { kept, ahead: instance.ahead, history, ..Tape::default() });
    let course = run(&rules.design, &instance.calls);
    let tape = TAPE.take();
    assert!(course.over || tape.suspended, "nothing fails but what is after the step");
    (world.kept, instance.history) = (tape.kept, tape.history);
    instance.failed = course.failed;
    instance.ended = course.over;
    instance.probe = course.probe.map(|until| until.saturating_sub(instance.ahead));
    if instance.ended {
        instance.history.clear();
    }
    world
}

/// Whether a fresh instance that comes now is let through.
pub fn admits<D: Design>(design: &D, kept: &mut Kept, later: u64, outcome: Option<bool>) -> bool {
    kept.now += later;
    TAPE.set(Tape { kept: std::mem::take(kept), free: true, ..Tape::default() });
    design.fresh();
    let ticket = design.admit().expect("the store does not fail");
    if let (Some(ticket), Some(up)) = (ticket, outcome) {
        design.settle(ticket, (!up).then_some(Cause::NoTarget)).expect("the store does not fail");
    }
    *kept = TAPE.take().kept;
    ticket.is_some()
}

fn judge<D: Design>(rules: &Rules<D>, world: &World, any_died: bool, any_pause: bool) -> Result<(), String> {
    if world.instances.iter().any(|instance| !instance.ended) {
        return Ok(());
    }
    let failed: u64 = world.instances.iter().map(|instance| instance.failed).sum();
    let no_success = world.instances.iter().all(|instance| !instance.calls.contains(&true));
    if no_success && !any_pause && failed >= rules.failures {
        let mut kept = world.kept.clone();
        // One more failure completes what an instance has left that died.
        if any_died {
            admits(&rules.design, &mut kept, 0, Some(false));
        }
        if !any_died && admits(&rules.design, &mut kept.clone(), 0, None)
            || any_died && admits(&rules.design, &mut kept, 0, None) && failed > rules.failures
        {
            return Err(format!("a trip is lost: {failed} calls failed, and the next one passes"));
        }
    }
    if !any_died {
        (rules.done)(&world.kept)?;
    }
    // The target is back: soon all calls pass.
    let mut kept = world.kept.clone();
    for _ in 0..4 {
        admits(&rules.design, &mut kept, 30 * SECOND, Some(true));
    }
    for _ in 0..2 {
        if !admits(&rules.design, &mut kept, 0, None) {
            return Err("it does not close when the target is back".into());
        }
    }
    Ok(())
}

/// Tries every order. Panics with what is wrong with a state of the world, and where there are fewer states than
/// `at_least`: a world that shrinks unseen proves less than before.
pub fn try_all<D: Design>(rules: &Rules<D>, begin: World, at_least: usize) {
    match explore(rules, begin) {
        Ok(states) => assert!(states >= at_least, "{states} states are fewer than {at_least}"),
        Err(problem) => panic!("{problem}"),
    }
}

/// Tries every order. Says how many states of the world there are, or what is wrong with one of them.
pub fn explore<D: Design>(rules: &Rules<D>, begin: World) -> Result<usize, String> {
    let (deaths, pauses) = (begin.deaths, begin.pauses.len());
    // Hashes, since worlds are large. That two of a million states have the same one has a chance of 1 in 30 million.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let mut open = vec![begin];
    while let Some(world) = open.pop() {
        let (any_died, any_pause) = (world.deaths < deaths, world.pauses.len() < pauses);
        judge(rules, &world, any_died, any_pause)?;
        let mut nexts = Vec::new();
        for (number, instance) in world.instances.iter().enumerate().filter(|(_, instance)| !instance.ended) {
            nexts.push(step(rules, &world, number));
            if world.deaths > 0 && !instance.history.is_empty() {
                let mut dead = world.clone();
                dead.deaths -= 1;
                (dead.instances[number].ended, dead.instances[number].probe) = (true, None);
                dead.instances[number].history.clear();
                nexts.push(dead);
            }
        }
        if let Some((pause, rest)) = world.pauses.split_first() {
            let mut later = world.clone();
            (later.kept.now, later.pauses) = (world.kept.now + pause, rest.into());
            nexts.push(later);
        }
        for mut next in nexts {
            (rules.step)(&world.kept, &mut next.kept)?;
            next.instances.sort_unstable();
            let now = next.kept.now;
            let probes = next.instances.iter().filter(|it| it.probe.is_some_and(|until| now < until)).count();
            if probes > rules.probes {
                return Err(format!("{probes} probes are under way, and {} may be", rules.probes));
            }
            if seen.insert(hasher.hash_one(&next)) {
                open.push(next);
            }
        }
    }
    Ok(seen.len())
}
