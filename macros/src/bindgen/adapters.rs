//! The errors of the field: which generated types the crate knows the meaning of.

use quote::{format_ident, quote};
use syn::{Ident, Item, ItemMod};
use wit_bindgen_core::wit_parser::{InterfaceId, Resolve};

/// Error types of an interface, and the macro of the crate that makes them failures.
pub(super) struct Known {
    /// As `namespace:package/interface`.
    interface: &'static str,
    /// How the versions begin that the adapter is for. One with more or fewer cases builds too.
    version: &'static str,
    /// In Rust, in the order in which the adapter takes them.
    types: &'static [&'static str],
    /// In `steadfast::__private`. Where its feature is off, it expands to nothing.
    adapter: &'static str,
    /// A function of the interface that the adapter calls.
    calls: Option<&'static str>,
}

const fn known_as(
    interface: &'static str,
    version: &'static str,
    types: &'static [&'static str],
    adapter: &'static str,
) -> Known {
    Known { interface, version, types, adapter, calls: None }
}

/// The same for a resource that tells a text.
const fn told_by_text(interface: &'static str, version: &'static str, adapter: &'static str) -> Known {
    let calls = Some("[method]error.to-debug-string");
    Known { calls, ..known_as(interface, version, &["Error"], adapter) }
}

const KNOWN: &[Known] = &[
    told_by_text("wrpc:rpc/error", "0.1.", "wrpc_failure"),
    told_by_text("wasmcloud:bus/error", "2.0.", "wasmcloud_bus_failure"),
    known_as("wasmcloud:bus/lattice", "2.0.", &["RpcError", "Error"], "wasmcloud_lattice_failure"),
    known_as("wasmcloud:host/types", "0.1.", &["CallError"], "wasmcloud_call_failure"),
    known_as("wasmcloud:messaging/types", "0.3.", &["Error"], "wasmcloud_messaging_failure"),
    known_as("wasmcloud:blobstore/types", "0.1.", &["Error"], "wasmcloud_blobstore_failure"),
    known_as("wasmcloud:secrets/store", "0.1.", &["SecretsError"], "wasmcloud_secrets_failure"),
    known_as("wasmcloud:secrets/store", "1.", &["SecretsError"], "wasmcloud_secrets_failure"),
    known_as("wasi:http/types", "0.2.", &["ErrorCode"], "wasi_http_failure"),
    known_as("wasi:http/types", "0.3.", &["ErrorCode"], "wasi_http_failure"),
    known_as("wasi:keyvalue/store", "0.2.0-draft", &["Error"], "keyvalue_failure"),
    known_as("wasmcloud:keyvalue/types", "0.2.", &["Error"], "wasmcloud_keyvalue_failure"),
    known_as("wasmcloud:postgres/types", "0.1.", &["QueryError"], "postgres_query_failure"),
    known_as("wasmcloud:postgres/types", "0.1.", &["StatementPrepareError"], "postgres_prepare_failure"),
    // Of what is within a case, these versions are known.
    known_as("wasmcloud:postgres/types", "0.1.0-draft", &["PreparedStatementExecError"], "postgres_exec_failure"),
    known_as("wasmcloud:postgres/types", "0.1.1-draft", &["PreparedStatementExecError"], "postgres_exec_failure"),
    known_as("wasmcloud:postgres/types", "0.2.", &["Error"], "postgres_failure"),
];

/// What is known of the types of `interface`.
pub(super) fn known(resolve: &Resolve, interface: InterfaceId) -> impl Iterator<Item = &'static Known> {
    let id = resolve.id_of(interface).unwrap_or_default();
    let functions = &resolve.interfaces[interface].functions;
    KNOWN.iter().filter(move |known| {
        let (name, version) = id.split_once('@').unwrap_or((&id, ""));
        name == known.interface
            && version.starts_with(known.version)
            && known.calls.is_none_or(|function| functions.contains_key(function))
    })
}

/// Makes the errors that are known, and that the module defines, failures.
pub(super) fn add(module: &mut ItemMod, resolve: &Resolve, interface: InterfaceId) {
    let Some((_, items)) = &mut module.content else { return };
    let mut added = Vec::new();
    for known in known(resolve, interface) {
        // Types that the world does not use are not generated.
        let types = known.types.iter().map(|ty| items.iter().find(|item| defined(item).is_some_and(|name| name == ty)));
        let Some(types) = types.collect::<Option<Vec<_>>>() else { continue };
        let adapter = format_ident!("{}", known.adapter);
        let types = match types[..] {
            [Item::Enum(error)] => {
                let (name, cases) = (&error.ident, error.variants.iter().map(|variant| &variant.ident));
                quote!(#name [#(#cases)*])
            }
            _ => {
                let names = types.into_iter().filter_map(defined);
                quote!(#(#names),*)
            }
        };
        added.push(Item::Verbatim(quote!(::steadfast::__private::#adapter!(#types);)));
    }
    items.extend(added);
}

/// The name of a type that is made here. Not that of an alias: its type is another module's.
fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Struct(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        _ => None,
    }
}
