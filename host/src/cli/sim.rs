//! `steadfast sim`: a scenario in simulated time.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use steadfast::config::Policies;
use steadfast_host::Error;
use steadfast_host::escape::Escaped;
use steadfast_host::sim::{Comparison, Outcome, Scenario};

/// Run a scenario in simulated time: traffic and weather for a component, and what is expected of its answers.
#[derive(Args)]
pub(super) struct Sim {
    /// The scenario: it names a manifest, and has the traffic, the weather and what is expected. Or what --json wrote, a
    /// file that ends in `.json`: then nothing is run again.
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// What all chances come from, instead of the scenario's `seed`: the same seed has the same outcome.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Run it for each of these seeds, both ends included, like 1..100.
    #[arg(long, value_name = "FIRST..LAST", value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// How many seeds run at a time; by default, as many as there are cores.
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// Run another scenario too, with the same seeds, and compare the two. Where their traffic or their weather differs, it
    /// says so.
    #[arg(long, value_name = "OTHER.toml", conflicts_with_all = ["shrink", "tune"])]
    compare: Option<PathBuf>,
    /// Try other values for a setting of the manifest's policies, and compare them, like
    /// policies.greeter.retry.attempts=1,2,4. Of several settings, all combinations are tried.
    #[arg(long, value_name = "SETTING=VALUES", value_parser = grid, conflicts_with = "shrink")]
    tune: Vec<Grid>,
    /// Write the smallest scenario to a file that fails as the first of the failing seeds does: with less traffic, less
    /// weather, and only what did not hold.
    #[arg(long, value_name = "FILE.toml")]
    shrink: Option<PathBuf>,
    /// Write all figures to a file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Write a page to a file, as HTML: what held, the figures, and what happened in the course of time.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// So many seeds have their figures in memory at a time.
const MAX_SEEDS: u64 = 10_000;

/// So many combinations of settings are one picture.
const COMBINATIONS: usize = 64;

/// A setting, and the values that are tried.
#[derive(Clone, Debug, PartialEq)]
struct Grid(String, Vec<String>);

fn grid(text: &str) -> Result<Grid, String> {
    let (setting, values) = text.split_once('=').ok_or("write a setting and its values, like a.b=1,2,4")?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().into()).collect();
    match values.iter().any(String::is_empty) {
        true => Err("a value is empty; write them like a.b=1,2,4".into()),
        false => Ok(Grid(setting.trim().into(), values)),
    }
}

/// All combinations: of each setting, one value.
fn combinations(grids: &[Grid]) -> Vec<Vec<(&str, &str)>> {
    grids.iter().fold(vec![Vec::new()], |all, Grid(setting, values)| {
        let with = |before: &Vec<_>| {
            let more = values.iter().map(|value| [before.as_slice(), &[(setting.as_str(), value.as_str())]].concat());
            more.collect::<Vec<_>>()
        };
        all.iter().flat_map(with).collect()
    })
}

#[derive(Clone)]
struct Seeds(Vec<u64>);

fn seeds(text: &str) -> Result<Seeds, String> {
    let ends = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last): (u64, u64) =
        ends.filter(|(first, last)| first <= last).ok_or("write the first and the last one, like 1..100")?;
    if last - first >= MAX_SEEDS {
        return Err(format!("these are more than {MAX_SEEDS}; run them in parts"));
    }
    Ok(Seeds((first..=last).collect()))
}

