//! Calls that the host makes by itself, on schedule.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;
use wasmtime::component::Val;

use crate::component::{Component, Interface, Signature};
use crate::error::Error;
use crate::instance::Network;
use crate::lattice::{Faulty, Invocation};
use crate::manifest::{Cron, Manifest};
use crate::trace::SpanContext;

/// What a job calls.
pub(crate) type Target = Faulty<Network>;

/// A call on schedule, ready to be made.
pub(crate) struct Job {
    cron: Cron,
    interface: Interface,
    signature: Arc<Signature>,
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
        Ok(Job { cron: cron.clone(), interface: interface.clone(), signature: signature.clone(), params })
    }

    /// Calls `target` again and again. While a run takes longer than the time between two, those that would
    /// begin meanwhile are left out.
    async fn repeat(self, network: Arc<Network>, target: Target) {
        let (name, every) = (self.cron.target(), self.cron.every);
        let start = Instant::now();
        // Periods since the start; so no delay adds up.
        let over = || u32::try_from(start.elapsed().as_nanos() / every.as_nanos()).unwrap_or(u32::MAX);
        loop {
            let next = over().saturating_add(1);
            tokio::time::sleep(every.saturating_mul(next).saturating_sub(start.elapsed())).await;
            let invocation = Invocation {
                interface: self.interface.clone(),
                function: self.cron.function.clone(),
                signature: self.signature.clone(),
                params: self.params.clone(),
                depth: 0,
                // Each run is a trace of its own.
                trace: SpanContext::NONE,
            };
            let span = tracing::trace_span!(target: "steadfast::access", "job");
            let began = Instant::now();
            let run = network.lattice.run(&network, &target, self.cron.timeout, invocation);
            let outcome = run.instrument(span.clone()).await;
            if let Err(failure) = &outcome {
                tracing::error!("the cron job `{name}` failed: {failure}");
            }
            let word = if outcome.is_ok() { "ran" } else { "failed" };
            span.in_scope(
                || tracing::debug!(target: "steadfast::access", call = name, took = ?began.elapsed(), "{word}"),
            );
            let missed = over().saturating_sub(next);
            if missed > 0 {
                tracing::warn!("the cron job `{name}` took so long that {missed} of its runs were left out");
            }
        }
    }
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
    /// Starts all jobs, each with the component that it calls.
    pub fn start(jobs: Vec<(Job, Target)>, network: &Arc<Network>) -> Self {
        let running = jobs.into_iter().map(|(job, target)| job.repeat(network.clone(), target));
        Jobs { running: Mutex::new(running.collect()) }
    }

    /// Ends them, wherever they are.
    pub fn end(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
