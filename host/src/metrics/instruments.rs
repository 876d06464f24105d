//! What counts. Each function does nothing where metrics are off.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use opentelemetry::KeyValue;
#[cfg(feature = "metrics")]
use opentelemetry::metrics::Meter;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use tokio::time::Instant;

use super::breakers::Breakers;
use super::instruments;
use super::table::*;
use crate::excerpt::excerpt;
use crate::failure::Failure;
use crate::trace::known_method;

/// Bounds of the buckets that the semantic conventions want for durations, in seconds.
#[cfg(feature = "metrics")]
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(super) struct Instruments {
    calls: Histogram<f64>,
    served: Histogram<f64>,
    requests: Histogram<f64>,
    sent: Histogram<f64>,
    repeated: Counter<u64>,
    calls_active: UpDownCounter<i64>,
    calls_waiting: UpDownCounter<i64>,
    requests_active: UpDownCounter<i64>,
    instances: UpDownCounter<i64>,
    started: Counter<u64>,
    trapped: Counter<u64>,
    memory: UpDownCounter<i64>,
    messages: Counter<u64>,
    messages_active: UpDownCounter<i64>,
    breakers: Arc<Breakers>,
}

#[cfg(feature = "metrics")]
impl Instruments {
    pub fn new(meter: &Meter) -> Self {
        let histogram = |metric: &Metric| {
            let builder = meter.f64_histogram(metric.name).with_unit(metric.unit).with_description(metric.help);
            builder.with_boundaries(BUCKETS.to_vec()).build()
        };
        let counter = |metric: &Metric| {
            meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.help).build()
        };
        let gauge = |metric: &Metric| {
            meter.i64_up_down_counter(metric.name).with_unit(metric.unit).with_description(metric.help).build()
        };
        let breakers = Arc::new(Breakers::default());
        let seen = breakers.clone();
        let shown = meter.u64_observable_gauge(BREAKERS.name).with_unit(BREAKERS.unit);
        shown
            .with_description(BREAKERS.help)
            .with_callback(move |observer| {
                seen.each(|name, is| {
                    for state in super::breakers::State::ALL {
                        let attributes =
                            [KeyValue::new(BREAKER, name.to_string()), KeyValue::new(BREAKER_STATE, state.name())];
                        observer.observe(u64::from(state == is), &attributes);
                    }
                });
            })
            .build();
        let instruments = Instruments {
            calls: histogram(&CALLS),
            served: histogram(&SERVED),
            requests: histogram(&REQUESTS),
            sent: histogram(&SENT),
            repeated: counter(&REPEATED),
            calls_active: gauge(&CALLS_ACTIVE),
            calls_waiting: gauge(&CALLS_WAITING),
            requests_active: gauge(&REQUESTS_ACTIVE),
            instances: gauge(&INSTANCES),
            started: counter(&STARTED),
            trapped: counter(&TRAPPED),
            memory: gauge(&MEMORY),
            messages: counter(&MESSAGES),
            messages_active: gauge(&MESSAGES_ACTIVE),
            breakers,
        };
        // Series whose labels are known are there from the beginning.
        MESSAGE_EVENTS.iter().for_each(|event| instruments.messages.add(0, &[KeyValue::new(MESSAGE_EVENT, *event)]));
        instruments.calls_active.add(0, &[]);
        instruments.memory.add(0, &[]);
        instruments.messages_active.add(0, &[]);
        instruments
    }
}

/// The error of what its caller no longer waited for.
const ABANDONED: &str = "abandoned";

/// Times a call or a request. Dropped before its end, it is of one that was abandoned.
pub(crate) struct Timed {
    histogram: &'static Histogram<f64>,
    began: Instant,
    attributes: Vec<KeyValue>,
    over: bool,
    _active: Option<Active>,
}

impl Timed {
    fn begin(histogram: &'static Histogram<f64>, attributes: Vec<KeyValue>) -> Self {
        Timed { histogram, began: Instant::now(), attributes, over: false, _active: None }
    }

    /// Ends it with the outcome of a call, or a request that has no answer.
    pub fn end(mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            self.attributes.push(KeyValue::new(ERROR_TYPE, failure.cause.name()));
            self.attributes.push(KeyValue::new(DELIVERY, failure.delivery.name()));
        }
        self.over = true;
    }

    /// Ends it with an answer; `fails` says from which status on it is an error.
    pub fn answered(mut self, status: StatusCode, fails: u16) {
        self.attributes.push(KeyValue::new(HTTP_STATUS, i64::from(status.as_u16())));
        if status.as_u16() >= fails {
            self.attributes.push(KeyValue::new(ERROR_TYPE, status.as_str().to_string()));
        }
        self.over = true;
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if !self.over {
            self.attributes.push(KeyValue::new(ERROR_TYPE, ABANDONED));
        }
        self.histogram.record(self.began.elapsed().as_secs_f64(), &self.attributes);
    }
}

/// One more of something, until this is dropped.
pub(crate) struct Active {
    gauge: &'static UpDownCounter<i64>,
    attributes: Vec<KeyValue>,
}

