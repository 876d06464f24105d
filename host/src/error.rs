//! Why a host could not be started: each error says what was tried, what happened and what to do.

use std::fmt;
use std::path::PathBuf;

/// Why a host, or a composition, could not be made.
///
/// ```
/// use steadfast_host::{Manifest, Error};
///
/// let error = Manifest::read("no-such-file.toml").unwrap_err();
/// assert!(matches!(error, Error::Read { .. }));
/// assert!(error.to_string().starts_with("cannot read no-such-file.toml: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is missing or unreadable.
    #[error("cannot read {path}: {source}; {hint}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Where the name comes from, or what to do.
        hint: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}; give another file with -o", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no component.
    #[error("{path} is not a WebAssembly component: {found}", path = path.display())]
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        found: String,
    },
    /// A component has an import or an export that it must not have, or lacks one.
    #[error("{path} {problem}", path = path.display())]
    Unsuitable {
        /// The component.
        path: PathBuf,
        /// What it does, from the verb on, with the function or interface, and what to do.
        problem: String,
    },
    /// A crate cannot be built as a component.
    #[error("cannot build the component in {folder}: {problem}", folder = folder.display())]
    Build {
        /// Where the crate is.
        folder: PathBuf,
        /// What happened, and what to do.
        problem: String,
    },
    /// A project cannot be made.
    #[error("cannot make {path}: {problem}", path = path.display())]
    Project {
        /// The folder.
        path: PathBuf,
        /// What happened, and what to do.
        problem: String,
    },
    /// The manifest, or a scenario, is wrong.
    #[error("{path}{line}: {problem}", path = path.display(), line = Line(*line))]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where that is known.
        line: Option<usize>,
        /// The key or value, what was expected, and what to do.
        problem: String,
    },
    /// A fault cannot be switched on.
    #[error("cannot switch the fault on: {problem}")]
    Fault {
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The admin port cannot take changes, or does not answer.
    #[error("{problem}")]
    Admin {
        /// What was tried, what happened, and what to do.
        problem: String,
    },
    /// The address is taken, or is not ours.
    #[error("cannot listen on {address}: {source}; {hint}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        hint: String,
    },
    /// Two components do not fit together.
    #[error("cannot compose {app} with {provider}: {problem}", app = app.display(), provider = provider.display())]
    Compose {
        /// The component with the import.
        app: PathBuf,
        /// The component with the export.
        provider: PathBuf,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// Something is wrong with the way to a NATS server.
    #[error("cannot serve over NATS: {problem}")]
    Nats {
        /// What, and what to do.
        problem: String,
    },
    /// A provider of the host cannot be run as a process of its own.
    #[error("cannot provide {name}: {problem}")]
    Provider {
        /// The provider.
        name: String,
        /// What is wrong with its name or an option, and what to do.
        problem: String,
    },
    /// A key-value store cannot be seen from here, or did not do what it was asked.
    #[error("cannot use the store: {problem}")]
    Store {
        /// What was asked, what happened, and what to do.
        problem: String,
    },
    /// This machine has no threads, or no files, left to run on.
    #[error("cannot start to work: {0}; the machine, or what it lets this user have, is exhausted")]
    Runtime(std::io::Error),
    /// Something is wrong with the way to an OpenTelemetry collector.
    #[error("cannot export to a collector: {problem}")]
    Otlp {
        /// What, and what to do.
        problem: String,
    },
    /// Wasmtime could not be set up on this machine.
    #[error("cannot set up WebAssembly on this machine: {0:#}")]
    Engine(wasmtime::Error),
}

/// What another crate says, which may be laid out over several lines, as a part of a sentence.
pub(crate) fn quote(error: &dyn fmt::Display) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // What stands in no file has none.
            None | Some(0) => Ok(()),
            Some(line) => write!(f, ":{line}"),
        }
    }
}
