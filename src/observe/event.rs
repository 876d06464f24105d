//! What happens on the way of a call, for whoever watches.

use core::fmt;
use core::time::Duration;

use super::span::CallScope;
use crate::failure::{Cause, Delivery, Reason, cause_words};

/// Something that happened to a call.
///
/// ```
/// use steadfast::testing::{Recorder, Script, TestClock};
/// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
///
/// static SEEN: Recorder = Recorder::new();
/// let policy = Policy::new().retry(Retry::attempts(2)).observer(&SEEN);
/// let mut target = Script::new([Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)), Ok("hi")]);
/// policy.with(&TestClock::new()).call(|| target.next()).unwrap();
/// let events: Vec<_> = SEEN.take().iter().map(|event| event.to_string()).collect();
/// assert_eq!(events, [
///     "attempt 1 started",
///     "attempt 1 failed: no target",
///     "waiting 50ms before attempt 2",
///     "attempt 2 started",
///     "attempt 2 succeeded",
/// ]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt begins: the call is about to reach the wire.
    AttemptStarted {
        /// From 1.
        attempt: u32,
    },
    /// An attempt succeeded.
    AttemptSucceeded {
        /// From 1.
        attempt: u32,
        /// How many attempts of the call failed before: none where a hedge was only faster.
        failures: u32,
    },
    /// An attempt failed.
    AttemptFailed {
        /// From 1.
        attempt: u32,
        /// Where it failed.
        cause: Cause,
        /// How far it got.
        delivery: Delivery,
    },
    /// The next attempt begins after a wait: it repeats a failed one, or waits for the rate limit.
    Delayed {
        /// The number of the attempt that will come, from 1.
        attempt: u32,
        /// How long the wait is.
        delay: Duration,
    },
    /// An attempt begins beside one that is slow.
    HedgeFired {
        /// Its number, from 2.
        attempt: u32,
    },
    /// An attempt was turned away before it reached the wire.
    Rejected {
        /// By which part.
        reason: Reason,
    },
    /// The policy gave the call up.
    GaveUp {
        /// Why.
        reason: Reason,
        /// How many attempts were made.
        attempts: u32,
    },
    /// The policy gave up, and a fallback answers: its function is called now, or a stale value is returned.
    FallbackUsed,
    /// The state of the circuit breaker changed.
    BreakerChanged(Change),
    /// The outcome of a call came so late that the breaker was in another state by then, and did not count.
    Late,
    /// State that instances share, of the [breaker](crate::SharedBreaker), the [rate limit](crate::SharedRateLimit) or
    /// the [budget](crate::SharedBudget), could not be read or written: the call goes on by what this instance knows.
    StoreFailed,
}

/// What the circuit breaker became, and why.
///
/// ```
/// use steadfast::Change;
///
/// assert_eq!(Change::HalfOpened.to_string(), "half-open: trying whether the target is back");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It opened.
    Opened {
        /// What was too much.
        why: Tripped,
        /// Of the last failure; [`Cause::Timeout`] where a call was only slow, [`Cause::Other`] where nothing failed.
        cause: Cause,
    },
    /// It lets probes through, since it was open for its time.
    HalfOpened,
    /// It closed, since its probes succeeded.
    Closed,
    /// An outcome of an earlier state changed nothing.
    Late,
    /// Somebody closed it, with nothing counted.
    Reset,
    /// Somebody has it reject every call.
    ForcedOpen,
    /// Somebody has it let every call pass.
    ForcedClosed,
    /// Somebody has it tell what it would do, and no more.
    ObserveOnly,
    /// It took over the state of a snapshot.
    Restored(BreakerState),
    /// Its shared state could not be read or written. Observers are told [`Event::StoreFailed`].
    StoreFailed,
}

/// What state a breaker is in: [`BreakerControl::state`](crate::BreakerControl::state).
///
/// ```
/// use steadfast::{Breaker, BreakerState, Policy};
///
/// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
/// assert_eq!(policy.breaker_control().state(), BreakerState::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls pass, and are counted.
    Closed,
    /// Calls are rejected. It stays so until a call comes after its time.
    Open,
    /// A few calls try whether the target is back.
    HalfOpen,
    /// Calls are rejected until it is [reset](crate::BreakerControl::reset).
    ForcedOpen,
    /// Calls pass and nothing is counted until it is [reset](crate::BreakerControl::reset).
    ForcedClosed,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
            BreakerState::ForcedOpen => "forced open",
            BreakerState::ForcedClosed => "forced closed",
        })
    }
}

