//! An observer that counts, for a handler to serve.

use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Change, Event, Observer};
use crate::failure::{CAUSES, Cause, Reason, cause_name};

/// In the order in which they are declared: a reason's place is its number.
const REASONS: [Reason; 12] = [
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
/// The counters only grow, and wrap around at 2^64. They are read one after the other, so a [`Snapshot`] that is taken
/// in the middle of a call may have an attempt without its outcome.
///
/// ```
/// use steadfast::testing::{Script, TestClock};
/// use steadfast::{Cause, Counters, Delivery, Policy, Retry, RpcError};
///
/// static COUNTERS: Counters = Counters::new();
/// static GREETER: Policy<(), Retry, (), (), (), (), &Counters> =
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

/// What [`Counters`] had counted at one moment. As text ([`Display`](fmt::Display)) it is what a Prometheus server reads
/// (text format 0.0.4, content type `text/plain; version=0.0.4`).
///
/// ```
/// use steadfast::Counters;
///
/// let text = Counters::new().snapshot().to_string();
/// assert!(text.starts_with("# HELP steadfast_attempts_total Attempts that began.\n# TYPE steadfast_attempts_total counter\n"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
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
            // It lets calls pass as if it were not there, or is what it was elsewhere.
            Event::BreakerChanged(Change::ObserveOnly | Change::Restored(_)) => {}
            Event::BreakerChanged(Change::Late) | Event::Late => more(&self.late),
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        plain(f, "attempts", "Attempts that began.", self.attempts)?;
        plain(f, "successes", "Attempts that succeeded.", self.successes)?;
        let causes = CAUSES.map(|cause| (cause_name(cause), self.failures.of(cause)));
        labelled(f, "failures", "Attempts that failed.", "cause", &causes)?;
        plain(f, "retries", "Retries that were decided on.", self.retries)?;
        plain(f, "hedges", "Attempts that began beside a slow one.", self.hedges)?;
        let reasons = REASONS.map(|reason| (reason.name(), self.rejections.of(reason)));
        labelled(f, "rejections", "Attempts that were turned away before they reached the wire.", "reason", &reasons)?;
        let reasons = REASONS.map(|reason| (reason.name(), self.gave_up.of(reason)));
        labelled(f, "gave_up", "Calls that were given up.", "reason", &reasons)?;
        plain(f, "fallbacks", "Calls that a fallback answered.", self.fallbacks)?;
        let states =
            [("open", self.breaker_opened), ("half-open", self.breaker_half_opened), ("closed", self.breaker_closed)];
        labelled(f, "breaker_changes", "Changes of a circuit breaker, by what it became.", "state", &states)?;
        plain(f, "late_outcomes", "Outcomes that came too late to count for the circuit breaker.", self.late)
    }
}

fn head(f: &mut fmt::Formatter<'_>, name: &str, help: &str) -> fmt::Result {
    write!(f, "# HELP steadfast_{name}_total {help}\n# TYPE steadfast_{name}_total counter\n")
}

fn plain(f: &mut fmt::Formatter<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    head(f, name, help)?;
    writeln!(f, "steadfast_{name}_total {value}")
}

/// Those that are zero too: a series that begins with 1 hides its first increase from `rate()`.
fn labelled(f: &mut fmt::Formatter<'_>, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
    head(f, name, help)?;
    for (key, value) in values {
        writeln!(f, "steadfast_{name}_total{{{label}=\"{key}\"}} {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, Script, TestClock};
    use crate::{Breaker, Delivery, Hedge, LastGood, Policy, Retry, RpcError};
    use core::time::Duration;

    fn down() -> Result<&'static str, RpcError> {
        Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
    }

    #[test]
    fn everything_that_happens_is_counted_once() {
        static COUNTERS: Counters = Counters::new();
        let policy = Policy::new()
            .retry(Retry::attempts(3))
            .breaker(Breaker::consecutive_failures(3).open_for(Duration::from_secs(30)))
            .observer(&COUNTERS);
        let clock = TestClock::new();
        let mut target = Script::new([down(), Ok("hi"), down(), down(), down(), Ok("probe")]);
        policy.with(&clock).call(|| target.next()).unwrap();
        policy.with(&clock).call(|| target.next()).unwrap_err();
        assert_eq!(policy.with(&clock).fallback(|_| "plain").call(|| target.next()), "plain");
        clock.advance(Duration::from_secs(30));
        policy.with(&clock).call(|| target.next()).unwrap();

        let counted = COUNTERS.snapshot();
        assert_eq!((counted.attempts, counted.successes, counted.failures.total()), (6, 2, 4));
        assert_eq!((counted.failures.of(Cause::NoTarget), counted.failures.of(Cause::Other)), (4, 0));
        assert_eq!((counted.retries, counted.hedges, counted.fallbacks, counted.late), (3, 0, 1, 0));
        assert_eq!((counted.rejections.of(Reason::BreakerOpen), counted.rejections.total()), (1, 1));
        assert_eq!((counted.gave_up.of(Reason::BreakerOpen), counted.gave_up.of(Reason::Attempts)), (1, 1));
        assert_eq!(counted.gave_up.total(), 2);
        assert_eq!((counted.breaker_opened, counted.breaker_half_opened, counted.breaker_closed), (1, 1, 1));
    }

    #[test]
    fn hedges_and_stale_answers_are_counted() {
        use crate::platform::clock::AsyncClock;
        static COUNTERS: Counters = Counters::new();
        let policy = Policy::new().hedge(Hedge::after(Duration::from_millis(100))).observer(&COUNTERS);
        let clock = ManualClock::new();
        let last = LastGood::new(Duration::from_secs(60));
        let call = policy.with(&clock).idempotent().stale_if_error(&last);
        let slow = async || {
            clock.sleep_async(Duration::from_secs(1)).await;
            Ok::<_, RpcError>("slow")
        };
        clock.run(call.call_hedged(slow)).unwrap();
        clock.run(call.call_hedged(async || down())).unwrap();
        let counted = COUNTERS.snapshot();
        assert_eq!((counted.attempts, counted.successes, counted.hedges, counted.fallbacks), (3, 1, 1, 1));
        (&COUNTERS).observe(&Event::Late);
        assert_eq!(COUNTERS.snapshot().late, 1);
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let counters = Counters::new();
        for number in 0..12 {
            (&counters).observe(&Event::AttemptStarted { attempt: number });
        }
        (&counters).observe(&Event::GaveUp { reason: Reason::NotIdempotent, attempts: 2 });
        let text = counters.snapshot().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "# HELP steadfast_attempts_total Attempts that began.",
                "# TYPE steadfast_attempts_total counter",
                "steadfast_attempts_total 12",
            ]
        );
        assert!(lines.contains(&"steadfast_gave_up_total{reason=\"not-idempotent\"} 1"));
        assert!(lines.contains(&"steadfast_breaker_changes_total{state=\"half-open\"} 0"));
        assert!(text.ends_with('\n'));
        // Each name once, each series once.
        for unique in
            [lines.iter().filter(|line| line.starts_with("# TYPE")).collect::<Vec<_>>(), lines.iter().collect()]
        {
            let mut sorted = unique.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), unique.len());
        }
        let expected = 6 + CAUSES.len() + 2 * REASONS.len() + 3;
        assert_eq!(lines.iter().filter(|line| !line.starts_with('#')).count(), expected);
    }
}
