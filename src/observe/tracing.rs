//! An observer whose spans and events are those of the crate `tracing`.

use core::cell::Cell;

use ::tracing::{Span, field};

use super::span::{AttemptScope, CallScope};
use super::{Change, Event, Observer};
use crate::failure::{cause_name, delivery_name};

/// Tells the component's `tracing` subscriber what happens to calls: spans and events with the target `steadfast` and
/// the facts as fields.
///
/// - Each call is a span `call` of level `INFO`. When the call is over, the span says how many `attempts` were made, and
///   the `outcome`: `succeeded`, or `gave-up` with the `reason`. A call that was dropped has no outcome, nor has one
///   whose result the judge [ignored](crate::Verdict::Ignored).
/// - In it, each attempt is a span `attempt` of level `DEBUG`, with its number as the field `attempt`. What the caller's
///   own code tells during an attempt belongs to it, however many calls are under way at once, and a call made within an
///   attempt is a span within its span.
/// - What happens between the attempts are events of the span `call`. Failures are warnings: an attempt that failed, one
///   that was turned away, a call that was given up, a circuit breaker that opened. Everything else is for debugging.
///
/// The span of a call belongs to the span in which the call is made, which can say what it was for. Around an awaited
/// call, [instrument](https://docs.rs/tracing/latest/tracing/trait.Instrument.html) its future.
///
/// ```
/// use steadfast::{Policy, Retry, RpcError, Traced};
///
/// static GREETER: Policy<(Retry, Traced)> =
///     Policy::new().retry(Retry::attempts(3)).observer(Traced);
///
/// let _span = tracing::info_span!("greet", name = "Ada").entered();
/// GREETER.call(|| Ok::<_, RpcError>("hi")).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Traced;

impl Observer for Traced {
    fn scope(&self) -> impl CallScope {
        let span = tracing::info_span!(
            target: "steadfast",
            "call",
            attempts = field::Empty,
            outcome = field::Empty,
            reason = field::Empty
        );
        CallSpan { span, attempts: Cell::new(0), ending: Cell::new(None) }
    }

    fn observe(&self, event: &Event) {
        match *event {
            Event::AttemptStarted { attempt } => tracing::debug!(target: "steadfast", attempt, "attempt started"),
            Event::AttemptSucceeded { attempt, .. } => {
                tracing::debug!(target: "steadfast", attempt, "attempt succeeded")
            }
            Event::AttemptFailed { attempt, cause, delivery } => tracing::warn!(
                target: "steadfast",
                attempt,
                cause = cause_name(cause),
                delivery = delivery_name(delivery),
                "attempt failed"
            ),
            Event::Delayed { attempt, delay } => {
                tracing::debug!(target: "steadfast", attempt, ?delay, "waiting before the next attempt")
            }
            Event::HedgeFired { attempt } => tracing::debug!(target: "steadfast", attempt, "hedging"),
            Event::Rejected { reason } => {
                tracing::warn!(target: "steadfast", reason = reason.name(), "attempt turned away")
            }
            Event::GaveUp { reason, attempts } => {
                tracing::warn!(target: "steadfast", reason = reason.name(), attempts, "gave up")
            }
            Event::BreakerChanged(Change::Opened { why, cause }) => {
                tracing::warn!(target: "steadfast", state = "open", %why, cause = cause_name(cause), "circuit breaker changed")
            }
            Event::BreakerChanged(Change::HalfOpened) => {
                tracing::debug!(target: "steadfast", state = "half-open", "circuit breaker changed")
            }
            Event::BreakerChanged(Change::Closed) => {
                tracing::debug!(target: "steadfast", state = "closed", "circuit breaker changed")
            }
            // Nothing that a field would say more about.
            event => tracing::debug!(target: "steadfast", "{event}"),
        }
    }
}

/// The span of a call, and what it is to say when that is over.
struct CallSpan {
    span: Span,
    attempts: Cell<u32>,
    /// What was told last of the events that may be the last.
    ending: Cell<Option<Event>>,
}

impl CallScope for CallSpan {
    type Attempt = AttemptSpan;

    fn observe(&self, observer: &impl Observer, event: &Event) {
        match event {
            Event::AttemptStarted { .. } => self.attempts.set(self.attempts.get().saturating_add(1)),
            Event::AttemptSucceeded { .. } | Event::GaveUp { .. } => self.ending.set(Some(*event)),
            _ => {}
        }
        self.span.in_scope(|| observer.observe(event));
    }

    fn attempt(&self, number: u32) -> AttemptSpan {
        let attempt = tracing::debug_span!(target: "steadfast", parent: &self.span, "attempt", attempt = number);
        // Where nobody wants to know of attempts, what is told within one still belongs to the call.
        AttemptSpan(if attempt.is_disabled() { self.span.clone() } else { attempt })
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.span.record("attempts", self.attempts.get());
        match self.ending.get() {
            Some(Event::GaveUp { reason, .. }) => {
                self.span.record("outcome", "gave-up");
                self.span.record("reason", reason.name());
            }
            Some(_) => {
                self.span.record("outcome", "succeeded");
            }
            None => {}
        }
    }
}

struct AttemptSpan(Span);

impl AttemptScope for AttemptSpan {
    fn within<T>(&self, attempt: impl FnOnce() -> T) -> T {
        self.0.in_scope(attempt)
    }
}

#[cfg(test)]
mod tests;
