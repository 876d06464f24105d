//! The trace that a call belongs to, in the headers of the message that makes it.

use async_nats::HeaderMap;

use crate::trace::{self, SpanContext, TRACEPARENT, TRACESTATE};

/// The headers of a call; none, if it belongs to no trace.
pub(super) fn of(context: &SpanContext) -> Option<HeaderMap> {
    let (parent, state) = trace::format(context)?;
    let mut headers = HeaderMap::new();
    headers.insert(TRACEPARENT, parent);
    if let Some(state) = state {
        headers.insert(TRACESTATE, state);
    }
    Some(headers)
}

/// The context in the headers of a call; none, if they have none that is valid.
pub(super) fn context(headers: Option<&HeaderMap>) -> SpanContext {
    let texts = |name: &'static str| {
        headers.into_iter().flat_map(move |headers| headers.get_all(name)).map(|value| value.as_str())
    };
    trace::parse(texts(TRACEPARENT), texts(TRACESTATE))
}
