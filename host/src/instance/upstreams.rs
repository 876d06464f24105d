//! A guest's own HTTP requests: to the places that the manifest grants, broken on purpose, and recorded, as calls are.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use tokio::sync::watch;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::handler::REQUEST_TIMEOUT;
use super::http_client::HttpClient;
use super::{Handler, bare};
use crate::authority::{self, Allowed, Authority};
use crate::clock;
use crate::deadline::{self, earlier};
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{FaultKind, Faults, Lattice, Lost, MAX_DEPTH, On};
use crate::manifest::Deadlines;
use crate::metrics;
use crate::providers::keyvalue::Keyvalue;
use crate::trace::{self, SpanContext};

/// What a component reaches: other components by calls, a store, and hosts by HTTP requests.
pub(crate) struct Network {
    pub lattice: Lattice<Network>,
    /// What `wasi:keyvalue` works on.
    pub keyvalue: Arc<Keyvalue>,
    pub upstreams: Upstreams,
}

/// How long the body of an answer may pause, where its reader does not say: as long as Wasmtime allows.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Where requests go.
pub(crate) struct Upstreams {
    /// None where there is no network: time is simulated.
    pub client: Option<HttpClient>,
    /// Authorities out on the network.
    pub allow: Vec<Allowed>,
    /// Those that a component of this host answers for.
    pub components: Vec<(Authority, Arc<Handler>)>,
    /// Which deadlines travel with requests.
    pub deadlines: Deadlines,
    pub faults: Arc<Faults>,
    /// Heard by each instance that is at work for a request to one of `components`.
    pub at_work: watch::Sender<()>,
}

impl Upstreams {
    /// Where a request goes, as the manifest names it: a component cannot make more of these than stand there.
    fn place(&self, uri: &hyper::Uri) -> Option<(String, Option<u16>)> {
        let component = self.components.iter().find(|(authority, _)| authority.is_of(uri));
        let component = component.map(|(authority, _)| authority.place(uri));
        component.or_else(|| self.allow.iter().find(|allowed| allowed.is_of(uri)).map(|allowed| allowed.place(uri)))
    }
}

impl Network {
    /// Sends a request of a guest that is itself `depth` calls deep and has time until `deadline`, as a part of the span
    /// `trace`, waits for the head of the answer within the invocation timeout and that time, and records how it went.
    pub async fn send(
        self: Arc<Self>,
        (depth, deadline, trace): (u32, Option<Instant>, SpanContext),
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let span = self.lattice.tracer().outgoing(request.method(), request.uri(), &trace);
        // A guest that traces by itself knows better.
        trace::inject(&span.context(), request.headers_mut());
        let target = target(&request);
        let timed = metrics::http_client(request.method(), || self.upstreams.place(request.uri()));
        let (context, bound) = (span.context(), self.lattice.limit(deadline));
        let mut under_way = self.lattice.under_way(&target, &context, (timed, Some(span)), bound);
        let limit = bound.length;
        let exchange = async {
            if limit.is_zero() {
                // Of a request that is not begun, nothing was sent.
                return Err(Error::ConnectionTimeout);
            }
            if self.upstreams.deadlines.send {
                let waits = options.first_byte_timeout.unwrap_or(Duration::MAX).min(limit);
                tell(request.headers_mut(), waits);
            }
            let forward = self.forward(depth + 1, (&target, &trace), limit, request, options);
            clock::timeout(limit, forward).await.unwrap_or(Err(Error::HttpResponseTimeout))
        };
        let exchange = exchange.await;
        match &exchange {
            Ok(response) => under_way.answered(response.status()),
            Err(error) => under_way.end(Some(&failure(error))),
        }
        exchange
    }

