//! The errors of wasmCloud's own interfaces: the record of `wasmcloud:bus/lattice@2.0.0`, and the variant `call-error`
//! of `wasmcloud:host/types`.

/// Makes the record of `wasmcloud:bus/lattice@2.0.0`, `rpc-error` with its one field `wasmcloud-error`, a
/// [`Failure`](crate::Failure). It takes the record and the variant in it.
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`. The three cases of the variant say who reported the failure, not how far the call got, so
/// all are judged by their text, as [`wrpc_failure!`](crate::wrpc_failure) judges (it has the table, and the feature
/// `wasmcloud` has it).
///
/// ```
/// mod lattice {
///     # #![allow(dead_code)]
///     // As `wit_bindgen::generate!` makes it.
///     pub enum Error { Transport(String), Wasmcloud(String), Wrpc(String) }
///     pub struct RpcError { pub wasmcloud_error: Error }
/// }
/// steadfast::wasmcloud_lattice_failure!(lattice::RpcError, lattice::Error);
///
/// use steadfast::{Cause, Failure};
/// let text = "link `default` not found for instance `acme:greeter/api`".to_string();
/// let error = lattice::RpcError { wasmcloud_error: lattice::Error::Wasmcloud(text) };
/// assert_eq!(error.cause(), Cause::NoLink);
/// ```
#[macro_export]
macro_rules! wasmcloud_lattice_failure {
    ($record:ty, $variant:ty) => {
        const _: () = {
            type Reported = $variant;

            fn facts(error: &$record) -> ($crate::Cause, $crate::Delivery) {
                match &error.wasmcloud_error {
                    Reported::Transport(text) | Reported::Wasmcloud(text) | Reported::Wrpc(text) => {
                        $crate::__private::facts_of_text(text)
                    }
                }
            }

            impl $crate::Failure for $record {
                fn cause(&self) -> $crate::Cause {
                    facts(self).0
                }
                fn delivery(&self) -> $crate::Delivery {
                    facts(self).1
                }
            }
        };
    };
}

/// Makes the variant `call-error` of `wasmcloud:host/types` (since 0.1.3) a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `no-target` | no link | not sent | nothing says where the call leads, and trying again does not change that |
/// | `not-running` | no target | not sent | the workload is not callable; it may be again |
/// | `not-exported` | protocol | not sent | the workload runs and has no such interface |
/// | `failed` | trapped | unknown | it trapped, ran too long, or was never instantiated: the case does not say which |
/// | `other` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum CallError {
///     NoTarget(Option<String>),
///     NotRunning(Option<String>),
///     NotExported(Option<String>),
///     Failed(Option<String>),
///     Other(Option<String>),
/// }
/// steadfast::wasmcloud_call_failure!(CallError);
///
/// use steadfast::{Cause, Delivery, Failure};
/// let error = CallError::NotRunning(None);
/// assert_eq!((error.cause(), error.delivery()), (Cause::NoTarget, Delivery::NotSent));
/// ```
#[macro_export]
macro_rules! wasmcloud_call_failure {
    ($error:ty) => {
        $crate::__failure_table! { $error:
            // Whoever calls holds no handle, and will hold none at the next attempt.
            Self::NoTarget(_) => NoLink, NotSent;
            Self::NotRunning(_) => NoTarget, NotSent;
            Self::NotExported(_) => Protocol, NotSent;
            // One case for a trap, for a call that ran too long, and for a guest that never began.
            Self::Failed(_) => Trapped, Unknown;
            Self::Other(_) => Other, Unknown;
        }
    };
}
