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

/// What a field is that `target = FIELD` or `detail = FIELD` names.
#[diagnostic::on_unimplemented(
    message = "`target` and `detail` take a field with a string or an `Option` of one",
    label = "this field is `{Self}`"
)]
pub trait Text {
    /// The text in it.
    fn text(&self) -> Option<&str>;
}

impl Text for str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Text for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: Text + ToOwned + ?Sized> Text for Cow<'_, T> {
    fn text(&self) -> Option<&str> {
        (**self).text()
    }
}

impl<T: Text + ?Sized> Text for Box<T> {
    fn text(&self) -> Option<&str> {
        (**self).text()
    }
}

impl<T: Text + ?Sized> Text for &T {
    fn text(&self) -> Option<&str> {
        (**self).text()
    }
}

impl<T: Text> Text for Option<T> {
    fn text(&self) -> Option<&str> {
        self.as_ref()?.text()
    }
}
