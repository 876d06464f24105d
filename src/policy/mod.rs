//! What to do about a failed call: one file for each policy, and the one struct that holds them.

mod attempt_timeout;
mod backoff;
mod breaker;
mod budget;
mod bulkhead;
mod concurrency;
mod deadline;
mod fallback;
mod guard;
mod hedge;
mod invalid;
mod rate_limit;
mod retry;
mod stale;
mod throttle;

use core::fmt;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutPart};
pub use backoff::{Backoff, Jitter};
pub use breaker::{
    BadSnapshot, Breaker, BreakerControl, BreakerCounts, BreakerSnapshot, BreakerState, Consecutive, CountWindow,
    FailureRate, SlowCalls, TimeWindow, Window,
};
pub use budget::{Budget, BudgetPart};
pub use bulkhead::Bulkhead;
pub use concurrency::{Aimd, Concurrency, Gradient, LimitAlgorithm};
pub use deadline::{Deadline, DeadlinePart};
pub use fallback::{WithFallback, WithFallbackCall};
pub use guard::Guard;
pub use hedge::{Hedge, HedgePart, Quantile};
pub use invalid::Invalid;
pub use rate_limit::{RateLimit, RateLimitKind, SlidingWindow, TokenBucket};
pub use retry::{Retry, RetryPart, Rule, Upcoming};
pub use stale::{LastGood, MaybeStale, StaleIfError};
pub use throttle::Throttle;

pub(crate) use guard::{Moment, Outcome, Permit, Rejected};
pub(crate) use hedge::MAX_HEDGES;

use crate::call::{ByError, Call, Idempotent};
use crate::clock::{Clock, System};
use crate::event::Observer;
use crate::rng::Rng;
use crate::{Failed, Failure};

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::AttemptTimeout {}
    impl Sealed for super::Deadline {}
    impl<D> Sealed for super::Hedge<D> {}
    impl<G> Sealed for super::Retry<G> {}
    impl Sealed for &'static super::Budget {}
    impl<P: Sealed> Sealed for Option<P> {}
}

/// How calls to one target are made: a deadline, retries, a circuit breaker and more, each of which may be
/// absent.
///
/// The parts are types, so that what a policy does not have costs nothing: `()` is an absent part, and
/// `Option<Part>` one that is decided at run time. However they are given, they apply in one order,
/// outermost first, and it is the one that people usually get wrong:
///
/// > [fallback](Self::fallback) › [deadline](Deadline) › [retry](Retry) › [hedge](Hedge) › [breaker](Breaker) ›
/// > [bulkhead](Bulkhead) › [rate limit](RateLimit) › [attempt timeout](AttemptTimeout) › call
///
/// In the type they stand in that order, but for the observer and the hedge, which come last:
/// `Policy<Deadline, Retry, Breaker>` has the first three. An open
/// breaker ends the retries at once, and a call that a part turns away never reaches the wire and is no
/// failure of the target. For another order, put the call through one policy inside the call of another.
///
/// A policy holds the state of its parts, so it is made once and shared: a `static`. There, settings that
/// make no sense are compile errors. A part with values from elsewhere is [checked](Retry::check) first.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Breaker, Deadline, Policy, Retry, RpcError};
/// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
///
/// /// How we talk to the greeter: 4 tries within 3 s, and quiet for 10 s after 5 failures in a row.
/// static GREETER: Policy<Deadline, Retry, Breaker> = Policy::new()
///     .deadline(Deadline::after(Duration::from_secs(3)))
///     .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(50))))
///     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
///
/// assert_eq!(GREETER.call(|| greet("Ada")).unwrap(), "Hello, Ada!");
/// ```
///
/// ```compile_fail
/// use steadfast::{Policy, Retry};
///
/// static NEVER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(0));
/// ```
// `D`eadline, `R`etry, `B`reaker, bul`K`head, rate `L`imit, `A`ttempt timeout, `O`bserver, `H`edge.
pub struct Policy<D = (), R = (), B: Guard = (), K: Guard = (), L: Guard = (), A = (), O = (), H: HedgePart = ()> {
    pub(crate) deadline: D,
    pub(crate) retry: R,
    pub(crate) guards: (B, K, L),
    pub(crate) memory: <(B, K, L) as Guard>::Memory,
    pub(crate) timeout: A,
    pub(crate) observer: O,
    pub(crate) hedge: H,
    pub(crate) latencies: H::Memory,
}