    async fn forward(
        self: &Arc<Self>,
        depth: u32,
        (target, trace): (&str, &SpanContext),
        limit: Duration,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::LoopDetected);
        }
        let uri = request.uri().clone();
        // No name and password in it: what is compared is what is connected to.
        if uri.authority().is_none_or(|it| it.as_str().contains('@')) || authority::port(&uri).is_none() {
            return Err(Error::HttpRequestUriInvalid);
        }
        let upstreams = &self.upstreams;
        let component = upstreams.components.iter().find(|(authority, _)| authority.is_of(&uri));
        if component.is_none() && !upstreams.allow.iter().any(|allowed| allowed.is_of(&uri)) {
            return Err(Error::HttpRequestDenied);
        }
        let place = self.lattice.place().ok_or(Error::ConnectionLimitReached)?;
        let obstacle = upstreams.faults.obstacle(|on| match on {
            On::Everything => true,
            On::Function(_) | On::Any(_) => false,
            On::Http(scheme, authority) => {
                scheme.as_ref().is_none_or(|scheme| uri.scheme() == Some(scheme)) && authority.is_of(&uri)
            }
        });
        let send = async {
            match (component, &upstreams.client) {
                (Some((_, handler)), _) => {
                    self.lattice.journal().arrived(trace.trace_id(), target);
                    Ok(handler.handle(self, request, depth, (place, upstreams.at_work.subscribe())).await)
                }
                (None, None) => Err(Error::InternalError(Some(format!(
                    "simulated time has no network; let a component answer for `{uri}`, in `[http.upstreams]`"
                )))),
                (None, Some(client)) => {
                    // The last tenth is left, so that the guest is told that nothing was sent.
                    let connect = options.connect_timeout.unwrap_or(limit).min(limit.mul_f32(0.9));
                    let pause = options.between_bytes_timeout.unwrap_or(LONGEST_PAUSE);
                    client.send(request, connect, pause, place).await
                }
            }
        };
        let patience = options.first_byte_timeout.unwrap_or(Duration::MAX);
        let answer = async {
            match obstacle.await {
                None | Some(FaultKind::Latency(_) | FaultKind::Capacity(_) | FaultKind::Mix(_)) => send.await,
                Some(FaultKind::NoLink) => Err(Error::HttpRequestDenied),
                Some(FaultKind::NoTarget) => Err(Error::ConnectionRefused),
                Some(FaultKind::Disconnected) => Err(Error::DestinationIpUnroutable),
                Some(FaultKind::Trap) => Ok(bare(StatusCode::INTERNAL_SERVER_ERROR)),
                Some(FaultKind::Overloaded(retry_after)) => Ok(injected(StatusCode::SERVICE_UNAVAILABLE, retry_after)),
                Some(FaultKind::Status(status, retry_after)) => Ok(injected(status, retry_after)),
                // A timeout ends the wait.
                Some(FaultKind::Blackhole) => std::future::pending().await,
                Some(FaultKind::Drop(Lost::Answer)) => send.await.and(Err(Error::ConnectionTerminated)),
                Some(FaultKind::Drop(Lost::Request)) => Err(Error::ConnectionTerminated),
            }
        };
        clock::timeout(patience, answer).await.unwrap_or(Err(Error::ConnectionReadTimeout))
    }
}

/// Says in the `headers` of a request that its sender waits for so long; less, where they say so already.
fn tell(headers: &mut HeaderMap, waits: Duration) {
    let own = deadline::read(headers.get_all(REQUEST_TIMEOUT));
    let ends = earlier(own, Instant::now().checked_add(waits));
    if let Some(value) = ends.and_then(|ends| HeaderValue::try_from(deadline::written(ends)).ok()) {
        headers.insert(REQUEST_TIMEOUT, value);
    }
}

fn injected(status: StatusCode, retry_after: Option<Duration>) -> Response<WasiBody> {
    let mut response = bare(status);
    if let Some(after) = retry_after {
        // Whole seconds, and never too early.
        let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// `GET http://api.example.com/path`: a query may hold secrets.
fn target(request: &Request<WasiBody>) -> String {
    let (method, uri) = (request.method(), request.uri());
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    format!("{method} {scheme}://{authority}{}", uri.path())
}

/// What the journal says of it: what a guest takes from the error code, or more.
fn failure(error: &Error) -> Failure {
    let (cause, delivery) = match error {
        Error::HttpRequestDenied => (Cause::NoLink, Delivery::NotSent),
        Error::Connect(_) | Error::ConnectionRefused | Error::DestinationIpUnroutable => {
            (Cause::NoTarget, Delivery::NotSent)
        }
        // The handshake comes before the request.
        Error::Tls(_) | Error::TlsCertificateError | Error::TlsAlertReceived { .. } => {
            (Cause::Protocol, Delivery::NotSent)
        }
        Error::ConnectionLimitReached => (Cause::Overloaded, Delivery::NotSent),
        Error::ConnectionTimeout => (Cause::Timeout, Delivery::NotSent),
        Error::HttpResponseTimeout | Error::ConnectionReadTimeout => (Cause::Timeout, Delivery::Unknown),
        Error::ConnectionTerminated | Error::Hyper(_) => (Cause::Disconnected, Delivery::Unknown),
        Error::LoopDetected | Error::HttpRequestUriInvalid => (Cause::Protocol, Delivery::NotSent),
        _ => (Cause::Other, Delivery::Unknown),
    };
    Failure::new(cause, delivery, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_says_the_shorter_of_two_times() {
        for (own, told) in [
            (vec![], "500"),
            (vec!["200"], "200"),
            (vec!["900"], "500"),
            (vec!["900", "200"], "200"),
            (vec!["30s"], "500"),
            (vec!["0"], "0"),
        ] {
            let mut headers = HeaderMap::new();
            for value in &own {
                headers.append(REQUEST_TIMEOUT, HeaderValue::from_static(value));
            }
            tell(&mut headers, Duration::from_millis(500));
            let all: Vec<_> = headers.get_all(REQUEST_TIMEOUT).iter().collect();
            assert_eq!(all, [told], "{own:?}");
        }
        let mut headers = HeaderMap::new();
        tell(&mut headers, Duration::MAX);
        assert!(headers.is_empty(), "{headers:?}");
    }
}
