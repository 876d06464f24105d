//! Spans, metrics and logs of real processes, as a collector gets them; and collectors that are down, refuse or say
//! nothing.
#![cfg(all(unix, feature = "otlp"))]

mod collector;
mod dashboard;
mod failing;
mod logs;
mod metrics;
#[cfg(feature = "wrpc")]
mod nats;
mod page;
mod process;
#[cfg(feature = "wrpc")]
#[path = "../nats/server.rs"]
#[allow(dead_code, reason = "the tests of links need more of it")]
mod server;

use collector::{Collector, Span};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use process::Steadfast;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A request that is a part of a trace.
fn traced() -> [(&'static str, &'static str); 2] {
    [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("tracestate", "rojo=1,congo=2")]
}

/// So long that only the end of the process sends spans.
const AT_THE_END: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "3600000");

/// Kind, name and the place of the parent in the list, for spans that follow from each other.
fn shape(spans: &[Span]) -> Vec<(SpanKind, &str, Option<usize>)> {
    let parent = |span: &Span| spans.iter().position(|other| other.id == span.parent);
    spans.iter().map(|span| (span.kind, span.name.as_str(), parent(span))).collect()
}

const CHAIN: &str = "component = '<chain>'\n[links]\n'acme:letters/letters' = { component = '<chain-letters>' }\n\
                     'acme:greeter/api' = { component = '<greeter>' }\n";

#[tokio::test]
async fn calls_within_a_process_are_children_of_the_call_that_made_them() {
    let collector = Collector::start(200).await;
    let host = Steadfast::serve(CHAIN, &["--otlp", &collector.url], &[AT_THE_END]);
    assert_eq!(host.get("/Ada", &traced()).await.0, 200);
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(
        shape(&spans),
        [
            (SpanKind::Server, "GET", None),
            (SpanKind::Client, "acme:letters/letters#write", Some(0)),
            (SpanKind::Client, "acme:greeter/api#greet", Some(1)),
        ]
    );
    assert!(spans.iter().all(|span| span.service == "chain" && span.error.is_none() && span.state == "rojo=1,congo=2"));
}

#[tokio::test]
async fn the_attempts_of_a_guest_are_spans_beside_each_other() {
    let collector = Collector::start(200).await;
    let fault = "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nfirst = 2";
    let host = Steadfast::serve(&format!("{CHAIN}{fault}"), &["--otlp", &collector.url], &[AT_THE_END]);
    assert_eq!(host.get("/Ada", &traced()).await.0, 200);
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    let greet = (SpanKind::Client, "acme:greeter/api#greet", Some(1));
    assert_eq!(shape(&spans)[2..], [greet; 3]);
    let outcomes: Vec<_> =
        spans[2..].iter().map(|span| (span.is("error.type"), span.is("steadfast.delivery"))).collect();
    let failed = ("no-target", "not-sent");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == failed).count(), 2, "{outcomes:?}");
    assert!(spans[2..].iter().any(|span| span.error.as_deref() == Some("injected: nothing serves this")));
}

#[tokio::test]
async fn a_request_without_a_valid_trace_begins_one() {
    let collector = Collector::start(200).await;
    let host = Steadfast::serve("component = '<caller>'", &["--otlp", &collector.url], &[AT_THE_END]);
    for headers in [&[][..], &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]] {
        assert_eq!(host.get("/unknown?secret=sesame", headers).await.0, 200);
    }
    assert_eq!(host.get("/panic-here", &[]).await.0, 500);
    assert!(host.end().await.0.success());
    let spans = collector.sent.borrow().spans.clone();
    let mut traces: Vec<_> = spans.iter().map(|span| span.trace.as_str()).collect();
    traces.sort();
    traces.dedup();
    assert!(spans.len() == 3 && traces.len() == 3 && !traces.contains(&TRACE), "{spans:?}");
    assert!(spans.iter().all(|span| span.parent.is_empty() && span.trace.len() == 32));
    for (path, status, error) in [("/unknown", "200", ""), ("/panic-here", "500", "500")] {
        let span = spans.iter().find(|span| span.is("url.path") == path).expect(path);
        assert_eq!((span.is("http.response.status_code"), span.is("error.type")), (status, error));
        assert_eq!((span.is("http.request.method"), span.error.is_some()), ("GET", status == "500"));
    }
    assert!(!format!("{spans:?}").contains("sesame"));
}

