//! Puts a policy together, part by part, in a `const` if need be.

use super::{
    AttemptTimeout, Breaker, BudgetPart, Bulkhead, Concurrency, Deadline, Guarded, Hedge, HedgeKind, HedgePart,
    Invalid, LimitAlgorithm, Parts, Plus, Policy, RateLimit, RateLimitKind, Retry, SharedBreaker, SharedRateLimit,
    Throttle, Window,
};
use crate::observe::Observer;
use crate::platform::state::Store;
use crate::policy::parts::Observed;

impl Policy {
    /// A policy without parts: a call through it is just made.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError};
    ///
    /// static NONE: Policy = Policy::new();
    /// assert_eq!(NONE.call(|| Ok::<_, RpcError>(7)).unwrap(), 7);
    /// ```
    pub const fn new() -> Self {
        Policy::of((), (), (), (), (), (), (), ())
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::new()
    }
}

/// The policy with `part` in one slot, and what the other slots had. Parts are `Copy` and memories are made anew, since
/// a `const fn` cannot drop a value of a generic type: the policy that a builder takes is forgotten, and holds nothing
/// that needs to be dropped.
macro_rules! put {
    ($policy:ident, $slot:ident: $part:expr) => {{
        let part = $part;
        let policy = put!(@$slot part, $policy.deadline, $policy.retry, $policy.breaker.guard, $policy.bulkhead.guard,
            $policy.rate_limit.guard, $policy.attempt_timeout, $policy.hedge, $policy.observer);
        forget($policy);
        policy
    }};
    (@deadline $part:ident, $d:expr, $($rest:expr),*) => { Policy::of($part, $($rest),*) };
    (@retry $part:ident, $d:expr, $r:expr, $($rest:expr),*) => { Policy::of($d, $part, $($rest),*) };
    (@breaker $part:ident, $d:expr, $r:expr, $b:expr, $($rest:expr),*) => { Policy::of($d, $r, $part, $($rest),*) };
    (@bulkhead $part:ident, $d:expr, $r:expr, $b:expr, $k:expr, $($rest:expr),*) => {
        Policy::of($d, $r, $b, $part, $($rest),*)
    };
    (@rate_limit $part:ident, $d:expr, $r:expr, $b:expr, $k:expr, $l:expr, $($rest:expr),*) => {
        Policy::of($d, $r, $b, $k, $part, $($rest),*)
    };
    (@attempt_timeout $part:ident, $d:expr, $r:expr, $b:expr, $k:expr, $l:expr, $a:expr, $h:expr, $o:expr) => {
        Policy::of($d, $r, $b, $k, $l, $part, $h, $o)
    };
    (@hedge $part:ident, $d:expr, $r:expr, $b:expr, $k:expr, $l:expr, $a:expr, $h:expr, $o:expr) => {
        Policy::of($d, $r, $b, $k, $l, $a, $part, $o)
    };
    (@observer $part:ident, $d:expr, $r:expr, $b:expr, $k:expr, $l:expr, $a:expr, $h:expr, $o:expr) => {
        Policy::of($d, $r, $b, $k, $l, $a, $h, $part)
    };
}

#[allow(clippy::forget_non_drop, reason = "whether the parts have something to drop is not known in general")]
const fn forget<T>(policy: T) {
    core::mem::forget(policy);
}

/// Ends building where a setting makes no sense; in a `const` or a `static`, that is a compile error.
macro_rules! accept {
    ($part:expr) => {
        match $part.check() {
            Ok(part) => part,
            Err(invalid) => panic!("{}", invalid.rule),
        }
    };
}

