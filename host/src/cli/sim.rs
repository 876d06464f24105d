//! `steadfast sim`: a scenario in simulated time.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Args;
use steadfast_host::Error;
use steadfast_host::escape::Escaped;
use steadfast_host::sim::Scenario;

/// Run a scenario in simulated time: traffic and weather for a component, and what is expected of its answers.
#[derive(Args)]
pub(super) struct Sim {
    /// The scenario: it names a manifest, and has the traffic, the weather and what is expected.
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
    /// Write all figures to a file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
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
        let scenario = Scenario::read(&self.scenario)?;
        let seeds = self.seeds.map_or_else(|| vec![self.seed.unwrap_or(scenario.seed())], |seeds| seeds.0);
        let jobs = self.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let began = Instant::now();
        let outcome = scenario.run(&seeds, jobs)?;
        let took = began.elapsed();
        if let Some(path) = self.json {
            std::fs::write(&path, outcome.to_json()).map_err(|source| Error::Write { path, source })?;
        }
        let (real, requests, lasted) = (took.as_secs_f64().max(1e-6), outcome.requests(), outcome.lasted());
        let mut text: String = outcome.to_string().lines().map(|line| format!("{}\n", Escaped(line))).collect();
        text += &format!(
            "\ntime       {:.0} s simulated in {real:.2} s, {:.0} : 1, {:.0} requests/s\n",
            lasted.as_secs_f64(),
            lasted.as_secs_f64() / real,
            requests as f64 / real
        );
        if let Some(seed) = outcome.failing().first().or(seeds.first()) {
            text += &format!("again      steadfast sim {} --seed {seed}\n", Escaped(self.scenario.display()));
        }
        // `println!` panics when nobody listens.
        let _ = io::stdout().write_all(text.as_bytes());
        Ok(if outcome.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_first_and_a_last_one() {
        assert_eq!(seeds("3..5").map(|seeds| seeds.0), Ok(vec![3, 4, 5]));
        assert_eq!(seeds("18446744073709551615..18446744073709551615").map(|seeds| seeds.0), Ok(vec![u64::MAX]));
        for wrong in ["", "3", "5..3", "..", "1..", "a..b", "1..10001", "0..18446744073709551615"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