/// The parts of a policy, as the drivers see them.
pub trait Pipeline: sealed::Sealed {
    #[doc(hidden)]
    type Deadline: DeadlinePart;
    #[doc(hidden)]
    type Retry: RetryPart;
    #[doc(hidden)]
    type Guards: Guard;
    #[doc(hidden)]
    type Timeout: AttemptTimeoutPart;
    #[doc(hidden)]
    type Observer: Observer;
    #[doc(hidden)]
    type Hedge: HedgePart;

    #[doc(hidden)]
    fn deadline(&self) -> &Self::Deadline;
    #[doc(hidden)]
    fn retry_part(&self) -> &Self::Retry;
    #[doc(hidden)]
    fn guards(&self) -> (&Self::Guards, &<Self::Guards as Guard>::Memory);
    #[doc(hidden)]
    fn timeout(&self) -> &Self::Timeout;
    #[doc(hidden)]
    fn observer_part(&self) -> &Self::Observer;
    #[doc(hidden)]
    fn hedge_part(&self) -> (&Self::Hedge, &<Self::Hedge as HedgePart>::Memory);
}

impl<D, R, B: Guard, K: Guard, L: Guard, A, O, H: HedgePart> sealed::Sealed for Policy<D, R, B, K, L, A, O, H> {}

impl<D, R, B, K, L, A, O, H> Pipeline for Policy<D, R, B, K, L, A, O, H>
where
    D: DeadlinePart,
    R: RetryPart,
    B: Guard,
    K: Guard,
    L: Guard,
    A: AttemptTimeoutPart,
    O: Observer,
    H: HedgePart,
{
    type Deadline = D;
    type Retry = R;
    type Guards = (B, K, L);
    type Timeout = A;
    type Observer = O;
    type Hedge = H;

    #[inline]
    fn deadline(&self) -> &D {
        &self.deadline
    }
    #[inline]
    fn retry_part(&self) -> &R {
        &self.retry
    }
    #[inline]
    fn guards(&self) -> (&(B, K, L), &<(B, K, L) as Guard>::Memory) {
        (&self.guards, &self.memory)
    }
    #[inline]
    fn timeout(&self) -> &A {
        &self.timeout
    }
    #[inline]
    fn observer_part(&self) -> &O {
        &self.observer
    }
    #[inline]
    fn hedge_part(&self) -> (&H, &H::Memory) {
        (&self.hedge, &self.latencies)
    }
}

impl<D, R, B: Guard, K: Guard, L: Guard, A, O, H: HedgePart> fmt::Debug for Policy<D, R, B, K, L, A, O, H>
where
    D: fmt::Debug,
    R: fmt::Debug,
    (B, K, L): fmt::Debug,
    A: fmt::Debug,
    H: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .field("guards", &self.guards)
            .field("memory", &self.memory)
            .field("timeout", &self.timeout)
            .field("hedge", &self.hedge)
            .field("latencies", &self.latencies)
            .finish_non_exhaustive()
    }
}

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

