//! Whether a failed attempt is repeated, and after how long.

use core::time::Duration;

use super::{Backoff, Moment, Reason};
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
    /// What is remembered from one failure of a call to the next.
    #[doc(hidden)]
    type Course: Default;

    /// After `made` attempts of which the last failed as `facts` say: how long to wait before the next, or
    /// why there is none.
    #[doc(hidden)]
    fn decide(
        &self,
        course: &mut Self::Course,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
    ) -> Result<Duration, Reason>;

    /// The retry will be made: what it costs is taken now.
    #[doc(hidden)]
    #[inline]
    fn spend(&self, _course: &mut Self::Course, _facts: &Facts, _moment: &impl Moment) -> Result<(), Reason> {
        Ok(())
    }

    /// May a [hedge](super::Hedge) be started? What it costs is taken now.
    #[doc(hidden)]
    #[inline]
    fn hedge(&self, _course: &mut Self::Course, _moment: &impl Moment) -> Result<(), Reason> {
        Ok(())
    }

    /// An attempt succeeded.
    #[doc(hidden)]
    #[inline]
    fn succeeded(&self, _course: &mut Self::Course, _moment: &impl Moment) {}
}

impl RetryPart for () {
    type Course = ();

    #[inline]
    fn decide(&self, (): &mut (), _: u32, _: &Facts, _: bool, _: &impl Moment) -> Result<Duration, Reason> {
        Err(Reason::Attempts)
    }
}

impl RetryPart for Retry {
    type Course = ();

    fn decide(
        &self,
        (): &mut (),
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
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
        Ok(self.backoff.delay_honouring(facts.retry_after, made, Duration::ZERO, moment.draw()))
    }
}

impl<R: RetryPart> RetryPart for Option<R> {
    type Course = R::Course;

    fn decide(
        &self,
        course: &mut R::Course,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
    ) -> Result<Duration, Reason> {
        match self {
            Some(retry) => retry.decide(course, made, facts, idempotent, moment),
            None => Err(Reason::Attempts),
        }
    }

    fn spend(&self, course: &mut R::Course, facts: &Facts, moment: &impl Moment) -> Result<(), Reason> {
        self.as_ref().map_or(Ok(()), |retry| retry.spend(course, facts, moment))
    }

    fn hedge(&self, course: &mut R::Course, moment: &impl Moment) -> Result<(), Reason> {
        self.as_ref().map_or(Ok(()), |retry| retry.hedge(course, moment))
    }

    fn succeeded(&self, course: &mut R::Course, moment: &impl Moment) {
        if let Some(retry) = self {
            retry.succeeded(course, moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Then;

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
                        retry.decide(&mut (), 1, &facts, idempotent, &Then(0)),
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
        assert!(retry.decide(&mut (), 1, &facts, false, &Then(0)).is_ok());
        assert!(retry.decide(&mut (), 2, &facts, false, &Then(0)).is_ok());
        for made in [3, 4, u32::MAX] {
            assert_eq!(retry.decide(&mut (), made, &facts, false, &Then(0)), Err(Reason::Attempts));
        }
        assert_eq!(Retry::attempts(1).decide(&mut (), 1, &facts, false, &Then(0)), Err(Reason::Attempts));
        assert_eq!(None::<Retry>.decide(&mut (), 1, &facts, false, &Then(0)), Err(Reason::Attempts));
        assert!(Some(retry).decide(&mut (), 2, &facts, false, &Then(0)).is_ok());
    }
}
