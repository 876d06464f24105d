//! An observer that counts, for a handler to serve.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Change, Event, Observer};
use crate::failure::{CAUSES, Cause, Reason};

/// In the order in which they are declared: a reason's place is its number.
pub(super) const REASONS: [Reason; 12] = [
    Reason::Attempts,
    Reason::NotRetryable,
    Reason::NotIdempotent,
    Reason::NotReplayable,
    Reason::BreakerOpen,
    Reason::BulkheadFull,
    Reason::RateLimited,
    Reason::Throttled,
    Reason::RetryAfter,
    Reason::Budget,
    Reason::Vetoed,
    Reason::Deadline,
];

const _: () = {
    let mut place = 0;
    while place < CAUSES.len() {
        assert!(CAUSES[place] as usize == place);
        place += 1;
    }
    let mut place = 0;
    while place < REASONS.len() {
        assert!(REASONS[place] as usize == place);
        place += 1;
    }
};

/// Counts what happens to the calls of any number of policies, for a handler to read and serve.
///
/// **When to use it**: for a page of metrics, or a health check. **When not**: where every request has an instance of
/// its own, each of which would count to one: there, [trace](https://docs.rs/tracing) or export events instead.
///
/// To tell policies apart, give each its own [`named`](Self::named) counters, and serve them together as
/// [`OpenMetrics`](super::OpenMetrics).
///
/// The counters only grow, and wrap around at 2^64. They are read one after the other, so a [`Snapshot`] that is taken
/// in the middle of a call may have an attempt without its outcome.
///
/// ```
/// use steadfast::testing::{Script, TestClock};
/// use steadfast::{Cause, Counters, Delivery, Policy, Retry, RpcError};
///
/// static COUNTERS: Counters = Counters::new();
/// static GREETER: Policy<(Retry, &Counters)> =
///     Policy::new().retry(Retry::attempts(3)).observer(&COUNTERS);
///
/// let mut target = Script::new([Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)), Ok("hi")]);
/// GREETER.with(&TestClock::new()).call(|| target.next()).unwrap();
///
/// let counted = COUNTERS.snapshot();
/// assert_eq!((counted.attempts, counted.successes, counted.retries), (2, 1, 1));
/// assert_eq!(counted.failures.of(Cause::NoTarget), 1);
/// assert!(counted.to_string().contains("steadfast_failures_total{cause=\"no-target\"} 1\n"));
/// ```
#[derive(Debug, Default)]
pub struct Counters {
    policy: Option<&'static str>,
    attempts: AtomicU64,
    successes: AtomicU64,
    failures: [AtomicU64; CAUSES.len()],
    retries: AtomicU64,
    hedges: AtomicU64,
    rejections: [AtomicU64; REASONS.len()],
    gave_up: [AtomicU64; REASONS.len()],
    fallbacks: AtomicU64,
    breaker_opened: AtomicU64,
    breaker_half_opened: AtomicU64,
    breaker_closed: AtomicU64,
    late: AtomicU64,
}

/// What [`Counters`] had counted at one moment. As text ([`Display`](core::fmt::Display)) it is a page of
/// [`OpenMetrics`](super::OpenMetrics).
///
/// ```
/// use steadfast::Counters;
///
/// let text = Counters::new().snapshot().to_string();
/// assert!(text.starts_with("# TYPE steadfast_attempts counter\n"));
/// assert!(text.contains("\nsteadfast_attempts_total 0\n") && text.ends_with("# EOF\n"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the counters: the label `policy`.
    pub policy: Option<&'static str>,
    /// Attempts that began, hedges included.
    pub attempts: u64,
    /// Attempts that succeeded.
    pub successes: u64,
    /// Attempts that failed, by the cause.
    pub failures: ByCause,
    /// Retries that were decided on.
    pub retries: u64,
    /// Attempts that began beside a slow one.
    pub hedges: u64,
    /// Attempts that were turned away before they reached the wire, by the part that did.
    pub rejections: ByReason,
    /// Calls that were given up.
    pub gave_up: ByReason,
    /// Calls that a fallback answered.
    pub fallbacks: u64,
    /// How often a circuit breaker opened.
    pub breaker_opened: u64,
    /// How often a circuit breaker began to let probes through.
    pub breaker_half_opened: u64,
    /// How often a circuit breaker closed again.
    pub breaker_closed: u64,
    /// Outcomes that came too late to count for the circuit breaker.
    pub late: u64,
}

/// A number for each cause of a failure.
///
/// ```
/// use steadfast::{Cause, Counters};
///
/// let failures = Counters::new().snapshot().failures;
/// assert_eq!((failures.of(Cause::Timeout), failures.total()), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByCause([u64; CAUSES.len()]);

impl ByCause {
    /// The number for `cause`.
    ///
    /// ```
    /// # use steadfast::{Cause, Counters};
    /// assert_eq!(Counters::new().snapshot().failures.of(Cause::Timeout), 0);
    /// ```
    pub fn of(&self, cause: Cause) -> u64 {
        self.0.get(cause as usize).copied().unwrap_or(0)
    }

