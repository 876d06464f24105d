//! The time that a call still has, for the calls made within it.

use crate::platform::clock::Instant;

/// Until when a call may take; handed to its operation by [`call_bounded`](crate::Policy::call_bounded), and given to
/// the calls made within it by [`within`](crate::Policy::within). So a deadline passes down: an inner call never
/// takes longer than the outer one still has.
///
/// It is handed on by hand, since in a component calls interleave, and what is "the" outer call of a moment only the
/// code that makes the inner one knows. Both calls must be on one clock.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::TestClock;
/// use steadfast::{Cause, Deadline, Delivery, Policy, Reason, Retry, RpcError};
///
/// static PAGE: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_millis(100)));
/// static GREETER: Policy<(Deadline, Retry)> =
///     Policy::new().deadline(Deadline::after(Duration::from_secs(60))).retry(Retry::attempts(10));
///
/// let clock = TestClock::new();
/// let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
/// let failed = PAGE
///     .with(&clock)
///     .call_bounded(|bound| GREETER.with(&clock).within(bound).call(no_target))
///     .unwrap_err();
/// // The inner call gave up as the outer one would, and not after a minute.
/// assert_eq!(failed.last().map(|inner| (inner.reason(), inner.attempts())), Some((Reason::Deadline, 2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(Instant);

impl Bound {
    /// No bound.
    ///
    /// ```
    /// assert_eq!(steadfast::Bound::NONE.ends(), None);
    /// ```
    pub const NONE: Bound = Bound(Instant::from_nanos(u64::MAX));

    /// Until `ends`, on the clock of the call.
    ///
    /// ```
    /// use steadfast::{Bound, clock::Instant};
    ///
    /// assert_eq!(Bound::until(Instant::from_nanos(7)).ends(), Some(Instant::from_nanos(7)));
    /// ```
    pub const fn until(ends: Instant) -> Self {
        Bound(ends)
    }

    /// When the time is over; `None` where there is no bound.
    ///
    /// ```
    /// assert_eq!(steadfast::Bound::NONE.ends(), None);
    /// ```
    pub const fn ends(self) -> Option<Instant> {
        if self.is_none() { None } else { Some(self.0) }
    }

    /// The end of the clock is none: an `Option` would be twice as large, and is copied with each attempt.
    pub(crate) const fn is_none(self) -> bool {
        self.0.as_nanos() == u64::MAX
    }

    pub(crate) fn of(ends: Option<Instant>) -> Self {
        ends.map_or(Bound::NONE, Bound)
    }

    /// Whether the time is over `at` this instant.
    pub(crate) fn is_over(self, at: Instant) -> bool {
        !self.is_none() && at >= self.0
    }

    /// The earlier of two.
    #[inline]
    pub(crate) fn min(self, other: Bound) -> Bound {
        Bound(self.0.min(other.0))
    }
}
