//! Calls that the host makes by itself, on schedule.

mod lease;
mod plan;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;
use wasmtime::component::Val;

use self::lease::Lease;
use self::plan::{Plan, Step};
use crate::clock::{self, WallClock};
use crate::component::{Component, Function};
use crate::error::Error;
use crate::instance::Network;
use crate::lattice::{Faulty, Invocation};
use crate::manifest::{Cron, Manifest, Schedule};
use crate::trace::SpanContext;

/// What a job calls.
pub(crate) type Target = Faulty<Network>;

/// A call on schedule, ready to be made.
pub(crate) struct Job {
    cron: Cron,
    function: Arc<Function>,
    params: Vec<Val>,
}

impl Job {
    /// Finds the function in `component`, which is where the call goes; fails when it cannot be called.
    pub fn new(manifest: &Manifest, cron: &Cron, component: &Component) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Manifest { path: manifest.path.clone(), line: Some(cron.line), problem };
        let (target, path) = (cron.target(), component.path.display());
        let Some((interface, functions)) = component.exported(&cron.interface) else {
            return Err(wrong(format!(
                "`{target}` is to be called, and {path} does not export it (it exports {}); link `{}` to a component \
                 that does",
                component.export_list(),
                cron.interface
            )));
        };
        let functions = functions.as_ref().map_err(|what| wrong(format!("{path} exports {what}")))?;
        let Some(signature) = functions.get(&cron.function) else {
            let names: Vec<_> = functions.keys().map(String::as_str).collect();
            return Err(wrong(format!(
                "`{target}` is to be called, and {path} exports `{interface}` without that function; write one of: {}",
                names.join(", ")
            )));
        };
        let payload = cron.payload.clone();
        let params = match parameter(&signature.wire()).as_deref() {
            None if payload.is_some() => {
                return Err(wrong(format!("`{target}` takes no parameter; remove `payload`")));
            }
            None => Vec::new(),
            Some("string") => vec![Val::String(payload.unwrap_or_default())],
            Some("list<u8>") => vec![Val::List(payload.unwrap_or_default().bytes().map(Val::U8).collect())],
            Some(_) => {
                return Err(wrong(format!(
                    "`{target}` is `{}`, and a call on schedule has nothing to pass but a `payload`; give the \
                     function no parameter, or one of the type `string` or `list<u8>`",
                    signature.wire()
                )));
            }
        };
        Ok(Job { cron: cron.clone(), function: Function::new(interface, &cron.function, signature), params })
    }

    /// Calls `target` at the times of the schedule. Runs do not overlap: times that go by during a run are missed.
    async fn repeat(
        self,
        network: Arc<Network>,
        target: Target,
        clock: WallClock,
        mut jitter: StdRng,
        lease: Option<Arc<Lease>>,
    ) {
        let name = self.cron.target();
        let start = Instant::now();
        let now = || match self.cron.schedule {
            // Periods since the start, so that no delay adds up and no clock that is set moves them.
            Schedule::Every(_) => start.elapsed(),
            Schedule::Cron { .. } => clock.now(),
        };
        let mut plan = Plan::new(self.cron.schedule.clone(), self.cron.missed, now());
        let mut after_run = None;
        loop {
            match after_run.take().unwrap_or_else(|| plan.step(now())) {
                Step::Wait(time) => {
                    clock::sleep(time.min(clock.trusted_for())).await;
                    continue;
                }
                // This time is another host's.
                Step::Run | Step::Missed { .. } if lease.as_ref().is_some_and(|lease| !lease.is_held()) => continue,
                Step::Run => clock::sleep(draw(&mut jitter, self.cron.jitter)).await,
                Step::Missed { times, run } => {
                    let many = if times == Schedule::MANY { " or more" } else { "" };
                    let made_up = if run { "one run makes up for them" } else { "they were left out" };
                    tracing::warn!("the cron job `{name}` missed {times}{many} of its runs; {made_up}");
                    if !run {
                        continue;
                    }
                }
                Step::Over => {
                    tracing::error!("the cron job `{name}` ends: its schedule has no further time");
                    return;
                }
            }
            self.run(&name, &network, &target).await;
            after_run = plan.catch_up(now());
        }
    }

    /// Calls `target` once, and tells how it went.
    async fn run(&self, name: &str, network: &Arc<Network>, target: &Target) {
        let invocation = Invocation {
            function: self.function.clone(),
            params: self.params.clone(),
            depth: 0,
            deadline: None,
            // Each run is a trace of its own.
            trace: SpanContext::NONE,
        };
        let span = tracing::trace_span!(target: "steadfast::access", "job");
        let began = Instant::now();
        let run = network.lattice.run(network, target, (self.cron.timeout, "job's timeout"), invocation);
        let outcome = run.instrument(span.clone()).await;
        if let Err(failure) = &outcome {
            tracing::error!("the cron job `{name}` failed: {failure}");
        }
        let word = if outcome.is_ok() { "ran" } else { "failed" };
        span.in_scope(|| tracing::debug!(target: "steadfast::access", call = name, took = ?began.elapsed(), "{word}"));
    }
}

/// A time from nothing to `longest`.
fn draw(rng: &mut StdRng, longest: Duration) -> Duration {
    // The share has 53 bits, as many as an `f64` holds.
    let share = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    longest.mul_f64(share)
}

/// The types between the parentheses of `func(..)`; `None` for no parameters.
fn parameter(wire: &str) -> Option<String> {
    let params = wire.strip_prefix("func(")?.split(')').next().filter(|params| !params.is_empty())?;
    Some(params.split_once(": ").map_or(params, |(_, ty)| ty).into())
}

/// The jobs at work, until this is dropped.
pub(crate) struct Jobs {
    running: Mutex<JoinSet<()>>,
}

impl Jobs {
    /// Starts all jobs, each with the component that it calls. `seed` pins their jitter.
    pub fn start(jobs: Vec<(Job, Target)>, network: &Arc<Network>, clock: WallClock, seed: Option<u64>) -> Self {
        // What the standard library makes for each of its hash tables: hosts that start together differ.
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let mut running = JoinSet::new();
        for ((job, target), index) in jobs.into_iter().zip(0..) {
            let lease = job.cron.lease.map(|lasts| Lease::new(job.cron.target(), network.keyvalue.clone(), lasts));
            if let Some(lease) = lease.clone() {
                // Hosts with the same seed have names of their own.
                let names = StdRng::seed_from_u64(RandomState::new().build_hasher().finish());
                running.spawn(lease.keep(names));
            }
            let jitter = StdRng::seed_from_u64(seed.wrapping_add(index));
            running.spawn(job.repeat(network.clone(), target, clock, jitter, lease));
        }
        Jobs { running: Mutex::new(running) }
    }

    /// Ends them, wherever they are.
    pub fn end(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