/// What was too much for a circuit breaker.
///
/// ```
/// assert_eq!(steadfast::Tripped::SlowCalls.to_string(), "too many calls were slow");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tripped {
    /// Failures in a row.
    Failures,
    /// The rate of failures.
    FailureRate,
    /// The rate of slow calls.
    SlowCalls,
    /// A failure while it tried whether the target is back.
    Probe,
    /// Nothing: somebody tripped it.
    Manual,
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tripped::Failures => "too many calls failed in a row",
            Tripped::FailureRate => "too many calls failed",
            Tripped::SlowCalls => "too many calls were slow",
            Tripped::Probe => "the target is not back",
            Tripped::Manual => "tripped by hand",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Opened { why: why @ (Tripped::SlowCalls | Tripped::Manual), .. } => write!(f, "open: {why}"),
            Change::Opened { why, cause } => write!(f, "open: {why}, the last: {}", cause_words(*cause)),
            Change::HalfOpened => f.write_str("half-open: trying whether the target is back"),
            Change::Closed => f.write_str("closed: the target is back"),
            Change::Late => f.write_str("unchanged by a late outcome"),
            Change::Reset => f.write_str("closed: reset by hand"),
            Change::ForcedOpen => f.write_str("forced open"),
            Change::ForcedClosed => f.write_str("forced closed"),
            Change::ObserveOnly => f.write_str("closed: observing only"),
            Change::StoreFailed => f.write_str("on its own: the store of its state failed"),
            Change::Restored(state) => write!(f, "{state}: restored"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::AttemptStarted { attempt } => write!(f, "attempt {attempt} started"),
            Event::AttemptSucceeded { attempt, .. } => write!(f, "attempt {attempt} succeeded"),
            Event::AttemptFailed { attempt, cause, .. } => {
                write!(f, "attempt {attempt} failed: {}", cause_words(*cause))
            }
            Event::Delayed { attempt, delay } => write!(f, "waiting {delay:?} before attempt {attempt}"),
            Event::HedgeFired { attempt } => write!(f, "hedging with attempt {attempt}"),
            Event::FallbackUsed => f.write_str("the fallback answers"),
            Event::Rejected { reason } => write!(f, "turned away: {reason}"),
            Event::GaveUp { reason, attempts } => write!(f, "gave up after {attempts} attempts: {reason}"),
            Event::BreakerChanged(change) => write!(f, "circuit breaker {change}"),
            Event::Late => f.write_str("a late outcome was not counted"),
            Event::StoreFailed => f.write_str("the store of shared state failed: going on without it"),
        }
    }
}

/// Whoever watches: a function, or a value of your own. It is called between the steps of a call, never from
/// within a policy's state, so it may make calls through the same policy.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use steadfast::{Event, Observer, Policy, RpcError};
///
/// struct Failures(AtomicU32);
/// impl Observer for &Failures {
///     fn observe(&self, event: &Event) {
///         if let Event::AttemptFailed { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// static FAILURES: Failures = Failures(AtomicU32::new(0));
/// static GREETER: Policy<(&Failures,)> = Policy::new().observer(&FAILURES);
/// GREETER.call(|| Ok::<_, RpcError>(7)).unwrap();
/// ```
pub trait Observer: Copy {
    /// Whether anybody watches; an observer that does not costs nothing.
    #[doc(hidden)]
    const WATCHES: bool = true;

    /// Is told of an event.
    fn observe(&self, event: &Event);

    /// What stands around a call that begins now.
    #[doc(hidden)]
    #[inline]
    fn scope(&self) -> impl CallScope {}
}

impl Observer for () {
    const WATCHES: bool = false;

    #[inline]
    fn observe(&self, _: &Event) {}
}

impl Observer for fn(&Event) {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

impl Observer for &'static (dyn Fn(&Event) + Sync) {
    fn observe(&self, event: &Event) {
        self(event);
    }
}
