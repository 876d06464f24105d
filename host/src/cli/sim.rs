//! `steadfast sim`: a scenario in simulated time.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use steadfast_host::Error;
use steadfast_host::escape::Escaped;
use steadfast_host::sim::{Outcome, Scenario};

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
        let (outcome, ending) = match self.saved() {
            true => (self.read()?, String::new()),
            false => self.simulate()?,
        };
        let write = |path: &PathBuf, text: String| {
            std::fs::write(path, text).map_err(|source| Error::Write { path: path.clone(), source })
        };
        if let Some(path) = &self.json {
            write(path, outcome.to_json())?;
        }
        if let Some(path) = &self.report {
            write(path, outcome.to_html())?;
        }
        let mut text: String = outcome.to_string().lines().map(|line| format!("{}\n", Escaped(line))).collect();
        text += &ending;
        // `println!` panics when its reader is gone.
        let _ = io::stdout().write_all(text.as_bytes());
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

    /// The outcome, and what there is to say of how it was made.
    fn simulate(&self) -> Result<(Outcome, String), Error> {
        let scenario = Scenario::read(&self.scenario)?;
        let own = vec![self.seed.unwrap_or(scenario.seed())];
        let seeds = self.seeds.as_ref().map_or(own, |seeds| seeds.0.clone());
        let jobs = self.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let began = Instant::now();
        let outcome = scenario.run_watched(&seeds, jobs, Progress::of(seeds.len()).watch())?;
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
            std::fs::write(path, shrunk.to_toml(path)).map_err(|source| Error::Write { path: path.clone(), source })?;
            text +=
                &format!("shrunk     {shrunk}\n           steadfast sim {} --seed {seed}\n", Escaped(path.display()));
        }
        Ok((outcome, text))
    }
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
    fn seeds_are_a_first_and_a_last_one() {
        assert_eq!(seeds("3..5").map(|seeds| seeds.0), Ok(vec![3, 4, 5]));
        assert_eq!(seeds("18446744073709551615..18446744073709551615").map(|seeds| seeds.0), Ok(vec![u64::MAX]));
        for wrong in ["", "3", "5..3", "..", "1..", "a..b", "1..10001", "0..18446744073709551615"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
