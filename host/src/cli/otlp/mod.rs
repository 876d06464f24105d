//! `--otlp`: where the spans, the metrics and the logs of a command that serves go.

mod client;
mod quiet;

use std::env;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use http::uri::Authority;
use hyper::Uri;
use opentelemetry::{Key, global};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::SdkTracerProvider;
use steadfast_host::{Error, Metrics};
use tokio::runtime;

use super::log;
use client::Client;
use quiet::Quiet;

/// How long a command that ends waits for what is left to be taken.
const FLUSH: Duration = Duration::from_secs(2);

/// How long an export may take, where no variable says so.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(super) struct Otlp {
    /// The OpenTelemetry collector to send spans, metrics and logs to, like http://127.0.0.1:4318; without it, the one in
    /// the environment variable OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and its like. Where none
    /// is given, they go nowhere.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// What is sent.
struct Signal {
    what: &'static str,
    path: &'static str,
    /// The variable that turns it off with `none`.
    exporter: &'static str,
    endpoint: &'static str,
    timeout: &'static str,
}

const SPANS: Signal = Signal {
    what: "spans",
    path: "/v1/traces",
    exporter: "OTEL_TRACES_EXPORTER",
    endpoint: opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    timeout: opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
};

const METRICS: Signal = Signal {
    what: "metrics",
    path: "/v1/metrics",
    exporter: "OTEL_METRICS_EXPORTER",
    endpoint: opentelemetry_otlp::OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    timeout: opentelemetry_otlp::OTEL_EXPORTER_OTLP_METRICS_TIMEOUT,
};

const LOGS: Signal = Signal {
    what: "logs",
    path: "/v1/logs",
    exporter: "OTEL_LOGS_EXPORTER",
    endpoint: opentelemetry_otlp::OTEL_EXPORTER_OTLP_LOGS_ENDPOINT,
    timeout: opentelemetry_otlp::OTEL_EXPORTER_OTLP_LOGS_TIMEOUT,
};

fn failed(problem: &dyn fmt::Display) -> Error {
    Error::Otlp { problem: problem.to_string() }
}

impl Otlp {
    /// From now on, this process sends what it has to the collector, if there is one, until what this returns is dropped.
    /// It counts, where that goes to a collector or to a `page`. Without a name for the service in the environment, it is
    /// that of `component`.
    pub fn start(&self, component: &Path, page: bool) -> Result<Exporting, Error> {
        let (spans, metrics, logs) = (self.endpoint(&SPANS)?, self.endpoint(&METRICS)?, self.endpoint(&LOGS)?);
        let mut exporting = Exporting { tracer: None, metrics: None, logger: None };
        if let Some(endpoint) = spans {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint.to_string())
                .with_http_client(client(&SPANS, &endpoint)?)
                .build();
            let exporter = Quiet(exporter.map_err(|error| failed(&error))?);
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
            let provider = provider.with_resource(resource(component)).build();
            global::set_tracer_provider(provider.clone());
            exporting.tracer = Some(provider);
        }
        let pushed = match &metrics {
            None => None,
            Some(endpoint) => {
                let exporter = opentelemetry_otlp::MetricExporter::builder()
                    .with_http()
                    .with_protocol(Protocol::HttpBinary)
                    .with_endpoint(endpoint.to_string())
                    .with_http_client(client(&METRICS, endpoint)?)
                    .build();
                Some(PeriodicReader::builder(Quiet(exporter.map_err(|error| failed(&error))?)).build())
            }
        };
        if page || pushed.is_some() {
            exporting.metrics = Some(Metrics::start(|provider| {
                let provider = provider.with_resource(resource(component));
                match pushed {
                    Some(pushed) => provider.with_reader(pushed),
                    None => provider,
                }
            }));
        }
        if let Some(endpoint) = logs {
            let exporter = opentelemetry_otlp::LogExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint.to_string())
                .with_http_client(client(&LOGS, &endpoint)?)
                .build();
            let exporter = Quiet(exporter.map_err(|error| failed(&error))?);
            let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter);
            let provider = provider.with_resource(resource(component)).build();
            log::export(&provider);
            exporting.logger = Some(provider);
        }
        Ok(exporting)
    }

    fn endpoint(&self, signal: &Signal) -> Result<Option<Uri>, Error> {
        let variable = |name| env::var(name).ok().filter(|url| !url.is_empty());
        if variable(signal.exporter).is_some_and(|exporter| exporter == "none") {
            return Ok(None);
        }
        // As the specification has them: the first is for one signal alone, and complete.
        let (url, path, name) = if let Some(url) = &self.otlp {
            (url.clone(), signal.path, "--otlp")
        } else if let Some(url) = variable(signal.endpoint) {
            (url, "", signal.endpoint)
        } else if let Some(url) = variable(opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT) {
            (url, signal.path, opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT)
        } else {
            return Ok(None);
        };
        let wrong = |problem: &str| Error::Otlp { problem: format!("the address in {name} {problem}") };
        if url.contains('@') {
            return Err(wrong(
                "has a user or a password in it, which is no place for them; give a header in the environment variable \
                 OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        let base = if path.is_empty() { &url } else { url.trim_end_matches('/') };
        let reachable = |uri: &Uri| {
            let complete = |authority: &Authority| {
                !authority.host().is_empty() && (authority.port_u16().is_some() || authority == authority.host())
            };
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(complete)
        };
        let uri = format!("{base}{path}").parse().ok().filter(reachable);
        uri.map(Some).ok_or_else(|| wrong("is none of a collector; write it like http://127.0.0.1:4318"))
    }
}

/// What sends a signal to its collector.
fn client(signal: &Signal, endpoint: &Uri) -> Result<Client, Error> {
    // One of its own, which only the exporter's thread drives: no request waits for it.
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let (scheme, authority) = (endpoint.scheme_str().unwrap_or_default(), endpoint.authority());
    // Without the path, which may be a secret.
    let collector = format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()));
    tracing::info!("sending {} to {collector}", signal.what);
    let (what, timeout, failing) = (signal.what, timeout(signal), AtomicBool::default());
    Ok(Client { collector, what, timeout, runtime, failing })
}

