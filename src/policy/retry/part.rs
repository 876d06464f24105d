//! The retry of a policy: what it is asked on the way of a call, and in which order it answers.

use super::{Course, Retry, Upcoming};
use crate::failure::{Delivery, Facts, Reason};
use crate::policy::sealed::Sealed;
use crate::policy::{BudgetPart, Moment};

/// A policy's retry: none, one, or one decided at run time.
///
/// ```
/// use steadfast::{Retry, RetryPart};
///
/// fn retry<R: RetryPart>(_: R) {}
/// retry(Retry::attempts(3));
/// retry(());
/// ```
pub trait RetryPart: Copy + core::fmt::Debug + Sealed {
    /// What is remembered from one failure of a call to the next.
    #[doc(hidden)]
    type Course: Default;

    /// Whether a call is ever repeated: where it is not, the code for it need not be there.
    #[doc(hidden)]
    const REPEATS: bool = true;

    /// Whether the state of its budget is in a store, which may fail.
    #[doc(hidden)]
    const ASKS_STORE: bool = false;

    /// An attempt begins: the `first` of a call, or a repetition.
    #[doc(hidden)]
    #[inline]
    fn began(&self, _course: &mut Self::Course, _first: bool, _moment: &impl Moment) {}

    /// After `made` attempts of which the last failed as `facts` say: how many nanoseconds to wait before the next,
    /// or why there is none.
    #[doc(hidden)]
    fn decide(
        &self,
        course: &mut Self::Course,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
    ) -> Result<u64, Reason>;

    /// Nothing else stands in the way of this retry: what it costs is taken now.
    #[doc(hidden)]
    #[inline]
    fn spend(&self, _course: &mut Self::Course, _upcoming: &Upcoming, _moment: &impl Moment) -> Result<(), Reason> {
        Ok(())
    }

    /// May a [hedge](crate::Hedge) be started? What it costs is taken now.
    #[doc(hidden)]
    #[inline]
    fn hedge(&self, _course: &mut Self::Course, _moment: &impl Moment) -> Result<(), Reason> {
        Ok(())
    }

    /// An attempt succeeded.
    #[doc(hidden)]
    #[inline]
    fn succeeded(&self, _course: &mut Self::Course, _moment: &impl Moment) {}

    /// Whether the store has failed since this was last asked.
    #[doc(hidden)]
    fn store_failed(&self) -> bool {
        false
    }
}

impl RetryPart for () {
    type Course = ();
    const REPEATS: bool = false;

    #[inline]
    fn decide(&self, (): &mut (), _: u32, _: &Facts, _: bool, _: &impl Moment) -> Result<u64, Reason> {
        Err(Reason::Attempts)
    }
}

impl<G: BudgetPart> RetryPart for Retry<G> {
    type Course = Option<Course<G::Debt>>;
    const ASKS_STORE: bool = G::ASKS_STORE;

    #[inline]
    fn began(&self, course: &mut Self::Course, first: bool, moment: &impl Moment) {
        if first {
            self.budget.called(moment);
            if G::COUNTS_CALLS {
                self.budget.counts(&mut course.get_or_insert_default().debt);
            }
        } else if let Some(course) = course {
            self.budget.used(&mut course.debt);
        }
    }

    fn decide(
        &self,
        course: &mut Self::Course,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
    ) -> Result<u64, Reason> {
        let course = course.get_or_insert_default();
        let ruling = self.plan.ruling(course, facts.cause);
        if !ruling.retryable || !(facts.repeatable || ruling.named) {
            return Err(Reason::NotRetryable);
        }
        // Before all that may forbid this one retry: that the target fails is true all the same.
        self.budget.failed(moment);
        if !idempotent && facts.delivery != Delivery::NotSent {
            return Err(Reason::NotIdempotent);
        }
        if made >= self.plan.attempts || ruling.last {
            return Err(Reason::Attempts);
        }
        self.plan.delay(&ruling, course, made, facts, moment)
    }

    fn spend(&self, course: &mut Self::Course, upcoming: &Upcoming, moment: &impl Moment) -> Result<(), Reason> {
        // There is one since it was decided.
        let Some(Course { debt, .. }) = course else { return Ok(()) };
        if !self.budget.withdraw(debt, upcoming.cause, moment) {
            return Err(Reason::Budget);
        }
        match self.plan.before_retry {
            // The call ends, and the debt gives back what it did not use.
            Some(allows) if !allows(upcoming) => Err(Reason::Vetoed),
            _ => Ok(()),
        }
    }

    fn hedge(&self, course: &mut Self::Course, moment: &impl Moment) -> Result<(), Reason> {
        let debt = &mut course.get_or_insert_default().debt;
        if self.budget.withdraw_beside(debt, moment) { Ok(()) } else { Err(Reason::Budget) }
    }

    #[inline]
    fn succeeded(&self, course: &mut Self::Course, _: &impl Moment) {
        self.budget.succeeded(course.as_ref().map(|course| &course.debt));
    }

    fn store_failed(&self) -> bool {
        self.budget.store_failed()
    }
}

impl<R: RetryPart> RetryPart for Option<R> {
    type Course = R::Course;
    const REPEATS: bool = R::REPEATS;
    const ASKS_STORE: bool = R::ASKS_STORE;

    #[inline]
    fn began(&self, course: &mut R::Course, first: bool, moment: &impl Moment) {
        if let Some(retry) = self {
            retry.began(course, first, moment);
        }
    }

    fn decide(
        &self,
        course: &mut R::Course,
        made: u32,
        facts: &Facts,
        idempotent: bool,
        moment: &impl Moment,
    ) -> Result<u64, Reason> {
        match self {
            Some(retry) => retry.decide(course, made, facts, idempotent, moment),
            None => Err(Reason::Attempts),
        }
    }

    fn spend(&self, course: &mut R::Course, upcoming: &Upcoming, moment: &impl Moment) -> Result<(), Reason> {
        self.as_ref().map_or(Ok(()), |retry| retry.spend(course, upcoming, moment))
    }

    fn hedge(&self, course: &mut R::Course, moment: &impl Moment) -> Result<(), Reason> {
        self.as_ref().map_or(Ok(()), |retry| retry.hedge(course, moment))
    }

    #[inline]
    fn succeeded(&self, course: &mut R::Course, moment: &impl Moment) {
        if let Some(retry) = self {
            retry.succeeded(course, moment);
        }
    }

    fn store_failed(&self) -> bool {
        self.as_ref().is_some_and(R::store_failed)
    }
}