impl<P: Parts> Policy<P> {
    /// Of parts that are known to make sense.
    #[allow(clippy::too_many_arguments, reason = "one for each slot")]
    pub(crate) const fn of(
        deadline: P::Deadline,
        retry: P::Retry,
        breaker: P::Breaker,
        bulkhead: P::Bulkhead,
        rate_limit: P::RateLimit,
        attempt_timeout: P::AttemptTimeout,
        hedge: P::Hedge,
        observer: P::Observer,
    ) -> Self {
        Policy {
            deadline,
            retry,
            breaker: Guarded::new(breaker),
            bulkhead: Guarded::new(bulkhead),
            rate_limit: Guarded::new(rate_limit),
            attempt_timeout,
            hedge,
            latencies: P::Hedge::NEW,
            observer,
        }
    }

    /// Bounds the whole call, retries included.
    ///
    /// # Panics
    /// When [`Deadline::check`] refuses the deadline; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy};
    ///
    /// static QUICK: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_secs(1)));
    /// ```
    pub const fn deadline(self, deadline: Deadline) -> Policy<P::With>
    where
        P: Parts<Deadline = ()> + Plus<Deadline>,
    {
        put!(self, deadline: accept!(deadline))
    }

    /// Repeats failed attempts.
    ///
    /// # Panics
    /// When [`Retry::check`] refuses the retry; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Policy, Retry};
    ///
    /// static THRICE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// ```
    pub const fn retry<G: BudgetPart>(self, retry: Retry<G>) -> Policy<P::With>
    where
        P: Parts<Retry = ()> + Plus<Retry<G>>,
    {
        put!(self, retry: accept!(retry))
    }

    /// Leaves a target alone that keeps failing.
    ///
    /// # Panics
    /// When [`Breaker::check`] refuses the breaker; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// static CAREFUL: Policy<(Breaker,)> = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// ```
    pub const fn breaker<W: Window>(self, breaker: Breaker<W>) -> Policy<P::With>
    where
        P: Parts<Breaker = ()> + Plus<Breaker<W>>,
    {
        put!(self, breaker: accept!(breaker))
    }

    /// Leaves a target alone that keeps failing, whichever instance the calls are made by.
    ///
    /// # Panics
    /// When [`SharedBreaker::check`] refuses the breaker; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Breaker, Policy, SharedBreaker};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// static GREETER: Policy<(SharedBreaker<&MemoryStore>,)> =
    ///     Policy::new().shared_breaker(Breaker::consecutive_failures(5).shared("acme/greeter", &STORE));
    /// ```
    pub const fn shared_breaker<S: Store>(self, breaker: SharedBreaker<S>) -> Policy<P::With>
    where
        P: Parts<Breaker = ()> + Plus<SharedBreaker<S>>,
    {
        put!(self, breaker: accept!(breaker))
    }

    /// Bounds how many calls are in flight at a time.
    ///
    /// # Panics
    /// When [`Bulkhead::check`] refuses the bulkhead; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Bulkhead, Policy};
    ///
    /// static NARROW: Policy<(Bulkhead,)> = Policy::new().bulkhead(Bulkhead::concurrent(10).waiting(20));
    /// ```
    pub const fn bulkhead(self, bulkhead: Bulkhead) -> Policy<P::With>
    where
        P: Parts<Bulkhead = ()> + Plus<Bulkhead>,
    {
        put!(self, bulkhead: accept!(bulkhead))
    }

    /// Bounds the calls in flight by a limit that adapts to the target. It takes the place of the bulkhead.
    ///
    /// # Panics
    /// When [`Concurrency::check`] refuses the limit; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Aimd, Concurrency, Policy};
    ///
    /// static PAGES: Policy<(Concurrency<Aimd>,)> = Policy::new().concurrency(Concurrency::aimd());
    /// ```
    pub const fn concurrency<L: LimitAlgorithm>(self, concurrency: Concurrency<L>) -> Policy<P::With>
    where
        P: Parts<Bulkhead = ()> + Plus<Concurrency<L>>,
    {
        put!(self, bulkhead: accept!(concurrency))
    }

