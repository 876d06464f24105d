//! `steadfast state`: what a store holds of breakers and budgets whose state all instances share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use steadfast::{Breaker, BreakerState, BudgetCounts, SharedBreaker, SharedState, StoreFailed};
use steadfast_host::{Error, Manifest, Store};
use steadfast_settings::nearest;
use tokio::runtime::Runtime;

use super::app::option_lines;
use super::printer::STDOUT;

/// Show and reset what a store holds of breakers and budgets whose state all instances share.
#[derive(Args)]
pub(super) struct State {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Say how the breakers in a store are, and what the budgets in it have counted in their newest slot of time.
    Show {
        #[command(flatten)]
        place: Place,
        /// The names of breakers and budgets, like acme/greeter; all without one.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Print JSON instead, for other programs.
        #[arg(long)]
        json: bool,
    },
    /// Close breakers for all instances, and forget the failures that were seen. Outcomes of calls that are under way
    /// change nothing any more. Budgets begin anew by themselves, in each slot of time.
    Reset {
        #[command(flatten)]
        place: Place,
        /// The names of the breakers, like acme/greeter.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// Which store, and which bucket of it.
#[derive(Args)]
struct Place {
    /// The manifest whose link of `wasi:keyvalue/store` leads to the store.
    #[arg(long, value_name = "FILE", required_unless_present = "options")]
    manifest: Option<PathBuf>,
    /// In place of a manifest: where the store is, as KEY=VALUE, like redis=redis://127.0.0.1:6379: what stands beside
    /// `provider = "keyvalue"` in a link. More than once for several.
    #[arg(long = "option", value_name = "KEY=VALUE", conflicts_with = "manifest")]
    options: Vec<String>,
    /// The bucket that they are in.
    #[arg(long, value_name = "NAME", default_value = "default")]
    bucket: String,
}

impl State {
    pub fn run(self) -> Result<(), Error> {
        match self.what {
            What::Show { place, names, json } => {
                let at = place.open()?;
                let (mut breakers, mut budgets) = at.names()?;
                if !names.is_empty() {
                    let there = breakers.iter().chain(budgets.keys()).cloned().collect();
                    let names = at.known(names, &there, "a breaker or a budget")?;
                    breakers.retain(|name| names.contains(name));
                    budgets.retain(|name, _| names.contains(name));
                }
                let failed = |_| at.failed();
                let mut states = Vec::new();
                for name in breakers {
                    let known = at.breakers(&name).into_iter().map(|breaker| breaker.state());
                    let known = known.collect::<Result<Vec<_>, _>>().map_err(failed)?;
                    // Of both kinds, the one that something was written to: as a rule, it is one.
                    let written = known.iter().filter(|state| state.generation > 0 || state.failing).count();
                    let shown = known.into_iter().filter(|state| written == 0 || state.generation > 0 || state.failing);
                    states.extend(shown.take(written.max(1)).map(|state| (state, name.clone())));
                }
                let counts = budgets.into_iter().map(|(name, slot)| {
                    Ok((BudgetCounts::read(Draft { at, swaps: false }, &name, slot).map_err(failed)?, slot, name))
                });
                let counts = counts.collect::<Result<Vec<_>, Error>>()?;
                if json {
                    let breakers: Vec<_> = states.iter().map(|(state, name)| value(name, state)).collect();
                    let budgets: Vec<_> = counts
                        .iter()
                        .map(|(BudgetCounts { calls, spent, .. }, slot, name)| {
                            serde_json::json!({ "name": name, "slot": slot, "calls": calls, "spent": spent })
                        })
                        .collect();
                    STDOUT.say(serde_json::json!({ "breakers": breakers, "budgets": budgets }));
                } else if states.is_empty() && counts.is_empty() {
                    STDOUT.say(format_args!("no breaker and no budget has a state in the bucket `{}`", at.bucket));
                } else {
                    states.iter().for_each(|(state, name)| STDOUT.say(line(name, state)));
                    counts.iter().for_each(|(counts, _, name)| STDOUT.say(budget_line(name, counts)));
                }
            }
            What::Reset { place, names } => {
                let at = place.open()?;
                let (breakers, _) = at.names()?;
                for name in at.known(names, &breakers, "a breaker")? {
                    let [one, other] = at.breakers(&name).map(|breaker| breaker.reset());
                    match one.and_then(|one| Ok(one | other?)).map_err(|_| at.failed())? {
                        true => STDOUT.say(format_args!("{name} is closed")),
                        false => STDOUT.say(format_args!("{name} was closed, and had seen no failure")),
                    }
                }
            }
        }
        Ok(())
    }
}

impl Place {
    fn open(self) -> Result<&'static At, Error> {
        let store = match &self.manifest {
            Some(manifest) => Store::of_manifest(&Manifest::read(manifest)?)?,
            None => Store::with_options(&option_lines(&self.options))?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        // Breakers have a store that is there for good.
        Ok(Box::leak(Box::new(At { store, bucket: self.bucket, runtime, failure: Mutex::new(None) })))
    }
}

/// A bucket, for breakers, whose operations block.
#[derive(Debug)]
struct At {
    store: Store,
    bucket: String,
    runtime: Runtime,
    /// Of the last operation that failed.
    failure: Mutex<Option<Error>>,
}

impl At {
    fn failed(&self) -> Error {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.unwrap_or_else(|| Error::Store { problem: "what it holds changes all the time; try again".into() })
    }

    fn ask<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Result<T, StoreFailed> {
        self.runtime.block_on(operation).map_err(|error| {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            StoreFailed
        })
    }

    /// In the first draft of `wasi:keyvalue`, and in the second. Of its settings, nothing is needed to read its state or to
    /// close it.
    fn breakers(&'static self, name: &str) -> [SharedBreaker<Draft>; 2] {
        let name = Box::leak(name.into());
        [false, true].map(|swaps| Breaker::consecutive_failures(1).shared(name, Draft { at: self, swaps }))
    }

    /// All breakers that the bucket has something of; and all budgets, each with its newest slot.
    fn names(&self) -> Result<(BTreeSet<String>, BTreeMap<String, u64>), Error> {
        let keys = self.runtime.block_on(self.store.keys(&self.bucket))?;
        Ok(names(&keys))
    }

    /// These, if each is one of those that are there.
    fn known(&self, names: Vec<String>, there: &BTreeSet<String>, what: &str) -> Result<BTreeSet<String>, Error> {
        match names.iter().find(|name| !there.contains(*name)) {
            None => Ok(names.into_iter().collect()),
            Some(name) => {
                let bucket = &self.bucket;
                let hint = match nearest(name, there.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}, which `steadfast state show` lists", there.len()),
                };
                Err(Error::Store { problem: format!("the bucket `{bucket}` has nothing of {what} `{name}`; {hint}") })
            }
        }
    }
}

fn names(keys: &BTreeSet<String>) -> (BTreeSet<String>, BTreeMap<String, u64>) {
    let breakers = keys.iter().filter_map(|key| SharedState::breaker_of(key)).map(String::from).collect();
    let mut budgets = BTreeMap::new();
    for (name, slot) in keys.iter().filter_map(|key| BudgetCounts::slot_of(key)) {
        let newest: &mut u64 = budgets.entry(name.to_string()).or_default();
        *newest = slot.max(*newest);
    }
    (breakers, budgets)
}

/// The bucket, as a component sees it that swaps, or does not.
#[derive(Clone, Copy, Debug)]
struct Draft {
    at: &'static At,
    swaps: bool,
}

impl steadfast::Store for Draft {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        self.at.ask(self.at.store.get(&self.at.bucket, key))
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        self.at.ask(self.at.store.set(&self.at.bucket, key, value))
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        self.at.ask(self.at.store.increment(&self.at.bucket, key, by))
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        self.at.ask(self.at.store.delete(&self.at.bucket, key))
    }

