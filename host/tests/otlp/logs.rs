//! What components print, as a collector gets it.

use crate::collector::Collector;
use crate::process::Steadfast;
use crate::{AT_THE_END, TRACE, traced};

#[tokio::test]
async fn lines_of_a_component_belong_to_the_trace_of_their_request() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<hostile>'\ninstances = 'reuse'";
    // Whatever the log on standard error shows.
    let variables = [AT_THE_END, ("RUST_LOG", "off")];
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &variables);
    assert_eq!(host.get("/forge", &traced()).await.0, 200);
    let other = "7".repeat(32);
    let parent = format!("00-{other}-00f067aa0ba902b7-01");
    assert_eq!(host.get("/forge", &[("traceparent", &parent)]).await.0, 200);
    let (status, log) = host.end().await;
    assert!(status.success() && log.is_empty(), "{log}");

    let lines = collector.sent.borrow().lines.clone();
    let seen: Vec<_> = lines.iter().map(|line| (line.trace.as_str(), line.severity.as_str())).collect();
    assert_eq!(seen, [(TRACE, "INFO"), (TRACE, "WARN"), (&other, "INFO"), (&other, "WARN")]);
    for (line, stream) in lines.iter().zip(["stdout", "stderr", "stdout", "stderr"]) {
        let request = collector.trace(&line.trace);
        assert_eq!(line.span, request[0].id, "it is of the request");
        assert!(line.service == "hostile" && line.text.contains("forged"), "{line:?}");
        assert_eq!(
            (line.attributes["component"].as_str(), line.attributes["stream"].as_str()),
            ("hostile.wasm", stream)
        );
    }
}

#[tokio::test]
async fn lines_of_a_called_component_belong_to_its_call() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\n[links]\n'test:guests/hostile' = { component = '<callee>' }";
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &[AT_THE_END, ("RUST_LOG", "off")]);
    assert_eq!(host.get("/print", &traced()).await, (200, "printed".into()));
    assert!(host.end().await.0.success());
    let spans = collector.trace(TRACE);
    let lines = collector.sent.borrow().lines.clone();
    assert!(lines.len() > 900 && lines.iter().all(|line| line.attributes["component"] == "callee.wasm"));
    let call = spans.iter().find(|span| span.name == "test:guests/hostile#print").expect("the call");
    let printed = lines.iter().filter(|line| line.text.starts_with("line ") || line.text == "no end of line");
    assert!(printed.clone().all(|line| line.span == call.id) && printed.count() > 900);
}

#[tokio::test]
async fn what_happens_to_an_instance_is_told_beside_the_access_log() {
    let collector = Collector::start(200).await;
    let manifest = "component = '<caller>'\n[links]\n'test:guests/hostile' = { component = '<callee>' }";
    let variables = [AT_THE_END, ("RUST_LOG", "info,steadfast::access=debug")];
    let host = Steadfast::serve(manifest, &["--otlp", &collector.url], &variables);
    for _ in 0..20 {
        host.get("/trap", &traced()).await;
    }
    assert!(host.end().await.0.success());
    let lines = collector.sent.borrow().lines.clone();
    let trapped = lines.iter().filter(|line| line.text.starts_with("trapped: "));
    assert_eq!(trapped.count(), 20, "{lines:?}");
}
