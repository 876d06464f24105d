//! The errors of wasmCloud's own interfaces: calls of other components, messages, objects and secrets.

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
                #[allow(unreachable_patterns)]
                match &error.wasmcloud_error {
                    Reported::Transport(text) | Reported::Wasmcloud(text) | Reported::Wrpc(text) => {
                        $crate::__private::facts_of_text(text)
                    }
                    _ => ($crate::Cause::Other, $crate::Delivery::Unknown),
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
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            // Whoever calls holds no handle, and will hold none at the next attempt.
            NoTarget => NoLink, NotSent;
            NotRunning => NoTarget, NotSent;
            NotExported => Protocol, NotSent;
            // One case for a trap, for a call that ran too long, and for a guest that never began.
            Failed => Trapped, Unknown;
            Other => Other, Unknown;
        }
    };
}

/// Makes the variant `error` of `wasmcloud:messaging/types@0.3.0` a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`. In 0.2.0 the error is a string, which is not a type to implement a trait for: give the
/// policy a rule, `POLICY.judge(…)`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `subject-invalid`, `message-too-large` | protocol | delivered | the broker refused it; trying again does not help |
/// | `access-denied` | no link | delivered | the broker refused it; the operator has to allow it |
/// | `timeout` | timeout | unknown | there was no reply in time; the message may have arrived |
/// | `broker-unavailable` | disconnected | unknown | before or while it was asked |
/// | `quota-exceeded` | overloaded | unknown | |
/// | `other` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum Error {
///     SubjectInvalid,
///     AccessDenied,
///     Timeout,
///     BrokerUnavailable,
///     MessageTooLarge,
///     QuotaExceeded,
///     Other(String),
/// }
/// steadfast::wasmcloud_messaging_failure!(Error);
///
/// use steadfast::{Cause, Failure};
/// assert_eq!(Error::BrokerUnavailable.cause(), Cause::Disconnected);
/// ```
#[macro_export]
macro_rules! wasmcloud_messaging_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            SubjectInvalid => Protocol, Delivered;
            AccessDenied => NoLink, Delivered;
            Timeout => Timeout, Unknown;
            BrokerUnavailable => Disconnected, Unknown;
            MessageTooLarge => Protocol, Delivered;
            QuotaExceeded => Overloaded, Unknown;
            Other => Other, Unknown;
        }
    };
}

/// Makes the variant `error` of `wasmcloud:blobstore/types@0.1.0` a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`. The error of `wasi:blobstore` is a string, which is not a type to implement a trait for:
/// give the policy a rule, `POLICY.judge(…)`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `no-such-container`, `no-such-object`, `container-already-exists` | protocol | delivered | the store looked, and trying again does not help |
/// | `access-denied` | no link | unknown | the operator has to allow it; of several objects, some may be done |
/// | `timeout` | timeout | unknown | |
/// | `store-unavailable` | disconnected | unknown | before or while it was asked |
/// | `quota-exceeded` | overloaded | unknown | a part may be written |
/// | `other` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum Error {
///     NoSuchContainer,
///     ContainerAlreadyExists,
///     NoSuchObject,
///     AccessDenied,
///     Timeout,
///     StoreUnavailable,
///     QuotaExceeded,
///     Other(String),
/// }
/// steadfast::wasmcloud_blobstore_failure!(Error);
///
/// use steadfast::{Cause, Delivery, Failure};
/// assert_eq!((Error::NoSuchObject.cause(), Error::NoSuchObject.delivery()), (Cause::Protocol, Delivery::Delivered));
/// ```
#[macro_export]
macro_rules! wasmcloud_blobstore_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            NoSuchContainer => Protocol, Delivered;
            ContainerAlreadyExists => Protocol, Delivered;
            NoSuchObject => Protocol, Delivered;
            AccessDenied => NoLink, Unknown;
            Timeout => Timeout, Unknown;
            StoreUnavailable => Disconnected, Unknown;
            QuotaExceeded => Overloaded, Unknown;
            Other => Other, Unknown;
        }
    };
}

/// Makes the variant `secrets-error` of `wasmcloud:secrets/store` (0.1.0-draft and 1.0.0) a
/// [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `not-found` | no link | delivered | the operator has to provide the secret |
/// | `upstream`, `io` | other | unknown | whatever it is, of a lost connection or a file for example |
///
/// To read a secret twice does no harm. The error cannot say so; the call can: `SECRETS.idempotent()`.
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum SecretsError { Upstream(String), Io(String), NotFound }
/// steadfast::wasmcloud_secrets_failure!(SecretsError);
///
/// use steadfast::{Cause, Failure};
/// assert_eq!(SecretsError::NotFound.cause(), Cause::NoLink);
/// ```
#[macro_export]
macro_rules! wasmcloud_secrets_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            Upstream => Other, Unknown;
            Io => Other, Unknown;
            NotFound => NoLink, Delivered;
        }
    };
}
