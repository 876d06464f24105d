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
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
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

/// What it was sent.
#[derive(Clone, Default)]
pub struct Sent {
    pub requests: usize,
    pub authorization: Option<String>,
    pub spans: Vec<Span>,
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
        let sent = tokio::time::timeout(PATIENCE, sent.wait_for(enough)).await.expect("spans are sent");
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
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_string());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let export = ExportTraceServiceRequest::decode(body).expect("the protobuf of OTLP");
    let status = status.load(Ordering::SeqCst);
    sent.send_modify(|sent| {
        sent.requests += 1;
        sent.authorization = authorization;
        if status == 200 {
            sent.spans.extend(spans(export));
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

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