#[tokio::test]
async fn the_span_of_an_answer_that_is_cut_short_fails() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<hostile>'\nrequest-timeout = '500ms'";
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &[AT_THE_END]);
    assert_eq!(host.get("/forever", &traced()).await, (200, "cut short".into()));
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(spans[0].is("error.type"), "disconnected");
    assert_eq!(spans[0].error.as_deref(), Some("no answer within the request timeout of 500ms"));
}

#[tokio::test]
async fn a_host_that_stops_waits_for_what_works_on_after_its_answer() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\nhttp.upstreams.'hostile.test' = { component = '<hostile>' }";
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &[AT_THE_END]);
    let answer = host.get("/fetch/http://hostile.test/afterwards", &traced()).await;
    assert_eq!(answer, (200, "200 abc".into()));
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans)[2..], [(SpanKind::Server, "GET", Some(1))]);
    // One that is cut off has no status.
    assert_eq!(spans[2].is("http.response.status_code"), "200");
}

#[tokio::test]
async fn a_guests_own_requests_are_a_part_of_the_trace() {
    let collector = Collector::start(200).await;
    // Whoever it is, what is granted is sent the trace.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let manifest = format!(
        "component = '<caller>'\n[http]\nallow = ['{address}']\nupstreams.'quotes.test' = {{ component = '<quotes>' }}"
    );
    let host = Steadfast::serve(&manifest, &["--otlp", &collector.url], &[AT_THE_END]);
    let request = traced();
    let out = format!("/fetch/http://{address}/path?secret=sesame");
    let (answer, head) = tokio::join!(host.get(&out, &request), async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap().into());
        }
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        head
    });
    assert_eq!(answer, (200, "404 ".into()));
    let inner = host.get("/fetch/http://quotes.test/quote", &[]).await;
    assert_eq!(inner, (200, "200 Everything fails, all the time.".into()));
    assert!(host.end().await.0.success());

    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans), [(SpanKind::Server, "GET", None), (SpanKind::Client, "GET", Some(0))]);
    assert_eq!(spans[0].parent, PARENT);
    let client = &spans[1];
    assert!(head.contains(&format!("traceparent: 00-{TRACE}-{}-01\r\n", client.id)), "{head}");
    assert!(head.contains("tracestate: rojo=1,congo=2\r\n"), "{head}");
    assert_eq!(client.is("url.full"), format!("http://{address}/path"));
    assert_eq!(
        (client.is("server.address"), client.is("server.port")),
        ("127.0.0.1", address.port().to_string().as_str())
    );
    assert_eq!((client.is("http.response.status_code"), client.is("error.type")), ("404", "404"));

    let other = collector.sent.borrow().spans.iter().find(|span| span.trace != TRACE).unwrap().trace.clone();
    let get = |kind, parent| (kind, "GET", parent);
    let expected = [get(SpanKind::Server, None), get(SpanKind::Client, Some(0)), get(SpanKind::Server, Some(1))];
    assert_eq!(shape(&collector.trace(&other)), expected);
}

