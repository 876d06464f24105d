//! Builds components of this workspace with Cargo, for `wasm32-wasip2`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cargo;

const TARGET: &str = "wasm32-wasip2";

/// What is built together. Cargo gives a crate the features that all packages of one build ask for, so a component that
/// is built with some now and with others later is built twice, and has other bytes.
const GROUPS: [&[&str]; 2] = [
    // What `cargo demo` and the scenarios show.
    &[
        "chain",
        "chain-letters",
        "counted-greeter",
        "cron",
        "greeter",
        "http-hello",
        "http-hello-plain",
        "http-proxy",
        "postgres",
        "postgres-table",
        "quotes",
        "scenario-front",
        "shared-breaker",
        "tasks",
    ],
    // Those of the tests.
    &[
        "attributed",
        "callee",
        "caller",
        "errors",
        "hostile",
        "keeper",
        "messenger",
        "published",
        "replier",
        "requester",
        "sharer",
        "wrpc-greeting",
        "wrpc-hello",
    ],
];

/// Components that were built, by the name of their package.
#[derive(Clone, Debug)]
pub struct Guests {
    files: BTreeMap<String, PathBuf>,
}

impl Guests {
    /// Builds one package of this workspace with `features` and in `profile`, beside what it was built as before.
    ///
    /// # Errors
    /// What was tried, what happened and what to do.
    pub fn variant(package: &str, profile: &str, features: &[&str]) -> Result<PathBuf, String> {
        let options: Vec<_> = features.iter().flat_map(|feature| ["--features", feature]).collect();
        let guests = build(&root(), profile, &[package], &options)?;
        let built = guests.file(package);
        let file = built.with_file_name(format!("{package}-{}.wasm", features.join("-")));
        std::fs::copy(built, &file).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(file)
    }

    /// Builds the named packages of this workspace, each with all that are always built with it, and first adds the
    /// target they are for where it is missing. Cargo shows its progress on standard error.
    ///
    /// # Errors
    /// What was tried, what happened and what to do.
    pub fn build(packages: &[&str]) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        for group in GROUPS.iter().filter(|group| packages.iter().any(|package| group.contains(package))) {
            files.extend(build(&root(), "guest", group, &[])?.files);
        }
        Ok(Guests { files })
    }

    /// A package of another workspace with a profile `guest`, built into the folder `target`. Where both are this
    /// workspace's, what the package shares with the components here is built once.
    ///
    /// # Errors
    /// What was tried, what happened and what to do.
    pub fn build_in(workspace: &Path, target: &Path, package: &str) -> Result<PathBuf, String> {
        let options = ["--target-dir", &target.display().to_string()];
        build(workspace, "guest", &[package], &options).map(|guests| guests.file(package).into())
    }

    /// The same components in another folder, where no later build replaces them.
    ///
    /// # Errors
    /// What was tried and what happened.
    pub fn copied_to(&self, folder: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        for (package, file) in &self.files {
            let copy = folder.join(package).with_extension("wasm");
            std::fs::copy(file, &copy).map_err(|error| format!("cannot write {}: {error}", copy.display()))?;
            files.insert(package.clone(), copy);
        }
        Ok(Guests { files })
    }

    /// The component that a package became.
    ///
    /// # Panics
    /// When the package was not among those that were built, or stands in no group above.
    pub fn file(&self, package: &str) -> &Path {
        self.files.get(package).unwrap_or_else(|| panic!("`{package}` was not built"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn build(workspace: &Path, profile: &str, packages: &[&str], options: &[&str]) -> Result<Guests, String> {
    add_target()?;
    let mut arguments = vec!["--profile", profile, "--target", TARGET];
    arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
    arguments.extend(options);
    let artifacts = cargo::build(workspace, &packages.join(", "), &arguments)?;
    let files: BTreeMap<_, _> = artifacts.iter().filter_map(component).collect();
    match packages.iter().find(|package| !files.contains_key(**package)) {
        Some(package) => Err(format!("cargo built `{package}` and named no component; is it a cdylib?")),
        None => Ok(Guests { files }),
    }
}

/// The package and the component that an artifact is.
fn component(artifact: &Value) -> Option<(String, PathBuf)> {
    let file = artifact["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
    let component = file.into_iter().find(|file| file.ends_with(".wasm"))?;
    // The library is named as the package, with the dashes turned.
    let package = artifact["target"]["name"].as_str()?.replace('_', "-");
    Some((package, component.into()))
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
