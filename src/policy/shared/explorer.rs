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
use std::rc::Rc;
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
    Swapped(bool),
    Time(u64),
}

/// What the store holds, and the time.
#[derive(Clone, Debug, Default, Hash)]
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
    history: Rc<Vec<Answer>>,
    ended: bool,
    /// Until when the probe that it has in flight counts.
    probe: Option<u64>,
    /// How many of its calls failed, and reached the target.
    failed: u64,
}

impl Instance {
    pub fn new(calls: &[bool], ahead: u64) -> Self {
        Instance { calls: calls.into(), ahead, history: Rc::default(), ended: false, probe: None, failed: 0 }
    }
}

/// What a world begins as.
#[derive(Clone, Debug)]
pub struct World {
    pub kept: Kept,
    pub instances: Vec<Instance>,
    /// What time may still pass, one after the other.
    pub pauses: Vec<u64>,
    /// How many instances may still end in the middle of what they do.
    pub deaths: u32,
}

/// A world on its way, with the hashes of its parts. Most steps change one of them, and the others are neither copied
/// nor hashed again.
#[derive(Clone)]
struct State {
    kept: (u64, Rc<Kept>),
    instances: Vec<(u64, Rc<Instance>)>,
    /// How many pauses are over.
    paused: usize,
    deaths: u32,
}

/// What is played back to the code that runs now.
#[derive(Default)]
struct Tape {
    kept: Rc<Kept>,
    ahead: u64,
    history: Rc<Vec<Answer>>,
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

/// An operation that changes what is kept.
fn ask(operation: impl FnOnce(&mut Kept) -> Answer) -> Result<Answer, StoreFailed> {
    step_with(|kept| operation(Rc::make_mut(kept)))
}

fn step_with(operation: impl FnOnce(&mut Rc<Kept>) -> Answer) -> Result<Answer, StoreFailed> {
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
        Rc::make_mut(&mut tape.history).push(answer.clone());
        tape.at += 1;
        Ok(answer)
    })
}

impl Store for Fake {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        match step_with(|kept| Answer::Value(kept.values.get(key).cloned()))? {
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
                Rc::make_mut(&mut tape.history).push(Answer::Time(now));
            }
            tape.at += 1;
            match tape.history[tape.at - 1] {
                Answer::Time(now) => Duration::from_nanos(now),
                ref other => unreachable!("played back another answer: {other:?}"),
            }
        })
    }
}

/// The same store, which can also swap.
#[derive(Clone, Copy, Debug)]
pub struct Swapping;

impl Store for Swapping {
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

