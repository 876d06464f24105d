//! Parts that are decided at run time: checked there, and absent where there are none.

use super::sealed::Sealed;
use super::{
    AttemptTimeout, AttemptTimeoutPart, Breaker, BudgetPart, Bulkhead, Concurrency, Deadline, DeadlinePart, Guard,
    Hedge, HedgePart, Invalid, LimitAlgorithm, Policy, Quantile, RateLimit, RateLimitKind, Retry, RetryPart, Throttle,
    Window,
};
use crate::observe::Observer;

/// A policy with room for a part of type `P`, which may then be absent: see [`Policy::optional`].
///
/// ```
/// use steadfast::{Deadline, Policy, Takes};
///
/// fn ready<P: Takes<Deadline>>(_: P) {}
/// ready(Policy::new());
/// ```
#[diagnostic::on_unimplemented(
    message = "this policy has no room for a `{P}`",
    note = "each part has one place in a policy; the bulkhead and the concurrency limit share one, and so do the \
            rate limit and the throttle"
)]
pub trait Takes<P>: Sealed {
    /// The policy with the part.
    type With;

    #[doc(hidden)]
    fn take(self, part: Option<P>) -> Result<Self::With, Invalid>;
}

impl<D, R, B: Guard, K: Guard, L: Guard, A, O, H: HedgePart> Policy<D, R, B, K, L, A, O, H> {
    /// The policy with a part that is decided at run time, from a configuration or a flag: any part, and in any order.
    /// `None` is a part that is absent.
    ///
    /// # Errors
    /// [`Invalid`]: the first setting that makes no sense, its value and what is allowed.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Breaker, Deadline, Policy, Retry};
    ///
    /// let attempts = "3".parse().unwrap();
    /// let careful = std::env::args().count() > 1;
    /// let policy = Policy::new()
    ///     .deadline(Deadline::after(Duration::from_secs(3)))
    ///     .optional(Some(Retry::attempts(attempts)))?
    ///     .optional(careful.then_some(Breaker::consecutive_failures(5)))?;
    /// # Ok::<(), steadfast::Invalid>(())
    /// ```
    pub fn optional<P>(self, part: Option<P>) -> Result<<Self as Takes<P>>::With, Invalid>
    where
        Self: Takes<P>,
    {
        self.take(part)
    }

    /// Of parts that are known to make sense.
    pub(crate) const fn of(deadline: D, retry: R, guards: (B, K, L), timeout: A, observer: O, hedge: H) -> Self {
        Policy {
            deadline,
            retry,
            guards,
            memory: <(B, K, L) as Guard>::NEW,
            timeout,
            observer,
            hedge,
            latencies: H::NEW,
        }
    }
}

/// `()` in the place of a part becomes `Option` of it.
macro_rules! takes {
    ($($part:ty: [$($generic:tt)*] $from:ty => $to:ty { $policy:ident, $given:ident: $made:expr })*) => {$(
        impl<$($generic)*> Takes<$part> for $from {
            type With = $to;

            fn take(self, part: Option<$part>) -> Result<$to, Invalid> {
                let $policy = self;
                let $given = part.map(|part| part.check()).transpose()?;
                Ok($made)
            }
        }
    )*};
}

