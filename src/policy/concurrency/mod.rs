//! Bounds the calls under way at a time by a limit that finds itself.

mod aimd;
mod gradient;
#[cfg(test)]
mod tests;

use core::fmt::Debug;
use core::marker::PhantomData;

pub use aimd::Aimd;
pub use gradient::Gradient;

use super::sealed::Sealed;
use super::{Guard, Moment, Outcome, Parts, Permit, Policy, Rejected};
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::clock::{Instant, nanos};
use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The highest limit there may be: more calls than this do not fit into the 4 GiB of a component, and products of
/// limits with 16 bits after the point fit into 64 bits.
const HIGHEST: u32 = 1_000_000;

/// Where the search begins unless the bounds forbid it: where Netflix's concurrency-limits begins.
const START: u32 = 20;

/// Bounds how many calls are under way at a time, by a limit that finds itself: [`Concurrency::aimd`] from the
/// calls that the target refuses, [`Concurrency::gradient`] from the time that calls take.
#[doc = include_str!("../../../docs/policies/concurrency.md")]
// The settings of both kinds stand here, so that one `const` check can see them; the code of a kind is its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concurrency<L> {
    min: u32,
    max: u32,
    start: Option<u32>,
    /// AIMD: what remains of the limit at an overload.
    decrease: f64,
    /// Gradient: its settings.
    tolerance: f64,
    smoothing: f64,
    queue: u32,
    /// In nanoseconds.
    window: u64,
    long_window: u32,
    algorithm: PhantomData<L>,
}

impl<L: LimitAlgorithm> Concurrency<L> {
    const DEFAULT: Self = Concurrency {
        min: 1,
        max: 200,
        start: None,
        decrease: aimd::DECREASE,
        tolerance: gradient::TOLERANCE,
        smoothing: gradient::SMOOTHING,
        queue: gradient::QUEUE,
        window: nanos(gradient::WINDOW),
        long_window: gradient::LONG_WINDOW,
        algorithm: PhantomData,
    };

    /// The lowest limit; 1 by default, at least 1. A limit that cannot fall to what the target can take
    /// protects nothing.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::aimd().min(5).check().is_ok());
    /// assert!(Concurrency::aimd().min(0).check().is_err());
    /// ```
    pub const fn min(self, min: u32) -> Self {
        Concurrency { min, ..self }
    }

    /// The highest limit; 200 by default, as in Netflix's concurrency-limits, at most 1,000,000.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::aimd().max(50).check().is_ok());
    /// assert!(Concurrency::aimd().max(0).check().is_err());
    /// ```
    pub const fn max(self, max: u32) -> Self {
        Concurrency { max, ..self }
    }

    /// The limit before anything is known; 20 by default, or the bound that is nearer.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::aimd().start(10).check().is_ok());
    /// assert!(Concurrency::aimd().max(50).start(51).check().is_err());
    /// ```
    pub const fn start(self, start: u32) -> Self {
        Concurrency { start: Some(start), ..self }
    }

    /// The limit itself, or why it makes no sense: no places, bounds in the wrong order, a start beyond them, or a
    /// setting of its kind that does.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// let invalid = Concurrency::aimd().min(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "concurrency min: 0 is not allowed: it must be 1 or more");
    /// ```
    ///
    /// ```compile_fail
    /// use steadfast::{Concurrency, Gradient, Policy};
    ///
    /// static SHUT: Policy<(Concurrency<Gradient>,)> =
    ///     Policy::new().concurrency(Concurrency::gradient().tolerance(0.5));
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.min == 0 {
            refuse!("concurrency min", Value::Count(0), "1 or more");
        }
        if self.max < self.min || self.max > HIGHEST {
            refuse!("concurrency max", Value::Count(self.max), "at least min (1 by default), at most 1000000");
        }
        if self.first() < self.min || self.first() > self.max {
            refuse!("concurrency start", Value::Count(self.first()), "from min (1 by default) to max (200 by default)");
        }
        if L::TIMED { self.check_gradient() } else { self.check_aimd() }
    }

    /// The limit before anything is known.
    #[inline]
    const fn first(&self) -> u32 {
        match self.start {
            Some(start) => start,
            None if START > self.max => self.max,
            None if START < self.min => self.min,
            None => START,
        }
    }
}

