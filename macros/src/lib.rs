//! The macros of the `steadfast` crate, which re-exports them: Rust wants procedural macros in a crate
//! of their own. Use them as `steadfast::…`; what they expand to names that crate.

mod bindgen;
mod failure;

use std::path::PathBuf;

use proc_macro::TokenStream;

/// Generates bindings for a WIT world whose interfaces may use `steadfast:rpc/types`.
///
/// This is [`wit_bindgen::generate!`], taking exactly what that takes: nothing, the name of a world
/// (`"greeter"`, `"greeter" in "wit"`), or its options in braces. What a component imports and exports is the same as
/// with it. It adds six things:
///
/// * **The WIT package `steadfast:rpc`.** WIT that uses it needs no copy in `wit/deps`. If there is a
///   copy, that copy is what counts.
/// * **One Rust type for the error.** `rpc-error` and the other types of `steadfast:rpc/types@0.1.0`
///   become those of `steadfast::wit::types` instead of new ones for every world, so that the crate can
///   judge a failure from any binding. An entry of your own in `with` takes precedence.
/// * **`generate_all`.** Interfaces of other packages are generated unless `with` says where they are.
/// * **`runtime_path`.** The generated code finds its support library in `steadfast`; your crate does
///   not depend on `wit-bindgen`. A `runtime_path` of your own takes precedence.
/// * **A client for every imported interface** that has functions which return a result, and for every
///   imported resource with such methods: `api::client(&POLICY).greet("world")` calls through a policy, and
///   has the documentation of the function in the WIT. What is not used adds nothing to a component. See
///   `steadfast::client`.
/// * **`Failure` for the errors of the field.** Errors of wRPC, wasmCloud, `wasi:keyvalue` and
///   `wasmcloud:postgres` mean something to a policy, where the feature of that name is on.
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
/// use example::greeter::api as greeter;
/// use steadfast::{Failed, Policy, Retry};
///
/// static GREETER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(4));
///
/// fn hello() -> Result<String, Failed> {
///     greeter::client(&GREETER).greet("hello")
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
/// `wit-bindgen` reads with its feature `macro-string`) it adds `generate_all` and `runtime_path` only. With
/// `debug: true`, which puts the bindings into a file to be looked at, there are no clients.
///
/// [`wit_bindgen::generate!`]: https://docs.rs/wit-bindgen/0.61/wit_bindgen/macro.generate.html
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    // Cargo always sets it. `generate!` says so if something else runs the compiler.
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    bindgen::expand(input.into(), &crate_dir).into()
}

/// Says what an error of your own means, variant by variant.
///
/// It implements `steadfast::Failure` for an enum or a struct. What is said in `#[failure(…)]`:
///
/// | word | means |
/// | --- | --- |
/// | `no_link`, `no_target`, `timeout`, `disconnected`, `overloaded`, `trapped`, `protocol`, `other` | the cause; also `cause = timeout` |
/// | `not_sent`, `unknown`, `delivered` | how far the call got; also `delivery = not_sent` |
/// | `retry_after = FIELD` | how long the callee asks to be left alone is in that field, a `Duration` or an `Option<Duration>` |
/// | `target = FIELD` | the function that was called is in that field, a string or an `Option` of one |
/// | `transparent` | everything is as the one error in the variant says, which is a `Failure` itself |
///
/// A field is named, or numbered from 0 in a tuple. Before the enum, a cause and a delivery hold for the variants that do
/// not say theirs. What nobody says is `other` and `unknown`: such a call is not repeated unless it is idempotent. Say
/// `not_sent` only of what the callee certainly never saw.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{Cause, Delivery, Failure, RpcError};
///
/// #[derive(Failure)]
/// enum StoreError {
///     #[failure(overloaded, not_sent, retry_after = after)]
///     Busy { after: Duration },
///     #[failure(protocol)]
///     BadKey(String),
///     #[failure(transparent)]
///     Rpc(RpcError),
///     Lost,
/// }
///
/// let busy = StoreError::Busy { after: Duration::from_secs(1) };
/// assert_eq!((busy.cause(), busy.delivery()), (Cause::Overloaded, Delivery::NotSent));
/// assert_eq!(busy.retry_after(), Some(Duration::from_secs(1)));
/// assert_eq!((StoreError::Lost.cause(), StoreError::Lost.delivery()), (Cause::Other, Delivery::Unknown));
/// ```
///
/// # Errors
///
/// Words and fields that are not known are compile errors that say which there are.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(input: TokenStream) -> TokenStream {
    failure::expand(input.into()).into()
}
