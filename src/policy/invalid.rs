//! Why a policy was refused when it was built.

use core::fmt;
use core::time::Duration;

/// A setting that makes no sense: which one, its value, and what is allowed.
///
/// ```
/// use steadfast::Retry;
///
/// let invalid = Retry::attempts(0).check().unwrap_err();
/// assert_eq!(invalid.to_string(), "retry attempts: 0 is not allowed: it must be 1 or more");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Invalid {
    pub(crate) field: &'static str,
    pub(crate) value: Value,
    pub(crate) allowed: &'static str,
    /// Field and range in one text: a `const` evaluation can print nothing else.
    pub(crate) rule: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Count(u32),
    Factor(f64),
    Time(Duration),
}

impl Invalid {
    /// The setting, in the words of its builder: `retry attempts`.
    ///
    /// ```
    /// assert_eq!(steadfast::Retry::attempts(0).check().unwrap_err().field(), "retry attempts");
    /// ```
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is not allowed: it must be {}", self.field, self.value, self.allowed)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(count) => write!(f, "{count}"),
            Value::Factor(factor) => write!(f, "{factor}"),
            Value::Time(time) => write!(f, "{time:?}"),
        }
    }
}

impl core::error::Error for Invalid {}

/// Field, value and range of a refused setting. A macro, since the one text that a `const` evaluation can
/// print has to be put together at compile time.
macro_rules! refuse {
    ($field:literal, $value:expr, $allowed:literal) => {
        return Err($crate::policy::Invalid {
            field: $field,
            value: $value,
            allowed: $allowed,
            rule: concat!($field, " must be ", $allowed),
        })
    };
}
pub(crate) use refuse;
