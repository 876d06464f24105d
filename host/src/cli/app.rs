//! What a command that serves is to run: a component, or a manifest that says which.

use std::path::{Path, PathBuf};

use clap::Args;
use steadfast_host::{Error, Manifest};

/// The manifest of a project that `steadfast new` made.
pub(super) const MANIFEST: &str = "steadfast.toml";

#[derive(Args)]
pub(super) struct App {
    /// The component, whose own calls then fail with `no-link`; or its manifest, a file that ends in `.toml`. Without
    /// one, `steadfast.toml` in this folder.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The manifest, whatever its file is called: it says which component to run, where its calls go, and what fails.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    manifest: Option<PathBuf>,
}

impl App {
    /// The file, as it was given.
    #[cfg(feature = "wrpc")]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// # Errors
    /// [`Error`], when there is no such manifest, or it is wrong.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        match (&self.file, &self.manifest) {
            (Some(component), _) if !is_manifest(component) => Ok(Manifest::of(component)),
            (Some(manifest), _) | (None, Some(manifest)) => Manifest::read(manifest),
            (None, None) => Manifest::read(MANIFEST).map_err(|error| match error {
                Error::Read { path, source, .. } => {
                    let hint = "give a component or a manifest, or make a project with `steadfast new`";
                    Error::Read { path, source, hint: hint.into() }
                }
                error => error,
            }),
        }
    }
}

fn is_manifest(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// Options as TOML. A value that is not TOML is a text, which needs no quotes here.
pub(super) fn option_lines(options: &[String]) -> String {
    let line = |option: &String| match option.split_once('=') {
        Some((key, value)) if toml::from_str::<toml::Table>(option).is_err() => {
            format!("{key} = {}", toml::Value::String(value.into()))
        }
        _ => option.clone(),
    };
    options.iter().map(line).collect::<Vec<_>>().join("\n")
}
