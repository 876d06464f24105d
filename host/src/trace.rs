//! The trace that a call belongs to, as data that travels with it, and the spans of what the host does.
//!
//! Spans go to the tracer provider that the process has ([`opentelemetry::global`]). Where it has none, a span is its
//! parent: so a trace that others began passes through to those who are called.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanId, Status, TraceContextExt, TraceFlags, TraceState, Tracer as _,
};
pub(crate) use opentelemetry::trace::{SpanContext, SpanKind, TraceId};
use opentelemetry::{Context, ContextGuard, InstrumentationScope, KeyValue, global};

use crate::failure::Failure;

/// The headers of <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// Longer trace states are left out: four times what the specification asks everybody to pass on.
const MAX_STATE: usize = 2048;

/// The most of a text that comes from elsewhere, in bytes.
const MAX_TEXT: usize = 1024;

/// The context in the headers of a request; none, if they have none that is valid.
pub(crate) fn extract(headers: &HeaderMap) -> SpanContext {
    let texts = |name| headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default());
    parse(texts(TRACEPARENT), texts(TRACESTATE))
}

/// Writes a context into the headers of a request, unless they have one.
pub(crate) fn inject(context: &SpanContext, headers: &mut HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        return;
    }
    let Some((parent, state)) = format(context) else { return };
    for (name, value) in [(TRACEPARENT, Some(parent)), (TRACESTATE, state)] {
        // A state that no header can have is none that `parse` made.
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(name, value);
        }
    }
}

/// The context in the values of the two headers; none, unless there is exactly one `traceparent`, and it is valid.
pub(crate) fn parse<'a>(
    mut parents: impl Iterator<Item = &'a str>,
    states: impl Iterator<Item = &'a str>,
) -> SpanContext {
    let (Some(parent), None) = (parents.next(), parents.next()) else { return SpanContext::NONE };
    match parse_parent(parent) {
        Some((trace, span, flags)) => SpanContext::new(trace, span, flags, true, parse_states(states)),
        None => SpanContext::NONE,
    }
}

/// Stricter than the parser of `opentelemetry_sdk`, which also takes ids that are too short, or have a sign.
fn parse_parent(parent: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = parent.split_at_checked("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".len())?;
    let mut parts = known.split('-');
    let mut hex = |length| {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        parts.next().filter(|part| part.len() == length && part.bytes().all(digit))
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    // Later versions may have more, after another hyphen.
    if version == "ff" || !(rest.is_empty() || version != "00" && rest.starts_with('-')) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    // The other flags are for later versions to define.
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

fn parse_states<'a>(states: impl Iterator<Item = &'a str>) -> TraceState {
    let mut list = String::new();
    for state in states {
        if list.len() + state.len() > MAX_STATE || !state.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return TraceState::NONE;
        }
        list.extend([state, ","]);
    }
    list.parse().unwrap_or_default()
}

/// The values of `traceparent` and, where there is a state, of `tracestate`; none of a context that is none.
pub(crate) fn format(context: &SpanContext) -> Option<(String, Option<String>)> {
    context.is_valid().then(|| {
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        let parent = format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id());
        let state = context.trace_state().header();
        (parent, (!state.is_empty()).then_some(state))
    })
}

/// Until what this returns is dropped, what this thread logs belongs to a context, if that is one.
pub(crate) fn within(context: &SpanContext) -> Option<ContextGuard> {
    context.is_valid().then(|| Context::new().with_remote_span_context(context.clone()).attach())
}

/// Makes spans. It has nothing to make them with where the process has no tracer provider: then a span is its parent.
pub(crate) struct Tracer(Option<BoxedTracer>);

impl Tracer {
    /// Of the tracer provider that the process has now.
    pub fn new() -> Self {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION"));
        let tracer = global::tracer_with_scope(scope.build());
        Tracer((!passes_on(&tracer)).then_some(tracer))
    }

    /// Begins the span of a call of `target`, `acme:greeter/api#greet`.
    pub fn call(&self, kind: SpanKind, target: &str, parent: &SpanContext) -> Span {
        self.begin(kind, target, parent, || {
            vec![KeyValue::new("rpc.system.name", "wrpc"), KeyValue::new("rpc.method", target.to_string())]
        })
    }

