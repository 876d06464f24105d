//! Calls that are watched by a subscriber which writes down what it is told.

use core::cell::Cell;
use core::fmt::{Debug, Write};
use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Level, span};

use super::*;
use crate::platform::clock::AsyncClock;
use crate::testing::{ManualClock, Script, TestClock};
use crate::{Breaker, Cause, Delivery, Hedge, Policy, Retry, RpcError, Verdict};

/// Writes each event on a line, after the spans that it belongs to, and what each span says when it is closed. A span
/// has its name and a number: `call1/attempt2` is the second span of all, in the first.
#[derive(Clone)]
struct Lines {
    level: Level,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    spans: Vec<Written>,
    entered: Vec<u64>,
}

struct Written {
    path: String,
    fields: String,
    handles: u32,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Told {
    fn span(&mut self, id: u64) -> &mut Written {
        &mut self.spans[id as usize - 1]
    }

    fn path(&mut self, parent: Option<&span::Id>, contextual: bool) -> String {
        let current = self.entered.last().copied().filter(|_| contextual);
        let id = parent.map(span::Id::into_u64).or(current);
        id.map_or(String::new(), |id| self.span(id).path.clone())
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }
    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        assert_eq!(span.metadata().target() == "steadfast", ["call", "attempt"].contains(&span.metadata().name()));
        let mut told = self.told.lock().unwrap();
        let parent = told.path(span.parent(), span.is_contextual());
        let id = told.spans.len() as u64 + 1;
        let path = format!("{parent}{}{}{id}", if parent.is_empty() { "" } else { "/" }, span.metadata().name());
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        told.spans.push(Written { path, fields: fields.0, handles: 1 });
        span::Id::from_u64(id)
    }
    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        let mut told = self.told.lock().unwrap();
        let mut fields = Fields(core::mem::take(&mut told.span(id.into_u64()).fields));
        values.record(&mut fields);
        told.span(id.into_u64()).fields = fields.0;
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut told = self.told.lock().unwrap();
        let path = told.path(event.parent(), event.is_contextual());
        let mut fields = Fields(format!("{path}: {} {}:", event.metadata().level(), event.metadata().target()));
        event.record(&mut fields);
        told.lines.push(fields.0);
    }
    fn enter(&self, id: &span::Id) {
        self.told.lock().unwrap().entered.push(id.into_u64());
    }
    fn exit(&self, id: &span::Id) {
        assert_eq!(self.told.lock().unwrap().entered.pop(), Some(id.into_u64()), "left before one within it");
    }
    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.told.lock().unwrap().span(id.into_u64()).handles += 1;
        id.clone()
    }
    fn try_close(&self, id: span::Id) -> bool {
        let mut told = self.told.lock().unwrap();
        let span = told.span(id.into_u64());
        span.handles -= 1;
        let closed = span.handles == 0;
        if closed {
            let line = format!("{} closed:{}", span.path, span.fields);
            told.lines.push(line);
        }
        closed
    }
}

/// What a subscriber to events and spans of a level is told.
fn lines_of(level: Level, tell: impl FnOnce()) -> Vec<String> {
    let told = Arc::new(Mutex::new(Told::default()));
    tracing::subscriber::with_default(Lines { level, told: told.clone() }, tell);
    let mut told = told.lock().unwrap();
    assert!(told.entered.is_empty() && told.spans.iter().all(|span| span.handles == 0));
    core::mem::take(&mut told.lines)
}

/// What the caller's own code tells.
fn asked(whom: &str) {
    tracing::info!(target: "example", whom);
}

