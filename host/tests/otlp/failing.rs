//! Collectors that are down, refuse or say nothing cost no request anything, and keep no process from ending.

use crate::collector::{Collector, SILENCE};
use crate::process::Steadfast;

/// Often enough that a test sees several exports.
const OFTEN: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "10");

fn serve(url: &str, variables: &[(&str, &str)]) -> Steadfast {
    Steadfast::serve("component = '<caller>'", &["--otlp", url], variables)
}

async fn ask(host: &Steadfast) {
    assert_eq!(host.get("/unknown", &[]).await, (200, "unknown".into()));
}

#[tokio::test]
async fn a_collector_that_is_down_is_said_once() {
    // Free again at once: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let host = serve(&format!("http://{address}"), &[OFTEN]);
    ask(&host).await;
    host.says("cannot send spans").await;
    ask(&host).await;
    let (status, log) = host.end().await;
    assert!(status.success());
    let said = format!("WARN cannot send spans to http://{address}: connection error: ");
    assert!(log.matches(&said).count() == 1 && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_collector_that_refuses_is_said_once_and_that_it_takes_spans_again() {
    let collector = Collector::start(500).await;
    let host = serve(&collector.url, &[OFTEN]);
    for exports in 1..=3 {
        ask(&host).await;
        collector.wait_for(|sent| sent.requests >= exports).await;
    }
    collector.answer(200);
    ask(&host).await;
    host.says("takes spans again").await;
    let (status, log) = host.end().await;
    assert!(status.success());
    let said = ": it answers 500 Internal Server Error; they are lost until it takes them";
    assert!(log.matches(said).count() == 1 && log.matches("spans").count() == 3 && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_collector_that_speaks_no_tls_is_said() {
    let collector = Collector::start(200).await;
    let url = collector.url.replace("http", "https");
    let host = serve(&url, &[OFTEN]);
    ask(&host).await;
    host.says(&format!("cannot send spans to {url}: TLS error: ")).await;
    assert!(host.end().await.0.success());
}

#[tokio::test]
async fn a_collector_that_says_nothing_keeps_nobody_waiting() {
    let collector = Collector::start(SILENCE).await;
    // Without a bound of its own, the end would wait for this hour.
    let host = serve(&collector.url, &[OFTEN, ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")]);
    ask(&host).await;
    collector.wait_for(|sent| sent.requests == 1).await;
    ask(&host).await;
    let (status, log) = host.end().await;
    assert!(status.success());
    assert!(log.contains("the last spans were not taken within 2s, and are lost"), "{log}");
}

#[tokio::test]
async fn more_spans_than_are_kept_are_dropped_and_that_is_said() {
    let collector = Collector::start(SILENCE).await;
    let variables = [OFTEN, ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"), ("OTEL_BSP_MAX_QUEUE_SIZE", "4")];
    let host = serve(&collector.url, &variables);
    ask(&host).await;
    collector.wait_for(|sent| sent.requests == 1).await;
    for _ in 0..6 {
        ask(&host).await;
    }
    host.says("dropped a Span due to queue full").await;
    assert!(host.end().await.0.success());
}
