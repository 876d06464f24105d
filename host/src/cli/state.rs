//! `steadfast state`: what a store holds of breakers whose state all instances share.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use steadfast::{Breaker, BreakerState, SharedBreaker, SharedState, StoreFailed};
use steadfast_host::{Error, Manifest, Store};
use steadfast_settings::nearest;
use tokio::runtime::Runtime;

use super::app::option_lines;
use super::printer::STDOUT;

/// Show and reset what a store holds of breakers whose state all instances share.
#[derive(Args)]
pub(super) struct State {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Say how the breakers in a store are.
    Show {
        #[command(flatten)]
        place: Place,
        /// The names of the breakers, like acme/greeter; all without one.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Print JSON instead, for other programs.
        #[arg(long)]
        json: bool,
    },
    /// Close breakers for all instances, and forget the failures that were seen. Outcomes of calls that are under way
    /// change nothing any more.
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
    /// The bucket that the breakers are in.
    #[arg(long, value_name = "NAME", default_value = "default")]
    bucket: String,
}

impl State {
    pub fn run(self) -> Result<(), Error> {
        match self.what {
            What::Show { place, names, json } => {
                let at = place.open()?;
                let names = if names.is_empty() { at.names()? } else { at.known(names)? };
                let states =
                    names.into_iter().map(|name| Ok((at.breaker(&name).state().map_err(|_| at.failed())?, name)));
                let states = states.collect::<Result<Vec<_>, Error>>()?;
                if json {
                    let breakers: Vec<_> = states.iter().map(|(state, name)| value(name, state)).collect();
                    STDOUT.say(serde_json::json!({ "breakers": breakers }));
                } else if states.is_empty() {
                    STDOUT.say(format_args!("no breaker has a state in the bucket `{}`", at.bucket));
                } else {
                    states.iter().for_each(|(state, name)| STDOUT.say(line(name, state)));
                }
            }
            What::Reset { place, names } => {
                let at = place.open()?;
                for name in at.known(names)? {
                    match at.breaker(&name).reset().map_err(|_| at.failed())? {
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

    /// Of its settings, nothing is needed to read its state or to close it.
    fn breaker(&'static self, name: &str) -> SharedBreaker<&'static At> {
        Breaker::consecutive_failures(1).shared(Box::leak(name.into()), self)
    }

    /// All breakers that the bucket has something of.
    fn names(&self) -> Result<BTreeSet<String>, Error> {
        let keys = self.runtime.block_on(self.store.keys(&self.bucket))?;
        Ok(keys.iter().filter_map(|key| SharedState::breaker_of(key)).map(String::from).collect())
    }

    /// These, if the bucket has something of each.
    fn known(&self, names: Vec<String>) -> Result<BTreeSet<String>, Error> {
        let there = self.names()?;
        match names.iter().find(|name| !there.contains(*name)) {
            None => Ok(names.into_iter().collect()),
            Some(name) => {
                let bucket = &self.bucket;
                let hint = match nearest(name, there.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {} breakers, which `steadfast state show` lists", there.len()),
                };
                Err(Error::Store {
                    problem: format!("the bucket `{bucket}` has nothing of a breaker `{name}`; {hint}"),
                })
            }
        }
    }
}

impl steadfast::Store for &'static At {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        self.ask(self.store.get(&self.bucket, key))
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        self.ask(self.store.set(&self.bucket, key, value))
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        self.ask(self.store.increment(&self.bucket, key, by))
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        self.ask(self.store.delete(&self.bucket, key))
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