    /// Begins the span of a request that came in.
    pub fn incoming(&self, method: &Method, uri: &Uri, parent: &SpanContext) -> Span {
        self.request(SpanKind::Server, method, parent, || {
            vec![KeyValue::new("url.scheme", "http"), KeyValue::new("url.path", text(uri.path()))]
        })
    }

    /// Begins the span of a request that a guest sends.
    pub fn outgoing(&self, method: &Method, uri: &Uri, parent: &SpanContext) -> Span {
        self.request(SpanKind::Client, method, parent, || {
            let scheme = uri.scheme_str().unwrap_or_default();
            let host = uri.host().unwrap_or_default();
            let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
            vec![
                KeyValue::new("server.address", text(host)),
                KeyValue::new("server.port", i64::from(port)),
                // A query, a user or a password may be secrets.
                KeyValue::new("url.full", text(&format!("{scheme}://{host}:{port}{}", uri.path()))),
            ]
        })
    }

    fn request(
        &self,
        kind: SpanKind,
        method: &Method,
        parent: &SpanContext,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Span {
        let known = known_method(method);
        self.begin(kind, known.unwrap_or("HTTP"), parent, || {
            let mut attributes = attributes();
            attributes.push(KeyValue::new("http.request.method", known.unwrap_or("_OTHER")));
            attributes
        })
    }

    /// Attributes are made only for a span that somebody will see.
    fn begin(
        &self,
        kind: SpanKind,
        name: &str,
        parent: &SpanContext,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Span {
        let Some(tracer) = &self.0 else { return Span { context: parent.clone(), seen: None, ended: false } };
        let context = match parent.is_valid() {
            true => Context::new().with_remote_span_context(parent.clone()),
            false => Context::new(),
        };
        let builder = SpanBuilder::from_name(name.to_string()).with_kind(kind.clone());
        let mut span = tracer.build_with_context(builder, &context);
        if span.is_recording() {
            span.set_attributes(attributes());
        }
        Span { context: span.span_context().clone(), seen: Some((span, kind)), ended: false }
    }
}

/// Whether the spans of `tracer` are their parents, as they are in a process that has no tracer provider. The span that
/// shows it is suppressed, so that no provider exports it.
fn passes_on(tracer: &BoxedTracer) -> bool {
    let (trace, span) = (TraceId::from(1), SpanId::from(1));
    let parent = SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, true, TraceState::NONE);
    let context = Context::new().with_remote_span_context(parent.clone()).with_telemetry_suppressed();
    *tracer.build_with_context(SpanBuilder::from_name(""), &context).span_context() == parent
}

/// A name and a method from a small set, whatever a client sends.
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    match method.as_str() {
        "CONNECT" => Some("CONNECT"),
        "DELETE" => Some("DELETE"),
        "GET" => Some("GET"),
        "HEAD" => Some("HEAD"),
        "OPTIONS" => Some("OPTIONS"),
        "PATCH" => Some("PATCH"),
        "POST" => Some("POST"),
        "PUT" => Some("PUT"),
        "TRACE" => Some("TRACE"),
        _ => None,
    }
}

/// A span under way. One that is dropped is of a call that was abandoned.
pub(crate) struct Span {
    context: SpanContext,
    /// None where it is its parent.
    seen: Option<(BoxedSpan, SpanKind)>,
    ended: bool,
}

impl Span {
    /// The context of whatever happens within it.
    pub fn context(&self) -> SpanContext {
        self.context.clone()
    }

    /// Ends it with the outcome of a call.
    pub fn end(mut self, failure: Option<&Failure>) {
        self.ended = true;
        let (Some((span, _)), Some(failure)) = (&mut self.seen, failure) else { return };
        if span.is_recording() {
            span.set_attribute(KeyValue::new("error.type", failure.cause.to_string()));
            span.set_attribute(KeyValue::new("steadfast.delivery", failure.delivery.to_string()));
            span.set_status(Status::error(text(&failure.message)));
        }
    }

    /// Ends it with an answer. A status of 4xx is the fault of whoever sent the request.
    pub fn answered(mut self, status: StatusCode) {
        self.ended = true;
        let Some((span, kind)) = &mut self.seen else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() || status.is_client_error() && *kind == SpanKind::Client {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_string()));
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some((span, _)) = &mut self.seen else { return };
        if !self.ended {
            span.set_attribute(KeyValue::new("error.type", "abandoned"));
            span.set_status(Status::error("whoever waited for it went away"));
        }
        span.end();
    }
}