/// What the end of a call says about load.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Success,
    Overload,
    Nothing,
}

impl Signal {
    #[inline]
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Signal::Success,
            Outcome::Failure(Cause::Overloaded | Cause::Timeout) => Signal::Overload,
            Outcome::Failure(_) => Signal::Nothing,
        }
    }
}

/// How the limit of a [`Concurrency`] finds itself: [`Aimd`] or [`Gradient`].
///
/// ```
/// use steadfast::{Concurrency, LimitAlgorithm, Policy};
///
/// fn limited<L: LimitAlgorithm>(_: &Policy<(Concurrency<L>,)>) {}
/// limited(&Policy::new().concurrency(Concurrency::aimd()));
/// limited(&Policy::new().concurrency(Concurrency::gradient()));
/// ```
pub trait LimitAlgorithm: Copy + Debug + Sealed + 'static {
    /// Whether it wants to know when calls begin and end.
    #[doc(hidden)]
    const TIMED: bool;
    #[doc(hidden)]
    type State: Copy + Debug;
    #[doc(hidden)]
    const NEW: Self::State;

    #[doc(hidden)]
    fn limit(settings: &Concurrency<Self>, state: &Self::State) -> u32;

    /// How many calls are let through as of now, where that is not the limit.
    #[doc(hidden)]
    #[inline]
    fn lets_in(settings: &Concurrency<Self>, state: &Self::State) -> u32 {
        Self::limit(settings, state)
    }

    /// What a call that begins takes along, where that is not the time.
    #[doc(hidden)]
    fn mark(state: &Self::State) -> u64;

    /// A call is over that began at `mark`; `in_flight` calls are under way, itself among them. `now` says
    /// something only if the algorithm is [`TIMED`](Self::TIMED).
    #[doc(hidden)]
    fn learn(
        settings: &Concurrency<Self>,
        state: &mut Self::State,
        mark: u64,
        signal: Signal,
        in_flight: u32,
        now: Instant,
    );
}

/// What a limit remembers: a plain value, decided on by pure functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State<S> {
    in_flight: u32,
    algorithm: S,
}

impl<S: Copy> State<S> {
    const fn new(algorithm: S) -> Self {
        State { in_flight: 0, algorithm }
    }

    /// Takes a place, if there is one.
    #[inline]
    fn enter<L: LimitAlgorithm<State = S>>(&mut self, settings: &Concurrency<L>) -> Option<u64> {
        if self.in_flight >= L::lets_in(settings, &self.algorithm) {
            return None;
        }
        self.in_flight += 1;
        Some(L::mark(&self.algorithm))
    }

    #[inline]
    fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// A limit's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct ConcurrencyMemory<S>(Local<State<S>>);

#[doc(hidden)]
#[derive(Debug)]
pub struct ConcurrencyPermit<'p, L: LimitAlgorithm> {
    settings: &'p Concurrency<L>,
    memory: &'p ConcurrencyMemory<L::State>,
    mark: u64,
}

impl<L: LimitAlgorithm> Permit for ConcurrencyPermit<'_, L> {
    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        let signal = Signal::of(outcome);
        // The clock is read outside of the borrow: it may be a caller's own.
        let now = if L::TIMED { moment.now() } else { Instant::from_nanos(0) };
        self.memory.0.with(|state| {
            L::learn(self.settings, &mut state.algorithm, self.mark, signal, state.in_flight, now);
            state.leave();
        });
        core::mem::forget(self);
        None
    }
}

impl<L: LimitAlgorithm> Drop for ConcurrencyPermit<'_, L> {
    #[cold]
    fn drop(&mut self) {
        self.memory.0.with(State::leave);
    }
}

