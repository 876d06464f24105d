//! Builds components of this workspace with Cargo, for `wasm32-wasip2`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-wasip2";

/// Components that were built, by the name of their package.
#[derive(Clone, Debug)]
pub struct Guests {
    files: BTreeMap<String, PathBuf>,
}

impl Guests {
    /// Builds the named packages of this workspace, and first adds the target they are for where it is missing.
    /// Cargo shows its progress on standard error.
    ///
    /// # Errors
    /// What was tried, what happened and what to do.
    pub fn build(packages: &[&str]) -> Result<Self, String> {
        Guests::build_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), packages)
    }

    /// The same with the packages of another workspace, which has a profile `guest` too.
    ///
    /// # Errors
    /// What was tried, what happened and what to do.
    pub fn build_in(workspace: &Path, packages: &[&str]) -> Result<Self, String> {
        add_target()?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(workspace).stderr(Stdio::inherit());
        command.args([
            "build",
            "--profile",
            "guest",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ]);
        for package in packages {
            command.args(["--package", package]);
        }
        let output = command.output().map_err(|error| format!("cannot run cargo: {error}; is Rust installed?"))?;
        if !output.status.success() {
            return Err(format!("cargo could not build {}; its messages are above", packages.join(", ")));
        }
        let files: BTreeMap<_, _> = String::from_utf8_lossy(&output.stdout).lines().filter_map(artifact).collect();
        for package in packages {
            if !files.contains_key(*package) {
                return Err(format!("cargo built `{package}` and named no component; is it a cdylib?"));
            }
        }
        Ok(Guests { files })
    }

    /// The component that a package became.
    ///
    /// # Panics
    /// When the package was not among those that were built.
    pub fn file(&self, package: &str) -> &Path {
        self.files.get(package).unwrap_or_else(|| panic!("`{package}` was not built"))
    }
}

/// The package and the component that one message of Cargo tells of.
fn artifact(message: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let file = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
    let component = file.into_iter().find(|file| file.ends_with(".wasm"))?;
    // Cargo says where the package lies, and its folder has its name.
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some((manifest.parent()?.file_name()?.to_str()?.to_string(), component.into()))
}

/// Automatic installs of targets are off on many machines, so it is asked for.
fn add_target() -> Result<(), String> {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let installed = |libraries: &[u8]| Path::new(String::from_utf8_lossy(libraries).trim()).is_dir();
    if libraries.is_ok_and(|output| installed(&output.stdout)) {
        return Ok(());
    }
    eprintln!("adding the target {TARGET} (rustup target add {TARGET})");
    let failed = |what: String| format!("the target {TARGET} is missing, and `rustup target add {TARGET}` {what}");
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("failed ({status}); its message is above"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(failed("cannot be run; install rustup from https://rustup.rs, or the target by other means".into()))
        }
        Err(error) => Err(failed(format!("cannot be run: {error}"))),
    }
}
