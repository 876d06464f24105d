//! `steadfast inspect`: what a component imports and exports, and what a failure will do to it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use steadfast_host::Error;
use steadfast_host::inspect::Inspection;

use super::printer::STDERR;

/// Say what a component imports and exports, what it is told when a call fails, and what will hurt.
#[derive(Args)]
pub(super) struct Inspect {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Print JSON instead, for other programs.
    #[arg(long)]
    json: bool,
    /// End with status 2 if the component has this.
    #[arg(long, value_name = "WHAT")]
    deny: Vec<Denied>,
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// An imported function that traps the component when a call of it fails.
    Traps,
}

/// The exit status when there is what was denied: not that of a file that cannot be read.
const DENIED: u8 = 2;

impl Inspect {
    pub fn run(self) -> Result<ExitCode, Error> {
        let inspection = Inspection::read(&self.file)?;
        let text = if self.json { inspection.to_json() } else { inspection.to_string() };
        // `println!` panics when nobody listens.
        let _ = io::stdout().write_all(text.as_bytes());
        let traps: Vec<String> = inspection.traps().collect();
        if !self.deny.contains(&Denied::Traps) || traps.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let (first, more) = (&traps[0], traps.len() - 1);
        let all = if more == 0 { first.clone() } else { format!("{first}, or of {more} other imports,") };
        STDERR.say(format_args!(
            "error: {} traps when a call of {all} fails, which --deny traps forbids; return `result<_, rpc-error>`",
            self.file.display(),
        ));
        Ok(ExitCode::from(DENIED))
    }
}
