//! Loads a component and says of each import who provides it, and whether a failure can be told.

mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use wasmtime::Engine;
use wasmtime::component::Component as Compiled;
use wit_parser::decoding::DecodedWasm;
use wit_parser::{Function, FunctionKind, Resolve, WorldItem};

use crate::Error;
pub use shape::{ErrorType, Signature};

/// The packages that the host implements itself. Everything else that a component imports is polyfilled.
const PROVIDED: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];

/// A component, compiled, with the functions that it imports from others and offers to others.
#[derive(Clone)]
pub struct Component {
    pub(crate) path: PathBuf,
    pub(crate) compiled: Compiled,
    imports: BTreeMap<Interface, Functions>,
    /// With the function that cannot cross, and why, in place of an interface's functions.
    exports: BTreeMap<Interface, Result<Functions, String>>,
}

pub(crate) type Functions = BTreeMap<String, Arc<Signature>>;

impl Component {
    /// Reads, checks and compiles the component in `path`. `hint` is for the message when there is no such
    /// file.
    pub(crate) fn load(engine: &Engine, path: &Path, hint: &str) -> Result<Self, Error> {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source, hint: hint.into() })?;
        let not_a_component = |found: String| Error::NotAComponent { path: path.into(), found };
        if let Some(found) = other_than_component(&bytes) {
            return Err(not_a_component(found));
        }
        let broken = |error: String| {
            not_a_component(format!(
                "it begins like one, but cannot be read ({error}); is it truncated? Build it again"
            ))
        };
        let compiled = Compiled::new(engine, &bytes).map_err(|error| broken(error.root_cause().to_string()))?;
        let decoded = wit_parser::decoding::decode(&bytes).map_err(|error| broken(error.root_cause().to_string()))?;
        let DecodedWasm::Component(resolve, world) = decoded else {
            return Err(not_a_component("it is a WIT package; build the component that implements it".into()));
        };

        let world = &resolve.worlds[world];
        let imports = functions(&resolve, world.imports.values());
        let exports = functions(&resolve, world.exports.values());
        let custom = |(interface, _): &(Interface, _)| !PROVIDED.contains(&interface.package.as_str());
        let component = Component {
            path: path.into(),
            compiled,
            imports: signatures(&resolve, imports.filter(custom))
                .map(|(interface, functions)| Ok((interface, functions?)))
                .collect::<Result<_, String>>()
                .map_err(|problem| Error::Unsuitable { path: path.into(), problem: format!("imports {problem}") })?,
            // An export that cannot cross is no fault until somebody links to it.
            exports: signatures(&resolve, exports).collect(),
        };
        Ok(component)
    }

    /// The interfaces that the component imports and WASI does not provide.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (&Interface, &Functions)> {
        self.imports.iter()
    }

    /// The interface of this name, in whichever version the component exports it; in place of its functions,
    /// why it cannot be called from elsewhere.
    pub(crate) fn exported(&self, path: &str) -> Option<(&Interface, &Result<Functions, String>)> {
        self.exports.iter().find(|(interface, _)| interface.path() == path)
    }

    /// The interfaces that the component exports and that can be called from elsewhere.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (&Interface, &Functions)> {
        self.exports.iter().filter_map(|(interface, functions)| Some((interface, functions.as_ref().ok()?)))
    }

    /// Whether the component is a handler of `wasi:http` 0.2.
    pub(crate) fn serves_http(&self) -> bool {
        self.exports.keys().any(|interface| {
            interface.path() == "wasi:http/incoming-handler"
                && interface.version.as_ref().is_some_and(|version| (version.major, version.minor) == (0, 2))
        })
    }

    /// The name of the component's file, for logs.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The interfaces that the component exports, for a message.
    pub(crate) fn export_list(&self) -> String {
        list(self.exports.keys())
    }

    /// The interfaces that the component imports and WASI does not provide, for a message.
    pub(crate) fn import_list(&self) -> String {
        list(self.imports.keys())
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("path", &self.path).finish_non_exhaustive()
    }
}

fn list<'i>(interfaces: impl Iterator<Item = &'i Interface>) -> String {
    let names: Vec<String> = interfaces.map(Interface::to_string).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// An interface, or a function that stands in a world by itself: then the interface has the function's name
/// and no package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interface {
    /// `acme:greeter`
    pub package: String,
    /// `api`
    pub name: String,
    pub version: Option<Version>,
}

