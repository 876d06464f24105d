//! The outcome of a scenario, for one seed or for many, which run side by side.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::figures::Run;
use super::play::play;
use super::scenario::Scenario;
use crate::error::Error;
use crate::escape;

/// Of so many requests the timelines are kept, over all seeds.
const TIMELINES: usize = 500;

/// What became of a scenario. Its text is for people: the figures, and the properties that held or did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// The scenario's file.
    pub(super) scenario: String,
    pub(super) held: bool,
    /// Which components it was: their files, and the SHA-256 of what was in these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) components: BTreeMap<String, String>,
    pub(super) runs: Vec<Run>,
}

impl Scenario {
    /// Runs the scenario once for each of the seeds, `jobs` of them at a time. The outcome is in the order of the seeds,
    /// however many run at a time.
    ///
    /// # Errors
    /// [`Error`], when the components cannot be loaded, or the scenario names what they do not have.
    ///
    /// # Panics
    /// On a thread of a tokio runtime: simulated time has one of its own.
    ///
    /// ```no_run
    /// # fn example(scenario: steadfast_host::sim::Scenario) -> Result<(), steadfast_host::Error> {
    /// let outcome = scenario.run(&[1, 2, 3], 2)?;
    /// println!("{outcome}");
    /// assert_eq!(outcome, scenario.run(&[1, 2, 3], 1)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(&self, seeds: &[u64], jobs: usize) -> Result<Outcome, Error> {
        self.run_watched(seeds, jobs, |_| {})
    }

    /// The same; whenever a seed is done, `watch` is told how many are.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    ///
    /// ```no_run
    /// # fn example(scenario: steadfast_host::sim::Scenario) -> Result<(), steadfast_host::Error> {
    /// let seeds: Vec<u64> = (1..=100).collect();
    /// scenario.run_watched(&seeds, 2, |done| eprintln!("{done} of 100"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_watched(&self, seeds: &[u64], jobs: usize, watch: impl Fn(usize) + Sync) -> Result<Outcome, Error> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let runs = Mutex::new(BTreeMap::new());
        let timelines = (TIMELINES / seeds.len().max(1)).max(1);
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(seed) = seeds.get(number) else { break };
                let run = play(self, *seed).map(|play| Run::of(self, *seed, &play, timelines));
                if run.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                runs.insert(number, run);
                watch(runs.len());
            }
        };
        thread::scope(|scope| {
            for _ in 1..jobs.clamp(1, seeds.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        let runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
        let runs: Vec<Run> = runs.into_values().collect::<Result<_, Error>>()?;
        Ok(Outcome {
            scenario: self.path.display().to_string(),
            held: runs.iter().all(|run| run.held),
            components: self.components()?,
            runs,
        })
    }

    fn components(&self) -> Result<BTreeMap<String, String>, Error> {
        // The first of the files is the manifest itself.
        let files = self.manifest.files().into_iter().skip(1);
        let hashed = files.map(|path| match std::fs::read(&path) {
            Ok(bytes) => {
                let hash = Sha256::digest(bytes);
                let hex = hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                Ok((path.display().to_string(), hex))
            }
            Err(source) => Err(Error::Read { path, source, hint: "it was there when the simulation began".into() }),
        });
        hashed.collect()
    }
}

impl Outcome {
    /// Whether all properties held, for all seeds.
    ///
    /// ```
    /// use steadfast_host::sim::Outcome;
    ///
    /// let outcome = Outcome::from_json(r#"{ "scenario": "a.toml", "held": true, "runs": [] }"#)?;
    /// assert!(outcome.held() && outcome.failing().is_empty());
    /// assert_eq!((outcome.requests(), outcome.lasted().as_secs()), (0, 0));
    /// # Ok::<(), String>(())
    /// ```
    pub fn held(&self) -> bool {
        self.held
    }

    /// The seeds of which a property did not hold.
    ///
    /// ```no_run
    /// # fn example(scenario: steadfast_host::sim::Scenario) -> Result<(), steadfast_host::Error> {
    /// let seeds: Vec<u64> = (1..=100).collect();
    /// let failing = scenario.run(&seeds, 2)?.failing();
    /// assert!(failing.is_empty(), "{failing:?}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn failing(&self) -> Vec<u64> {
        self.runs.iter().filter(|run| !run.held).map(|run| run.seed).collect()
    }

    /// How many requests were simulated.
    pub fn requests(&self) -> usize {
        self.runs.iter().map(|run| run.requests).sum()
    }

    /// How long all runs together lasted, in simulated time.
    pub fn lasted(&self) -> std::time::Duration {
        self.runs.iter().map(|run| std::time::Duration::try_from_secs_f64(run.lasted).unwrap_or_default()).sum()
    }

    /// All figures as JSON, which is the same on each run of the same seeds. Times are in seconds.
    ///
    /// ```
    /// use steadfast_host::sim::Outcome;
    ///
    /// let text = "{\n  \"scenario\": \"a.toml\",\n  \"held\": true,\n  \"runs\": []\n}\n";
    /// assert_eq!(Outcome::from_json(text)?.to_json(), text);
    /// # Ok::<(), String>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Texts and numbers: there is nothing in it that JSON does not have.
        escape::json(&serde_json::to_string_pretty(self).unwrap_or_default()) + "\n"
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// What is wrong with the text.
    ///
    /// ```
    /// let problem = steadfast_host::sim::Outcome::from_json("{}").unwrap_err();
    /// assert_eq!(problem, "missing field `scenario` at line 1 column 2");
    /// ```
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}
