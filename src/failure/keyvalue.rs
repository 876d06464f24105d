//! The errors of key-value stores: `wasi:keyvalue/store`, and `wasmcloud:keyvalue/types`, which says more.

/// Makes the variant `error` of `wasi:keyvalue/store` (0.2.0-draft and 0.2.0-draft2) a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `no-such-store` | no link | not sent | the host knows no store by that name: nothing was opened |
/// | `access-denied` | no link | unknown | the operator has to allow it; a batch may be half done |
/// | `other` | other | unknown | whatever it is, of I/O for example |
///
/// All operations but `increment` and `swap` may happen twice, where no other caller writes in between. The
/// error cannot say so; the call can: `STORE.idempotent()`.
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum Error { NoSuchStore, AccessDenied, Other(String) }
/// steadfast::keyvalue_failure!(Error);
///
/// use steadfast::{Cause, Delivery, Failure};
/// let error = Error::Other("connection reset".into());
/// assert_eq!((error.cause(), error.delivery()), (Cause::Other, Delivery::Unknown));
/// ```
#[macro_export]
macro_rules! keyvalue_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            // Only `open` names a store.
            NoSuchStore => NoLink, NotSent;
            // The interface says of batches that what was written before the error stays written.
            AccessDenied => NoLink, Unknown;
            Other => Other, Unknown;
        }
    };
}

/// Makes the variant `error` of `wasmcloud:keyvalue/types@0.2.0` a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `no-such-store` | no link | not sent | the host knows no store by that name: nothing was opened |
/// | `access-denied` | no link | unknown | the operator has to allow it; a batch may be half done |
/// | `invalid-argument` | protocol | delivered | trying again does not help |
/// | `precondition-failed` | protocol | delivered | the store compared, and did as it was told; trying again does not help |
/// | `timeout` | timeout | unknown | |
/// | `store-unavailable` | disconnected | unknown | before or while it was asked |
/// | `quota-exceeded` | overloaded | unknown | a batch may be half done |
/// | `other` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum Error {
///     NoSuchStore,
///     AccessDenied,
///     InvalidArgument,
///     PreconditionFailed,
///     Timeout,
///     StoreUnavailable,
///     QuotaExceeded,
///     Other(String),
/// }
/// steadfast::wasmcloud_keyvalue_failure!(Error);
///
/// use steadfast::{Cause, Failure};
/// assert_eq!(Error::QuotaExceeded.cause(), Cause::Overloaded);
/// ```
#[macro_export]
macro_rules! wasmcloud_keyvalue_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            NoSuchStore => NoLink, NotSent;
            AccessDenied => NoLink, Unknown;
            InvalidArgument => Protocol, Delivered;
            // No failure of the store. There is no cause for that, and this one is not repeated.
            PreconditionFailed => Protocol, Delivered;
            Timeout => Timeout, Unknown;
            StoreUnavailable => Disconnected, Unknown;
            QuotaExceeded => Overloaded, Unknown;
            Other => Other, Unknown;
        }
    };
}
