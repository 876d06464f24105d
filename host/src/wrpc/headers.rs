//! What a call says of itself in the headers of the message that makes it: the trace that it belongs to, how many calls
//! led to it, and how long its caller waits.

use async_nats::HeaderMap;
use tokio::time::Instant;

use crate::deadline;
use crate::lattice::{Invocation, MAX_DEPTH};
use crate::trace::{self, SpanContext, TRACEPARENT, TRACESTATE};

/// How many calls deep a call is, so that a circle of providers ends as one within a process does; where it is not said,
/// the call is the first.
const DEPTH: &str = "steadfast-depth";

/// How many milliseconds the caller waits from when it sends this. No point in time: the clocks of two machines differ.
const DEADLINE: &str = "steadfast-deadline";

/// The headers of a call; none, if there is nothing to say.
pub(super) fn of(invocation: &Invocation) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some((parent, state)) = trace::format(&invocation.trace) {
        headers.insert(TRACEPARENT, parent);
        if let Some(state) = state {
            headers.insert(TRACESTATE, state);
        }
    }
    if invocation.depth > 1 {
        headers.insert(DEPTH, invocation.depth.to_string());
    }
    if let Some(end) = invocation.deadline {
        headers.insert(DEADLINE, deadline::written(end));
    }
    (!headers.is_empty()).then_some(headers)
}

/// How many bytes they take of a message.
pub(super) fn length(headers: &HeaderMap) -> usize {
    let line = |name: &async_nats::HeaderName, value: &async_nats::HeaderValue| {
        AsRef::<str>::as_ref(name).len() + ": \r\n".len() + value.as_str().len()
    };
    let lines = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| line(name, value)));
    "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>()
}

/// The context in the headers of a call; none, if they have none that is valid.
pub(super) fn context(headers: Option<&HeaderMap>) -> SpanContext {
    let texts = |name: &'static str| {
        headers.into_iter().flat_map(move |headers| headers.get_all(name)).map(|value| value.as_str())
    };
    trace::parse(texts(TRACEPARENT), texts(TRACESTATE))
}

/// How many calls led to this one; more than are allowed are one too many.
pub(super) fn depth(headers: Option<&HeaderMap>) -> u32 {
    let depth = headers.and_then(|headers| headers.get(DEPTH)).and_then(|depth| depth.as_str().parse().ok());
    depth.unwrap_or(1).min(MAX_DEPTH + 1)
}

/// When the caller waits no longer, counted from now; none, where it does not say so.
pub(super) fn deadline(headers: Option<&HeaderMap>) -> Option<Instant> {
    deadline::read(headers?.get_all(DEADLINE).map(|value| value.as_str()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_counted_from_when_it_is_read() {
        let read = |texts: &[&str]| {
            let mut headers = HeaderMap::new();
            texts.iter().for_each(|text| headers.append(DEADLINE, *text));
            deadline(Some(&headers)).map(|end| end - Instant::now())
        };
        assert_eq!(read(&["1500"]), Some(Duration::from_millis(1500)));
        assert_eq!(read(&["0"]), Some(Duration::ZERO));
        assert_eq!(read(&["1500", "soon", "700"]), Some(Duration::from_millis(700)));
        assert_eq!(read(&["soon"]), None);
        assert_eq!(deadline(None), None);
    }

    #[test]
    fn a_depth_is_at_most_one_more_than_is_allowed_whatever_a_header_says() {
        for (text, read) in [
            ("2", 2),
            ("16", MAX_DEPTH),
            ("17", MAX_DEPTH + 1),
            ("4294967295", MAX_DEPTH + 1),
            ("4294967296", 1),
            ("-1", 1),
            ("", 1),
            ("many", 1),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DEPTH, text);
            assert_eq!(depth(Some(&headers)), read, "{text}");
        }
        assert_eq!(depth(None), 1);
    }
}
