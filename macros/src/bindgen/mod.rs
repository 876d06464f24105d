//! Expands `bindgen!`: the bindings of `wit_bindgen`, with the error of `steadfast:rpc`, and with clients that call
//! through a policy.
//!
//! The caller's tokens are passed on unchanged where possible. `generate!` reports options and WIT that are wrong: its
//! messages point at the caller's tokens, and the options are known in one place.

mod adapters;
mod clients;
mod generator;
mod options;
mod signature;
mod wit;

use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::LitStr;
use syn::parse::Parse;

use crate::crate_path::CratePath;
use options::{Opt, Options};
use wit::{Resolved, Source, Unresolved};

/// The WIT package `steadfast:rpc`. In the repository, `wit` is a link to the directory beside this crate.
const RPC_WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

/// The interface whose Rust types are `steadfast::wit::types`, as a key of `with`.
const RPC_TYPES: &str = "steadfast:rpc/types@0.1.0";

/// Expands `steadfast::bindgen!(input)` in the crate whose `Cargo.toml` is in `crate_dir`.
pub(crate) fn expand(input: TokenStream, crate_dir: &Path) -> TokenStream {
    let (crate_path, options) = match options(input, crate_dir) {
        Ok(options) => options,
        Err(error) => return error.into_compile_error(),
    };
    crate_path.applied(match generator::bindings(&options, crate_dir) {
        Some(bindings) => bindings,
        // There is nothing to add, or something is wrong.
        None => quote!(::steadfast::__private::wit_bindgen::generate!({ #(#options,)* });),
    })
}

/// Where the crate is, and the options of `generate!` with which the caller's WIT uses the error of `steadfast:rpc`.
fn options(input: TokenStream, crate_dir: &Path) -> syn::Result<(CratePath, Vec<Opt>)> {
    // `generate!` would read the WIT before it gets to tokens that are wrong, and miss our package there.
    let Options(mut given) = syn::parse2(input)?;
    let mut crate_path = CratePath::default();
    if let Some(place) = given.iter().position(|option| option.key == "crate") {
        crate_path = options::value(&given.remove(place), CratePath::parse)?;
    }
    if let Ok(source) = Source::read(&given, crate_dir) {
        add_rpc(&mut given, &source, crate_dir)?;
    }
    if !given.iter().any(|option| option.key == "generate_all") {
        given.push(Opt::new("generate_all", TokenStream::new()));
    }
    if !given.iter().any(|option| option.key == "runtime_path") {
        let path = crate_path.text() + "::__private::wit_bindgen::rt";
        given.push(Opt::new("runtime_path", quote!(: #path)));
    }
    Ok((crate_path, given))
}

/// Adds what the WIT of `source` needs of `steadfast:rpc`, if it needs anything.
fn add_rpc(options: &mut Vec<Opt>, source: &Source, crate_dir: &Path) -> syn::Result<()> {
    // WIT that has a copy of the package, or does without, resolves as it is.
    let (resolved, needs_ours) = match source.resolve(None, crate_dir) {
        Err(Unresolved::RpcNotFound) => (source.resolve(Some(RPC_WIT), crate_dir), true),
        resolved => (resolved, false),
    };
    // A second copy panics: the caller has one, behind a path that already uses it.
    let adds_ours = needs_ours && !matches!(resolved, Err(Unresolved::Panicked));
    if adds_ours {
        // First, because a package must come before those that use it.
        let paths = &source.paths;
        set(options, "path", quote!(: [#RPC_WIT, #(#paths),*]));
    }
    let Ok(Resolved { resolve, main, .. }) = resolved else {
        return Ok(());
    };

    let name = source.world.as_ref().map(LitStr::value);
    let span = source.world.as_ref().map_or_else(Span::call_site, LitStr::span);
    let world = match resolve.select_world(&main, name.as_deref()) {
        Ok(world) => &resolve.worlds[world],
        // With our path beside it, the caller's package is one of several to `generate!`, and it would
        // complain about that rather than about this.
        Err(error) if adds_ours => return Err(syn::Error::new(span, format!("{error:#}"))),
        Err(_) => return Ok(()),
    };
    if adds_ours && let Some(package) = world.package {
        // For the same reason, it finds a world by its full name only.
        let name = LitStr::new(&resolve.id_of_name(package, &world.name), span);
        set(options, "world", quote!(: #name));
    }

    // `generate!` refuses a key that the world does not reach. By now the world imports whatever the
    // interfaces that it names use types of.
    let mut imports = world.imports.keys();
    if imports.any(|key| resolve.name_world_key(key) == RPC_TYPES) {
        // First, because of several entries for a key the last one counts: the caller's.
        let with = quote!(: { #RPC_TYPES: ::steadfast::wit::types });
        options.insert(0, Opt::new("with", with));
    }
    Ok(())
}

fn set(options: &mut Vec<Opt>, key: &str, value: TokenStream) {
    match options.iter_mut().find(|option| option.key == key) {
        Some(option) => option.value = value,
        None => options.push(Opt::new(key, value)),
    }
}

#[cfg(test)]
mod tests;
