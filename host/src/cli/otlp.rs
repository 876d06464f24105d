//! `--otlp`: where the spans of a command that serves go.

use std::env;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::uri::Authority;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use opentelemetry::{Key, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use steadfast_host::Error;
use tokio::runtime::{self, Runtime};

/// How long a command that ends waits for its last spans to be taken.
const FLUSH: Duration = Duration::from_secs(2);

/// How long an export may take, where no variable says so.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is read of a collector's answer, in which nothing is of use.
const MAX_ANSWER: usize = 64 << 10;

#[derive(Args)]
pub(super) struct Otlp {
    /// The OpenTelemetry collector to send spans to, like http://127.0.0.1:4318; without it, the one in the environment
    /// variable OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Where none is given, spans go nowhere.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

impl Otlp {
    /// From now on, the spans of this process are sent to the collector, if there is one, until what this returns is
    /// dropped. Without a name for the service in the environment, it is that of `component`.
    pub fn start(&self, component: &Path) -> Result<Option<Exporting>, Error> {
        let Some(endpoint) = self.endpoint()? else { return Ok(None) };
        let failed = |problem: &dyn fmt::Display| Error::Otlp { problem: problem.to_string() };
        // One of its own, which only the exporter's thread drives: no request waits for it.
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let (scheme, authority) = (endpoint.scheme_str().unwrap_or_default(), endpoint.authority());
        // Without the path, which may be a secret.
        let collector = format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()));
        let client =
            Client { collector: collector.clone(), timeout: timeout(), runtime, failing: AtomicBool::default() };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.to_string())
            .with_http_client(client)
            .build()
            .map_err(|error| failed(&error))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Exporter(exporter))
            .with_resource(resource(component))
            .build();
        global::set_tracer_provider(provider.clone());
        tracing::info!("sending spans to {collector}");
        Ok(Some(Exporting(provider)))
    }

    fn endpoint(&self) -> Result<Option<Uri>, Error> {
        let variable = |name| env::var(name).ok().filter(|url| !url.is_empty());
        // As the specification has them: the first is for spans alone, and complete.
        let (url, path, name) = if let Some(url) = &self.otlp {
            (url.clone(), "/v1/traces", "--otlp")
        } else if let Some(url) = variable(opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
            (url, "", opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
        } else if let Some(url) = variable(opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT) {
            (url, "/v1/traces", opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT)
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

/// What the spans say of this process.
fn resource(component: &Path) -> Resource {
    let resource = Resource::builder().build();
    let given = resource.get(&Key::new("service.name")).map(|name| name.to_string());
    // So it is called where nobody gave a name.
    match component.file_stem().filter(|_| given.is_none_or(|name| name.starts_with("unknown_service"))) {
        Some(name) => Resource::builder().with_service_name(name.to_string_lossy().into_owned()).build(),
        None => resource,
    }
}

/// How long an export may take.
fn timeout() -> Duration {
    let variables =
        [opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT];
    let millis = variables.into_iter().find_map(|name| env::var(name).ok()?.parse().ok());
    millis.map_or(TIMEOUT, Duration::from_millis)
}

/// Spans are being exported. Dropped, it sends those that are left.
pub(super) struct Exporting(SdkTracerProvider);

impl Drop for Exporting {
    fn drop(&mut self) {
        if self.0.shutdown_with_timeout(FLUSH).is_err() {
            tracing::warn!("the last spans were not taken within {FLUSH:?}, and are lost");
        }
    }
}

/// What sends spans. Its client says what goes wrong, once; the SDK would say it again for each export.
#[derive(Debug)]
struct Exporter(opentelemetry_otlp::SpanExporter);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let _said = self.0.export(batch).await;
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Makes the requests, each over a connection of its own.
#[derive(Debug)]
struct Client {
    collector: String,
    timeout: Duration,
    runtime: Runtime,
    /// Whether the last export failed.
    failing: AtomicBool,
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sending>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        // The exporter has a thread of its own, which waits for nothing else.
        let response = self.runtime.block_on(async {
            let response = tokio::time::timeout(self.timeout, send(request)).await;
            response.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout).into()))
        });
        let problem = match &response {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let collector = &self.collector;
        match (problem, self.failing.load(Ordering::Relaxed)) {
            (Some(problem), false) => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::warn!("cannot send spans to {collector}: {problem}; they are lost until it takes them");
            }
            (None, true) => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!("{collector} takes spans again");
            }
            (Some(_), true) | (None, false) => {}
        }
        Box::pin(std::future::ready(response))
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = HeaderValue::from_str(authority)?;
    request.headers_mut().insert(HOST, host);
    let request = request.map(|body| Full::new(body).map_err(|never| match never {}));
    let (response, connection) = wasmtime_wasi_http::default_send_request(request, None).await?;
    let (head, body) = response.into_parts();
    // The connection brings the body.
    let connection = tokio::spawn(connection);
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}