    fn swaps(&self) -> bool {
        self.swaps
    }

    fn swap(&self, key: &str, change: &mut dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<bool, StoreFailed> {
        self.at.ask(self.at.store.swap(&self.at.bucket, key, change))
    }

    fn wall_time(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// The failure that opened it, as the WIT spells it.
fn cause(state: &SharedState) -> Option<String> {
    let (name, _) = steadfast_settings::CAUSES.get(state.cause? as usize)?;
    Some(name.replace('_', "-"))
}

fn line(name: &str, state: &SharedState) -> String {
    let since = cause(state).unwrap_or_default();
    let how = match state.state {
        BreakerState::Open => {
            // Rounded up: after that time, it is not open.
            let left = Duration::from_millis(state.retry_after.as_millis() as u64 + 1);
            format!("open for {} more, since {since}", humantime::format_duration(left))
        }
        BreakerState::HalfOpen => format!("half-open: one call tries whether {since} is over"),
        _ if state.failing => "closed, and has seen failures since the last success".into(),
        _ => "closed".into(),
    };
    format!("{name}  {how}")
}

fn budget_line(name: &str, BudgetCounts { calls, spent, .. }: &BudgetCounts) -> String {
    format!("{name}  a budget: in its newest slot, {spent} tokens were spent on retries of {calls} calls")
}

fn value(name: &str, state: &SharedState) -> serde_json::Value {
    serde_json::json!({
        "name": name,
        "state": state.state.to_string(),
        "generation": state.generation,
        "failing": state.failing,
        "cause": cause(state),
        "retry-after": state.retry_after.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_one_of_a_breaker_or_a_budget() {
        let keys = [
            "steadfast/acme/greeter",
            "steadfast/acme/greeter/0/slots",
            "steadfast/acme/greeter/0/span",
            "steadfast/acme/greeter/1577836800/calls",
            "steadfast/acme/greeter/8/returned",
            "steadfast/acme/greeter/9/deposits",
            "steadfast/acme/other/2/failures",
            "steadfast/acme/third/3/spent",
            "visits",
        ];
        let (breakers, budgets) = names(&keys.map(String::from).into());
        assert_eq!(breakers, ["acme/greeter", "acme/other"].map(String::from).into());
        assert_eq!(budgets, [("acme/greeter".into(), 9), ("acme/third".into(), 3)].into());
    }
}