impl Sim {
    pub fn run(self) -> Result<ExitCode, Error> {
        if self.compare.is_some() || !self.tune.is_empty() {
            return self.compare();
        }
        let (outcome, ending) = match self.saved() {
            true => (self.read()?, String::new()),
            false => self.simulate()?,
        };
        if let Some(path) = &self.json {
            write(path, outcome.to_json())?;
        }
        if let Some(path) = &self.report {
            write(path, outcome.to_html())?;
        }
        print(&outcome.to_string(), &ending);
        Ok(if outcome.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Whether the file has an outcome, and no scenario.
    fn saved(&self) -> bool {
        self.scenario.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    }

    fn read(&self) -> Result<Outcome, Error> {
        let path = self.scenario.clone();
        let read = |source| {
            let hint = "give a scenario, or a file that --json wrote".into();
            Error::Read { path: path.clone(), source, hint }
        };
        let text = std::fs::read_to_string(&path).map_err(read)?;
        Outcome::from_json(&text).map_err(|problem| Error::Manifest {
            path: path.clone(),
            line: None,
            problem: format!("{problem}; give a file that `steadfast sim --json` wrote"),
        })
    }

    /// Several outcomes: those of two scenarios, or of all combinations of settings.
    fn compare(&self) -> Result<ExitCode, Error> {
        let scenario = Scenario::read(&self.scenario)?;
        let name = |path: &PathBuf| path.display().to_string();
        let (mut versions, mut notes) = (Vec::new(), Vec::new());
        if let Some(path) = &self.compare {
            let other = Scenario::read(path)?;
            notes.extend(apart(&scenario.differs_from(&other), self.seed.is_none() && self.seeds.is_none()));
            versions = vec![(name(&self.scenario), scenario.clone()), (name(path), other)];
        } else {
            let combinations = combinations(&self.tune);
            if combinations.len() > COMBINATIONS {
                let problem = format!("these are {} combinations, and {COMBINATIONS} are the most", combinations.len());
                return Err(Error::Manifest { path: self.scenario.clone(), line: None, problem });
            }
            for settings in combinations {
                let set = |scenario: Scenario, (setting, value): &(&str, &str)| scenario.with_setting(setting, value);
                let tuned = settings.iter().try_fold(scenario.clone(), set)?;
                let named = |(setting, value): &(&str, &str)| {
                    format!("{} = {value}", setting.strip_prefix("policies.").unwrap_or(setting))
                };
                let named = settings.iter().map(named).collect::<Vec<_>>().join(", ");
                check(&tuned, &named).map_err(|problem| Error::Manifest {
                    path: self.scenario.clone(),
                    line: None,
                    problem,
                })?;
                versions.push((named, tuned));
            }
        }
        let seeds = self.seeds(&scenario);
        let outcomes = versions.into_iter().map(|(name, version)| Ok((name, self.outcome(&version, &seeds)?)));
        let comparison = Comparison::of(outcomes.collect::<Result<Vec<_>, Error>>()?);
        let comparison = notes.into_iter().fold(comparison, Comparison::with_note);
        if let Some(path) = &self.json {
            write(path, comparison.to_json())?;
        }
        if let Some(path) = &self.report {
            write(path, comparison.to_html())?;
        }
        print(&comparison.to_string(), "");
        Ok(if comparison.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn seeds(&self, scenario: &Scenario) -> Vec<u64> {
        let own = vec![self.seed.unwrap_or(scenario.seed())];
        self.seeds.as_ref().map_or(own, |seeds| seeds.0.clone())
    }

    fn outcome(&self, scenario: &Scenario, seeds: &[u64]) -> Result<Outcome, Error> {
        let jobs = self.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        scenario.run_watched(seeds, jobs, Progress::of(seeds.len()).watch())
    }

    /// The outcome, and what there is to say of how it was made.
    fn simulate(&self) -> Result<(Outcome, String), Error> {
        let scenario = Scenario::read(&self.scenario)?;
        let seeds = self.seeds(&scenario);
        let began = Instant::now();
        let outcome = self.outcome(&scenario, &seeds)?;
        let (real, lasted) = (began.elapsed().as_secs_f64().max(1e-6), outcome.lasted().as_secs_f64());
        let requests = outcome.requests() as f64;
        let mut text = format!(
            "\ntime       {lasted:.0} s simulated in {real:.2} s, {:.0} : 1, {:.0} requests/s\n",
            lasted / real,
            requests / real
        );
        if let Some(seed) = outcome.failing().first().or(seeds.first()) {
            text += &format!("again      steadfast sim {} --seed {seed}\n", Escaped(self.scenario.display()));
        }
        if let (Some(path), Some(seed)) = (&self.shrink, outcome.failing().first())
            && let Some(shrunk) = scenario.shrink(*seed)?
        {
            write(path, shrunk.to_toml(path))?;
            text +=
                &format!("shrunk     {shrunk}\n           steadfast sim {} --seed {seed}\n", Escaped(path.display()));
        }
        Ok((outcome, text))
    }
}

/// What a reader has to know of two scenarios that are not the same question. `own_seed`: each would run with its own.
fn apart(differ: &[&str], own_seed: bool) -> Option<String> {
    let differ: Vec<&str> = differ.iter().copied().filter(|what| own_seed || *what != "seed").collect();
    let all = match *differ.as_slice() {
        [] => return None,
        ["seed"] => return Some("the files have different seeds; both run with that of the first".into()),
        [one] => format!("the {one} of the two differs"),
        [first, second] => format!("the {first} and the {second} of the two differ"),
        _ => format!("the {} of the two differ", differ.join(", the ")),
    };
    Some(format!("{all}; so the figures do not say which policies are better"))
}

/// Whether the components will take these policies; or what is wrong with them.
fn check(tuned: &Scenario, named: &str) -> Result<(), String> {
    let text = tuned.policies().map_err(|error| error.to_string())?.unwrap_or_default();
    Policies::overriding(&text).map(drop).map_err(|mistakes| {
        let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        format!("`{named}` is to be tried, and its policies have mistakes: {}", all.join("; "))
    })
}

fn write(path: &PathBuf, text: String) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Write { path: path.clone(), source })
}

/// A text that has names from elsewhere in it, and one that has none.
fn print(text: &str, ending: &str) {
    let mut text: String = text.lines().map(|line| format!("{}\n", Escaped(line))).collect();
    text += ending;
    // `println!` panics when its reader is gone.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// How far many seeds are, on a terminal.
struct Progress {
    seeds: usize,
    began: Instant,
    shown: Mutex<Instant>,
}

impl Progress {
    fn of(seeds: usize) -> Self {
        Progress { seeds, began: Instant::now(), shown: Mutex::new(Instant::now()) }
    }

    fn watch(self) -> impl Fn(usize) + Sync {
        let terminal = io::stderr().is_terminal();
        move |done| {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            // A line that people follow, and nothing in the log of a machine.
            if !terminal || (shown.elapsed() < Duration::from_millis(500) && done < self.seeds) {
                return;
            }
            *shown = Instant::now();
            let line = if done < self.seeds { self.line(done, self.began.elapsed()) } else { String::new() };
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }

    fn line(&self, done: usize, passed: Duration) -> String {
        let left = passed.as_secs_f64() / done.max(1) as f64 * self.seeds.saturating_sub(done) as f64;
        format!("{done} of {} seeds, about {:.0} s left", self.seeds, left.ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_long_it_takes() {
        let progress = Progress::of(100);
        assert_eq!(progress.line(20, Duration::from_secs(5)), "20 of 100 seeds, about 20 s left");
    }

    #[test]
    fn a_grid_is_all_combinations_of_values() {
        let grids = [grid("a.b=1, 2").unwrap(), grid("c.d=x").unwrap()];
        let expected = [[("a.b", "1"), ("c.d", "x")], [("a.b", "2"), ("c.d", "x")]];
        assert_eq!(combinations(&grids), expected);
        assert!(grid("a.b").is_err() && grid("a.b=1,").is_err());
    }

    #[test]
    fn seeds_are_a_first_and_a_last_one() {
        assert_eq!(seeds("3..5").map(|seeds| seeds.0), Ok(vec![3, 4, 5]));
        assert_eq!(seeds("18446744073709551615..18446744073709551615").map(|seeds| seeds.0), Ok(vec![u64::MAX]));
        for wrong in ["", "3", "5..3", "..", "1..", "a..b", "1..10001", "0..18446744073709551615"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
