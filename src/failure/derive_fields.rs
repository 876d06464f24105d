//! The types of fields that hold a fact of an error that derives [`Failure`](super::Failure).

use core::time::Duration;
use std::borrow::Cow;

/// What a field is that `retry_after = FIELD` names.
#[diagnostic::on_unimplemented(
    message = "`retry_after` takes a field with a `Duration` or an `Option<Duration>`",
    label = "this field is `{Self}`"
)]
pub trait RetryAfter {
    /// The time in it.
    fn retry_after(&self) -> Option<Duration>;
}

impl RetryAfter for Duration {
    fn retry_after(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl RetryAfter for Option<Duration> {
    fn retry_after(&self) -> Option<Duration> {
        *self
    }
}

/// What a field is that `target = FIELD` names.
#[diagnostic::on_unimplemented(
    message = "`target` takes a field with a string or an `Option` of one",
    label = "this field is `{Self}`"
)]
pub trait Target {
    /// The name in it.
    fn target(&self) -> Option<&str>;
}

impl Target for str {
    fn target(&self) -> Option<&str> {
        Some(self)
    }
}

impl Target for String {
    fn target(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: Target + ToOwned + ?Sized> Target for Cow<'_, T> {
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
}

impl<T: Target + ?Sized> Target for Box<T> {
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
}

impl<T: Target + ?Sized> Target for &T {
    fn target(&self) -> Option<&str> {
        (**self).target()
    }
}

impl<T: Target> Target for Option<T> {
    fn target(&self) -> Option<&str> {
        self.as_ref()?.target()
    }
}
