//! What a component imports and exports, whether it is told when a call fails, and what will hurt, without running it.
//!
//! ```
//! use std::path::Path;
//! use steadfast_host::inspect::Inspection;
//!
//! // The smallest component: it imports and exports nothing.
//! let inspection = Inspection::parse(Path::new("empty.wasm"), b"\0asm\x0d\0\x01\0")?;
//! assert_eq!(inspection.traps().count(), 0);
//! assert!(inspection.warnings.is_empty());
//! # Ok::<_, steadfast_host::Error>(())
//! ```
//!
//! All types here are what `steadfast inspect --json` prints, member by member, with names in kebab case.

mod text;
mod warning;

use std::path::Path;

use serde::Serialize;

use crate::component::{self, Standing, Survey, Surveyed, Told};
use crate::error::Error;
use crate::escape;
pub use warning::{Kind, Level, Side, Warning};

/// The version of the shape of the JSON. Members may be added, and values of [`Kind`]; anything else makes it 2.
const FORMAT: u32 = 1;

/// What there is to say of a component before it runs. See the [module](self) for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Inspection {
    /// The version of this shape: 1.
    pub format: u32,
    /// The file, as it was given.
    pub file: String,
    /// What the component imports, by name.
    pub imports: Vec<Interface>,
    /// What the component exports, by name.
    pub exports: Vec<Interface>,
    /// What will hurt: of the imports first.
    pub warnings: Vec<Warning>,
}

/// An interface that has functions or resources; one that has only types links nothing, and is left out. A function
/// that stands in a world by itself counts as an interface of its own, as it does in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Interface {
    /// The name without a version, as a manifest has it: `acme:greeter/api`.
    pub interface: String,
    /// `0.1.0`, where it has one.
    pub version: Option<String>,
    /// `primary`, where it is `primary: acme:greeter/api`. The component model says `implements`.
    pub label: Option<String>,
    /// Who is at the other end.
    pub other_end: OtherEnd,
    /// The functions, by name. Those of WASI are not listed.
    pub functions: Vec<Function>,
}

impl Interface {
    /// The name with the version, as the component has it: `acme:greeter/api@0.1.0`, or with a label,
    /// `primary: acme:greeter/api@0.1.0`.
    ///
    /// ```
    /// # use std::path::Path;
    /// # use steadfast_host::inspect::Inspection;
    /// # let inspection = Inspection::parse(Path::new("empty.wasm"), b"\0asm\x0d\0\x01\0")?;
    /// let names: Vec<String> = inspection.imports.iter().map(|import| import.full_name()).collect();
    /// assert!(names.is_empty());
    /// # Ok::<_, steadfast_host::Error>(())
    /// ```
    pub fn full_name(&self) -> String {
        let name = match &self.version {
            Some(version) => format!("{}@{version}", self.interface),
            None => self.interface.clone(),
        };
        match &self.label {
            Some(label) => format!("{label}: {name}"),
            None => name,
        }
    }
}

/// Who serves an import, or calls an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OtherEnd {
    /// The host, as part of WASI.
    Wasi,
    /// Another component or process, wherever a link leads.
    Link,
    /// The host, as one of wRPC: the interface has the resource `error` of wRPC.
    WrpcHost,
    /// Nobody here: a WASI that this host does not have, an interface that no link can name, or one with a label.
    Nobody,
}

/// A function that crosses from one component to another, or should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Function {
    /// `greet`, or `[method]cup.pour` for one of a resource.
    pub name: String,
    /// What its caller gets when the call itself fails: of an import, this component.
    pub failure: Failure,
    /// Whether the host can carry its values over a lattice.
    pub crosses: bool,
}

/// What the caller of a function gets when the call itself fails, by the type of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failure {
    /// A trap: the type has no error for it.
    Trap,
    /// `rpc-error` of `steadfast:rpc/types@0.1`.
    Steadfast,
    /// The resource `error` of `wrpc:rpc/error@0.1.0`, from this host or one of wRPC.
    Wrpc,
    /// `rpc-error` of `wasmcloud:bus/lattice@2`, from a host of wasmCloud that has it.
    Wasmcloud,
    /// `unexpected` of an error of `wasmcloud:postgres/types@0.1`, with a text.
    Postgres,
    /// A text, the error of functions about messages of `wasmcloud:messaging/types@0.2`.
    Messaging,
}

