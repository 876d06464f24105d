//! `steadfast compose`: two components become one.

use std::path::PathBuf;

use clap::Args;
use steadfast_host::Error;

use super::printer::STDOUT;

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
        STDOUT.say(format_args!("wrote {} ({} bytes)", self.output.display(), composed.len()));
        Ok(())
    }
}
