//! How long a whole call may take.

use core::fmt::{self, Debug};
use core::time::Duration;

use crate::platform::clock::nanos;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The longest a call may take, attempts and the waits between them included.
#[doc = include_str!("../../docs/policies/deadline.md")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Deadline(u64);

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&Duration::from_nanos(self.0)).finish()
    }
}

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
        Deadline(nanos(duration))
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
        if self.0 == 0 {
            refuse!("deadline", Value::Time(Duration::ZERO), "longer than zero");
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
    /// In nanoseconds.
    #[doc(hidden)]
    fn limit(&self) -> Option<u64>;
}

impl TimeLimit for () {
    #[inline]
    fn limit(&self) -> Option<u64> {
        None
    }
}

impl TimeLimit for Deadline {
    #[inline]
    fn limit(&self) -> Option<u64> {
        Some(self.0)
    }
}

impl<L: TimeLimit> TimeLimit for Option<L> {
    #[inline]
    fn limit(&self) -> Option<u64> {
        self.as_ref()?.limit()
    }
}