impl Policy<Option<Deadline>, Option<Retry>, Option<Breaker>> {
    /// A policy whose parts are decided at run time, from a configuration or a flag.
    ///
    /// # Errors
    /// [`Invalid`]: the first setting that makes no sense, its value and what is allowed.
    ///
    /// ```
    /// use steadfast::{Policy, Retry};
    ///
    /// let attempts = "3".parse().unwrap();
    /// let policy = Policy::optional(None, Some(Retry::attempts(attempts)), None)?;
    /// # Ok::<(), steadfast::Invalid>(())
    /// ```
    pub fn optional(
        deadline: Option<Deadline>,
        retry: Option<Retry>,
        breaker: Option<Breaker>,
    ) -> Result<Self, Invalid> {
        let guards = (breaker.map(Breaker::check).transpose()?, (), ());
        Ok(Policy {
            deadline: deadline.map(Deadline::check).transpose()?,
            retry: retry.map(Retry::check).transpose()?,
            memory: fresh(&guards),
            guards,
            timeout: (),
            observer: (),
            hedge: (),
            latencies: (),
        })
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

impl<D, R, B, K, L, A, O, H> Policy<D, R, B, K, L, A, O, H>
where
    D: DeadlinePart,
    R: RetryPart,
    B: Guard,
    K: Guard,
    L: Guard,
    A: AttemptTimeoutPart,
    O: Observer,
    H: HedgePart,
{
    /// Makes a blocking call, such as one of a generated import.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, RpcError};
    /// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
    ///
    /// static GREETER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(4));
    ///
    /// let text = GREETER.call(|| greet("Ada"))?;
    /// # Ok::<(), steadfast::Failed>(())
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    #[inline]
    pub fn call<T, E: Failure>(&self, operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        self.with(System).call(operation)
    }

    /// Makes a call that is awaited, sleeping on `wstd`'s reactor. Elsewhere, bring a clock:
    /// [`with`](Self::with).
    ///
    /// ```no_run
    /// use steadfast::{Policy, Retry, RpcError};
    /// # async fn fetch() -> Result<String, RpcError> { Ok("page".into()) }
    ///
    /// static PAGES: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// # async fn handler() -> Result<(), steadfast::Failed> {
    /// let page = PAGES.call_async(fetch).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call`](Self::call).
    #[cfg(feature = "wstd")]
    #[inline]
    pub async fn call_async<T, E: Failure>(
        &self,
        operation: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        self.with(System).call_async(operation).await
    }

    /// The same policy for a call that does no harm when it happens twice: it is repeated also when an
    /// earlier attempt may have had its effect, and may be [hedged](crate::Call::call_hedged).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
    /// use steadfast::testing::{Script, TestClock};
    ///
    /// static STORE: Policy<(), Retry> = Policy::new().retry(Retry::attempts(2));
    /// let clock = TestClock::new();
    /// let timeout = || Err(RpcError::new(Cause::Timeout, Delivery::Unknown));
    ///
    /// let mut once = Script::new([timeout(), Ok(())]);
    /// assert!(STORE.with(&clock).call(|| once.next()).is_err());
    /// let mut twice = Script::new([timeout(), Ok(())]);
    /// assert!(STORE.with(&clock).idempotent().call(|| twice.next()).is_ok());
    /// ```
    #[inline]
    pub const fn idempotent(&self) -> Call<'_, Self, System, ByError, Idempotent> {
        Call::new(self, System)
    }

    /// The same policy with a rule of the caller's own for what counts as a failure. An `Ok` can be one, as an
    /// HTTP response with status 503 is; when the policy gives up, it is returned all the same: the last real
    /// result is what the caller gets.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError, Verdict};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let status = PAGES
    ///     .judge(|result: &Result<u16, RpcError>| match result {
    ///         Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
    ///         result => Verdict::of(result),
    ///     })
    ///     .call(|| Ok(503));
    /// assert_eq!(status.unwrap(), 503);
    /// ```
    #[inline]
    pub fn judge<J>(&self, judge: J) -> Call<'_, Self, System, J> {
        self.with(System).judge(judge)
    }

    /// The same policy with an answer for when it gives up.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let text = GREETER
    ///     .fallback(|_failed| "Hello, stranger!".to_string())
    ///     .call(|| Err(RpcError::new(Cause::NoLink, Delivery::NotSent)));
    /// assert_eq!(text, "Hello, stranger!");
    /// ```
    #[inline]
    pub fn fallback<T, E, F>(&self, fallback: F) -> WithFallback<'_, Self, System, ByError, F>
    where
        F: FnOnce(Failed<E>) -> T,
    {
        self.with(System).fallback(fallback)
    }

    /// The same policy with another call for when it gives up, made by a function that is given the failure and may
    /// fail itself. The failure as the error keeps what happened.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Failed, Policy, RpcError};
    ///
    /// static PRIMARY: Policy = Policy::new();
    /// static REPLICA: Policy = Policy::new();
    /// # fn ask(host: &str) -> Result<String, RpcError> {
    /// #     if host == "replica" { Ok("yes".into()) } else { Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)) }
    /// # }
    /// let answer = PRIMARY
    ///     .fallback_call(|_failed: Failed| REPLICA.call(|| ask("replica")))
    ///     .call(|| ask("primary"));
    /// assert_eq!(answer.unwrap(), "yes");
    /// ```
    #[inline]
    pub fn fallback_call<T, E, X, F>(&self, fallback: F) -> WithFallbackCall<'_, Self, System, ByError, F>
    where
        F: FnOnce(Failed<E>) -> Result<T, X>,
    {
        self.with(System).fallback_call(fallback)
    }

