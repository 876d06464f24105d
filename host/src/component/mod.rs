//! Reads a component and says of each import who provides it, and whether a failure can be told.

mod bounds;
mod bundler;
mod function;
mod shape;
mod signature;
mod survey;
mod told;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use wit_parser::decoding::DecodedWasm;
use wit_parser::{IndexMap, InterfaceId, Resolve, WorldId, WorldItem, WorldKey};

use crate::error::{Error, quote};
use bounds::Refused;
pub(crate) use function::Function;
pub(crate) use shape::Shape;
pub use signature::{ErrorType, Signature};
pub(crate) use survey::{Standing, Survey, Surveyed, SurveyedFunction, survey};
pub(crate) use told::{Told, WRPC_ERROR};

/// The packages that the host implements itself. Everything else that a component imports is polyfilled.
const PROVIDED: [&str; 9] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:config",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:keyvalue",
    "wasi:random",
    "wasi:sockets",
];

/// The one interface of its package that the host has: drafts of a proposal are not compatible.
const CONFIG: &str = "wasi:config/store@0.2.0-rc.1";

/// The same of key-value stores.
const KEYVALUE: [&str; 6] = [
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
];

/// A component, with the functions that it imports from others and offers to others. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    pub(crate) path: PathBuf,
    bytes: Arc<[u8]>,
    /// Whether it asks for settings: the configuration of the host.
    pub(crate) reads_settings: bool,
    /// What it imports of `wasi:keyvalue`: interfaces without their versions, and functions.
    pub(crate) keyvalue: BTreeMap<String, Vec<String>>,
    /// With what cannot cross, and why, in place of an interface's functions.
    imports: BTreeMap<Interface, Result<Functions, String>>,
    /// As with `imports`.
    exports: BTreeMap<Interface, Result<Functions, String>>,
}

pub(crate) type Functions = BTreeMap<String, Arc<Signature>>;

impl Component {
    /// Reads the component in `path`. `hint` is for the message when there is no such file.
    pub(crate) fn read(path: &Path, hint: &str) -> Result<Self, Error> {
        Self::parse(path, read_bytes(path, hint)?)
    }

