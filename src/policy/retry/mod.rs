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

use super::{Backoff, Budget, BudgetPart, InFlightBudget, Moment, SharedBudget};
use crate::failure::{Cause, Delivery, Facts, Reason};
use crate::platform::clock::nanos;
use crate::platform::rng::below;
use crate::platform::state::Store;
use crate::policy::invalid::{Invalid, Value, refuse};
use rule::{Failures, Rules, Ruling};

/// The longest `retry-after` that is honoured by default. Half a minute is the shortest timeout that clients and
/// proxies in front of a service commonly have: who waits longer than that answers a caller who is gone.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(30);

/// Repeats failed attempts: how many, and with which waits between them.
///
/// In the type, `G` is the [budget](Self::budget): `Retry` has none, `Retry<&Budget>` has one.
///
/// [budget]: crate::Budget
/// [body is used up]: crate::http
#[doc = include_str!("../../../docs/policies/retry.md")]
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
    /// In nanoseconds, as all waits here. Zero ignores every `retry-after`.
    retry_after_cap: u64,
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
        let plan = Plan {
            attempts,
            backoff: Backoff::DEFAULT,
            rules: Rules::NONE,
            retry_after_cap: nanos(RETRY_AFTER_CAP),
            before_retry: None,
        };
        Retry { plan, budget: () }
    }

    /// The retries of the AWS SDKs from 2026 on: 3 attempts, waits of 50 ms that double, of 1 s that double after an
    /// overload, at most 20 s, and full jitter. [`Budget::quota_2026`] is their budget.
    ///
    /// Source: "Announcing updated retry behavior for AWS SDKs and Tools" (AWS Developer Tools Blog, 2026).
    ///
    /// ```
    /// use steadfast::{Budget, Policy, Retry};
    ///
    /// static BUDGET: Budget = Budget::quota_2026(500);
    /// let policy = Policy::new().retry(Retry::aws_2026().budget(&BUDGET));
    /// ```
    pub const fn aws_2026() -> Self {
        const LONGEST: Duration = Duration::from_secs(20);
        const RULES: &[Rule] =
            &[Rule::on(Cause::Overloaded).backoff(Backoff::exponential(Duration::from_secs(1)).max_delay(LONGEST))];
        Retry::attempts(3).backoff(Backoff::DEFAULT.max_delay(LONGEST)).rules(RULES)
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

    /// Repeats only as many calls as a share of those in flight.
    ///
    /// # Panics
    /// When [`InFlightBudget::check`] refuses the budget; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{InFlightBudget, Policy, Retry};
    ///
    /// static BUDGET: InFlightBudget = InFlightBudget::new(0.2, 3);
    /// static GREETER: Policy<(Retry<&InFlightBudget>,)> =
    ///     Policy::new().retry(Retry::attempts(4).in_flight_budget(&BUDGET));
    /// ```
    pub const fn in_flight_budget(self, budget: &'static InFlightBudget) -> Retry<&'static InFlightBudget> {
        match budget.makes_sense() {
            Ok(()) => Retry { plan: self.plan, budget },
            Err(invalid) => panic!("{}", invalid.rule),
        }
    }

    /// Repeats only what a budget allows that all instances share.
    ///
    /// # Panics
    /// When [`SharedBudget::check`] refuses the budget; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Budget, Policy, Retry, SharedBudget};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// static BUDGET: SharedBudget<&MemoryStore> =
    ///     Budget::windowed(0.2, 10, Duration::from_secs(10)).shared("acme/greeter", &STORE);
    /// static GREETER: Policy<(Retry<&SharedBudget<&MemoryStore>>,)> =
    ///     Policy::new().retry(Retry::attempts(4).shared_budget(&BUDGET));
    /// ```
    pub const fn shared_budget<S: Store>(self, budget: &'static SharedBudget<S>) -> Retry<&'static SharedBudget<S>> {
        match budget.makes_sense() {
            Ok(()) => Retry { plan: self.plan, budget },
            Err(invalid) => panic!("{}", invalid.rule),
        }
    }

    /// With a budget that is checked already.
    #[cfg(feature = "config")]
    pub(crate) fn checked_budget<B: BudgetPart>(self, budget: B) -> Retry<B> {
        Retry { plan: self.plan, budget }
    }

    /// A [`budget`](Self::budget) that is decided at run time.
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

    /// The longest `retry-after` that is honoured; 30 s by default. It does not depend on the [`Backoff`].
    ///
    /// - A `retry-after` up to the cap is honoured and never shortened. Jitter is added to it, uniform in
    ///   [0, min(`retry_after` / 4, cap - `retry_after`)], so that callers that were told the same do not come back
    ///   together. Where the computed delay is longer, that is waited.
    /// - One beyond the cap ends the call at once with [`Reason::RetryAfter`](crate::Reason::RetryAfter). The caller
    ///   gets the time that the callee asked for: [`Failure::retry_after`](crate::Failure::retry_after) of the
    ///   [`Failed`](crate::Failed), and the header of an HTTP answer.
    /// - A missing one, or one of zero, means the computed delay.
    /// - A cap of zero ignores every `retry-after`: each delay is as computed.
    ///
    /// The backoff continues after a `retry-after`: it counts as a retry, and the next computed delay is what it would
    /// be if the callee had not asked for anything.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::TestClock;
    /// use steadfast::{Cause, Delivery, Failure, Policy, Reason, Retry, RpcError};
    ///
    /// let policy = Policy::new().retry(Retry::attempts(3).retry_after_cap(Duration::from_secs(10)));
    /// let busy = || {
    ///     let busy = RpcError::new(Cause::Overloaded, Delivery::NotSent);
    ///     Err::<(), _>(RpcError { retry_after: Some(60_000_000_000), ..busy })
    /// };
    /// let failed = policy.with(&TestClock::new()).call(busy).unwrap_err();
    /// assert_eq!((failed.reason(), failed.attempts()), (Reason::RetryAfter, 1));
    /// assert_eq!(failed.retry_after(), Some(Duration::from_secs(60)));
    /// ```
    pub const fn retry_after_cap(self, cap: Duration) -> Self {
        Retry { plan: Plan { retry_after_cap: nanos(cap), ..self.plan }, ..self }
    }

    /// Asks before each retry, when nothing else stands in its way; `false` forbids it. The call then ends with
    /// [`Reason::Vetoed`](crate::Reason::Vetoed), without a wait, and the retry costs nothing.
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

    /// The wait before the next attempt, or that the callee asks for a longer one than is allowed.
    fn delay<D>(
        &self,
        ruling: &Ruling,
        course: &mut Course<D>,
        made: u32,
        facts: &Facts,
        moment: &impl Moment,
    ) -> Result<u64, Reason> {
        let (backoff, retry) = ruling.backoff.unwrap_or((&self.backoff, made));
        let (asked, cap) = (facts.retry_after.unwrap_or(0), self.retry_after_cap);
        let ignored = asked == 0 || cap == 0;
        if asked > cap && !ignored {
            return Err(Reason::RetryAfter);
        }
        let draw = moment.draw();
        // The sequence goes on from what it computed itself, whatever the callee asks for.
        course.previous = backoff.nanos(retry, course.previous, draw);
        if ignored {
            return Ok(course.previous);
        }
        // One draw for both is enough: only the longer of the two is used.
        let jitter = below(draw, (asked / 4).min(cap - asked));
        Ok(course.previous.max(asked + jitter))
    }
}

/// What is remembered from one failure of a call to the next. There is none before the first: then a call that
/// succeeds writes no more than that to its stack.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Course<D> {
    /// The last delay that was computed.
    previous: u64,
    /// What the rules count.
    failures: Failures,
    debt: D,
}
