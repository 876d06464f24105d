//! Puts a policy together, part by part, in a `const` if need be.

use super::{
    AttemptTimeout, AttemptTimeoutPart, Breaker, BudgetPart, Bulkhead, Concurrency, Deadline, DeadlinePart, Guard,
    Hedge, HedgePart, LimitAlgorithm, Policy, RateLimit, RateLimitKind, Retry, RetryPart, Throttle, Window,
};
use crate::observe::Observer;

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
        Policy {
            deadline: (),
            retry: (),
            guards: ((), (), ()),
            memory: ((), (), ()),
            timeout: (),
            observer: (),
            hedge: (),
            latencies: (),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::new()
    }
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

#[allow(clippy::forget_non_drop, reason = "whether the parts have something to drop is not known in general")]
const fn forget<T>(policy: T) {
    core::mem::forget(policy);
}

const fn fresh<G: Guard>(_: &G) -> G::Memory {
    G::NEW
}

const fn empty<H: HedgePart>(_: &H) -> H::Memory {
    H::NEW
}

/// The policy with its parts changed. The parts are `Copy` and the memory is made anew, since a `const fn` cannot
/// drop a value of a generic type: the policy that a builder takes is forgotten, and holds nothing that would be
/// missed.
macro_rules! rebuild {
    ($policy:ident, $deadline:expr, $retry:expr, $breaker:expr, $bulkhead:expr, $rate:expr, $timeout:expr, $observer:expr) => {{
        let hedge = $policy.hedge;
        rebuild!($policy, $deadline, $retry, $breaker, $bulkhead, $rate, $timeout, $observer, hedge)
    }};
    ($policy:ident, $deadline:expr, $retry:expr, $breaker:expr, $bulkhead:expr, $rate:expr, $timeout:expr, $observer:expr, $hedge:expr) => {{
        let guards = ($breaker, $bulkhead, $rate);
        let policy = Policy {
            deadline: $deadline,
            retry: $retry,
            memory: fresh(&guards),
            guards,
            timeout: $timeout,
            observer: $observer,
            latencies: empty(&$hedge),
            hedge: $hedge,
        };
        forget($policy);
        policy
    }};
}

impl<R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<(), R, B, K, L, A, O, H>
{
    /// Bounds the whole call, retries included.
    ///
    /// # Panics
    /// When [`Deadline::check`] refuses the deadline; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy};
    ///
    /// static QUICK: Policy<Deadline> = Policy::new().deadline(Deadline::after(Duration::from_secs(1)));
    /// ```
    pub const fn deadline(self, deadline: Deadline) -> Policy<Deadline, R, B, K, L, A, O, H> {
        rebuild!(
            self,
            accept!(deadline),
            self.retry,
            self.guards.0,
            self.guards.1,
            self.guards.2,
            self.timeout,
            self.observer
        )
    }
}

