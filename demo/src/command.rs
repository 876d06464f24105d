//! Builds the command `steadfast` with Cargo, for processes of their own.

use std::path::{Path, PathBuf};

use crate::cargo;

/// Builds the command in a profile of Cargo; its file.
///
/// # Errors
/// What was tried, what happened and what to do.
pub fn build(profile: &str) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Not `--package`, for the reason in .cargo/config.toml.
    let artifacts = cargo::build(&root, "the command `steadfast`", &["--profile", profile, "--bin", "steadfast"])?;
    let command = artifacts.iter().filter(|artifact| artifact["target"]["name"] == "steadfast");
    let command = command.filter_map(|artifact| artifact["executable"].as_str()).next();
    command.map(PathBuf::from).ok_or_else(|| "cargo built the command `steadfast` and named no file".into())
}
