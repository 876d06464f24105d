//! The errors of `wasmcloud:postgres`: three variants in the drafts of 0.1, one in 0.2.0.

/// Makes the variant `query-error` of `wasmcloud:postgres/types` (0.1.0-draft and 0.1.1-draft) a
/// [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `invalid-params`, `invalid-query` | protocol | delivered | the provider or the database refused the query; trying again does not help |
/// | `unexpected` | other | unknown | a lost connection is among them, and a query that ran |
///
/// A read does no harm when it happens twice, and a write may. The error cannot say which it was; the call can:
/// `DB.idempotent()`.
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum QueryError { InvalidParams(String), InvalidQuery(String), Unexpected(String) }
/// steadfast::postgres_query_failure!(QueryError);
///
/// use steadfast::{Cause, Failure};
/// assert_eq!(QueryError::InvalidQuery("SELEKT".into()).cause(), Cause::Protocol);
/// ```
#[macro_export]
macro_rules! postgres_query_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            InvalidParams => Protocol, Delivered;
            InvalidQuery => Protocol, Delivered;
            Unexpected => Other, Unknown;
        }
    };
}

/// Makes the variant `statement-prepare-error` of `wasmcloud:postgres/types` (0.1.0-draft and 0.1.1-draft) a
/// [`Failure`](crate::Failure): its one case, `unexpected`, is other and unknown.
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// ```
/// // As `wit_bindgen::generate!` makes it.
/// enum StatementPrepareError { Unexpected(String) }
/// steadfast::postgres_prepare_failure!(StatementPrepareError);
///
/// use steadfast::{Cause, Failure};
/// assert_eq!(StatementPrepareError::Unexpected("reset by peer".into()).cause(), Cause::Other);
/// ```
#[macro_export]
macro_rules! postgres_prepare_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            Unexpected => Other, Unknown;
        }
    };
}

/// Makes the variant `prepared-statement-exec-error` of `wasmcloud:postgres/types` (0.1.0-draft and 0.1.1-draft) a
/// [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `unknown-prepared-query` | protocol | delivered | trying again does not help: prepare it again |
/// | `query-error` | | | as [the error in it](crate::postgres_query_failure) |
/// | `unexpected` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// # enum QueryError { InvalidParams(String), InvalidQuery(String), Unexpected(String) }
/// # steadfast::postgres_query_failure!(QueryError);
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it.
/// enum PreparedStatementExecError { UnknownPreparedQuery, QueryError(QueryError), Unexpected(String) }
/// steadfast::postgres_exec_failure!(PreparedStatementExecError);
///
/// use steadfast::{Cause, Failure};
/// let error = PreparedStatementExecError::QueryError(QueryError::InvalidQuery("SELEKT".into()));
/// assert_eq!(error.cause(), Cause::Protocol);
/// ```
#[macro_export]
macro_rules! postgres_exec_failure {
    ($error:ty $([$($present:ident)*])?) => {
        impl $crate::Failure for $error {
            fn cause(&self) -> $crate::Cause {
                match self {
                    Self::UnknownPreparedQuery => $crate::Cause::Protocol,
                    Self::QueryError(error) => $crate::Failure::cause(error),
                    _ => $crate::Cause::Other,
                }
            }
            fn delivery(&self) -> $crate::Delivery {
                match self {
                    Self::UnknownPreparedQuery => $crate::Delivery::Delivered,
                    Self::QueryError(error) => $crate::Failure::delivery(error),
                    _ => $crate::Delivery::Unknown,
                }
            }
        }
    };
}

/// Makes the variant `error` of `wasmcloud:postgres/types@0.2.0` a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`.
///
/// | case | cause | delivery | why |
/// | --- | --- | --- | --- |
/// | `connection-failed` | disconnected | unknown | it could not be established, or not be kept |
/// | `invalid-params` | protocol | delivered | trying again does not help |
/// | `invalid-query` | protocol | not sent | by definition it never reached the database |
/// | `query-failed` | other | delivered | the database said no; whether a repetition helps is in its SQLSTATE, for a [judge](crate::Policy::judge) |
/// | `value-conversion-failed` | protocol | delivered | it ran, and its result has no form here |
/// | `unknown-prepared-statement` | protocol | delivered | prepare it again |
/// | `access-denied` | no link | not sent | by definition the database is out of reach; the operator has to allow it |
/// | `timeout` | timeout | unknown | |
/// | `other` | other | unknown | |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it, with the database's answer left out.
/// enum Error {
///     ConnectionFailed(String),
///     InvalidParams(String),
///     InvalidQuery(String),
///     QueryFailed(()),
///     ValueConversionFailed(String),
///     UnknownPreparedStatement,
///     AccessDenied,
///     Timeout,
///     Other(String),
/// }
/// steadfast::postgres_failure!(Error);
///
/// use steadfast::{Cause, Delivery, Failure};
/// let error = Error::ConnectionFailed("reset by peer".into());
/// assert_eq!((error.cause(), error.delivery()), (Cause::Disconnected, Delivery::Unknown));
/// ```
#[macro_export]
macro_rules! postgres_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            ConnectionFailed => Disconnected, Unknown;
            InvalidParams => Protocol, Delivered;
            InvalidQuery => Protocol, NotSent;
            QueryFailed => Other, Delivered;
            ValueConversionFailed => Protocol, Delivered;
            UnknownPreparedStatement => Protocol, Delivered;
            AccessDenied => NoLink, NotSent;
            Timeout => Timeout, Unknown;
            Other => Other, Unknown;
        }
    };
}
