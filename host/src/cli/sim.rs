//! `steadfast sim`: a scenario in simulated time.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
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
    /// Write all figures to a file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Sim {
    pub fn run(self) -> Result<ExitCode, Error> {
        let scenario = Scenario::read(&self.scenario)?;
        let seed = self.seed.unwrap_or(scenario.seed());
        let began = Instant::now();
        let outcome = scenario.run(&[seed], 1)?;
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
        text += &format!("again      steadfast sim {} --seed {seed}\n", Escaped(self.scenario.display()));
        // `println!` panics when nobody listens.
        let _ = io::stdout().write_all(text.as_bytes());
        Ok(if outcome.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
