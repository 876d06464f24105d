//! The trace of a request, in the headers of its calls, where nobody exports spans.

use async_nats::HeaderMap;
use futures_util::StreamExt;

use crate::{Caller, Provider, Server};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The headers of the call that follows from a request with `headers`.
async fn sent(caller: &Caller, calls: &mut async_nats::Subscriber, headers: &[(&str, &str)]) -> Option<HeaderMap> {
    tokio::select! {
        call = calls.next() => call.expect("a call").headers,
        answer = caller.get_with("/count", headers) => panic!("nobody answered the call: {answer:?}"),
    }
}

#[tokio::test]
async fn the_trace_of_a_request_is_in_the_headers_of_its_calls() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    let (_peer, mut calls) = server.subscriber("test.wrpc.0.0.1.>").await;
    let request = [("traceparent", PARENT), ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")];
    let headers = sent(&caller, &mut calls, &request).await.expect("headers");
    for (name, value) in request {
        assert_eq!(headers.get(name).map(|value| value.as_str()), Some(value));
    }
    // Beside them, how long the caller waits.
    assert_eq!(headers.len(), 3);
}

#[tokio::test]
async fn a_request_without_a_trace_or_with_none_that_is_valid_is_a_call_without_one() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    let (_peer, mut calls) = server.subscriber("test.wrpc.0.0.1.>").await;
    let long = "x".repeat(16 << 10);
    for request in [
        &[][..],
        &[("tracestate", "a=b")],
        &[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
        &[("traceparent", PARENT), ("traceparent", PARENT)],
        &[("traceparent", &long), ("tracestate", &long)],
    ] {
        let headers = sent(&caller, &mut calls, request).await.unwrap_or_default();
        assert!(headers.get("traceparent").is_none() && headers.get("tracestate").is_none(), "{headers:?}");
    }
}

#[tokio::test]
async fn a_call_is_served_whatever_its_headers_are() {
    let Some(server) = Server::start().await else { return };
    let _provider = Provider::start(&server.url());
    let client = server.client().await;
    let long = "x".repeat(256 << 10);
    for values in [&[""][..], &["none"], &[PARENT, PARENT], &[&long], &vec!["00-"; 10_000], &["ä\u{1f980}"]] {
        let inbox = client.new_inbox();
        let mut results = client.subscribe(format!("{inbox}.results")).await.unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", *value);
            headers.append("tracestate", *value);
        }
        // `refuse: func(why: string) -> result<u32, string>`
        let subject = "test.wrpc.0.0.1.test:guests/values@0.1.0.refuse";
        client.publish_with_reply_and_headers(subject, inbox, headers, vec![2, b'n', b'o'].into()).await.unwrap();
        assert_eq!(results.next().await.unwrap().payload, [1, 2, b'n', b'o'][..]);
    }
}
