//! One trace over a NATS server: from the request to the call at the provider.

use futures_util::StreamExt;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::collector::{Collector, Span};
use crate::process::Steadfast;
use crate::server::Server;
use crate::{AT_THE_END, PARENT, TRACE, shape, traced};

/// A host whose links lead to the server, once it is connected.
async fn host(server: &Server, arguments: &[&str]) -> Steadfast {
    let manifest = format!(
        "component = '<caller>'\n[links]\n'test:guests/hostile' = {{ nats = '{}', prefix = 'test' }}",
        server.url()
    );
    let host = Steadfast::serve(&manifest, arguments, &[AT_THE_END]);
    while host.get("/count", &[]).await.1.contains("disconnected") {
        tokio::task::yield_now().await;
    }
    host
}

#[tokio::test]
async fn a_trace_leads_from_the_request_to_the_provider_and_says_where_a_call_failed() {
    let Some(server) = Server::start().await else { return };
    let collector = Collector::start(200).await;
    let otlp = ["--otlp", collector.url.as_str()];
    let url = server.url();
    let provider =
        Steadfast::provide("callee", &[&["--nats", &url, "--prefix", "test"], &otlp[..]].concat(), &[AT_THE_END]);
    let host = host(&server, &otlp).await;

    let failing = "7".repeat(32);
    let parent = format!("00-{failing}-{PARENT}-01");
    assert_eq!(host.get("/count", &traced()).await.0, 200);
    assert_eq!(host.get("/trap", &[("traceparent", &parent)]).await.0, 502);
    assert!(host.end().await.0.success());
    assert!(provider.end().await.0.success());

    let expected = |target: &'static str| {
        [(SpanKind::Server, "GET", None), (SpanKind::Client, target, Some(0)), (SpanKind::Server, target, Some(1))]
    };
    let services = |spans: &[Span]| spans.iter().map(|span| span.service.clone()).collect::<Vec<_>>();
    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans), expected("test:guests/hostile#count"));
    assert_eq!(services(&spans), ["caller", "caller", "callee"]);
    assert_eq!(spans[0].parent, PARENT);
    assert!(spans.iter().all(|span| span.state == "rojo=1,congo=2" && span.error.is_none()), "{spans:?}");
    assert_eq!((spans[0].is("url.path"), spans[0].is("http.response.status_code")), ("/count", "200"));
    for span in &spans[1..] {
        assert_eq!((span.is("rpc.system.name"), span.is("rpc.method")), ("wrpc", "test:guests/hostile#count"));
        assert_eq!(span.is("error.type"), "");
    }

    let spans = collector.trace(&failing);
    assert_eq!(shape(&spans), expected("test:guests/hostile#trap"));
    assert_eq!((spans[0].is("error.type"), spans[0].error.is_some()), ("502", true));
    for span in &spans[1..] {
        assert_eq!((span.is("error.type"), span.is("steadfast.delivery")), ("trapped", "delivered"));
        assert!(span.error.as_ref().unwrap().starts_with("`callee.wasm` trapped: "), "{span:?}");
    }
}

#[tokio::test]
async fn a_peer_is_sent_the_span_of_the_call() {
    let Some(server) = Server::start().await else { return };
    let collector = Collector::start(200).await;
    let host = host(&server, &["--otlp", &collector.url]).await;
    let (_peer, mut calls) = server.subscriber("test.wrpc.0.0.1.>").await;
    let request = traced();
    let (call, answer) = tokio::join!(calls.next(), host.get("/count", &request));
    // The peer does not answer.
    assert_eq!(answer.0, 504);
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    let target = "test:guests/hostile#count";
    assert_eq!(shape(&spans), [(SpanKind::Server, "GET", None), (SpanKind::Client, target, Some(0))]);
    assert_eq!((spans[1].is("error.type"), spans[1].is("steadfast.delivery")), ("timeout", "unknown"));
    let headers = call.expect("a call").headers.expect("headers");
    let header = |name: &str| headers.get(name).expect("a header").to_string();
    assert_eq!(header("traceparent"), format!("00-{TRACE}-{}-01", spans[1].id));
    assert_eq!(header("tracestate"), "rojo=1,congo=2");
}

#[tokio::test]
async fn calls_that_a_provider_refuses_have_their_span_too() {
    let Some(server) = Server::start().await else { return };
    let collector = Collector::start(200).await;
    let arguments = ["--nats", &server.url(), "--prefix", "test", "--calls", "0", "--otlp", &collector.url];
    let provider = Steadfast::provide("callee", &arguments, &[AT_THE_END]);
    let host = host(&server, &[]).await;
    // The host exports nothing, and passes the trace on as it came.
    assert_eq!(host.get("/count", &traced()).await.0, 503);
    assert!(host.end().await.0.success());
    assert!(provider.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans), [(SpanKind::Server, "test:guests/hostile#count", None)]);
    assert_eq!((spans[0].parent.as_str(), spans[0].is("error.type")), (PARENT, "overloaded"));
}
