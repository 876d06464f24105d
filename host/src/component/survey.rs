//! Everything that a component imports and exports, with what is in the way of each: for whoever looks, and runs nothing.

use std::path::Path;

use wit_parser::{IndexMap, Resolve, TypeDefKind, WorldItem, WorldKey};

use super::{Interface, Signature, Told, WRPC_ERROR};
use crate::error::Error;

/// What a component imports and exports, by name. An interface that links nothing, having only types, is left out, if it
/// has no label.
pub(crate) struct Survey {
    pub imports: Vec<Surveyed>,
    pub exports: Vec<Surveyed>,
}

/// One interface, or a function that stands in a world by itself.
pub(crate) struct Surveyed {
    pub interface: Interface,
    pub standing: Standing,
    /// Whether it defines a resource.
    pub has_resource: bool,
    /// By name.
    pub functions: Vec<SurveyedFunction>,
}

/// Who is at the other end of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The host, by itself.
    Wasi,
    /// A WASI that this host does not have: what there is, and what to do.
    OtherWasi(String),
    /// The host, as one of wRPC: the resource by which it tells of failures.
    WrpcError,
    /// Nobody can say its name in a link: it is inside of a world.
    Nameless,
    /// It has a label, and no component with one is run.
    Labelled,
    /// Whatever is linked.
    Linkable,
}

pub(crate) struct SurveyedFunction {
    pub name: String,
    pub told: Told,
    pub is_async: bool,
    /// What it is or has that does not cross a lattice, and what to do.
    pub obstacle: Option<String>,
}

/// Reads the types of the component in `bytes`, as if they stood in the file `path`.
pub(crate) fn survey(path: &Path, bytes: &[u8]) -> Result<Survey, Error> {
    let (resolve, world) = super::decode(path, bytes)?;
    let world = &resolve.worlds[world];
    Ok(Survey { imports: side(&resolve, &world.imports), exports: side(&resolve, &world.exports) })
}

fn side(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> Vec<Surveyed> {
    let is_resource = |id| matches!(resolve.types[id].kind, TypeDefKind::Resource);
    let surveyed = items.iter().map(|(key, item)| match item {
        WorldItem::Interface { id, .. } => {
            let (interface, name) = (&resolve.interfaces[*id], super::name(resolve, key, *id));
            let functions = interface.functions.values().map(|function| look(resolve, function)).collect();
            let has_resource = interface.types.values().any(|id| is_resource(*id));
            Surveyed { standing: standing(&name, true), interface: name, has_resource, functions }
        }
        WorldItem::Function(function) => {
            let interface = Interface::bare(&function.name);
            let functions = vec![look(resolve, function)];
            Surveyed { standing: standing(&interface, false), interface, has_resource: false, functions }
        }
        WorldItem::Type { id, .. } => {
            let interface = Interface::bare(resolve.types[*id].name.as_deref().unwrap_or_default());
            let has_resource = is_resource(*id);
            Surveyed { standing: Standing::Linkable, interface, has_resource, functions: Vec::new() }
        }
    });
    let mut surveyed: Vec<_> = surveyed
        .filter(|it| it.has_resource || !it.functions.is_empty() || it.standing == Standing::Labelled)
        .collect();
    surveyed.sort_by(|one, other| one.interface.cmp(&other.interface));
    for it in &mut surveyed {
        it.functions.sort_by(|one, other| one.name.cmp(&other.name));
    }
    surveyed
}

fn look(resolve: &Resolve, function: &wit_parser::Function) -> SurveyedFunction {
    SurveyedFunction {
        name: function.name.clone(),
        told: Told::by(resolve, function).0,
        is_async: function.kind.is_async(),
        obstacle: Signature::new(resolve, function).err(),
    }
}

fn standing(interface: &Interface, is_interface: bool) -> Standing {
    if interface.label.is_some() {
        Standing::Labelled
    } else if interface.to_string() == WRPC_ERROR {
        Standing::WrpcError
    } else if interface.is_provided() {
        Standing::Wasi
    } else if let Some(problem) = interface.other_wasi() {
        Standing::OtherWasi(problem)
    } else if is_interface && interface.package.is_empty() {
        Standing::Nameless
    } else {
        Standing::Linkable
    }
}
