//! An observer whose events are those of the crate `tracing`.

use crate::event::{Change, Event, Observer};
use crate::failure::{cause_name, delivery_name};

/// Tells the component's `tracing` subscriber what happens to calls, with the target `steadfast` and the facts as
/// fields. Failures are warnings: an attempt that failed, one that was turned away, a call that was given up, a
/// circuit breaker that opened. Everything else is for debugging.
///
/// The events belong to the span in which the call is made, so a span around it says which call it was. With an
/// awaited call, [instrument](https://docs.rs/tracing/latest/tracing/trait.Instrument.html) its future.
///
/// ```
/// use steadfast::{Policy, Retry, RpcError, Traced};
///
/// static GREETER: Policy<(), Retry, (), (), (), (), Traced> =
///     Policy::new().retry(Retry::attempts(3)).observer(Traced);
///
/// let _span = tracing::info_span!("greet", name = "Ada").entered();
/// GREETER.call(|| Ok::<_, RpcError>("hi")).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Traced;

impl Observer for Traced {
    fn observe(&self, event: &Event) {
        match *event {
            Event::AttemptStarted { attempt } => tracing::debug!(target: "steadfast", attempt, "attempt started"),
            Event::AttemptSucceeded { attempt } => tracing::debug!(target: "steadfast", attempt, "attempt succeeded"),
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

#[cfg(test)]
mod tests {
    use core::fmt::{Debug, Write};
    use core::time::Duration;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span;

    use super::*;
    use crate::testing::{Script, TestClock};
    use crate::{Breaker, Cause, Delivery, Policy, Retry, RpcError};

    /// A subscriber that writes each event on a line.
    struct Lines(Arc<Mutex<Vec<String>>>);

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }

    impl tracing::Subscriber for Lines {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut fields = Fields(format!("{} {}:", event.metadata().level(), event.metadata().target()));
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn events_have_their_facts_as_fields_and_failures_are_warnings() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Lines(lines.clone()), || {
            let breaker = Breaker::consecutive_failures(2).open_for(Duration::from_secs(30));
            let policy = Policy::new().retry(Retry::attempts(3)).breaker(breaker).observer(Traced);
            let down = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
            let mut target = Script::new([down(), down(), Ok("probe")]);
            let clock = TestClock::new();
            policy.with(&clock).fallback(|_| "plain").call(|| target.next());
            policy.with(&clock).call(|| target.next()).unwrap_err();
            clock.advance(Duration::from_secs(30));
            policy.with(&clock).call(|| target.next()).unwrap();
            Traced.observe(&Event::HedgeFired { attempt: 2 });
        });
        let failed = "cause=\"no-target\" delivery=\"not-sent\"";
        let expected = [
            "DEBUG steadfast: message=attempt started attempt=1".to_string(),
            format!("WARN steadfast: message=attempt failed attempt=1 {failed}"),
            "DEBUG steadfast: message=waiting before the next attempt attempt=2 delay=50ms".into(),
            "DEBUG steadfast: message=attempt started attempt=2".into(),
            format!("WARN steadfast: message=attempt failed attempt=2 {failed}"),
            "WARN steadfast: message=circuit breaker changed state=\"open\" why=too many calls failed in a row cause=\"no-target\"".into(),
            "WARN steadfast: message=gave up reason=\"breaker-open\" attempts=2".into(),
            "DEBUG steadfast: message=the fallback answers".into(),
            "WARN steadfast: message=attempt turned away reason=\"breaker-open\"".into(),
            "WARN steadfast: message=gave up reason=\"breaker-open\" attempts=0".into(),
            "DEBUG steadfast: message=circuit breaker changed state=\"half-open\"".into(),
            "DEBUG steadfast: message=attempt started attempt=1".into(),
            "DEBUG steadfast: message=circuit breaker changed state=\"closed\"".into(),
            "DEBUG steadfast: message=attempt succeeded attempt=1".into(),
            "DEBUG steadfast: message=hedging attempt=2".into(),
        ];
        assert_eq!(*lines.lock().unwrap(), expected);
    }
}
