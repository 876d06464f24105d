//! Has Cargo build something, and reads what it says of it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The artifacts of `cargo build` with these arguments. Cargo shows its progress on standard error.
///
/// # Errors
/// What was tried, what happened and what to do.
pub(crate) fn build(workspace: &Path, what: &str, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace).stderr(Stdio::inherit());
    // What Cargo tells those whom it runs, as it ran us. Told to Cargo in turn, it reaches the build scripts of crates,
    // some of which (`ring`) then count as changed, and with them all that depends on them.
    let about_us = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_MANIFEST_", "CARGO_PKG_"];
    for (name, _) in std::env::vars_os() {
        if about_us.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
    command.args(["build", "--message-format", "json-render-diagnostics"]).args(arguments);
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}; is Rust installed?"))?;
    if !output.status.success() {
        return Err(format!("cargo could not build {what}; its messages are above"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|message| serde_json::from_str::<Value>(message).ok());
    Ok(messages.filter(|message| message["reason"] == "compiler-artifact").collect())
}
