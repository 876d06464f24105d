//! How long a whole call may take.

use core::fmt::Debug;
use core::time::Duration;

use crate::policy::invalid::{Invalid, Value, refuse};

/// The longest a call may take, attempts and the waits between them included.
///
/// No attempt starts at or after the deadline and no wait passes it: a call that would only be repeated
/// after the deadline gives up at once, with the last real error. Awaited
/// ([`call_async`](crate::Call::call_async)), an attempt in flight is cancelled at the deadline. A
/// blocking import cannot be interrupted: there, the attempt in flight ends when the host ends it (the
/// host's own invocation timeout is the real limit), and an answer that comes late is still an answer.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Deadline, Policy};
///
/// static GREETER: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_secs(3)));
/// ```
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