    /// Two operations, a handle on the value and the swap, between which others may come.
    fn swap(&self, key: &str, change: &mut dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<bool, StoreFailed> {
        let read = Fake.get(key)?;
        let Some(value) = change(read.as_deref()) else { return Ok(true) };
        let swap = |kept: &mut Kept| {
            let unchanged = kept.values.get(key) == read.as_ref();
            if unchanged {
                kept.values.insert(key.into(), value);
            }
            Answer::Swapped(unchanged)
        };
        match ask(swap)? {
            Answer::Swapped(swapped) => Ok(swapped),
            other => unreachable!("played back another answer: {other:?}"),
        }
    }

    fn wall_time(&self) -> Duration {
        Fake.wall_time()
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
    step_with(|_| Answer::Done).map(drop)
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

/// One more step of the instance `number`.
fn step<D: Design>(rules: &Rules<D>, state: &State, number: usize) -> State {
    let mut instance = Instance::clone(&state.instances[number].1);
    let history = std::mem::take(&mut instance.history);
    TAPE.set(Tape { kept: state.kept.1.clone(), ahead: instance.ahead, history, ..Tape::default() });
    let course = run(&rules.design, &instance.calls);
    let tape = TAPE.take();
    assert!(course.over || tape.suspended, "nothing fails but what is after the step");
    instance.history = if course.over { Rc::default() } else { tape.history };
    instance.failed = course.failed;
    instance.ended = course.over;
    instance.probe = course.probe.map(|until| until.saturating_sub(instance.ahead));
    let mut next = state.clone();
    next.kept.1 = tape.kept;
    next.instances[number].1 = Rc::new(instance);
    next
}

/// Whether a fresh instance that comes now is let through.
pub fn admits<D: Design>(design: &D, kept: &mut Kept, later: u64, outcome: Option<bool>) -> bool {
    kept.now += later;
    TAPE.set(Tape { kept: Rc::new(std::mem::take(kept)), free: true, ..Tape::default() });
    design.fresh();
    let ticket = design.admit().expect("the store does not fail");
    if let (Some(ticket), Some(up)) = (ticket, outcome) {
        design.settle(ticket, (!up).then_some(Cause::NoTarget)).expect("the store does not fail");
    }
    *kept = Rc::unwrap_or_clone(TAPE.take().kept);
    ticket.is_some()
}

fn judge<D: Design>(rules: &Rules<D>, world: &State, any_died: bool, any_pause: bool) -> Result<(), String> {
    let instances = || world.instances.iter().map(|(_, instance)| instance);
    if instances().any(|instance| !instance.ended) {
        return Ok(());
    }
    let failed: u64 = instances().map(|instance| instance.failed).sum();
    let no_success = instances().all(|instance| !instance.calls.contains(&true));
    if no_success && !any_pause && failed >= rules.failures {
        let mut kept = Kept::clone(&world.kept.1);
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
        (rules.done)(&world.kept.1)?;
    }
    // The target is back: soon all calls pass.
    let mut kept = Kept::clone(&world.kept.1);
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
    let World { kept, instances, pauses, deaths } = begin;
    // Hashes, since worlds are large. That two of a million states have the same one has a chance of 1 in 30 million.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let instances = instances.into_iter().map(|it| (hasher.hash_one(&it), Rc::new(it))).collect();
    let mut open = vec![State { kept: (hasher.hash_one(&kept), Rc::new(kept)), instances, paused: 0, deaths }];
    while let Some(state) = open.pop() {
        judge(rules, &state, state.deaths < deaths, state.paused > 0)?;
        let mut nexts = Vec::new();
        for (number, (_, instance)) in state.instances.iter().enumerate().filter(|(_, (_, it))| !it.ended) {
            nexts.push((Some(number), step(rules, &state, number)));
            if state.deaths > 0 && !instance.history.is_empty() {
                let mut dead = State { deaths: state.deaths - 1, ..state.clone() };
                let instance = Instance::clone(instance);
                dead.instances[number].1 =
                    Rc::new(Instance { ended: true, probe: None, history: Rc::default(), ..instance });
                nexts.push((Some(number), dead));
            }
        }
        if let Some(pause) = pauses.get(state.paused) {
            let mut later = State { paused: state.paused + 1, ..state.clone() };
            Rc::make_mut(&mut later.kept.1).now += pause;
            nexts.push((None, later));
        }
        for (stepped, mut next) in nexts {
            // A step that has only read has changed nothing.
            if !Rc::ptr_eq(&state.kept.1, &next.kept.1) {
                (rules.step)(&state.kept.1, Rc::make_mut(&mut next.kept.1))?;
                next.kept.0 = hasher.hash_one(&next.kept.1);
            }
            if let Some((hash, instance)) = stepped.map(|number| &mut next.instances[number]) {
                *hash = hasher.hash_one(&*instance);
            }
            next.instances.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
            let now = next.kept.1.now;
            let under_way = |it: &Instance| it.probe.is_some_and(|until| now < until);
            let probes = next.instances.iter().filter(|(_, it)| under_way(it)).count();
            if probes > rules.probes {
                return Err(format!("{probes} probes are under way, and {} may be", rules.probes));
            }
            let hashes: Vec<u64> = next.instances.iter().map(|(hash, _)| *hash).collect();
            if seen.insert(hasher.hash_one((next.kept.0, hashes, next.paused, next.deaths))) {
                open.push(next);
            }
        }
    }
    Ok(seen.len())
}
