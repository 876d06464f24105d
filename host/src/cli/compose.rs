//! `steadfast compose`: two components become one.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use steadfast_host::Error;

/// Compose two components: the second serves what the first imports.
#[derive(Args)]
pub(super) struct Compose {
    /// The component with the imports.
    #[arg(value_name = "APP.wasm")]
    app: PathBuf,
    /// The component that exports them.
    #[arg(value_name = "PROVIDER.wasm")]
    provider: PathBuf,
    /// Where to write the composed component.
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

impl Compose {
    pub fn run(self) -> Result<(), Error> {
        let composed = steadfast_host::compose(&self.app, &self.provider)?;
        std::fs::write(&self.output, &composed).map_err(|source| Error::Write { path: self.output.clone(), source })?;
        // `println!` panics when nobody listens.
        let _ = writeln!(io::stdout(), "wrote {} ({} bytes)", self.output.display(), composed.len());
        Ok(())
    }
}
