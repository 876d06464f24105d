//! What a failed call means: where it failed, how far it got, and what the callee asked for.

mod adapters;
mod derive_fields;
pub(crate) mod failed;
#[cfg(feature = "http")]
pub(crate) mod http;
#[cfg(feature = "keyvalue")]
mod keyvalue;
#[cfg(feature = "postgres")]
mod postgres;
pub mod problem;
mod reason;
mod rpc_error;
#[cfg(feature = "wasi-http")]
mod wasi_http;
#[cfg(feature = "wasmcloud")]
mod wasmcloud;
#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
mod wrpc;
#[cfg(feature = "wstd")]
mod wstd;

use core::time::Duration;

#[cfg(feature = "wstd")]
pub(crate) use self::wstd::is_unknown;
use crate::platform::clock::nanos;
#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
pub use adapters::{facts_of_text, retry_after_of_text};
pub use derive_fields::{RetryAfter, Target};

pub use failed::Failed;
use problem::Problem;
pub use reason::Reason;

pub use crate::platform::wit::types::{Cause, Delivery, RpcError};

/// An error of a call that may have crossed a network.
///
/// Policies see an error through these facts alone. Only an error that *knows* may say
/// [`Delivery::NotSent`]: what cannot be told is [`Cause::Other`] and [`Delivery::Unknown`], and a guess is
/// never made towards "safe to repeat".
///
/// ```
/// use steadfast::{Cause, Delivery, Failure};
///
/// enum StoreError {
///     Busy,
///     Broken,
/// }
///
/// impl Failure for StoreError {
///     fn cause(&self) -> Cause {
///         match self {
///             StoreError::Busy => Cause::Overloaded,
///             StoreError::Broken => Cause::Other,
///         }
///     }
///     fn delivery(&self) -> Delivery {
///         match self {
///             StoreError::Busy => Delivery::NotSent,
///             StoreError::Broken => Delivery::Unknown,
///         }
///     }
/// }
/// assert_eq!(StoreError::Busy.retry_after(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it means for a call",
    label = "this error has no cause and no delivery",
    note = "implement `steadfast::Failure` for `{Self}`, or turn it into an error that has it, such as `RpcError`"
)]
pub trait Failure {
    /// Where the call failed.
    fn cause(&self) -> Cause;

    /// How far it got.
    fn delivery(&self) -> Delivery;

    /// How long the callee asks to be left alone; `None` when it asks for nothing.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// The function that was called, as `namespace:package/interface#function`; `None` when unknown.
    fn target(&self) -> Option<&str> {
        None
    }

    /// What went wrong, for people who read logs; `None` when there is nothing to add. It may carry internals, so no
    /// client is shown it.
    fn message(&self) -> Option<&str> {
        None
    }

    /// This failure as an HTTP answer, for when it leaves a [handler](crate::handler); `instance` is what
    /// [`Failed::problem`](crate::Failed::problem) takes. An error that wraps another passes the wish on.
    fn problem(&self, instance: &str) -> Problem {
        problem::unhandled(self, instance)
    }
}

impl<F: Failure + ?Sized> Failure for &F {
    fn cause(&self) -> Cause {
        (**self).cause()
    }
    fn delivery(&self) -> Delivery {
        (**self).delivery()
    }
    fn retry_after(&self) -> Option<Duration> {
        (**self).retry_after()
    }
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
    fn message(&self) -> Option<&str> {
        (**self).message()
    }
    fn problem(&self, instance: &str) -> Problem {
        (**self).problem(instance)
    }
}

impl<F: Failure + ?Sized> Failure for Box<F> {
    fn cause(&self) -> Cause {
        (**self).cause()
    }
    fn delivery(&self) -> Delivery {
        (**self).delivery()
    }
    fn retry_after(&self) -> Option<Duration> {
        (**self).retry_after()
    }
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
    fn message(&self) -> Option<&str> {
        (**self).message()
    }
    fn problem(&self, instance: &str) -> Problem {
        (**self).problem(instance)
    }
}

/// The facts of one failure, detached from the error that told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub cause: Cause,
    pub delivery: Delivery,
    /// In nanoseconds.
    pub retry_after: Option<u64>,
}

impl Facts {
    pub fn new(cause: Cause, delivery: Delivery, retry_after: Option<Duration>) -> Self {
        Facts { cause, delivery, retry_after: retry_after.map(nanos) }
    }
}

/// All causes, in the order of the WIT, to which they are only ever added: a cause's place is its number.
pub(crate) const CAUSES: [Cause; 8] = [
    Cause::NoLink,
    Cause::NoTarget,
    Cause::Timeout,
    Cause::Disconnected,
    Cause::Overloaded,
    Cause::Trapped,
    Cause::Protocol,
    Cause::Other,
];

/// The worse of two deliveries: what holds for a call of which either attempt may have had its effect.
pub(crate) fn worse(a: Delivery, b: Delivery) -> Delivery {
    // They stand in this order in the WIT.
    if a as u8 >= b as u8 { a } else { b }
}

/// The name of a cause as the WIT spells it.
pub(crate) const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::NoLink => "no-link",
        Cause::NoTarget => "no-target",
        Cause::Timeout => "timeout",
        Cause::Disconnected => "disconnected",
        Cause::Overloaded => "overloaded",
        Cause::Trapped => "trapped",
        Cause::Protocol => "protocol",
        Cause::Other => "other",
    }
}

/// The name of a delivery as the WIT spells it.
#[cfg(any(feature = "tracing", feature = "wrpc", feature = "wasmcloud"))]
pub(crate) const fn delivery_name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::NotSent => "not-sent",
        Delivery::Unknown => "unknown",
        Delivery::Delivered => "delivered",
    }
}

/// A cause in words, for a sentence.
pub(crate) const fn cause_words(cause: Cause) -> &'static str {
    match cause {
        Cause::NoLink => "no link",
        Cause::NoTarget => "no target",
        Cause::Timeout => "timeout",
        Cause::Disconnected => "disconnected",
        Cause::Overloaded => "overloaded",
        Cause::Trapped => "the target trapped",
        Cause::Protocol => "protocol mismatch",
        Cause::Other => "failed",
    }
}