    /// Bounds how many calls are made in a time.
    ///
    /// # Panics
    /// When [`RateLimit::check`] refuses the rate limit; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Policy, RateLimit, SlidingWindow};
    ///
    /// static STEADY: Policy<(RateLimit,)> = Policy::new().rate_limit(RateLimit::per_second(100).burst(20));
    /// static QUOTA: Policy<(RateLimit<SlidingWindow>,)> =
    ///     Policy::new().rate_limit(RateLimit::window(100, Duration::from_secs(60)));
    /// ```
    pub const fn rate_limit<K: RateLimitKind>(self, limit: RateLimit<K>) -> Policy<P::With>
    where
        P: Parts<RateLimit = ()> + Plus<RateLimit<K>>,
    {
        put!(self, rate_limit: accept!(limit))
    }

    /// Bounds how many calls are made in a time, whichever instance they are made by.
    ///
    /// # Panics
    /// When [`SharedRateLimit::check`] refuses the rate limit; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Policy, RateLimit, SharedRateLimit};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// static QUOTA: Policy<(SharedRateLimit<&MemoryStore>,)> =
    ///     Policy::new().shared_rate_limit(RateLimit::per_second(100).shared("acme/greeter", &STORE));
    /// ```
    pub const fn shared_rate_limit<S: Store>(self, limit: SharedRateLimit<S>) -> Policy<P::With>
    where
        P: Parts<RateLimit = ()> + Plus<SharedRateLimit<S>>,
    {
        put!(self, rate_limit: accept!(limit))
    }

    /// Rejects a share of the calls while the target does not take them. It takes the place of the rate limit.
    ///
    /// # Panics
    /// When [`Throttle::check`] refuses the throttle; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Policy, Throttle};
    ///
    /// static GREETER: Policy<(Throttle,)> = Policy::new().throttle(Throttle::new());
    /// ```
    pub const fn throttle(self, throttle: Throttle) -> Policy<P::With>
    where
        P: Parts<RateLimit = ()> + Plus<Throttle>,
    {
        put!(self, rate_limit: accept!(throttle))
    }

    /// Bounds each attempt.
    ///
    /// # Panics
    /// When [`AttemptTimeout::check`] refuses the timeout; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{AttemptTimeout, Policy, Retry};
    ///
    /// static QUICK: Policy<(Retry, AttemptTimeout)> = Policy::new()
    ///     .retry(Retry::attempts(3))
    ///     .attempt_timeout(AttemptTimeout::after(Duration::from_millis(500)));
    /// ```
    pub const fn attempt_timeout(self, timeout: AttemptTimeout) -> Policy<P::With>
    where
        P: Parts<AttemptTimeout = ()> + Plus<AttemptTimeout>,
    {
        put!(self, attempt_timeout: accept!(timeout))
    }

    /// Starts a further attempt beside one that is slow, in calls made by
    /// [`call_hedged`](crate::Call::call_hedged).
    ///
    /// # Panics
    /// When [`Hedge::check`] refuses the hedge; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Hedge, Policy};
    ///
    /// static PAGES: Policy<(Hedge,)> = Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    /// ```
    pub const fn hedge<W: HedgeKind>(self, hedge: Hedge<W>) -> Policy<P::With>
    where
        P: Parts<Hedge = ()> + Plus<Hedge<W>>,
    {
        put!(self, hedge: accept!(hedge))
    }

    /// Tells `observer` what happens: a function, or a value of your own.
    ///
    /// ```
    /// use steadfast::{Event, Policy, Retry};
    ///
    /// fn log(event: &Event) {
    ///     eprintln!("{event}");
    /// }
    /// static GREETER: Policy<(Retry, fn(&Event))> = Policy::new().retry(Retry::attempts(3)).observer(log);
    /// ```
    pub const fn observer<O: Observer>(self, observer: O) -> Policy<P::With>
    where
        P: Parts<Observer = ()> + Plus<O>,
    {
        put!(self, observer: Observed(observer))
    }

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
    pub fn optional<X: Optional<P>>(self, part: Option<X>) -> Result<X::Policy, Invalid> {
        X::add(self, part)
    }
}

