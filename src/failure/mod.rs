//! What a failed call means: where it failed, how far it got, and what the callee asked for.

mod adapters;
mod caller_error;
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
pub use caller_error::CallerError;
pub use derive_fields::{RetryAfter, Text};

pub use failed::Failed;
use problem::Problem;
pub use reason::Reason;

pub use crate::platform::wit::types::{Cause, Delivery, RpcError};

/// An error of a call that may have crossed a network.
///
/// Policies see an error through these facts alone. Say [`Delivery::NotSent`] only where it is certain: such a call is
/// repeated. What is not known is [`Cause::Other`] and [`Delivery::Unknown`].
///
/// It is for errors that say how a call failed. Where `result<T, your-error>` is what a function of your interface
/// returns, an implementation for `your-error` does not help when the transport fails: the host has no error to return,
/// so it traps the component. Return `result<result<T, your-error>, rpc-error>`; docs/own-errors.md has more.
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
    note = "if `{Self}` is a type of yours that says how a call failed: implement or derive `steadfast::Failure`",
    note = "if it is not a type of yours, such as `String`: give the policy a rule, `POLICY.judge(…)`",
    note = "if it is an error of your interface, `result<T, {Self}>`: the host traps when the transport fails, \
            whatever you implement; return `result<result<T, {Self}>, rpc-error>` (docs/own-errors.md)"
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

    /// What went wrong, for people who read logs; `None` when there is nothing to add. It may carry internals, so
    /// clients are not shown it.
    fn message(&self) -> Option<&str> {
        None
    }

    /// Set where the call failed because its caller is wrong: an argument is invalid, say, or names something that does
    /// not exist. The target did its work, so such a call is never repeated, and it counts for no breaker, throttle,
    /// concurrency limit or budget. Where it leaves a [handler](crate::handler), the client reads the status in it,
    /// from 400 to 499.
    ///
    /// An error that wraps another passes it on. With `#[derive(Failure)]`, say `#[failure(caller_error)]`.
    fn caller_error(&self) -> Option<CallerError<'_>> {
        None
    }

    /// Whether making the call again may help. A call that an inner policy gave up for its budget, its open breaker or
    /// its deadline says no: whoever repeated it would undo what that policy is for. A [`Rule`](crate::Rule) for the
    /// cause has it repeated all the same.
    fn repeatable(&self) -> bool {
        true
    }

    /// This failure as an HTTP answer, for when it leaves a [handler](crate::handler); `instance` is what
    /// [`Failed::problem`](crate::Failed::problem) takes. An error that wraps another passes the wish on.
    fn problem(&self, instance: &str) -> Problem {
        problem::unhandled(self, instance)
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<F: Failure + ?Sized> Failure for $pointer {
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
            fn caller_error(&self) -> Option<CallerError<'_>> {
                (**self).caller_error()
            }
            fn repeatable(&self) -> bool {
                (**self).repeatable()
            }
            fn problem(&self, instance: &str) -> Problem {
                (**self).problem(instance)
            }
        }
    )*};
}

pointers!(&F, Box<F>);

/// The facts of one failure, detached from the error that told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub cause: Cause,
    pub delivery: Delivery,
    /// In nanoseconds.
    pub retry_after: Option<u64>,
    /// Whether making the call again may help.
    pub repeatable: bool,
}

impl Facts {
    pub fn new(cause: Cause, delivery: Delivery, retry_after: Option<Duration>) -> Self {
        Facts { cause, delivery, retry_after: retry_after.map(nanos), repeatable: true }
    }
}

/// A value of the WIT, how the WIT spells it, and how a sentence says it.
type Named<T> = (T, &'static str, &'static str);

/// In the order of the WIT, to which causes are only ever added: a cause's place is its number.
const CAUSE_TABLE: [Named<Cause>; 8] = [
    (Cause::NoLink, "no-link", "no link"),
    (Cause::NoTarget, "no-target", "no target"),
    (Cause::Timeout, "timeout", "timeout"),
    (Cause::Disconnected, "disconnected", "disconnected"),
    (Cause::Overloaded, "overloaded", "overloaded"),
    (Cause::Trapped, "trapped", "the target trapped"),
    (Cause::Protocol, "protocol", "protocol mismatch"),
    (Cause::Other, "other", "failed"),
];

/// From the best to the worst, which is their order in the WIT.
const DELIVERY_TABLE: [Named<Delivery>; 3] = [
    (Delivery::NotSent, "not-sent", "not sent"),
    (Delivery::Unknown, "unknown", "may have run"),
    (Delivery::Delivered, "delivered", "was started"),
];

/// All causes, in the order of the table.
pub(crate) const CAUSES: [Cause; CAUSE_TABLE.len()] = {
    let mut causes = [Cause::Other; CAUSE_TABLE.len()];
    let mut place = 0;
    while place < causes.len() {
        causes[place] = CAUSE_TABLE[place].0;
        assert!(causes[place] as usize == place);
        place += 1;
    }
    causes
};

/// The name of a cause as the WIT spells it.
pub(crate) const fn cause_name(cause: Cause) -> &'static str {
    CAUSE_TABLE[cause as usize].1
}

/// A cause in words, for a sentence.
pub(crate) const fn cause_words(cause: Cause) -> &'static str {
    CAUSE_TABLE[cause as usize].2
}

/// The name of a delivery as the WIT spells it.
#[cfg(any(feature = "tracing", feature = "wrpc", feature = "wasmcloud"))]
pub(crate) const fn delivery_name(delivery: Delivery) -> &'static str {
    DELIVERY_TABLE[delivery as usize].1
}

/// A delivery in words, for a sentence.
pub(crate) const fn delivery_words(delivery: Delivery) -> &'static str {
    DELIVERY_TABLE[delivery as usize].2
}

/// The worse of two deliveries: what holds for a call of which either attempt may have had its effect.
pub(crate) fn worse(a: Delivery, b: Delivery) -> Delivery {
    if a as u8 >= b as u8 { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_the_place_of_its_number() {
        for (place, (delivery, ..)) in DELIVERY_TABLE.into_iter().enumerate() {
            assert_eq!(delivery as usize, place);
        }
    }
}
