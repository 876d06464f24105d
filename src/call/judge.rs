//! What a result means for a policy: success, failure, or neither.

use core::time::Duration;

use crate::failure::{Cause, Delivery, Failure};

/// What the result of an attempt means.
///
/// ```
/// use steadfast::{Cause, Delivery, RpcError, Verdict};
///
/// let result: Result<(), _> = Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
/// assert_eq!(Verdict::of(&result), Verdict::failure(Cause::NoTarget, Delivery::NotSent));
/// assert_eq!(Verdict::of(&Ok::<_, RpcError>(7)), Verdict::Success);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The target did its work.
    Success,
    /// It failed, and these are the facts.
    #[non_exhaustive]
    Failure {
        /// Where it failed.
        cause: Cause,
        /// How far the call got.
        delivery: Delivery,
        /// How long the callee asks to be left alone.
        retry_after: Option<Duration>,
        /// Whether making the call again may help; see [`Failure::repeatable`].
        repeatable: bool,
    },
    /// Neither: it says nothing about the target. It is returned as it is, and not repeated.
    Ignored,
}

impl Verdict {
    /// The usual verdict: `Ok` is a success, `Err` a failure with the facts that the error tells. One that says that
    /// the [caller is wrong](Failure::caller_error) is ignored: the target did its work.
    pub fn of<T, E: Failure>(result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => Verdict::Success,
            Err(error) if error.caller_error().is_some() => Verdict::Ignored,
            Err(error) => Verdict::Failure {
                cause: error.cause(),
                delivery: error.delivery(),
                retry_after: error.retry_after(),
                repeatable: error.repeatable(),
            },
        }
    }

    /// A failure without a wish to be left alone.
    pub const fn failure(cause: Cause, delivery: Delivery) -> Self {
        Verdict::Failure { cause, delivery, retry_after: None, repeatable: true }
    }

    /// The same failure with the callee's wish to be left alone. Given twice, the last counts.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Cause, Delivery, Verdict};
    ///
    /// let busy = Verdict::failure(Cause::Overloaded, Delivery::NotSent).retry_after(Duration::from_secs(2));
    /// assert!(matches!(busy, Verdict::Failure { retry_after: Some(_), .. }));
    /// ```
    #[must_use]
    pub const fn retry_after(self, after: Duration) -> Self {
        match self {
            Verdict::Failure { cause, delivery, repeatable, .. } => {
                Verdict::Failure { cause, delivery, retry_after: Some(after), repeatable }
            }
            other => other,
        }
    }
}

/// Who says what a result means: any function from a result to a [`Verdict`], or [`ByError`].
///
/// ```
/// use steadfast::{ByError, Judge, RpcError, Verdict};
///
/// assert_eq!(ByError.judge(&Ok::<_, RpcError>(7)), Verdict::Success);
/// ```
pub trait Judge<T, E> {
    /// Whether `Ok` needs no judging: then a call that succeeds runs straight through.
    #[doc(hidden)]
    const OK_IS_SUCCESS: bool = false;

    /// What `result` means.
    fn judge(&self, result: &Result<T, E>) -> Verdict;
}

/// The usual judge; see [`Verdict::of`].
///
/// ```
/// use steadfast::{ByError, Judge, RpcError, Verdict};
///
/// assert_eq!(ByError.judge(&Ok::<_, RpcError>(7)), Verdict::Success);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByError;

impl<T, E: Failure> Judge<T, E> for ByError {
    const OK_IS_SUCCESS: bool = true;

    #[inline]
    fn judge(&self, result: &Result<T, E>) -> Verdict {
        Verdict::of(result)
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Verdict> Judge<T, E> for F {
    #[inline]
    fn judge(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}