/// A part that may be decided at run time, for a policy that has room for it: see [`Policy::optional`].
///
/// ```
/// use steadfast::{Deadline, Optional};
///
/// fn ready<X: Optional<()>>() {}
/// ready::<Deadline>();
/// ```
#[diagnostic::on_unimplemented(
    message = "this policy has no room for a `{Self}`",
    note = "each part has one place in a policy; the bulkhead and the concurrency limit share one, and so do the rate \
            limit and the throttle"
)]
pub trait Optional<P: Parts>: Copy {
    /// The policy with the part.
    type Policy;

    #[doc(hidden)]
    fn add(policy: Policy<P>, part: Option<Self>) -> Result<Self::Policy, Invalid>;
}

macro_rules! optional {
    ($([$($generic:tt)*] $part:ty => $slot:ident $field:ident;)*) => {$(
        impl<P: Parts<$slot = ()> + Plus<Option<$part>>, $($generic)*> Optional<P> for $part {
            type Policy = Policy<P::With>;

            fn add(policy: Policy<P>, part: Option<Self>) -> Result<Self::Policy, Invalid> {
                let part = part.map(|part| part.check()).transpose()?;
                Ok(put!(policy, $field: part))
            }
        }
    )*};
}

optional! {
    [] Deadline => Deadline deadline;
    [G: BudgetPart] Retry<G> => Retry retry;
    [W: Window] Breaker<W> => Breaker breaker;
    [S: Store] SharedBreaker<S> => Breaker breaker;
    [] Bulkhead => Bulkhead bulkhead;
    [L: LimitAlgorithm] Concurrency<L> => Bulkhead bulkhead;
    [K: RateLimitKind] RateLimit<K> => RateLimit rate_limit;
    [S: Store] SharedRateLimit<S> => RateLimit rate_limit;
    [] Throttle => RateLimit rate_limit;
    [] AttemptTimeout => AttemptTimeout attempt_timeout;
    [W: HedgeKind] Hedge<W> => Hedge hedge;
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::{
        AttemptTimeout, Breaker, Bulkhead, Concurrency, Deadline, Event, Hedge, Invalid, Policy, RateLimit, Retry,
        RpcError, Throttle, testing::TestClock,
    };

    type Forth = Policy<(Deadline, Retry, Breaker, Bulkhead, RateLimit, AttemptTimeout, fn(&Event), Hedge)>;
    type Back = Policy<(Hedge, fn(&Event), AttemptTimeout, RateLimit, Bulkhead, Breaker, Retry, Deadline)>;

    #[test]
    fn parts_may_be_given_in_any_order() {
        const SECOND: Duration = Duration::from_secs(1);
        fn nobody(_: &Event) {}
        static FORTH: Forth = Policy::new()
            .deadline(Deadline::after(SECOND))
            .retry(Retry::attempts(3))
            .breaker(Breaker::consecutive_failures(5))
            .bulkhead(Bulkhead::concurrent(10))
            .rate_limit(RateLimit::per_second(100))
            .attempt_timeout(AttemptTimeout::after(SECOND))
            .observer(nobody as fn(&Event))
            .hedge(Hedge::after(SECOND));
        static BACK: Back = Policy::new()
            .hedge(Hedge::after(SECOND))
            .observer(nobody as fn(&Event))
            .attempt_timeout(AttemptTimeout::after(SECOND))
            .rate_limit(RateLimit::per_second(100))
            .bulkhead(Bulkhead::concurrent(10))
            .breaker(Breaker::consecutive_failures(5))
            .retry(Retry::attempts(3))
            .deadline(Deadline::after(SECOND));
        assert_eq!(format!("{FORTH:?}"), format!("{BACK:?}"));
        let clock = TestClock::new();
        assert_eq!(FORTH.with(&clock).call(|| Ok::<_, RpcError>(7)), Ok(7));
        assert_eq!(BACK.with(&clock).call(|| Ok::<_, RpcError>(7)), Ok(7));
    }

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
