//! Components of crates, built with Cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::Error;

/// Builds the crate in `folder` with `cargo build --target wasm32-wasip2`, and says where its component is. Cargo shows its
/// progress on standard error.
///
/// # Errors
/// [`Error::Build`], when Cargo cannot be run, the crate does not build, or is none that becomes a component.
///
/// ```
/// let error = steadfast_host::sim::built("no-such-folder").unwrap_err();
/// assert!(error.to_string().starts_with("cannot build the component in no-such-folder: "));
/// ```
pub fn built(folder: impl AsRef<Path>) -> Result<PathBuf, Error> {
    let folder = folder.as_ref();
    let wrong = |problem: String| Error::Build { folder: folder.into(), problem };
    // A test that Cargo runs is told which Cargo that was.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // What it says of the crate of the test counts for that alone: of others, it would have build scripts run again.
    let of_this_crate = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_MANIFEST_", "CARGO_PKG_"];
    for (name, _) in std::env::vars_os() {
        if of_this_crate.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
    command.args(["build", "--target", "wasm32-wasip2", "--message-format", "json-render-diagnostics"]);
    let output = command.current_dir(folder).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| wrong(format!("{error}; is the folder there, and Rust installed?")))?;
    if !output.status.success() {
        return Err(wrong(
            "cargo says why above; where the target is missing, add it with `rustup target add wasm32-wasip2`".into(),
        ));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|message| serde_json::from_str::<Value>(message).ok());
    let components: Vec<PathBuf> = messages.filter_map(|message| component(&message)).collect();
    match components.as_slice() {
        [component] => Ok(component.clone()),
        [] => Err(wrong("it became none; add `crate-type = [\"cdylib\"]` below `[lib]`".into())),
        many => Err(wrong(format!("it became {}; give the folder of one crate", many.len()))),
    }
}

/// The component that an artifact is. Crates that it depends on become none.
fn component(message: &Value) -> Option<PathBuf> {
    let kinds = message["target"]["kind"].as_array().filter(|_| message["reason"] == "compiler-artifact")?;
    let files =
        message["filenames"].as_array().filter(|_| kinds.iter().any(|kind| kind == "cdylib" || kind == "bin"))?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}