/// How long an export may take.
fn timeout(signal: &Signal) -> Duration {
    let variables = [signal.timeout, opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT];
    let millis = variables.into_iter().find_map(|name| env::var(name).ok()?.parse().ok());
    millis.map_or(TIMEOUT, Duration::from_millis)
}

/// What all of it says of this process.
fn resource(component: &Path) -> Resource {
    let resource = Resource::builder().build();
    let given = resource.get(&Key::new("service.name")).map(|name| name.to_string());
    // So it is called where nobody gave a name.
    match component.file_stem().filter(|_| given.is_none_or(|name| name.starts_with("unknown_service"))) {
        Some(name) => Resource::builder().with_service_name(name.to_string_lossy().into_owned()).build(),
        None => resource,
    }
}

/// What is being exported. Dropped, it sends what is left.
pub(super) struct Exporting {
    tracer: Option<SdkTracerProvider>,
    metrics: Option<Metrics>,
    logger: Option<SdkLoggerProvider>,
}

impl Exporting {
    /// The figures of this process, where it counts.
    pub fn metrics(&self) -> Option<Metrics> {
        self.metrics.clone()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        let (sender, ended) = mpsc::channel();
        let mut waits = Vec::new();
        // Each in a thread: a collector that says nothing holds up no more than what is for it.
        let mut end = |what: &'static str, last: Box<dyn FnOnce() + Send>| {
            let sender = sender.clone();
            waits.push(what);
            std::thread::spawn(move || {
                last();
                let _ = sender.send(what);
            });
        };
        if let Some(tracer) = self.tracer.take() {
            end("spans", Box::new(move || drop(tracer.shutdown_with_timeout(2 * FLUSH))));
        }
        if let Some(metrics) = self.metrics.take() {
            end("metrics", Box::new(move || drop(metrics.stop())));
        }
        if let Some(logger) = self.logger.take() {
            end("logs", Box::new(move || drop(logger.shutdown_with_timeout(2 * FLUSH))));
        }
        let over = std::time::Instant::now() + FLUSH;
        while !waits.is_empty() {
            match ended.recv_timeout(over.saturating_duration_since(std::time::Instant::now())) {
                Ok(what) => waits.retain(|waiting| *waiting != what),
                Err(_) => break,
            }
        }
        for what in waits {
            tracing::warn!("the last {what} were not taken within {FLUSH:?}, and are lost");
        }
    }
}
