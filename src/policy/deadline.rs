//! How long a whole call may take.

use core::fmt::Debug;
use core::time::Duration;

use crate::policy::invalid::{Invalid, Value, refuse};

/// The longest a call may take, attempts and the waits between them included.
#[doc = include_str!("../../docs/policies/deadline.md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Duration);

impl Deadline {
    /// A call must be done `duration` after it began.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Deadline;
    ///
    /// assert!(Deadline::after(Duration::ZERO).check().is_err());
    /// ```
    pub const fn after(duration: Duration) -> Self {
        Deadline(duration)
    }

    /// The deadline itself, or why it makes no sense: no time at all.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Deadline;
    ///
    /// assert!(Deadline::after(Duration::from_secs(3)).check().is_ok());
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.0.is_zero() {
            refuse!("deadline", Value::Time(self.0), "longer than zero");
        }
        Ok(self)
    }
}

/// A part that bounds a time: a [`Deadline`], an [`AttemptTimeout`](super::AttemptTimeout), none, or one decided at
/// run time.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{AttemptTimeout, Deadline, TimeLimit};
///
/// fn limit<L: TimeLimit>(_: L) {}
/// limit(Deadline::after(Duration::from_secs(3)));
/// limit(Some(AttemptTimeout::after(Duration::from_secs(1))));
/// ```
pub trait TimeLimit: Copy + Debug + super::sealed::Sealed {
    #[doc(hidden)]
    fn limit(&self) -> Option<Duration>;
}

impl TimeLimit for () {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        None
    }
}

impl TimeLimit for Deadline {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        Some(self.0)
    }
}

impl<L: TimeLimit> TimeLimit for Option<L> {
    #[inline]
    fn limit(&self) -> Option<Duration> {
        self.as_ref()?.limit()
    }
}
