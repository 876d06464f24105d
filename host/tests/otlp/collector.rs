//! An OpenTelemetry collector for a test: it takes what the exporters really send.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use wasmtime_wasi_http::io::TokioIo;

use crate::process::PATIENCE;

/// A status with which it never answers.
pub const SILENCE: u16 = 0;

/// A span, as it was sent.
#[derive(Clone, Debug)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    /// Empty for the first of a trace.
    pub parent: String,
    pub state: String,
    pub attributes: BTreeMap<String, String>,
    /// The message of a status that is an error.
    pub error: Option<String>,
}

impl Span {
    pub fn is(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// A line that a component printed, as it was sent.
#[derive(Clone, Debug)]
pub struct Line {
    pub service: String,
    pub text: String,
    /// `INFO` or `WARN`.
    pub severity: String,
    pub trace: String,
    pub span: String,
    pub attributes: BTreeMap<String, String>,
}

/// The newest value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub unit: String,
    /// Of a histogram, how many there were.
    pub value: f64,
}

/// What it was sent.
#[derive(Clone, Default)]
pub struct Sent {
    /// Of spans.
    pub requests: usize,
    pub authorization: Option<String>,
    pub spans: Vec<Span>,
    pub lines: Vec<Line>,
    /// By the name of the metric and its attributes.
    pub figures: BTreeMap<(String, BTreeMap<String, String>), Figure>,
    /// Of whom the figures are.
    pub figures_of: Option<String>,
}

pub struct Collector {
    pub url: String,
    pub sent: watch::Receiver<Sent>,
    status: Arc<AtomicU16>,
}

impl Collector {
    /// One that answers with `status`, on a port of its own.
    pub async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (sender, sent) = watch::channel(Sent::default());
        let (sender, status) = (Arc::new(sender), Arc::new(AtomicU16::new(status)));
        let answer = status.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (sender, answer) = (sender.clone(), answer.clone());
                let service = service_fn(move |request| take(request, sender.clone(), answer.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
            }
        });
        Collector { url, sent, status }
    }

    /// From now on, it answers with `status`.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Waits until it was sent what is looked for.
    pub async fn wait_for(&self, enough: impl FnMut(&Sent) -> bool) -> Sent {
        let mut sent = self.sent.clone();
        let sent = tokio::time::timeout(PATIENCE, sent.wait_for(enough)).await.expect("it is sent");
        sent.expect("it is there as long as the test").clone()
    }

    /// The spans of a trace that it was sent so far, each after its parent.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        let mut left: Vec<_> = self.sent.borrow().spans.iter().filter(|span| span.trace == id).cloned().collect();
        let mut ordered: Vec<Span> = Vec::new();
        while !left.is_empty() {
            let next = left.iter().position(|span| !left.iter().any(|other| other.id == span.parent));
            ordered.push(left.remove(next.expect("no span is its own parent")));
        }
        ordered
    }
}

async fn take(
    request: Request<Incoming>,
    sent: Arc<watch::Sender<Sent>>,
    status: Arc<AtomicU16>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method().as_str(), "POST");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let path = request.uri().path().to_string();
    let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_string());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let status = status.load(Ordering::SeqCst);
    const OTLP: &str = "the protobuf of OTLP";
    sent.send_modify(|sent| {
        sent.authorization = authorization;
        sent.requests += usize::from(path == "/v1/traces");
        match path.as_str() {
            _ if status != 200 => {}
            "/v1/traces" => sent.spans.extend(spans(ExportTraceServiceRequest::decode(body).expect(OTLP))),
            "/v1/logs" => sent.lines.extend(lines(ExportLogsServiceRequest::decode(body).expect(OTLP))),
            "/v1/metrics" => figures(ExportMetricsServiceRequest::decode(body).expect(OTLP), sent),
            other => panic!("nothing is sent to {other}"),
        }
    });
    if status == SILENCE {
        std::future::pending::<()>().await;
    }
    Ok(Response::builder().status(status).body(Full::default()).unwrap())
}

fn spans(export: ExportTraceServiceRequest) -> impl Iterator<Item = Span> {
    export.resource_spans.into_iter().flat_map(|resource| {
        let service = attributes(resource.resource.unwrap().attributes)["service.name"].clone();
        resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(move |span| Span {
            service: service.clone(),
            kind: span.kind(),
            error: span.status.filter(|status| status.code == 2).map(|status| status.message),
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            state: span.trace_state,
            attributes: attributes(span.attributes),
        })
    })
}

fn lines(export: ExportLogsServiceRequest) -> impl Iterator<Item = Line> {
    export.resource_logs.into_iter().flat_map(|resource| {
        let service = attributes(resource.resource.unwrap().attributes)["service.name"].clone();
        resource.scope_logs.into_iter().flat_map(|scope| scope.log_records).map(move |record| Line {
            service: service.clone(),
            text: text(record.body),
            severity: record.severity_text,
            trace: hex(&record.trace_id),
            span: hex(&record.span_id),
            attributes: attributes(record.attributes),
        })
    })
}

fn figures(export: ExportMetricsServiceRequest, sent: &mut Sent) {
    for resource in export.resource_metrics {
        sent.figures_of = attributes(resource.resource.unwrap().attributes).remove("service.name");
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            let (name, unit) = (metric.name.clone(), metric.unit.clone());
            for (attributes, value) in points(metric) {
                sent.figures.insert((name.clone(), attributes), Figure { unit: unit.clone(), value });
            }
        }
    }
}

fn points(metric: Metric) -> Vec<(BTreeMap<String, String>, f64)> {
    let value = |value| match value {
        Some(number_data_point::Value::AsInt(number)) => number as f64,
        Some(number_data_point::Value::AsDouble(number)) => number,
        None => f64::NAN,
    };
    match metric.data.expect("a metric has a kind") {
        Data::Histogram(all) => {
            all.data_points.into_iter().map(|point| (attributes(point.attributes), point.count as f64)).collect()
        }
        Data::Sum(all) => {
            all.data_points.into_iter().map(|point| (attributes(point.attributes), value(point.value))).collect()
        }
        Data::Gauge(all) => {
            all.data_points.into_iter().map(|point| (attributes(point.attributes), value(point.value))).collect()
        }
        other => panic!("nothing is sent as {other:?}"),
    }
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
