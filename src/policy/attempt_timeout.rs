//! How long one attempt may take.

use core::fmt;
use core::time::Duration;

use super::TimeLimit;
use crate::platform::clock::nanos;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The longest one attempt may take.
///
/// [deadline]: crate::Deadline
#[doc = include_str!("../../docs/policies/attempt-timeout.md")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttemptTimeout(u64);

impl fmt::Debug for AttemptTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttemptTimeout").field(&Duration::from_nanos(self.0)).finish()
    }
}

impl AttemptTimeout {
    /// An attempt must be done `duration` after it began.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::AttemptTimeout;
    ///
    /// assert!(AttemptTimeout::after(Duration::from_millis(500)).check().is_ok());
    /// ```
    pub const fn after(duration: Duration) -> Self {
        AttemptTimeout(nanos(duration))
    }

    /// The timeout itself, or why it makes no sense: no time at all.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::AttemptTimeout;
    ///
    /// let invalid = AttemptTimeout::after(Duration::ZERO).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "attempt timeout: 0ns is not allowed: it must be longer than zero");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.0 == 0 {
            refuse!("attempt timeout", Value::Time(Duration::ZERO), "longer than zero");
        }
        Ok(self)
    }
}

impl TimeLimit for AttemptTimeout {
    #[inline]
    fn limit(&self) -> Option<u64> {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_timeout_is_the_one_it_holds() {
        let second = Duration::from_secs(1);
        assert_eq!(Some(AttemptTimeout::after(second)).limit(), Some(1_000_000_000));
        assert_eq!(None::<AttemptTimeout>.limit(), None);
    }
}