/// As much of a text as a span may have.
fn text(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parsed(parents: &[&str], states: &[&str]) -> Option<(String, Option<String>)> {
        format(&parse(parents.iter().copied(), states.iter().copied()))
    }

    #[test]
    fn without_a_provider_a_span_is_its_parent() {
        let tracer = Tracer::new();
        assert!(tracer.0.is_none());
        for parent in [SpanContext::NONE, parse([PARENT].into_iter(), ["rojo=1"].into_iter())] {
            assert_eq!(tracer.call(SpanKind::Client, "acme:greeter/api#greet", &parent).context(), parent);
        }
    }

    #[test]
    fn a_context_goes_on_as_it_came() {
        let state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
        assert_eq!(parsed(&[PARENT], &[]), Some((PARENT.into(), None)));
        assert_eq!(parsed(&[PARENT], &[state]), Some((PARENT.into(), Some(state.into()))));
        // As a list may be spread over several headers.
        assert_eq!(parsed(&[PARENT], &["rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE"]).unwrap().1.unwrap(), state);
        let unsampled = PARENT.replace("-01", "-00");
        assert_eq!(parsed(&[&unsampled], &[]), Some((unsampled.clone(), None)));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for later in
            [PARENT.replacen("00", "cc", 1), PARENT.replacen("00", "cc", 1) + "-more", PARENT.replace("-01", "-ff")]
        {
            assert_eq!(parsed(&[&later], &[]), Some((PARENT.into(), None)), "{later}");
        }
    }

    #[test]
    fn a_parent_that_is_not_valid_is_none() {
        let long = format!("{PARENT}-{}", "x".repeat(100_000));
        for parent in [
            "",
            "-",
            "00",
            &PARENT[1..],
            &PARENT[..54],
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-more"),
            &format!("{PARENT} "),
            &format!(" {PARENT}"),
            &PARENT.replace("4bf9", "+bf9"),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &PARENT.replace("4bf92f", "ä4bf2"),
            &PARENT.replacen("-4", "4-", 1),
            &long,
            &"-".repeat(100_000),
            &"ä".repeat(55),
        ] {
            assert_eq!(parsed(&[parent], &["a=b"]), None, "{parent}");
        }
        assert_eq!(parsed(&[PARENT, PARENT], &[]), None, "two parents");
    }

    #[test]
    fn a_state_that_is_not_valid_or_too_long_is_left_out() {
        let members = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for state in ["none", "a=b,none", "A=b", "a=b\r\nc: d", "a=\u{7f}", "a=ä", &"a=b,".repeat(1000)] {
            assert_eq!(parsed(&[PARENT], &[state]), Some((PARENT.into(), None)), "{state}");
        }
        assert_eq!(parsed(&[PARENT], &vec!["a=b"; 1000]), Some((PARENT.into(), None)));
        // Of more than the specification allows, those in front are the latest.
        assert_eq!(parsed(&[PARENT], &[&members(40)]).unwrap().1.unwrap(), members(32));
    }

    #[test]
    fn a_context_is_written_into_headers_that_have_none() {
        let context = parse([PARENT].into_iter(), ["a=b"].into_iter());
        let mut headers = HeaderMap::new();
        inject(&context, &mut headers);
        assert_eq!((&headers[TRACEPARENT], &headers[TRACESTATE]), (&PARENT.parse().unwrap(), &"a=b".parse().unwrap()));
        assert_eq!(extract(&headers), context);

        headers.clear();
        headers.insert(TRACEPARENT, "the guest's own".parse().unwrap());
        inject(&context, &mut headers);
        assert_eq!((&headers[TRACEPARENT], headers.len()), (&"the guest's own".parse().unwrap(), 1));

        headers.clear();
        inject(&SpanContext::NONE, &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn where_nobody_wants_spans_a_span_is_its_parent() {
        let parent = parse([PARENT].into_iter(), ["a=b"].into_iter());
        let span = Tracer::new().call(SpanKind::Client, "a:b/c#d", &parent);
        assert_eq!(span.context(), parent);
        assert_eq!(Tracer::new().call(SpanKind::Client, "a:b/c#d", &SpanContext::NONE).context(), SpanContext::NONE);
    }
}
