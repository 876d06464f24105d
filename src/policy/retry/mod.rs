//! Whether a failed attempt is repeated, and after how long.

mod part;
mod rule;
#[cfg(test)]
mod tests;
#[cfg(feature = "config")]
mod worst_case;

pub use part::RetryPart;
pub use rule::Rule;

use core::time::Duration;

use super::{Backoff, Budget, BudgetPart, Moment};
use crate::failure::{Cause, Delivery, Facts};
use crate::platform::clock::nanos;
use crate::policy::invalid::{Invalid, Value, refuse};
use rule::{Failures, Rules, Ruling};

/// Repeats failed attempts: how many, and with which waits between them.
///
/// **When to use it**: for failures that pass by themselves within seconds: a target that restarts, a
/// transport that reconnects. **When not**: as a cure for overload (every retry adds load; add a
/// [budget](Budget) and a [breaker](super::Breaker)), or to hide a failure that stays.
///
/// Two rules hold whatever the settings:
/// - only a failure that certainly had no effect ([`Delivery::NotSent`]) is repeated, unless the author of the
///   call says that running it twice does no harm ([`idempotent`](super::Policy::idempotent));
/// - a failure whose cause is permanent ([`Cause::NoLink`], [`Cause::Protocol`]) is not repeated, unless a
///   [`Rule`] names that very cause.
///
/// The wait honours the callee's `retry-after` up to [a cap](Self::retry_after_cap). In the type, `G` is the
/// [budget](Self::budget): `Retry` has none, `Retry<&Budget>` has one.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Policy, Retry};
///
/// static GREETER: Policy<(Retry,)> = Policy::new()
///     .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(50))));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Retry<G = ()> {
    plan: Plan,
    budget: G,
}

/// All but the budget: what can be checked in a `const`, and decided on without one.
#[derive(Clone, Copy, Debug)]
struct Plan {
    attempts: u32,
    backoff: Backoff,
    rules: Rules,
    /// In nanoseconds, as all waits here.
    retry_after_cap: Option<u64>,
    before_retry: Option<fn(&Upcoming) -> bool>,
}