impl Active {
    fn begin(gauge: &'static UpDownCounter<i64>, attributes: Vec<KeyValue>) -> Self {
        gauge.add(1, &attributes);
        Active { gauge, attributes }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.gauge.add(-1, &self.attributes);
    }
}

fn named(key: &'static str, name: &str) -> KeyValue {
    KeyValue::new(key, excerpt(name).into_owned())
}

fn rpc(target: &str) -> Vec<KeyValue> {
    vec![KeyValue::new(RPC_SYSTEM, "wrpc"), named(RPC_METHOD, target)]
}

/// A call of `target` is made, `acme:greeter/api#greet`.
pub(crate) fn call(target: &str) -> Option<Timed> {
    instruments().map(|all| {
        let mut timed = Timed::begin(&all.calls, rpc(target));
        timed._active = Some(Active::begin(&all.calls_active, Vec::new()));
        timed
    })
}

/// A call of another process is served.
#[cfg(feature = "wrpc")]
pub(crate) fn served(target: &str) -> Option<Timed> {
    instruments().map(|all| Timed::begin(&all.served, rpc(target)))
}

/// The last call of `target` failed, and here is another.
pub(crate) fn repeated(target: &str) {
    if let Some(all) = instruments() {
        all.repeated.add(1, &[named(RPC_METHOD, target)]);
    }
}

/// A call waits for the one instance of `component`.
pub(crate) fn waiting(component: &str) -> Option<Active> {
    instruments().map(|all| Active::begin(&all.calls_waiting, vec![named(COMPONENT, component)]))
}

fn incoming(method: &Method) -> Vec<KeyValue> {
    vec![KeyValue::new(HTTP_METHOD, known_method(method).unwrap_or("_OTHER")), KeyValue::new(SCHEME, "http")]
}

/// A request came in.
pub(crate) fn http_server(method: &Method) -> Option<Timed> {
    instruments().map(|all| Timed::begin(&all.requests, incoming(method)))
}

/// A component works on a request.
pub(crate) fn active_request(method: &Method) -> Option<Active> {
    instruments().map(|all| Active::begin(&all.requests_active, incoming(method)))
}

/// A component sends a request to a place that the manifest names, or to one that it does not grant.
pub(crate) fn http_client(method: &Method, place: impl FnOnce() -> Option<(String, Option<u16>)>) -> Option<Timed> {
    instruments().map(|all| {
        let mut attributes = vec![KeyValue::new(HTTP_METHOD, known_method(method).unwrap_or("_OTHER"))];
        let (server, port) = place().unwrap_or_else(|| ("_OTHER".into(), None));
        attributes.push(named(SERVER, &server));
        attributes.extend(port.map(|port| KeyValue::new(PORT, i64::from(port))));
        Timed::begin(&all.sent, attributes)
    })
}

/// What an instance does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Busy,
    Idle,
}

/// An instance that is there, until this is dropped.
pub(crate) struct Present {
    component: Arc<str>,
    active: Active,
}

impl Present {
    /// One that was made, and works.
    pub fn new(component: &str) -> Option<Self> {
        instruments().map(|all| {
            let component: Arc<str> = excerpt(component).into();
            all.started.add(1, &[KeyValue::new(COMPONENT, component.clone())]);
            Present { active: Present::is_now(all, &component, State::Busy), component }
        })
    }

    /// From now on it does this.
    pub fn is(&mut self, state: State) {
        if let Some(all) = instruments() {
            self.active = Present::is_now(all, &self.component, state);
        }
    }

    fn is_now(all: &'static Instruments, component: &Arc<str>, state: State) -> Active {
        let state = match state {
            State::Busy => "busy",
            State::Idle => "idle",
        };
        let attributes = vec![KeyValue::new(COMPONENT, component.clone()), KeyValue::new(INSTANCE_STATE, state)];
        Active::begin(&all.instances, attributes)
    }
}

/// An instance of `component` trapped.
pub(crate) fn trapped(component: &str) {
    if let Some(all) = instruments() {
        all.trapped.add(1, &[named(COMPONENT, component)]);
    }
}

/// Instances have so many bytes more, or less.
pub(crate) fn memory(change: i64) {
    if let Some(all) = instruments().filter(|_| change != 0) {
        all.memory.add(change, &[]);
    }
}

/// Something became of a message.
#[cfg(feature = "wrpc")]
pub(crate) fn message(event: &'static str) {
    if let Some(all) = instruments() {
        all.messages.add(1, &[KeyValue::new(MESSAGE_EVENT, event)]);
    }
}

/// A message is here.
#[cfg(feature = "wrpc")]
pub(crate) fn message_here() -> Option<Active> {
    instruments().map(|all| Active::begin(&all.messages_active, Vec::new()))
}

/// A key of a store was read or written, and has this value; none, where it was counted up.
pub(crate) fn store_asked(key: &str, value: Option<&[u8]>) {
    if let Some(all) = instruments() {
        all.breakers.see(key, value);
    }
}