impl<D: DeadlinePart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, (), B, K, L, A, O, H>
{
    /// Repeats failed attempts.
    ///
    /// # Panics
    /// When [`Retry::check`] refuses the retry; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Policy, Retry};
    ///
    /// static THRICE: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// ```
    pub const fn retry<G: BudgetPart>(self, retry: Retry<G>) -> Policy<D, Retry<G>, B, K, L, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            accept!(retry),
            self.guards.0,
            self.guards.1,
            self.guards.2,
            self.timeout,
            self.observer
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, R, (), K, L, A, O, H>
{
    /// Leaves a target alone that keeps failing.
    ///
    /// # Panics
    /// When [`Breaker::check`] refuses the breaker; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// static CAREFUL: Policy<(), (), Breaker> = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// ```
    pub const fn breaker<W: Window>(self, breaker: Breaker<W>) -> Policy<D, R, Breaker<W>, K, L, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            accept!(breaker),
            self.guards.1,
            self.guards.2,
            self.timeout,
            self.observer
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, R, B, (), L, A, O, H>
{
    /// Bounds how many calls are under way at a time.
    ///
    /// # Panics
    /// When [`Bulkhead::check`] refuses the bulkhead; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Bulkhead, Policy};
    ///
    /// static NARROW: Policy<(), (), (), Bulkhead> = Policy::new().bulkhead(Bulkhead::concurrent(10).waiting(20));
    /// ```
    pub const fn bulkhead(self, bulkhead: Bulkhead) -> Policy<D, R, B, Bulkhead, L, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            accept!(bulkhead),
            self.guards.2,
            self.timeout,
            self.observer,
            self.hedge
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, R, B, K, (), A, O, H>
{
    /// Bounds how many calls are made in a time.
    ///
    /// # Panics
    /// When [`RateLimit::check`] refuses the rate limit; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Policy, RateLimit, SlidingWindow};
    ///
    /// static STEADY: Policy<(), (), (), (), RateLimit> =
    ///     Policy::new().rate_limit(RateLimit::per_second(100).burst(20));
    /// static QUOTA: Policy<(), (), (), (), RateLimit<SlidingWindow>> =
    ///     Policy::new().rate_limit(RateLimit::window(100, Duration::from_secs(60)));
    /// ```
    pub const fn rate_limit<W: RateLimitKind>(self, limit: RateLimit<W>) -> Policy<D, R, B, K, RateLimit<W>, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            self.guards.1,
            accept!(limit),
            self.timeout,
            self.observer,
            self.hedge
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, R, B, (), L, A, O, H>
{
    /// Bounds the calls under way at a time by a limit that finds itself. It stands in the place of the
    /// bulkhead.
    ///
    /// # Panics
    /// When [`Concurrency::check`] refuses the limit; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Aimd, Concurrency, Policy};
    ///
    /// static PAGES: Policy<(), (), (), Concurrency<Aimd>> = Policy::new().concurrency(Concurrency::aimd());
    /// ```
    pub const fn concurrency<G: LimitAlgorithm>(
        self,
        concurrency: Concurrency<G>,
    ) -> Policy<D, R, B, Concurrency<G>, L, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            accept!(concurrency),
            self.guards.2,
            self.timeout,
            self.observer,
            self.hedge
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, A: AttemptTimeoutPart, O: Observer, H: HedgePart>
    Policy<D, R, B, K, (), A, O, H>
{
    /// Turns a share of the calls away while the target does not take them. It stands in the place of the rate
    /// limit.
    ///
    /// # Panics
    /// When [`Throttle::check`] refuses the throttle; in a `static` that is a compile error.
    ///
    /// ```
    /// use steadfast::{Policy, Throttle};
    ///
    /// static GREETER: Policy<(), (), (), (), Throttle> = Policy::new().throttle(Throttle::new());
    /// ```
    pub const fn throttle(self, throttle: Throttle) -> Policy<D, R, B, K, Throttle, A, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            self.guards.1,
            accept!(throttle),
            self.timeout,
            self.observer,
            self.hedge
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, O: Observer, H: HedgePart>
    Policy<D, R, B, K, L, (), O, H>
{
    /// Bounds each attempt.
    ///
    /// # Panics
    /// When [`AttemptTimeout::check`] refuses the timeout; in a `static` that is a compile error.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{AttemptTimeout, Policy, Retry};
    ///
    /// static QUICK: Policy<(), Retry, (), (), (), AttemptTimeout> = Policy::new()
    ///     .retry(Retry::attempts(3))
    ///     .attempt_timeout(AttemptTimeout::after(Duration::from_millis(500)));
    /// ```
    pub const fn attempt_timeout(self, timeout: AttemptTimeout) -> Policy<D, R, B, K, L, AttemptTimeout, O, H> {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            self.guards.1,
            self.guards.2,
            accept!(timeout),
            self.observer
        )
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, H: HedgePart>
    Policy<D, R, B, K, L, A, (), H>
{
    /// Tells `observer` what happens: a function, or a value of your own.
    ///
    /// ```
    /// use steadfast::{Event, Policy, Retry};
    ///
    /// fn log(event: &Event) {
    ///     eprintln!("{event}");
    /// }
    /// static GREETER: Policy<(), Retry, (), (), (), (), fn(&Event)> =
    ///     Policy::new().retry(Retry::attempts(3)).observer(log);
    /// ```
    pub const fn observer<N: Observer>(self, observer: N) -> Policy<D, R, B, K, L, A, N, H> {
        rebuild!(self, self.deadline, self.retry, self.guards.0, self.guards.1, self.guards.2, self.timeout, observer)
    }
}

impl<D: DeadlinePart, R: RetryPart, B: Guard, K: Guard, L: Guard, A: AttemptTimeoutPart, O: Observer>
    Policy<D, R, B, K, L, A, O, ()>
{
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
    /// static PAGES: Policy<(), (), (), (), (), (), (), Hedge> =
    ///     Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    /// ```
    pub const fn hedge<W: Copy>(self, hedge: Hedge<W>) -> Policy<D, R, B, K, L, A, O, Hedge<W>>
    where
        Hedge<W>: HedgePart,
    {
        rebuild!(
            self,
            self.deadline,
            self.retry,
            self.guards.0,
            self.guards.1,
            self.guards.2,
            self.timeout,
            self.observer,
            accept!(hedge)
        )
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::{
        AttemptTimeout, Breaker, Bulkhead, Deadline, Event, Hedge, Policy, RateLimit, Retry, RpcError,
        testing::TestClock,
    };

    type Whole = Policy<Deadline, Retry, Breaker, Bulkhead, RateLimit, AttemptTimeout, fn(&Event), Hedge>;

    #[test]
    fn parts_may_be_given_in_any_order() {
        const SECOND: Duration = Duration::from_secs(1);
        fn nobody(_: &Event) {}
        static FORTH: Whole = Policy::new()
            .deadline(Deadline::after(SECOND))
            .retry(Retry::attempts(3))
            .breaker(Breaker::consecutive_failures(5))
            .bulkhead(Bulkhead::concurrent(10))
            .rate_limit(RateLimit::per_second(100))
            .attempt_timeout(AttemptTimeout::after(SECOND))
            .observer(nobody as fn(&Event))
            .hedge(Hedge::after(SECOND));
        static BACK: Whole = Policy::new()
            .hedge(Hedge::after(SECOND))
            .observer(nobody as fn(&Event))
            .attempt_timeout(AttemptTimeout::after(SECOND))
            .rate_limit(RateLimit::per_second(100))
            .bulkhead(Bulkhead::concurrent(10))
            .breaker(Breaker::consecutive_failures(5))
            .retry(Retry::attempts(3))
            .deadline(Deadline::after(SECOND));
        assert_eq!(format!("{FORTH:?}"), format!("{BACK:?}"));
        for policy in [&FORTH, &BACK] {
            assert_eq!(policy.with(&TestClock::new()).call(|| Ok::<_, RpcError>(7)), Ok(7));
        }
    }
}
