//! Whether a failed attempt is repeated, and after how long.

use core::time::Duration;

use super::{Backoff, Reason};
use crate::failure::{Cause, Delivery, Facts};
use crate::policy::invalid::{Invalid, Value, refuse};

/// Repeats failed attempts: how many, and with which waits between them.
///
/// **When to use it**: for failures that pass by themselves within seconds: a target that restarts, a
/// transport that reconnects. **When not**: as a cure for overload (every retry adds load; add a breaker),
/// or to hide a failure that stays.
///
/// Two rules hold whatever the settings:
/// - a failure whose cause is permanent ([`Cause::NoLink`], [`Cause::Protocol`]) is not repeated;
/// - only a failure that certainly had no effect ([`Delivery::NotSent`]) is repeated, unless the author of the
///   call says that running it twice does no harm ([`idempotent`](super::Policy::idempotent)).
///
/// The wait honours the callee's `retry-after` up to the cap of the [`Backoff`].
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Policy, Retry};
///
/// static GREETER: Policy<(), Retry> = Policy::new()
///     .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(50))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    attempts: u32,
    backoff: Backoff,
}

impl Retry {
    /// At most `attempts` attempts in all, the first included, with [`Backoff::DEFAULT`] between them.
    ///
    /// ```
    /// use steadfast::Retry;
    ///
    /// assert!(Retry::attempts(1).check().is_ok()); // never repeats
    /// assert!(Retry::attempts(0).check().is_err());
    /// ```
    pub const fn attempts(attempts: u32) -> Self {
        Retry { attempts, backoff: Backoff::DEFAULT }
    }

    /// The waits between attempts; [`Backoff::DEFAULT`] by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Retry};
    ///
    /// let patient = Retry::attempts(10).backoff(Backoff::exponential(Duration::from_secs(1)));
    /// assert!(patient.check().is_ok());
    /// ```
    pub const fn backoff(self, backoff: Backoff) -> Self {
        Retry { backoff, ..self }
    }

    /// The policy itself, or why it makes no sense: no attempts, or a [`Backoff`] that makes none.
    ///
    /// ```
    /// use steadfast::{Backoff, Retry};
    ///
    /// assert!(Retry::attempts(3).backoff(Backoff::DEFAULT.factor(f64::NAN)).check().is_err());
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.attempts == 0 {
            refuse!("retry attempts", Value::Count(0), "1 or more");
        }
        match self.backoff.check() {
            Ok(_) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }
}

/// A policy's retry: none, one, or one decided at run time.
///
/// ```
/// use steadfast::{Policy, Retry, RetryPart};
///
/// fn ready<R: RetryPart>(_: &Policy<(), R>) {}
/// ready(&Policy::new());
/// ready(&Policy::new().retry(Retry::attempts(3)));
/// ```
pub trait RetryPart: Copy + super::sealed::Sealed {
    /// After `made` attempts of which the last failed as `facts` say: how long to wait before the next, or
    /// why there is none.
    #[doc(hidden)]
    fn decide(
        &self,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        draw: impl FnOnce() -> u64,
    ) -> Result<Duration, Reason>;
}

impl RetryPart for () {
    #[inline]
    fn decide(&self, _: u32, _: &Facts, _: bool, _: impl FnOnce() -> u64) -> Result<Duration, Reason> {
        Err(Reason::Attempts)
    }
}

impl RetryPart for Retry {
    fn decide(
        &self,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        draw: impl FnOnce() -> u64,
    ) -> Result<Duration, Reason> {
        if matches!(facts.cause, Cause::NoLink | Cause::Protocol) {
            return Err(Reason::NotRetryable);
        }
        if !idempotent && facts.delivery != Delivery::NotSent {
            return Err(Reason::NotIdempotent);
        }
        if made >= self.attempts {
            return Err(Reason::Attempts);
        }
        Ok(self.backoff.delay_honouring(facts.retry_after, made, draw()))
    }
}

impl<R: RetryPart> RetryPart for Option<R> {
    fn decide(
        &self,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        draw: impl FnOnce() -> u64,
    ) -> Result<Duration, Reason> {
        match self {
            Some(retry) => retry.decide(made, facts, idempotent, draw),
            None => ().decide(made, facts, idempotent, draw),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSES: [Cause; 8] = [
        Cause::NoLink,
        Cause::NoTarget,
        Cause::Timeout,
        Cause::Disconnected,
        Cause::Overloaded,
        Cause::Trapped,
        Cause::Protocol,
        Cause::Other,
    ];

    // case 24
    #[test]
    fn only_a_call_that_was_not_sent_or_is_idempotent_is_repeated() {
        let retry = Retry::attempts(3);
        for cause in CAUSES {
            for delivery in [Delivery::NotSent, Delivery::Unknown, Delivery::Delivered] {
                for idempotent in [false, true] {
                    let facts = Facts { cause, delivery, retry_after: None };
                    let expected = match cause {
                        Cause::NoLink | Cause::Protocol => Err(Reason::NotRetryable),
                        _ if !idempotent && delivery != Delivery::NotSent => Err(Reason::NotIdempotent),
                        _ => Ok(Duration::ZERO),
                    };
                    assert_eq!(
                        retry.decide(1, &facts, idempotent, || 0),
                        expected,
                        "{facts:?}, idempotent: {idempotent}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let facts = Facts { cause: Cause::NoTarget, delivery: Delivery::NotSent, retry_after: None };
        let retry = Retry::attempts(3);
        assert!(retry.decide(1, &facts, false, || 0).is_ok());
        assert!(retry.decide(2, &facts, false, || 0).is_ok());
        for made in [3, 4, u32::MAX] {
            assert_eq!(retry.decide(made, &facts, false, || 0), Err(Reason::Attempts));
        }
        assert_eq!(Retry::attempts(1).decide(1, &facts, false, || 0), Err(Reason::Attempts));
        assert_eq!(None::<Retry>.decide(1, &facts, false, || 0), Err(Reason::Attempts));
        assert!(Some(retry).decide(2, &facts, false, || 0).is_ok());
    }
}