    /// The sum for all causes.
    ///
    /// ```
    /// # use steadfast::Counters;
    /// assert_eq!(Counters::new().snapshot().failures.total(), 0);
    /// ```
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// A number for each reason of a policy.
///
/// ```
/// use steadfast::{Counters, Reason};
///
/// let gave_up = Counters::new().snapshot().gave_up;
/// assert_eq!((gave_up.of(Reason::Deadline), gave_up.total()), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByReason([u64; REASONS.len()]);

impl ByReason {
    /// The number for `reason`.
    ///
    /// ```
    /// # use steadfast::{Counters, Reason};
    /// assert_eq!(Counters::new().snapshot().rejections.of(Reason::BreakerOpen), 0);
    /// ```
    pub fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// The sum for all reasons.
    ///
    /// ```
    /// # use steadfast::Counters;
    /// assert_eq!(Counters::new().snapshot().rejections.total(), 0);
    /// ```
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

const fn zeros<const N: usize>() -> [AtomicU64; N] {
    [const { AtomicU64::new(0) }; N]
}

fn read<const N: usize>(counts: &[AtomicU64; N]) -> [u64; N] {
    core::array::from_fn(|place| counts.get(place).map_or(0, |count| count.load(Relaxed)))
}

fn more(count: &AtomicU64) {
    count.fetch_add(1, Relaxed);
}

fn more_at(counts: &[AtomicU64], place: usize) {
    if let Some(count) = counts.get(place) {
        more(count);
    }
}

impl Counters {
    /// Nothing was counted yet.
    ///
    /// ```
    /// use steadfast::Counters;
    ///
    /// static COUNTERS: Counters = Counters::new();
    /// assert_eq!(COUNTERS.snapshot().attempts, 0);
    /// ```
    pub const fn new() -> Self {
        Counters {
            policy: None,
            attempts: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            failures: zeros(),
            retries: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            rejections: zeros(),
            gave_up: zeros(),
            fallbacks: AtomicU64::new(0),
            breaker_opened: AtomicU64::new(0),
            breaker_half_opened: AtomicU64::new(0),
            breaker_closed: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// The same with a name, which each series has as the label `policy`. Any text will do.
    ///
    /// ```
    /// use steadfast::Counters;
    ///
    /// static GREETER: Counters = Counters::named("greeter");
    /// assert!(GREETER.snapshot().to_string().contains("\nsteadfast_attempts_total{policy=\"greeter\"} 0\n"));
    /// ```
    pub const fn named(policy: &'static str) -> Self {
        let mut counters = Counters::new();
        counters.policy = Some(policy);
        counters
    }

    /// What was counted until now.
    ///
    /// ```
    /// use steadfast::Counters;
    ///
    /// static COUNTERS: Counters = Counters::new();
    /// assert_eq!(COUNTERS.snapshot().attempts, 0);
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            policy: self.policy,
            attempts: self.attempts.load(Relaxed),
            successes: self.successes.load(Relaxed),
            failures: ByCause(read(&self.failures)),
            retries: self.retries.load(Relaxed),
            hedges: self.hedges.load(Relaxed),
            rejections: ByReason(read(&self.rejections)),
            gave_up: ByReason(read(&self.gave_up)),
            fallbacks: self.fallbacks.load(Relaxed),
            breaker_opened: self.breaker_opened.load(Relaxed),
            breaker_half_opened: self.breaker_half_opened.load(Relaxed),
            breaker_closed: self.breaker_closed.load(Relaxed),
            late: self.late.load(Relaxed),
        }
    }
}

impl Observer for &Counters {
    fn observe(&self, event: &Event) {
        match *event {
            Event::AttemptStarted { .. } => more(&self.attempts),
            Event::AttemptSucceeded { .. } => more(&self.successes),
            Event::AttemptFailed { cause, .. } => more_at(&self.failures, cause as usize),
            Event::Delayed { .. } => more(&self.retries),
            Event::HedgeFired { .. } => more(&self.hedges),
            Event::Rejected { reason } => more_at(&self.rejections, reason as usize),
            Event::GaveUp { reason, .. } => more_at(&self.gave_up, reason as usize),
            Event::FallbackUsed => more(&self.fallbacks),
            Event::BreakerChanged(Change::Opened { .. } | Change::ForcedOpen) => more(&self.breaker_opened),
            Event::BreakerChanged(Change::HalfOpened) => more(&self.breaker_half_opened),
            Event::BreakerChanged(Change::Closed | Change::Reset | Change::ForcedClosed) => more(&self.breaker_closed),
            // It lets calls pass as if it were not there, or is what it was elsewhere, or in this instance.
            Event::BreakerChanged(Change::ObserveOnly | Change::Restored(_) | Change::StoreFailed)
            | Event::StoreFailed => {}
            Event::BreakerChanged(Change::Late) | Event::Late => more(&self.late),
        }
    }
}
