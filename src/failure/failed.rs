//! A call that its policy gave up: why, how often, how long, and the last real error.

use core::fmt;
use core::time::Duration;

use super::problem::Problem;
use super::{CallerError, Cause, Delivery, Failure, Reason, RpcError, cause_words, worse};

/// A call that its policy gave up.
///
/// It is itself a [`Failure`], so a chain of components passes on what really happened: the cause is the
/// last one seen, and the delivery the worst of all attempts, since an earlier one may have had its effect.
/// Its text names the target, the cause and what the policy did, and no internals; those are in
/// [`last`](Self::last), which is also its [`source`](core::error::Error::source).
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Cause, Deadline, Delivery, Policy, Reason, Retry, RpcError};
/// use steadfast::testing::TestClock;
///
/// static GREETER: Policy<(Deadline, Retry)> =
///     Policy::new().deadline(Deadline::after(Duration::from_secs(3))).retry(Retry::attempts(4));
/// let no_target = || {
///     Err::<(), _>(RpcError {
///         target: "acme:greeter/api#greet".into(),
///         ..RpcError::new(Cause::NoTarget, Delivery::NotSent)
///     })
/// };
/// let failed = GREETER.with(&TestClock::new()).call(no_target).unwrap_err();
/// assert_eq!(failed.to_string(), "acme:greeter/api#greet: no target; gave up after 4 attempts in 350 ms");
/// assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 4));
/// assert_eq!(failed.last().unwrap().cause, Cause::NoTarget);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Failed<E = RpcError> {
    pub(crate) last: Option<E>,
    pub(crate) reason: Reason,
    pub(crate) attempts: u32,
    /// In nanoseconds, as `retry_after`.
    pub(crate) elapsed: u64,
    /// Whether `elapsed` counts from the beginning, and not from the first failure, or wait for a rate limit.
    pub(crate) from_start: bool,
    pub(crate) cause: Cause,
    pub(crate) delivery: Delivery,
    pub(crate) retry_after: Option<u64>,
    /// Whether a judge said that the last result is no failure of the target.
    pub(crate) ignored: bool,
}

impl<E> Failed<E> {
    /// Why the policy gave up.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, Reason, RpcError};
    /// # let failed = Policy::new().call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(failed.reason(), Reason::Attempts);
    /// ```
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The last error that an attempt returned. `None` when no attempt did: the breaker was open from the
    /// start, or the deadline cancelled the first attempt.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// # let failed = Policy::new().call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(failed.last(), Some(&RpcError::new(Cause::NoTarget, Delivery::NotSent)));
    /// ```
    pub const fn last(&self) -> Option<&E> {
        self.last.as_ref()
    }

    /// The last error, by value.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// # let failed = Policy::new().call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert!(failed.into_last().is_some());
    /// ```
    pub fn into_last(self) -> Option<E> {
        self.last
    }

    /// How many attempts were made: 0 when the breaker was open from the start.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// # let failed = Policy::new().call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(failed.attempts(), 1);
    /// ```
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long the call took. With a deadline, from its beginning; without one, from when it first
    /// failed or waited for a rate limit: a policy reads the clock only when it has to.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError, testing::TestClock};
    /// # let failed = Policy::new().with(&TestClock::new()).call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert!(failed.elapsed().is_zero());
    /// ```
    pub const fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed)
    }
}

impl<E> Failed<Failed<E>> {
    /// What the outer policy did, and the last real error.
    pub(crate) fn flatten(self) -> Failed<E> {
        Failed {
            last: self.last.and_then(|inner| inner.last),
            reason: self.reason,
            attempts: self.attempts,
            elapsed: self.elapsed,
            from_start: self.from_start,
            cause: self.cause,
            delivery: self.delivery,
            retry_after: self.retry_after,
            ignored: self.ignored,
        }
    }
}

impl<E: Failure> Failure for Failed<E> {
    fn cause(&self) -> Cause {
        match self.last_of_caller() {
            Some(last) => last.cause(),
            None => self.cause,
        }
    }
    fn delivery(&self) -> Delivery {
        match self.last_of_caller() {
            Some(last) => worse(self.delivery, last.delivery()),
            None => self.delivery,
        }
    }
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_nanos)
    }
    fn target(&self) -> Option<&str> {
        self.last.as_ref()?.target()
    }
    fn message(&self) -> Option<&str> {
        self.last.as_ref()?.message()
    }
    fn repeatable(&self) -> bool {
        let for_good = matches!(self.reason, Reason::Budget | Reason::BreakerOpen | Reason::Deadline);
        !for_good && self.last.as_ref().is_none_or(Failure::repeatable)
    }
    fn caller_error(&self) -> Option<CallerError<'_>> {
        self.last.as_ref()?.caller_error()
    }
    fn problem(&self, instance: &str) -> Problem {
        Failed::problem(self, instance)
    }
}

impl<E: Failure> Failed<E> {
    /// The last error, where it says that the caller is wrong. The policy took no note of its facts, so it tells them.
    fn last_of_caller(&self) -> Option<&E> {
        self.last.as_ref().filter(|last| last.caller_error().is_some())
    }
}

impl<E: Failure> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = self.target().filter(|target| !target.is_empty()) {
            write!(f, "{target}: ")?;
        }
        let words = if self.caller_error().is_some() { CALLER_IS_WRONG } else { cause_words(self.cause) };
        write!(f, "{words}; ")?;
        fmt::Display::fmt(&Course(self), f)
    }
}