    /// The same policy with another awaited call for when it gives up.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Failed, Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static PRIMARY: Policy = Policy::new();
    /// # async fn ask(host: &str) -> Result<String, RpcError> {
    /// #     if host == "replica" { Ok("yes".into()) } else { Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)) }
    /// # }
    /// let clock = TestClock::new();
    /// let answer = PRIMARY
    ///     .with(&clock)
    ///     .fallback_async(async |_failed: Failed| ask("replica").await)
    ///     .call_async(async || ask("primary").await);
    /// assert_eq!(block_on(answer).unwrap(), "yes");
    /// ```
    #[inline]
    pub fn fallback_async<T, E, X, F>(&self, fallback: F) -> WithFallbackCall<'_, Self, System, ByError, F>
    where
        F: AsyncFnOnce(Failed<E>) -> Result<T, X>,
    {
        self.with(System).fallback_async(fallback)
    }

    /// The same policy with the last good value for when it gives up, while that is young enough.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{LastGood, MaybeStale, Policy, RpcError};
    ///
    /// static RATES: Policy = Policy::new();
    /// static LAST: LastGood<u32> = LastGood::new(Duration::from_secs(600));
    /// let rate = RATES.stale_if_error(&LAST).call(|| Ok::<_, RpcError>(7));
    /// assert_eq!(rate.unwrap(), MaybeStale::Fresh(7));
    /// ```
    #[inline]
    pub fn stale_if_error<'l, T>(&self, last: &'l LastGood<T>) -> StaleIfError<'_, 'l, Self, System, ByError, T> {
        self.with(System).stale_if_error(last)
    }

    /// The same policy on another clock and jitter source: in tests, a
    /// [`TestClock`](crate::testing::TestClock).
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
    /// use steadfast::testing::{Script, TestClock};
    /// use core::time::Duration;
    ///
    /// static GREETER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// let no_target = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    /// let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    ///
    /// let clock = TestClock::new();
    /// assert_eq!(GREETER.with(&clock).call(|| target.next()).unwrap(), "hi");
    /// assert_eq!(clock.slept(), [Duration::from_millis(50), Duration::from_millis(100)]);
    /// ```
    #[inline]
    pub const fn with<C: Clock + Rng>(&self, clock: C) -> Call<'_, Self, C> {
        Call::new(self, clock)
    }
}

/// Why a policy gave a call up.
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, Reason, Retry, RpcError};
///
/// static GREETER: Policy<(), Retry> = Policy::new().retry(Retry::attempts(4));
/// let no_link = || Err::<(), _>(RpcError::new(Cause::NoLink, Delivery::NotSent));
/// let failed = GREETER.call(no_link).unwrap_err();
/// assert_eq!((failed.reason(), failed.attempts()), (Reason::NotRetryable, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// All attempts that the policy allows were made.
    Attempts,
    /// The cause is permanent: trying again would not help.
    NotRetryable,
    /// The call may have had its effect, and is not marked as [idempotent](Policy::idempotent).
    NotIdempotent,
    /// The circuit breaker is open, or became so.
    BreakerOpen,
    /// As many calls as the bulkhead allows are under way.
    BulkheadFull,
    /// The rate limit is reached.
    RateLimited,
    /// The target does not take all calls, and this one is of the share that the throttle turns away.
    Throttled,
    /// The retry budget is used up.
    Budget,
    /// The caller's own rule forbade the retry.
    Vetoed,
    /// The next attempt would begin after the deadline, or the deadline ended an attempt.
    Deadline,
}

impl Reason {
    /// The name of a reason, as the WIT would spell it: for labels.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Reason::Attempts => "attempts",
            Reason::NotRetryable => "not-retryable",
            Reason::NotIdempotent => "not-idempotent",
            Reason::BreakerOpen => "breaker-open",
            Reason::BulkheadFull => "bulkhead-full",
            Reason::RateLimited => "rate-limited",
            Reason::Throttled => "throttled",
            Reason::Budget => "budget",
            Reason::Vetoed => "vetoed",
            Reason::Deadline => "deadline",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Attempts => "all attempts were made",
            Reason::NotRetryable => "trying again would not help",
            Reason::NotIdempotent => "it may have run, and is not idempotent",
            Reason::BreakerOpen => "the circuit breaker is open",
            Reason::BulkheadFull => "too many calls are under way",
            Reason::RateLimited => "the rate limit is reached",
            Reason::Throttled => "calls to an overloaded target are throttled",
            Reason::Budget => "the retry budget is used up",
            Reason::Vetoed => "a rule of the caller forbade it",
            Reason::Deadline => "the deadline is reached",
        })
    }
}
