//! The errors of the field: which generated types the crate knows the meaning of.

use quote::{format_ident, quote};
use syn::{Ident, Item, ItemMod};
use wit_bindgen_core::wit_parser::{InterfaceId, Resolve};

/// Error types of an interface, and the macro of the crate that makes them failures.
pub(super) struct Known {
    /// As `namespace:package/interface`.
    interface: &'static str,
    /// How the versions begin whose types have the cases that the adapter knows.
    version: &'static str,
    /// In Rust, in the order in which the adapter takes them.
    types: &'static [&'static str],
    /// In `steadfast::__private`. Where its feature is off, it expands to nothing.
    adapter: &'static str,
}

const fn known_as(
    interface: &'static str,
    version: &'static str,
    types: &'static [&'static str],
    adapter: &'static str,
) -> Known {
    Known { interface, version, types, adapter }
}

const KNOWN: &[Known] = &[
    known_as("wrpc:rpc/error", "0.1.", &["Error"], "wrpc_failure"),
    known_as("wasmcloud:bus/lattice", "2.0.", &["RpcError", "Error"], "wasmcloud_lattice_failure"),
    known_as("wasmcloud:bus/error", "2.0.", &["Error"], "wasmcloud_bus_failure"),
    known_as("wasmcloud:host/types", "0.1.", &["CallError"], "wasmcloud_call_failure"),
    known_as("wasi:keyvalue/store", "0.2.0-draft", &["Error"], "keyvalue_failure"),
    known_as("wasmcloud:keyvalue/types", "0.2.", &["Error"], "wasmcloud_keyvalue_failure"),
    known_as("wasmcloud:postgres/types", "0.1.", &["QueryError"], "postgres_query_failure"),
    known_as("wasmcloud:postgres/types", "0.1.", &["StatementPrepareError"], "postgres_prepare_failure"),
    known_as("wasmcloud:postgres/types", "0.1.", &["PreparedStatementExecError"], "postgres_exec_failure"),
    known_as("wasmcloud:postgres/types", "0.2.", &["Error"], "postgres_failure"),
];

/// What is known of the types of `interface`.
pub(super) fn known(resolve: &Resolve, interface: InterfaceId) -> impl Iterator<Item = &'static Known> {
    let id = resolve.id_of(interface).unwrap_or_default();
    KNOWN.iter().filter(move |known| {
        let (name, version) = id.split_once('@').unwrap_or((&id, ""));
        name == known.interface && version.starts_with(known.version)
    })
}

/// Makes the errors that are known, and that the module defines, failures.
pub(super) fn add(module: &mut ItemMod, resolve: &Resolve, interface: InterfaceId) {
    let Some((_, items)) = &mut module.content else { return };
    let defined: Vec<_> = items.iter().filter_map(defined).map(Ident::to_string).collect();
    for known in known(resolve, interface) {
        // Types that the world does not use are not generated.
        let types: Vec<_> = known.types.iter().filter(|ty| defined.iter().any(|name| name == *ty)).collect();
        if types.len() == known.types.len() {
            let types = types.into_iter().map(|ty| format_ident!("{ty}"));
            let adapter = format_ident!("{}", known.adapter);
            items.push(Item::Verbatim(quote!(::steadfast::__private::#adapter!(#(#types),*);)));
        }
    }
}

/// The name of a type that is made here. Not that of an alias: its type is another module's.
fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Struct(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        _ => None,
    }
}