#[tokio::test]
async fn the_variables_of_the_specification_are_honoured() {
    let collector = Collector::start(200).await;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let traces = format!("{}/v1/traces", collector.url);
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str());
    for (variables, service) in [
        (&[endpoint][..], "caller"),
        (&[traces], "caller"),
        // An address that is none is for nothing here.
        (
            &[
                traces,
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "none"),
                ("OTEL_METRICS_EXPORTER", "none"),
                ("OTEL_LOGS_EXPORTER", "none"),
            ],
            "caller",
        ),
        (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], ""),
        (&[endpoint, ("OTEL_SERVICE_NAME", "named")], "named"),
        (&[endpoint, ("OTEL_RESOURCE_ATTRIBUTES", "service.name=given,a=b")], "given"),
        (&[endpoint, ("OTEL_TRACES_SAMPLER", "always_off")], ""),
        (&[], ""),
    ] {
        let before = collector.sent.borrow().spans.len();
        let host = Steadfast::serve("component = '<caller>'", &[], variables);
        assert_eq!(host.get("/unknown", &[]).await.0, 200);
        assert!(host.end().await.0.success());
        let spans = collector.sent.borrow().spans[before..].to_vec();
        let services: Vec<_> = spans.iter().map(|span| span.service.as_str()).collect();
        assert_eq!(services, if service.is_empty() { vec![] } else { vec![service] }, "{variables:?}");
    }
}

#[tokio::test]
async fn a_secret_in_a_header_is_sent_and_never_logged() {
    let collector = Collector::start(200).await;
    let variables =
        [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sesame"), ("RUST_LOG", "trace"), AT_THE_END];
    let host = Steadfast::serve("component = '<caller>'", &["--otlp", &collector.url], &variables);
    assert_eq!(host.get("/unknown", &[]).await.0, 200);
    let (status, log) = host.end().await;
    assert!(status.success());
    assert_eq!(collector.sent.borrow().authorization.as_deref(), Some("Bearer sesame"));
    assert!(!log.is_empty() && !log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn each_run_of_a_job_is_a_trace_of_its_own() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\n[links]\n'test:guests/hostile' = { component = '<callee>' }\n\
                    [[cron]]\ncall = 'test:guests/hostile#count'\nevery = '10ms'";
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &[("OTEL_BSP_SCHEDULE_DELAY", "10")]);
    let spans = collector.wait_for(|sent| sent.spans.len() >= 2).await.spans;
    assert!(host.end().await.0.success());
    assert_eq!(shape(&spans[..2]), [(SpanKind::Client, "test:guests/hostile#count", None); 2]);
    assert!(spans[0].trace != spans[1].trace && spans.iter().all(|span| span.parent.is_empty()), "{spans:?}");
}

#[tokio::test]
async fn a_call_ends_when_the_time_of_its_request_is_over() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\nrequest-timeout = '500ms'\ninvocation-timeout = '1h'\n\
                    [links]\n'test:guests/hostile' = { component = '<callee>' }";
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &[AT_THE_END]);
    assert_eq!(host.get("/spin", &traced()).await.0, 504);
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans)[1..], [(SpanKind::Client, "test:guests/hostile#spin", Some(0))]);
    assert_eq!((spans[0].is("error.type"), spans[1].is("error.type")), ("504", "timeout"));
}

#[tokio::test]
async fn a_call_whose_client_went_away_is_abandoned() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\nrequest-timeout = '1h'\ninvocation-timeout = '1h'\nclient-left = 'end'\n\
                    [links]\n'test:guests/hostile' = { component = '<callee>' }";
    let options = ["--admin", "127.0.0.1:0", "--otlp", &collector.url];
    let host = Steadfast::serve(manifest, &options, &[AT_THE_END]);
    let under_way = async || host.metrics().await.contains("\nsteadfast_call_active{} 1\n");
    let headers = traced();
    tokio::select! {
        answer = host.get("/spin", &headers) => panic!("{answer:?}"),
        () = async { while !under_way().await {} } => {}
    }
    // The request was dropped, and its connection with it.
    while under_way().await {}
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    assert_eq!(shape(&spans)[1..], [(SpanKind::Client, "test:guests/hostile#spin", Some(0))]);
    assert_eq!(spans[1].is("error.type"), "abandoned");
    assert_eq!(spans[1].error.as_deref(), Some("whoever waited for it went away"));
}
