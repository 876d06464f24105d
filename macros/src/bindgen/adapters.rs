//! The errors of the field: which generated types the crate knows the meaning of.

use quote::{format_ident, quote};
use syn::{Ident, Item, ItemMod};
use wit_bindgen_core::wit_parser::{InterfaceId, Resolve};

/// An error type of an interface, and the macro of the crate that makes it a `Failure`.
///
/// No version is asked for: where a version of the interface has another type by that name, it has another adapter,
/// which `versions` tells apart.
pub(super) struct Known {
    /// As `namespace:package/interface`.
    interface: &'static str,
    /// How its version begins; empty where it has none.
    version: &'static str,
    /// In Rust.
    ty: &'static str,
    /// In `steadfast::__private`. Where its feature is off, it expands to nothing.
    adapter: &'static str,
}

const KNOWN: &[Known] = &[];

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
    for known in known(resolve, interface) {
        let defines = |name: &Ident| name == known.ty;
        // Not an alias: its type is another module's.
        let is_defined = items.iter().any(|item| match item {
            Item::Struct(item) => defines(&item.ident),
            Item::Enum(item) => defines(&item.ident),
            _ => false,
        });
        if is_defined {
            let (adapter, ty) = (format_ident!("{}", known.adapter), format_ident!("{}", known.ty));
            items.push(Item::Verbatim(quote!(::steadfast::__private::#adapter!(#ty);)));
        }
    }
}