impl Inspection {
    /// Reads the component in `path`.
    ///
    /// # Errors
    /// [`Error`], when the file cannot be read or is no component.
    ///
    /// ```
    /// use steadfast_host::inspect::Inspection;
    ///
    /// let error = Inspection::read("no-such-file.wasm").unwrap_err();
    /// assert!(error.to_string().starts_with("cannot read no-such-file.wasm: "));
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::parse(path, &component::read_bytes(path, "give the path of a component")?)
    }

    /// Reads the component in `bytes`; `path` is what its messages call it. See the [module](self) for an example.
    ///
    /// # Errors
    /// [`Error`], when the bytes are no component.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let Survey { imports, exports } = component::survey(path, bytes)?;
        let mut warnings = warning::of_imports(&imports);
        warnings.extend(warning::of_exports(&exports));
        Ok(Inspection {
            format: FORMAT,
            file: path.display().to_string(),
            imports: imports.iter().map(Interface::from).collect(),
            exports: exports.iter().map(Interface::from).collect(),
            warnings,
        })
    }

    /// The imported functions whose failure the component does not survive, as `acme:greeter/api@0.1.0#greet`.
    ///
    /// ```
    /// # use std::path::Path;
    /// # use steadfast_host::inspect::Inspection;
    /// # let inspection = Inspection::parse(Path::new("empty.wasm"), b"\0asm\x0d\0\x01\0")?;
    /// assert_eq!(inspection.traps().next(), None);
    /// # Ok::<_, steadfast_host::Error>(())
    /// ```
    pub fn traps(&self) -> impl Iterator<Item = String> {
        let theirs = self.imports.iter().filter(|import| import.other_end != OtherEnd::WrpcHost);
        theirs.flat_map(|import| {
            let functions = import.functions.iter().filter(|function| function.failure == Failure::Trap);
            functions.map(|function| format!("{}#{}", import.full_name(), function.name))
        })
    }

    /// All of it as JSON, over several lines.
    ///
    /// ```
    /// # use std::path::Path;
    /// # use steadfast_host::inspect::Inspection;
    /// # let inspection = Inspection::parse(Path::new("empty.wasm"), b"\0asm\x0d\0\x01\0")?;
    /// assert!(inspection.to_json().starts_with("{\n  \"format\": 1,\n"));
    /// # Ok::<_, steadfast_host::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Nothing in it can fail to be JSON: no maps, no numbers but one.
        let mut text = escape::json(&serde_json::to_string_pretty(self).unwrap_or_default());
        text.push('\n');
        text
    }
}

impl From<&Surveyed> for Interface {
    fn from(surveyed: &Surveyed) -> Self {
        let other_end = match surveyed.standing {
            Standing::Wasi => OtherEnd::Wasi,
            Standing::OtherWasi(_) | Standing::Nameless | Standing::Labelled => OtherEnd::Nobody,
            Standing::WrpcError => OtherEnd::WrpcHost,
            Standing::Linkable => OtherEnd::Link,
        };
        let is_wasi = matches!(surveyed.standing, Standing::Wasi | Standing::OtherWasi(_));
        let functions = surveyed.functions.iter().filter(|_| !is_wasi).map(|function| Function {
            name: function.name.clone(),
            failure: function.told.into(),
            crosses: function.obstacle.is_none(),
        });
        Interface {
            interface: surveyed.interface.path(),
            version: surveyed.interface.version.as_ref().map(ToString::to_string),
            label: surveyed.interface.label.clone(),
            other_end,
            functions: functions.collect(),
        }
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        match told {
            Told::No => Failure::Trap,
            Told::Steadfast => Failure::Steadfast,
            Told::Wrpc => Failure::Wrpc,
            Told::Wasmcloud => Failure::Wasmcloud,
            Told::Postgres => Failure::Postgres,
            Told::Messaging => Failure::Messaging,
        }
    }
}
