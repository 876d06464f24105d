//! The macros of the `steadfast` crate, which re-exports them: Rust wants procedural macros in a crate
//! of their own. Use them as `steadfast::…`; what they expand to names that crate.

mod bindgen;
mod grammar;
mod policy;
mod resilient;

use std::path::PathBuf;

use proc_macro::TokenStream;

/// Generates bindings for a WIT world whose interfaces may use `steadfast:rpc/types`.
///
/// This is [`wit_bindgen::generate!`], taking exactly what that takes: nothing, the name of a world
/// (`"greeter"`, `"greeter" in "wit"`), or its options in braces. It adds four things:
///
/// * **The WIT package `steadfast:rpc`.** WIT that uses it needs no copy in `wit/deps`. If there is a
///   copy, that copy is what counts.
/// * **One Rust type for the error.** `rpc-error` and the other types of `steadfast:rpc/types@0.1.0`
///   become those of `steadfast::wit::types` instead of new ones for every world, so that the crate can
///   judge a failure from any binding. An entry of your own in `with` takes precedence.
/// * **`generate_all`.** Interfaces of other packages are generated unless `with` says where they are.
/// * **`runtime_path`.** The generated code finds its support library in `steadfast`; your crate does
///   not depend on `wit-bindgen`. A `runtime_path` of your own takes precedence.
///
/// # Example
///
/// With this in `wit/world.wit`, and nothing else in `wit`:
///
/// ```wit
/// package example:greeter;
///
/// interface api {
///     use steadfast:rpc/types@0.1.0.{rpc-error};
///     greet: func(name: string) -> result<string, rpc-error>;
/// }
///
/// world greeter {
///     import api;
/// }
/// ```
///
/// this is all that is needed to call it:
///
/// ```text
/// steadfast::bindgen!();
///
/// fn hello() -> Result<String, steadfast::wit::types::RpcError> {
///     example::greeter::api::greet("hello")
/// }
/// ```
///
/// Options go where `generate!` has them:
///
/// ```text
/// steadfast::bindgen!({
///     path: ["wit/shared", "wit/greeter"],
///     world: "example:greeter/greeter",
///     additional_derives: [PartialEq],
/// });
/// ```
///
/// # Errors
///
/// Mistakes in an option or in the WIT are reported as `generate!` reports them. Paths must be
/// string literals for this macro to find your WIT: with anything else (`concat!(…)`, which
/// `wit-bindgen` reads with its feature `macro-string`) it adds `generate_all` and `runtime_path` only.
///
/// [`wit_bindgen::generate!`]: https://docs.rs/wit-bindgen/0.61/wit_bindgen/macro.generate.html
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    // Cargo always sets it. `generate!` says so if something else runs the compiler.
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    bindgen::expand(input.into(), &crate_dir).into()
}

/// Makes the calls of a function resilient.
#[proc_macro_attribute]
pub fn resilient(settings: TokenStream, item: TokenStream) -> TokenStream {
    resilient::expand(settings.into(), item.into()).into()
}

/// Statics that are policies.
#[proc_macro]
pub fn policy(input: TokenStream) -> TokenStream {
    policy::expand(input.into()).into()
}