/// A retry that is about to be made, for [`Retry::before_retry`].
///
/// ```
/// use steadfast::{Delivery, Retry, Upcoming};
///
/// fn only_what_was_never_sent(upcoming: &Upcoming) -> bool {
///     upcoming.delivery == Delivery::NotSent
/// }
/// let careful = Retry::attempts(3).before_retry(only_what_was_never_sent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upcoming {
    /// The number of the attempt that would come, from 2.
    pub attempt: u32,
    /// Where the last attempt failed.
    pub cause: Cause,
    /// How far the last attempt got.
    pub delivery: Delivery,
    /// How long the wait before the attempt would be.
    pub delay: Duration,
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
        let plan =
            Plan { attempts, backoff: Backoff::DEFAULT, rules: Rules::NONE, retry_after_cap: None, before_retry: None };
        Retry { plan, budget: () }
    }

    /// Repeats only what the budget allows, which other policies share.
    ///
    /// # Panics
    /// When [`Budget::check`] refuses the budget; in a `static` that is a compile error. (In a `const` it cannot
    /// be given: a `const` may not look at state.)
    ///
    /// ```
    /// use steadfast::{Budget, Policy, Retry};
    ///
    /// static BUDGET: Budget = Budget::throttle(10, 0.1);
    /// static GREETER: Policy<(Retry<&Budget>,)> = Policy::new().retry(Retry::attempts(4).budget(&BUDGET));
    /// ```
    pub const fn budget(self, budget: &'static Budget) -> Retry<&'static Budget> {
        match budget.makes_sense() {
            Ok(()) => Retry { plan: self.plan, budget },
            Err(invalid) => panic!("{}", invalid.rule),
        }
    }

    /// The same for a budget that is decided at run time.
    ///
    /// # Errors
    /// [`Invalid`]: why the budget makes no sense.
    ///
    /// ```
    /// use steadfast::{Budget, Policy, Retry};
    ///
    /// static BUDGET: Budget = Budget::ratio(0.1);
    /// let thrifty = std::env::args().count() > 1;
    /// let policy = Policy::new().retry(Retry::attempts(4).optional_budget(thrifty.then_some(&BUDGET))?);
    /// # Ok::<(), steadfast::Invalid>(())
    /// ```
    pub fn optional_budget(self, budget: Option<&'static Budget>) -> Result<Retry<Option<&'static Budget>>, Invalid> {
        if let Some(budget) = budget {
            budget.makes_sense()?;
        }
        Ok(Retry { plan: self.plan, budget })
    }
}

impl<G: BudgetPart> Retry<G> {
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
        Retry { plan: Plan { backoff, ..self.plan }, ..self }
    }

    /// What is different about single causes; nothing by default. One rule for a cause at most.
    ///
    /// ```
    /// use steadfast::{Cause, Policy, Retry, Rule};
    ///
    /// static GREETER: Policy<(Retry,)> =
    ///     Policy::new().retry(Retry::attempts(4).rules(&[Rule::never(Cause::Trapped)]));
    /// ```
    pub const fn rules(self, rules: &'static [Rule]) -> Self {
        Retry { plan: Plan { rules: Rules::new(rules), ..self.plan }, ..self }
    }

    /// The longest `retry-after` that is honoured; by default the `max_delay` of the [`Backoff`] that counts. The
    /// callee that asks for more is not believed, and the wait is as computed; zero believes nobody.
    ///
    /// A `retry-after` is never shortened: the wait is at least as long.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Retry;
    ///
    /// let obedient = Retry::attempts(3).retry_after_cap(Duration::from_secs(60));
    /// assert!(obedient.check().is_ok());
    /// ```
    pub const fn retry_after_cap(self, cap: Duration) -> Self {
        Retry { plan: Plan { retry_after_cap: Some(nanos(cap)), ..self.plan }, ..self }
    }

    /// Asks before each retry, when nothing else stands in its way; `false` forbids it. The call then ends with
    /// [`Reason::Vetoed`](super::Reason::Vetoed), without a wait, and the retry costs nothing.
    ///
    /// To be told only, have an [observer](super::Policy::observer).
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Retry;
    ///
    /// let hasty = Retry::attempts(3).before_retry(|upcoming| upcoming.delay < Duration::from_secs(1));
    /// assert!(hasty.check().is_ok());
    /// ```
    pub const fn before_retry(self, hook: fn(&Upcoming) -> bool) -> Self {
        Retry { plan: Plan { before_retry: Some(hook), ..self.plan }, ..self }
    }

    /// The policy itself, or why it makes no sense: no attempts, a [`Backoff`] or a [`Rule`] that makes none, two
    /// rules for one cause.
    ///
    /// ```
    /// use steadfast::{Backoff, Retry};
    ///
    /// assert!(Retry::attempts(3).backoff(Backoff::DEFAULT.factor(f64::NAN)).check().is_err());
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        match self.plan.makes_sense() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }
}

impl Plan {
    const fn makes_sense(&self) -> Result<(), Invalid> {
        if self.attempts == 0 {
            refuse!("retry attempts", Value::Count(0), "1 or more");
        }
        if let Err(invalid) = self.backoff.check() {
            return Err(invalid);
        }
        self.rules.makes_sense()
    }

    /// Counts a failure, and says what holds for it.
    fn ruling<D>(&self, course: &mut Course<D>, cause: Cause) -> Ruling {
        (self.rules.apply)(self.rules.list, &mut course.failures, cause)
    }

    /// The wait before the next attempt.
    fn delay<D>(&self, ruling: &Ruling, course: &mut Course<D>, made: u32, facts: &Facts, moment: &impl Moment) -> u64 {
        let (backoff, retry) = ruling.backoff.unwrap_or((&self.backoff, made));
        let computed = backoff.nanos(retry, course.previous, moment.draw());
        course.previous = backoff.honouring(facts.retry_after, self.retry_after_cap, computed);
        course.previous
    }
}

/// What is remembered from one failure of a call to the next. There is none before the first: then a call that
/// succeeds writes no more than that to its stack.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Course<D> {
    /// The last wait.
    previous: u64,
    /// What the rules count.
    failures: Failures,
    debt: D,
}
