//! `steadfast completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that has a shell complete this command, such as `steadfast completions bash`.
#[derive(Args)]
pub(super) struct Completions {
    /// The shell that is to read the script.
    shell: Shell,
}

impl Completions {
    pub fn run(self) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "steadfast", &mut script);
        // `println!` panics when the reader is gone.
        let _ = io::stdout().write_all(&script);
    }
}