impl<L> Sealed for Concurrency<L> {}

impl<L: LimitAlgorithm> Guard for Concurrency<L> {
    type Memory = ConcurrencyMemory<L::State>;
    type Permit<'p> = ConcurrencyPermit<'p, L>;
    #[allow(clippy::declare_interior_mutable_const, reason = "what each policy's own memory is made from")]
    const NEW: Self::Memory = ConcurrencyMemory(Local::new(State::new(L::NEW)));

    #[inline]
    fn is_timed(&self) -> bool {
        L::TIMED
    }

    #[inline]
    fn admit<'p>(&'p self, memory: &'p Self::Memory, moment: &impl Moment) -> Result<Self::Permit<'p>, Rejected> {
        let Some(mark) = memory.0.with(|state| state.enter(self)) else {
            return Err(full());
        };
        let mut permit = ConcurrencyPermit { settings: self, memory, mark };
        if L::TIMED {
            permit.mark = moment.now().as_nanos();
        }
        Ok(permit)
    }
}

/// There is no place. Nobody can tell when there will be one.
#[cold]
fn full() -> Rejected {
    Rejected { reason: Reason::BulkheadFull, cause: Cause::Overloaded, retry_after: 0 }
}

/// A bulkhead or a concurrency limit of a policy, or one decided at run time: how it is read.
#[doc(hidden)]
pub trait InFlight: Guard {
    /// `u32`, or an `Option` of it.
    type Count;

    fn limit(&self, memory: &Self::Memory) -> Self::Count;
    fn in_flight(&self, memory: &Self::Memory) -> Self::Count;
}

impl<L: LimitAlgorithm> InFlight for Concurrency<L> {
    type Count = u32;

    fn limit(&self, memory: &Self::Memory) -> u32 {
        memory.0.with(|state| L::limit(self, &state.algorithm))
    }

    fn in_flight(&self, memory: &Self::Memory) -> u32 {
        memory.0.with(|state| state.in_flight)
    }
}

impl<L: LimitAlgorithm> InFlight for Option<Concurrency<L>> {
    type Count = Option<u32>;

    fn limit(&self, memory: &Self::Memory) -> Option<u32> {
        self.as_ref().map(|concurrency| concurrency.limit(memory))
    }

    fn in_flight(&self, memory: &Self::Memory) -> Option<u32> {
        self.as_ref().map(|concurrency| concurrency.in_flight(memory))
    }
}

impl<P: Parts> Policy<P>
where
    P::Bulkhead: InFlight,
{
    /// How many calls the [`Concurrency`] or the [bulkhead](super::Bulkhead) lets be in flight at a time, as of now; of one that is decided at run time, an
    /// `Option`. While the gradient measures, it lets fewer through for a moment; the limit stays what it is.
    ///
    /// ```
    /// use steadfast::{Cause, Concurrency, Delivery, Policy, RpcError};
    ///
    /// let policy = Policy::new().concurrency(Concurrency::aimd());
    /// assert_eq!(policy.concurrency_limit(), 20);
    /// policy.call(|| Err::<(), _>(RpcError::new(Cause::Overloaded, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(policy.concurrency_limit(), 18);
    /// ```
    pub fn concurrency_limit(&self) -> <P::Bulkhead as InFlight>::Count {
        self.bulkhead.guard.limit(&self.bulkhead.memory)
    }

    /// How many calls are in flight; where that is decided at run time, an `Option`.
    ///
    /// ```
    /// use steadfast::{Concurrency, Policy, RpcError};
    ///
    /// let policy = Policy::new().concurrency(Concurrency::aimd());
    /// let during = policy.call(|| Ok::<_, RpcError>(policy.in_flight())).unwrap();
    /// assert_eq!((during, policy.in_flight()), (1, 0));
    /// ```
    pub fn in_flight(&self) -> <P::Bulkhead as InFlight>::Count {
        self.bulkhead.guard.in_flight(&self.bulkhead.memory)
    }
}