takes! {
    Deadline: [R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart]
        Policy<(), R, B, K, L, A, O, H> => Policy<Option<Deadline>, R, B, K, L, A, O, H>
        { p, part: Policy::of(part, p.retry, p.guards, p.timeout, p.observer, p.hedge) }

    Retry<G>: [G: BudgetPart, D: DeadlinePart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer,
               H: HedgePart]
        Policy<D, (), B, K, L, A, O, H> => Policy<D, Option<Retry<G>>, B, K, L, A, O, H>
        { p, part: Policy::of(p.deadline, part, p.guards, p.timeout, p.observer, p.hedge) }

    Breaker<W>: [W: Window, D: DeadlinePart, R: RetryPart, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer,
                 H: HedgePart]
        Policy<D, R, (), K, L, A, O, H> => Policy<D, R, Option<Breaker<W>>, K, L, A, O, H>
        { p, part: Policy::of(p.deadline, p.retry, (part, p.guards.1, p.guards.2), p.timeout, p.observer, p.hedge) }

    Bulkhead: [D: DeadlinePart, R: RetryPart, B: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart]
        Policy<D, R, B, (), L, A, O, H> => Policy<D, R, B, Option<Bulkhead>, L, A, O, H>
        { p, part: Policy::of(p.deadline, p.retry, (p.guards.0, part, p.guards.2), p.timeout, p.observer, p.hedge) }

    Concurrency<G>: [G: LimitAlgorithm, D: DeadlinePart, R: RetryPart, B: Guard, L: Guard, A: AttemptTimeoutPart,
                     O: Observer, H: HedgePart]
        Policy<D, R, B, (), L, A, O, H> => Policy<D, R, B, Option<Concurrency<G>>, L, A, O, H>
        { p, part: Policy::of(p.deadline, p.retry, (p.guards.0, part, p.guards.2), p.timeout, p.observer, p.hedge) }

    RateLimit<W>: [W: RateLimitKind, D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, A: AttemptTimeoutPart,
                   O: Observer, H: HedgePart]
        Policy<D, R, B, K, (), A, O, H> => Policy<D, R, B, K, Option<RateLimit<W>>, A, O, H>
        { p, part: Policy::of(p.deadline, p.retry, (p.guards.0, p.guards.1, part), p.timeout, p.observer, p.hedge) }

    Throttle: [D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart]
        Policy<D, R, B, K, (), A, O, H> => Policy<D, R, B, K, Option<Throttle>, A, O, H>
        { p, part: Policy::of(p.deadline, p.retry, (p.guards.0, p.guards.1, part), p.timeout, p.observer, p.hedge) }

    AttemptTimeout: [D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, O: Observer, H: HedgePart]
        Policy<D, R, B, K, L, (), O, H> => Policy<D, R, B, K, L, Option<AttemptTimeout>, O, H>
        { p, part: Policy::of(p.deadline, p.retry, p.guards, part, p.observer, p.hedge) }

    Hedge: [D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer]
        Policy<D, R, B, K, L, A, O, ()> => Policy<D, R, B, K, L, A, O, Option<Hedge>>
        { p, part: Policy::of(p.deadline, p.retry, p.guards, p.timeout, p.observer, part) }

    Hedge<Quantile>: [D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer]
        Policy<D, R, B, K, L, A, O, ()> => Policy<D, R, B, K, L, A, O, Option<Hedge<Quantile>>>
        { p, part: Policy::of(p.deadline, p.retry, p.guards, p.timeout, p.observer, part) }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn every_part_may_be_decided_at_run_time_in_any_order() {
        let second = Duration::from_secs(1);
        let whole = |forth: bool| -> Result<String, Invalid> {
            let policy = Policy::new();
            Ok(match forth {
                true => {
                    let policy = policy.optional(Some(Deadline::after(second)))?.optional(Some(Retry::attempts(3)))?;
                    let policy = policy.optional(Some(Breaker::consecutive_failures(5)))?;
                    let policy = policy.optional(Some(Bulkhead::concurrent(10)))?.optional(Some(Throttle::new()))?;
                    let policy = policy.optional(Some(AttemptTimeout::after(second)))?;
                    format!("{:?}", policy.optional(Some(Hedge::after(second)))?)
                }
                false => {
                    let policy = policy.optional(Some(Hedge::after(second)))?;
                    let policy = policy.optional(Some(AttemptTimeout::after(second)))?;
                    let policy = policy.optional(Some(Throttle::new()))?.optional(Some(Bulkhead::concurrent(10)))?;
                    let policy = policy.optional(Some(Breaker::consecutive_failures(5)))?;
                    let policy = policy.optional(Some(Retry::attempts(3)))?;
                    format!("{:?}", policy.optional(Some(Deadline::after(second)))?)
                }
            })
        };
        assert_eq!(whole(true), whole(false));
        assert!(Policy::new().optional(Some(Concurrency::gradient())).is_ok());
        assert!(Policy::new().optional(Some(RateLimit::per_second(10))).is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_run_time_too() {
        let text = |invalid: Option<Invalid>| invalid.map(|invalid| invalid.to_string()).unwrap_or_default();
        assert_eq!(
            text(Policy::new().optional(Some(Retry::attempts(0))).err()),
            "retry attempts: 0 is not allowed: it must be 1 or more"
        );
        assert_eq!(
            text(Policy::new().optional(Some(Hedge::after(Duration::ZERO))).err()),
            "hedge delay: 0ns is not allowed: it must be longer than zero"
        );
    }
}