impl Interface {
    /// The name without a version, as manifests and errors have it.
    pub fn path(&self) -> String {
        if self.package.is_empty() { self.name.clone() } else { format!("{}/{}", self.package, self.name) }
    }

    /// Whether an import of this interface is served by an export of `other`: the same version, or a later
    /// one that semantic versioning calls compatible.
    pub fn is_served_by(&self, other: &Interface) -> bool {
        let compatible = match (&self.version, &other.version) {
            (Some(wanted), Some(given)) => {
                wanted == given || semver::Comparator { op: semver::Op::Caret, ..comparator(wanted) }.matches(given)
            }
            (wanted, given) => wanted == given,
        };
        self.package == other.package && self.name == other.name && compatible
    }
}

fn comparator(version: &Version) -> semver::Comparator {
    semver::Comparator {
        op: semver::Op::Exact,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: version.pre.clone(),
    }
}

/// The full name, as the component has it.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

fn functions<'r>(
    resolve: &'r Resolve,
    items: impl Iterator<Item = &'r WorldItem>,
) -> impl Iterator<Item = (Interface, Vec<&'r Function>)> {
    let bare = |name: &str| Interface { package: String::new(), name: name.into(), version: None };
    items.filter_map(move |item| match item {
        WorldItem::Interface { id, .. } => {
            let interface = &resolve.interfaces[*id];
            let functions = interface.functions.values().collect();
            let name = match (interface.package, &interface.name) {
                (Some(package), Some(name)) => {
                    let package = &resolve.packages[package].name;
                    Interface {
                        package: format!("{}:{}", package.namespace, package.name),
                        name: name.clone(),
                        version: package.version.clone(),
                    }
                }
                _ => bare(interface.name.as_deref().unwrap_or_default()),
            };
            Some((name, functions))
        }
        WorldItem::Function(function) => Some((bare(&function.name), vec![function])),
        WorldItem::Type { .. } => None,
    })
}

/// The signatures of those interfaces that have functions (one that has only types links nothing); or which
/// function cannot cross, and why.
fn signatures<'r>(
    resolve: &'r Resolve,
    interfaces: impl Iterator<Item = (Interface, Vec<&'r Function>)>,
) -> impl Iterator<Item = (Interface, Result<Functions, String>)> {
    interfaces.filter(|(_, functions)| !functions.is_empty()).map(|(interface, functions)| {
        let functions = functions.into_iter().map(|function| {
            let signature = signature(resolve, function)
                .map_err(|what| format!("`{interface}#{}`, which {what}", function.name))?;
            Ok((function.name.clone(), Arc::new(signature)))
        });
        let functions = functions.collect();
        (interface, functions)
    })
}

fn signature(resolve: &Resolve, function: &Function) -> Result<Signature, String> {
    const STAYS: &str = "which stays in the process that made it; compose the two components, or pass plain values";
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => {
            return Err("is an `async func` of WASI 0.3, which this host does not run; declare it as `func`".into());
        }
        _ => return Err(format!("belongs to a resource, {STAYS}")),
    }
    Signature::new(resolve, function).map_err(|what| format!("has {what}, {STAYS}"))
}

/// What `bytes` are when they are no component, and what to do about it.
fn other_than_component(bytes: &[u8]) -> Option<String> {
    const LAYER_MODULE: [u8; 4] = [1, 0, 0, 0];
    const LAYER_COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
    const BUILD: &str = "build one with `cargo build --target wasm32-wasip2`";
    match bytes {
        [] => Some(format!("it is empty; {BUILD}")),
        [0, b'a', b's', b'm', layer @ ..] if layer.starts_with(&LAYER_COMPONENT) => None,
        [0, b'a', b's', b'm', layer @ ..] if layer.starts_with(&LAYER_MODULE) => {
            Some(format!("it is a core module; {BUILD}, or wrap it with `wasm-tools component new`"))
        }
        [0, b'a', b's', b'm', ..] => Some(format!("it is of another version of WebAssembly, or truncated; {BUILD}")),
        text if text.trim_ascii_start().starts_with(b"(") => {
            Some("it is WebAssembly text; turn it into binary with `wasm-tools parse`".into())
        }
        _ => Some(format!("it does not begin with `\\0asm`; {BUILD}")),
    }
}
