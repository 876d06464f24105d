//! What the expansions of the macros name, beside the public items. Not for use by hand.

pub use wit_bindgen;
#[cfg(feature = "wstd")]
pub use wstd;

pub use crate::failure::{RetryAfter, Text};
#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
pub use crate::failure::{facts_of_text, retry_after_of_text};
pub use crate::observe::span::CallScope;

use crate::call::{Call, Replay};
use crate::failure::problem::{self, Problem};
use crate::failure::{Failed, Failure};
use crate::policy::Parts;

/// Another one for the next attempt.
#[inline]
pub fn replay<T: Replay>(argument: &T) -> T {
    argument.replay()
}

/// The error that a resilient function declares, made of what its policy gave up with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made of what a policy gave up with",
    label = "the policy gives up with a `Failed<{Self}>`",
    note = "declare `Failed<{Self}>` instead, or implement `From<Failed<{Self}>>` for `{Self}`"
)]
pub trait Declared: Sized {
    fn declared(failed: Failed<Self>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Failed<E>>> Declared for E {
    #[inline]
    fn declared(failed: Failed<E>) -> E {
        failed.into()
    }
}

#[inline]
pub fn declared<E: Declared>(failed: Failed<E>) -> E {
    E::declared(failed)
}

/// The fallback of a call answers now.
#[cold]
pub fn fallback<P: Parts, C, J>(call: &Call<'_, P, C, J>) {
    call.tell_fallback();
}

/// What [`Failure::problem`] is where an error does not say: of a variant that has its own facts, beside one that
/// wraps an error.
pub fn unhandled(failure: &impl Failure, instance: &str) -> Problem {
    problem::unhandled(failure, instance)
}

/// What `bindgen!` calls for the error types that it knows: the adapter, or nothing where its feature is off.
macro_rules! adapters {
    ($($feature:literal: $($adapter:ident),*;)*) => {$($(
        #[cfg(feature = $feature)]
        pub use crate::$adapter;
        #[cfg(not(feature = $feature))]
        pub use crate::__no_adapter as $adapter;
    )*)*};
}

adapters! {
    "keyvalue": keyvalue_failure, wasmcloud_keyvalue_failure;
    "postgres": postgres_failure, postgres_query_failure, postgres_prepare_failure, postgres_exec_failure;
    "wasi-http": wasi_http_failure;
    "wasmcloud": wasmcloud_lattice_failure, wasmcloud_call_failure, wasmcloud_messaging_failure,
        wasmcloud_blobstore_failure, wasmcloud_secrets_failure;
    "wrpc": wrpc_failure;
}
#[cfg(not(feature = "wasmcloud"))]
pub use crate::__no_adapter as wasmcloud_bus_failure;
#[cfg(feature = "wasmcloud")]
pub use crate::wrpc_failure as wasmcloud_bus_failure;