fn down() -> RpcError {
    RpcError::new(Cause::NoTarget, Delivery::NotSent)
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn events_have_their_facts_as_fields_and_failures_are_warnings() {
    let lines = lines_of(Level::DEBUG, || {
        let breaker = Breaker::consecutive_failures(2).open_for(Duration::from_secs(30));
        let policy = Policy::new().retry(Retry::attempts(3)).breaker(breaker).observer(Traced);
        let mut target = Script::new([Err(down()), Err(down()), Ok("probe")]);
        let clock = TestClock::new();
        policy.with(&clock).fallback(|_| "plain").call(|| target.next());
        policy.with(&clock).call(|| target.next()).unwrap_err();
        clock.advance(Duration::from_secs(30));
        policy.with(&clock).call(|| target.next()).unwrap();
        Traced.observe(&Event::HedgeFired { attempt: 2 });
    });
    let failed = "cause=\"no-target\" delivery=\"not-sent\"";
    let expected = [
        "call1: DEBUG steadfast: message=attempt started attempt=1".to_string(),
        "call1/attempt2 closed: attempt=1".into(),
        format!("call1: WARN steadfast: message=attempt failed attempt=1 {failed}"),
        "call1: DEBUG steadfast: message=waiting before the next attempt attempt=2 delay=50ms".into(),
        "call1: DEBUG steadfast: message=attempt started attempt=2".into(),
        "call1/attempt3 closed: attempt=2".into(),
        format!("call1: WARN steadfast: message=attempt failed attempt=2 {failed}"),
        "call1: WARN steadfast: message=circuit breaker changed state=\"open\" why=too many calls failed in a row cause=\"no-target\"".into(),
        "call1: WARN steadfast: message=gave up reason=\"breaker-open\" attempts=2".into(),
        "call1 closed: attempts=2 outcome=\"gave-up\" reason=\"breaker-open\"".into(),
        ": DEBUG steadfast: message=the fallback answers".into(),
        "call4: WARN steadfast: message=attempt turned away reason=\"breaker-open\"".into(),
        "call4: WARN steadfast: message=gave up reason=\"breaker-open\" attempts=0".into(),
        "call4 closed: attempts=0 outcome=\"gave-up\" reason=\"breaker-open\"".into(),
        "call5: DEBUG steadfast: message=circuit breaker changed state=\"half-open\"".into(),
        "call5: DEBUG steadfast: message=attempt started attempt=1".into(),
        "call5/attempt6 closed: attempt=1".into(),
        "call5: DEBUG steadfast: message=circuit breaker changed state=\"closed\"".into(),
        "call5: DEBUG steadfast: message=attempt succeeded attempt=1".into(),
        "call5 closed: attempts=1 outcome=\"succeeded\"".into(),
        ": DEBUG steadfast: message=hedging attempt=2".into(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_the_caller_tells_belongs_to_the_attempt_and_a_call_within_it_is_a_span_within() {
    let lines = lines_of(Level::INFO, || {
        let policy = Policy::new().retry(Retry::attempts(2)).observer(Traced);
        let clock = TestClock::new();
        let outcome = tracing::info_span!("page").in_scope(|| {
            policy.with(&clock).call(|| {
                asked("outer");
                policy
                    .with(&clock)
                    .call(|| {
                        asked("inner");
                        Ok::<_, RpcError>(7)
                    })
                    .map_err(RpcError::from)
            })
        });
        assert_eq!(outcome, Ok(7));
    });
    // Without the spans of attempts, which are for debugging, the span of the call is the one.
    let expected = [
        "page1/call2: INFO example: whom=\"outer\"",
        "page1/call2/call3: INFO example: whom=\"inner\"",
        "page1/call2/call3 closed: attempts=1 outcome=\"succeeded\"",
        "page1/call2 closed: attempts=1 outcome=\"succeeded\"",
        "page1 closed:",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn calls_that_are_awaited_at_the_same_time_have_each_its_own_spans() {
    let lines = lines_of(Level::DEBUG, || {
        let policy = Policy::new().observer(Traced);
        let clock = ManualClock::new();
        let call = policy.with(&clock);
        let turns = [const { Cell::new(0) }; 2];
        let mut calls = [("one", &turns[0]), ("other", &turns[1])].map(|(whom, turn)| {
            let call = &call;
            Box::pin(call.call_async(async move || {
                asked(whom);
                poll_fn(|_| if turn.get() == 0 { Poll::Pending } else { Poll::Ready(()) }).await;
                asked(whom);
                Ok::<_, RpcError>(())
            }))
        });
        assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
        asked("nobody");
        turns.iter().for_each(|turn| turn.set(1));
        assert!(calls.iter_mut().rev().all(|call| poll(call.as_mut()).is_ready()));
    });
    let expected = [
        "call1: DEBUG steadfast: message=attempt started attempt=1",
        "call1/attempt2: INFO example: whom=\"one\"",
        "call3: DEBUG steadfast: message=attempt started attempt=1",
        "call3/attempt4: INFO example: whom=\"other\"",
        ": INFO example: whom=\"nobody\"",
        "call3/attempt4: INFO example: whom=\"other\"",
        "call3/attempt4 closed: attempt=1",
        "call3: DEBUG steadfast: message=attempt succeeded attempt=1",
        "call3 closed: attempts=1 outcome=\"succeeded\"",
        "call1/attempt2: INFO example: whom=\"one\"",
        "call1/attempt2 closed: attempt=1",
        "call1: DEBUG steadfast: message=attempt succeeded attempt=1",
        "call1 closed: attempts=1 outcome=\"succeeded\"",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_hedge_has_a_span_beside_that_of_the_attempt_that_is_slow() {
    let lines = lines_of(Level::DEBUG, || {
        let policy = Policy::new().hedge(Hedge::after(Duration::from_millis(100))).observer(Traced);
        let clock = ManualClock::new();
        let started = Cell::new(0);
        let call = policy.with(&clock).idempotent();
        let outcome = clock.run(call.call_hedged(async || {
            started.set(started.get() + 1);
            let first = started.get() == 1;
            asked(if first { "slow" } else { "quick" });
            clock.sleep_async(Duration::from_millis(if first { 1_000 } else { 10 })).await;
            asked(if first { "slow" } else { "quick" });
            Ok::<_, RpcError>(())
        }));
        assert_eq!(outcome, Ok(()));
    });
    let expected = [
        "call1: DEBUG steadfast: message=attempt started attempt=1",
        "call1/attempt2: INFO example: whom=\"slow\"",
        "call1: DEBUG steadfast: message=hedging attempt=2",
        "call1: DEBUG steadfast: message=attempt started attempt=2",
        "call1/attempt3: INFO example: whom=\"quick\"",
        "call1/attempt3: INFO example: whom=\"quick\"",
        "call1/attempt3 closed: attempt=2",
        "call1: DEBUG steadfast: message=attempt succeeded attempt=2",
        "call1/attempt2 closed: attempt=1",
        "call1 closed: attempts=2 outcome=\"succeeded\"",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_call_that_is_dropped_and_one_whose_result_is_ignored_have_no_outcome() {
    let lines = lines_of(Level::INFO, || {
        let policy = Policy::new().observer(Traced);
        let clock = TestClock::new();
        {
            let call = policy.with(&clock);
            let mut dropped = pin!(call.call_async(async || pending::<Result<(), RpcError>>().await));
            assert!(poll(dropped.as_mut()).is_pending());
        }
        let ignore = |_: &Result<u32, RpcError>| Verdict::Ignored;
        assert_eq!(policy.with(&clock).judge(ignore).call(|| Ok(7)), Ok(7));
    });
    assert_eq!(lines, ["call1 closed: attempts=1", "call2 closed: attempts=1"]);
}

#[test]
fn a_subscriber_that_wants_none_of_it_is_told_nothing() {
    let lines = lines_of(Level::ERROR, || {
        let policy = Policy::new().retry(Retry::attempts(2)).observer(Traced);
        let clock = TestClock::new();
        policy.with(&clock).call(|| Err::<(), _>(down())).unwrap_err();
    });
    assert!(lines.is_empty(), "{lines:?}");
}