/// What the policy did, as the second half of a sentence.
pub(crate) struct Course<'f, E>(pub &'f Failed<E>);

impl<E> fmt::Display for Course<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Course(failed) = self;
        if failed.attempts == 0 {
            return write!(f, "not called: {}", failed.reason);
        }
        let s = if failed.attempts == 1 { "" } else { "s" };
        write!(f, "gave up after {} attempt{s}", failed.attempts)?;
        if failed.from_start {
            write!(f, " in {}", Words(failed.elapsed()))?;
        } else if failed.attempts > 1 {
            write!(f, ", {} after the first failed", Words(failed.elapsed()))?;
        }
        match failed.reason {
            Reason::Attempts => Ok(()),
            reason => write!(f, ": {reason}"),
        }
    }
}

/// A duration as a person would say it, without the formatting of floats, which is large.
struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis @ 0..10_000 => write!(f, "{millis} ms"),
            millis => write!(f, "{} s", millis / 1000),
        }
    }
}

impl<E: Failure + fmt::Debug + core::error::Error + 'static> core::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.last.as_ref().map(|last| last as _)
    }
}

/// An error that no policy handled: one attempt, with its own facts, that took no time. So `?` works in a
/// function that returns [`Failed`], whether a policy stands around the call or not.
///
/// ```
/// use steadfast::{Cause, Delivery, Failed, Failure, RpcError};
///
/// fn greet() -> Result<String, Failed> {
///     Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))?
/// }
/// let failed = greet().unwrap_err();
/// assert_eq!((failed.cause(), failed.attempts()), (Cause::NoTarget, 1));
/// ```
impl<E: Failure> From<E> for Failed<E> {
    fn from(error: E) -> Self {
        Failed {
            reason: Reason::Attempts,
            attempts: 1,
            elapsed: 0,
            from_start: false,
            cause: error.cause(),
            delivery: error.delivery(),
            retry_after: error.retry_after().map(crate::platform::clock::nanos),
            ignored: false,
            last: Some(error),
        }
    }
}

/// For a function that returns the well-known error itself: `?` passes on the cause, the delivery, the target and the
/// callee's wish to be left alone, and adds what the policy did to the message. So a chain of components reports what
/// really happened, whatever type of error its links have.
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, RpcError};
///
/// fn greet() -> Result<String, RpcError> {
///     Ok(Policy::new().call(|| Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)))?)
/// }
/// let error = greet().unwrap_err();
/// assert_eq!((error.cause, error.delivery), (Cause::NoTarget, Delivery::NotSent));
/// ```
impl<E: Failure> From<Failed<E>> for RpcError {
    fn from(failed: Failed<E>) -> RpcError {
        let mut message = failed.message().unwrap_or_default().to_owned();
        if let Some(error) = failed.caller_error() {
            push_part(&mut message, &[CALLER_IS_WRONG, error.detail.map_or("", |_| ": ")].concat());
            message += error.detail.unwrap_or_default();
        }
        push_part(&mut message, &Course(&failed).to_string());
        RpcError {
            cause: failed.cause(),
            delivery: failed.delivery(),
            retry_after: failed.retry_after,
            target: failed.target().unwrap_or_default().to_owned(),
            message,
        }
    }
}

/// What stands in the place of a cause where the caller is wrong.
const CALLER_IS_WRONG: &str = "the caller is wrong";

fn push_part(message: &mut String, part: &str) {
    if !message.is_empty() {
        message.push_str("; ");
    }
    message.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use crate::{Policy, Retry};

    struct Busy;

    impl Failure for Busy {
        fn cause(&self) -> Cause {
            Cause::Overloaded
        }
        fn delivery(&self) -> Delivery {
            Delivery::NotSent
        }
        fn retry_after(&self) -> Option<Duration> {
            Some(Duration::from_secs(7))
        }
        fn target(&self) -> Option<&str> {
            Some("acme:store/api#put")
        }
    }

    #[test]
    fn an_error_that_no_policy_handled_is_one_attempt_with_its_own_facts() {
        let failed = Failed::from(Busy);
        assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Attempts, 1, Duration::ZERO));
        assert_eq!((failed.cause(), failed.delivery()), (Cause::Overloaded, Delivery::NotSent));
        assert_eq!(failed.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(failed.to_string(), "acme:store/api#put: overloaded; gave up after 1 attempt");
    }

    #[test]
    fn any_error_becomes_the_well_known_one_and_keeps_its_facts() {
        let failed = Policy::new()
            .retry(Retry::attempts(2))
            .with(&TestClock::new())
            .call(|| Err::<(), _>(Busy))
            .err()
            .map(RpcError::from);
        let expected = RpcError {
            cause: Cause::Overloaded,
            delivery: Delivery::NotSent,
            retry_after: Some(7_000_000_000),
            target: "acme:store/api#put".into(),
            message: "gave up after 2 attempts, 8750 ms after the first failed".into(),
        };
        assert_eq!(failed, Some(expected));
    }

    #[test]
    fn what_a_chain_passes_on_says_what_each_link_did() {
        let first = RpcError { message: "nobody is there".into(), ..RpcError::new(Cause::NoTarget, Delivery::NotSent) };
        let second = RpcError::from(Failed::from(first));
        let third = RpcError::from(Failed::from(second));
        assert_eq!(third.cause, Cause::NoTarget);
        assert_eq!(third.message, "nobody is there; gave up after 1 attempt; gave up after 1 attempt");
    }
}