    /// Reads the component in `bytes`, as if they stood in the file `path`.
    pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let (resolve, world) = decode(path, &bytes)?;
        let world = &resolve.worlds[world];
        let imports = functions(&resolve, &world.imports).filter(|(interface, _)| !interface.is_provided());
        Ok(Component {
            path: path.into(),
            reads_settings: functions(&resolve, &world.imports).any(|(interface, _)| interface.to_string() == CONFIG),
            keyvalue: keyvalue(&resolve, &world.imports),
            imports: signatures(&resolve, imports).collect(),
            exports: signatures(&resolve, functions(&resolve, &world.exports)).collect(),
            bytes: bytes.into(),
        })
    }

    /// Checks that each import can be provided. An export that cannot cross is no fault until somebody links
    /// to it, but one with a label is.
    pub(crate) fn check_imports(&self) -> Result<(), Error> {
        if let Some(problem) = self.imports.values().find_map(|functions| functions.as_ref().err()) {
            return Err(self.unsuitable(format!("imports {problem}")));
        }
        let labelled = self.exports.keys().find_map(Interface::labelled);
        labelled.map_or(Ok(()), |problem| Err(self.unsuitable(format!("exports {problem}"))))
    }

    /// The component as it was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Why the component cannot be turned into machine code.
    pub(crate) fn not_compiled(&self, error: &wasmtime::Error) -> Error {
        self.unsuitable(format!(
            "cannot be compiled ({}); it is damaged, or uses what this host does not run, as `async func` of WASI 0.3 or \
             labelled imports: build it again, with `cargo build --target wasm32-wasip2`",
            quote(&error.root_cause())
        ))
    }

    /// Why the component cannot be used, as a sentence that begins with a verb.
    pub(crate) fn unsuitable(&self, problem: String) -> Error {
        Error::Unsuitable { path: self.path.clone(), problem }
    }

    /// Why Wasmtime could not link the component, after [`check_imports`](Self::check_imports).
    pub(crate) fn unlinkable(&self, error: wasmtime::Error) -> Error {
        self.unsuitable(format!(
            "cannot be linked ({}); if it is built against a newer WASI 0.2 than this host has, build it against an \
             older one",
            quote(&error)
        ))
    }

    /// The interfaces that the component imports and WASI does not provide.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (&Interface, &Functions)> {
        self.imports.iter().filter_map(|(interface, functions)| Some((interface, functions.as_ref().ok()?)))
    }

    /// All of them, and in place of the functions, why they cannot be called from here.
    pub(crate) fn all_imports(&self) -> impl Iterator<Item = (&Interface, &Result<Functions, String>)> {
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

    /// All of them; in place of the functions, why they cannot be called from elsewhere.
    pub(crate) fn all_exports(&self) -> impl Iterator<Item = (&Interface, &Result<Functions, String>)> {
        self.exports.iter()
    }

    /// Those that are the component's own, and not what hosts call.
    #[cfg(feature = "wrpc")]
    pub(crate) fn served(&self) -> impl Iterator<Item = (&Interface, &Functions)> {
        self.exports().filter(|(interface, _)| !interface.is_wasi())
    }

    /// Whether the component is a handler of `wasi:http` 0.2.
    pub(crate) fn serves_http(&self) -> bool {
        self.exports.keys().any(|interface| {
            interface.label.is_none()
                && interface.path() == "wasi:http/incoming-handler"
                && interface.version.as_ref().is_some_and(is_0_2)
        })
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.to_vec()
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

/// The interfaces in texts of WIT, a package each, with their functions; those that have only types are left out.
///
/// # Errors
/// What is wrong with a text, or cannot cross in it.
pub(crate) fn in_wit(texts: &[&str]) -> Result<BTreeMap<Interface, Functions>, String> {
    let mut resolve = Resolve::default();
    for text in texts {
        resolve.push_str("service.wit", text).map_err(|error| quote(&error))?;
    }
    let interfaces = resolve.interfaces.iter().filter(|(_, interface)| !interface.functions.is_empty());
    let interfaces = interfaces.map(|(id, interface)| {
        (name(&resolve, &WorldKey::Interface(id), id), Ok(interface.functions.values().collect()))
    });
    signatures(&resolve, interfaces).map(|(interface, functions)| Ok((interface, functions?))).collect()
}

/// The bytes of the file `path`, unless they are too many for a component.
pub(crate) fn read_bytes(path: &Path, hint: &str) -> Result<Vec<u8>, Error> {
    let unread = |source| Error::Read { path: path.into(), source, hint: hint.into() };
    let mut bytes = Vec::new();
    // Not by what the system says of its size: a pipe has none.
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(bounds::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > bounds::MAX_BYTES {
        let problem = format!("has more than {} bytes, which are the most that this host loads", bounds::MAX_BYTES);
        return Err(Error::Unsuitable { path: path.into(), problem });
    }
    Ok(bytes)
}

/// The types of the component in `bytes`, as if they stood in the file `path`.
fn decode(path: &Path, bytes: &[u8]) -> Result<(Resolve, WorldId), Error> {
    let not_a_component = |found: String| Error::NotAComponent { path: path.into(), found };
    if let Some(found) = other_than_component(bytes) {
        return Err(not_a_component(found));
    }
    let unreadable = |error: String| {
        not_a_component(format!("it begins like one and cannot be read ({error}), maybe truncated; build it again"))
    };
    bounds::check(bytes).map_err(|refused| match refused {
        Refused::Invalid(error) => unreadable(quote(&error)),
        Refused::Unsuitable(problem) => Error::Unsuitable { path: path.into(), problem },
    })?;
    let decoded = wit_parser::decoding::decode(bytes).map_err(|error| unreadable(quote(&error.root_cause())))?;
    match decoded {
        DecodedWasm::Component(mut resolve, world) => {
            let mut exports = std::mem::take(&mut resolve.worlds[world].exports);
            exports.retain(|key, item| !bundler::is_own(&resolve, key, item));
            resolve.worlds[world].exports = exports;
            Ok((resolve, world))
        }
        DecodedWasm::WitPackage(..) => {
            Err(not_a_component("it is a WIT package; build the component that implements it".into()))
        }
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
    /// `primary`, where it is `primary: acme:greeter/api`: then that is the name of the import or export, and the
    /// interface is only its type. The component model says `implements`.
    pub label: Option<String>,
}

impl Interface {
    /// What stands in a world by itself.
    fn bare(name: &str) -> Self {
        Interface { package: String::new(), name: name.into(), version: None, label: None }
    }

    /// Where it has a label: that it is not run, and what to do. Wasmtime has labels as work in progress, and switched
    /// off.
    fn labelled(&self) -> Option<String> {
        self.label.as_ref()?;
        Some(format!(
            "`{self}`, an interface under a label, which this host does not run; use the interface by its own name, \
             without a label"
        ))
    }

    /// The name without a version, as manifests and errors have it.
    pub fn path(&self) -> String {
        if self.package.is_empty() { self.name.clone() } else { format!("{}/{}", self.package, self.name) }
    }

    /// Whether the host provides the interface itself.
    fn is_provided(&self) -> bool {
        if self.label.is_some() {
            return false;
        }
        match self.package.as_str() {
            "wasi:config" => return self.to_string() == CONFIG,
            "wasi:keyvalue" => return KEYVALUE.contains(&self.to_string().as_str()),
            "wrpc:rpc" => return self.to_string() == WRPC_ERROR,
            _ => {}
        }
        self.is_wasi() && self.version.as_ref().is_some_and(is_0_2)
    }

    /// Whether it is of a WASI that the host does not have: then, of which, and what to do.
    fn other_wasi(&self) -> Option<String> {
        if !self.is_wasi() || self.is_provided() {
            return None;
        }
        Some(match self.package.as_str() {
            "wasi:config" => format!("`{self}`, and this host has `{CONFIG}`; build it against that"),
            "wasi:keyvalue" => {
                let all = KEYVALUE.map(|interface| format!("`{interface}`")).join(", ");
                format!("`{self}`, and this host has {all}; build it against those")
            }
            _ => format!("`{self}`, and this host has WASI 0.2; build it for `wasm32-wasip2`"),
        })
    }

    fn is_wasi(&self) -> bool {
        PROVIDED.contains(&self.package.as_str())
    }

    /// Whether an import of this interface is served by an export of `other`: the same version, or a later
    /// one that semantic versioning calls compatible; under the same label, if any.
    pub fn is_served_by(&self, other: &Interface) -> bool {
        let compatible = match (&self.version, &other.version) {
            (Some(wanted), Some(given)) => {
                wanted == given || semver::Comparator { op: semver::Op::Caret, ..comparator(wanted) }.matches(given)
            }
            (wanted, given) => wanted == given,
        };
        self.label == other.label && self.package == other.package && self.name == other.name && compatible
    }
}

fn is_0_2(version: &Version) -> bool {
    (version.major, version.minor) == (0, 2)
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
        if let Some(label) = &self.label {
            write!(f, "{label}: ")?;
        }
        f.write_str(&self.path())?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

/// The name of an interface. One inside of a world has no package; one that is named otherwise there has a label.
fn name(resolve: &Resolve, key: &WorldKey, id: InterfaceId) -> Interface {
    let interface = &resolve.interfaces[id];
    let (Some(package), Some(name)) = (interface.package, &interface.name) else {
        return Interface::bare(&resolve.name_world_key(key));
    };
    let package = &resolve.packages[package].name;
    Interface {
        package: format!("{}:{}", package.namespace, package.name),
        name: name.clone(),
        version: package.version.clone(),
        label: match key {
            WorldKey::Name(label) => Some(label.clone()),
            WorldKey::Interface(_) => None,
        },
    }
}

/// The interfaces and functions of one side of a world; in place of the functions of an interface that cannot
/// be linked, why.
fn functions<'r>(
    resolve: &'r Resolve,
    items: &'r IndexMap<WorldKey, WorldItem>,
) -> impl Iterator<Item = (Interface, Result<Vec<&'r wit_parser::Function>, String>)> {
    items.iter().filter_map(move |(key, item)| match item {
        WorldItem::Interface { id, .. } => {
            let name = name(resolve, key, *id);
            if let Some(problem) = name.labelled() {
                return Some((name, Err(problem)));
            }
            if name.package.is_empty() {
                let problem =
                    format!("`{name}`, an interface inside of a world; give it a package, to link it by its name");
                return Some((name, Err(problem)));
            }
            Some((name, Ok(resolve.interfaces[*id].functions.values().collect())))
        }
        WorldItem::Function(function) => Some((Interface::bare(&function.name), Ok(vec![function]))),
        WorldItem::Type { .. } => None,
    })
}

/// What is called of a key-value store that the host has. To open a bucket is to name it, and no call; a handle has its
/// value already.
fn keyvalue(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> BTreeMap<String, Vec<String>> {
    let interfaces =
        functions(resolve, items).filter(|(interface, _)| KEYVALUE.contains(&interface.to_string().as_str()));
    let called = |function: &&wit_parser::Function| {
        let name = function.name.rsplit('.').next().unwrap_or(&function.name);
        (!["open", "current"].contains(&name)).then(|| name.to_string())
    };
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (interface, functions) in interfaces {
        all.entry(interface.path()).or_default().extend(functions.iter().flatten().filter_map(called));
    }
    all
}

/// The signatures of those interfaces that have functions (one that has only types links nothing); or what
/// cannot cross, and why.
fn signatures<'r>(
    resolve: &'r Resolve,
    interfaces: impl Iterator<Item = (Interface, Result<Vec<&'r wit_parser::Function>, String>)>,
) -> impl Iterator<Item = (Interface, Result<Functions, String>)> {
    let linkable = interfaces.filter(|(_, functions)| !matches!(functions, Ok(functions) if functions.is_empty()));
    linkable.map(|(interface, functions)| {
        if interface.label.is_none()
            && let Some(problem) = interface.other_wasi()
        {
            return (interface, Err(problem));
        }
        let signatures = functions.and_then(|functions| {
            let signatures = functions.into_iter().map(|function| {
                let signature = Signature::new(resolve, function)
                    .map_err(|what| format!("`{interface}#{}`, which {what}", function.name))?;
                Ok((function.name.clone(), Arc::new(signature)))
            });
            signatures.collect()
        });
        (interface, signatures)
    })
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
