//! HTTP in front of a component: a request in, an instance's answer out.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Body;
use hyper::header::{HOST, HeaderValue, RETRY_AFTER};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use tokio::sync::oneshot;
use tracing::Instrument;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::ProxyIndices;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::client::{Client, gone};
use super::pool::{Exports, NoInstance};
use super::{Guest, Network, Pool, Running, Sandbox, Trap, Work};
use crate::clock;
use crate::component::Component;
use crate::excerpt::excerpt;
use crate::failure::{Cause, Delivery, Failure};
use crate::manifest::Instances;
use crate::metrics;
use crate::trace::{self, Span};

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, Error>;

/// A component that answers HTTP requests.
pub(crate) struct Handler {
    pool: Pool<ProxyIndices>,
}

/// So many idle instances serve any load that one process can take; more would only hold memory.
const MAX_IDLE: usize = 64;

/// Why an instance did not come to the end of its work.
enum Stopped {
    /// None could be made.
    NoInstance(NoInstance),
    Trapped(wasmtime::Error),
    /// Its time is over.
    Late(Duration),
    /// The client left before it had the whole answer, and the manifest has that end a request.
    Left,
}

impl Exports for ProxyIndices {
    fn find(component: &Component, pre: &InstancePre<Guest>) -> Result<Self, crate::error::Error> {
        ProxyIndices::new(pre).map_err(|error| component.unlinkable(error))
    }
}

impl Handler {
    /// Makes `component` ready to answer.
    ///
    /// # Errors
    /// [`Error`](crate::Error), when the component cannot be compiled or linked, needs more than an instance may have,
    /// or does not export `wasi:http/incoming-handler`.
    pub fn new(
        component: &Component,
        sandbox: &Arc<Sandbox>,
        instances: Instances,
    ) -> Result<Self, crate::error::Error> {
        Ok(Handler { pool: Pool::new(component, sandbox, instances, MAX_IDLE)? })
    }

    /// The component, as the log names it.
    pub fn name(&self) -> &str {
        &self.pool.name
    }

    /// What surrounds its instances, and all others of its host.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.pool.sandbox
    }

    /// Answers a request that was sent `depth` calls deep. There is always an answer: a bare 500 when the component
    /// traps or gives none, a bare 504 when it takes too long. One that has begun and cannot be completed is cut: the
    /// connection ends before the end of the answer. The `seat` is held until the instance is done.
    pub async fn handle<B>(
        self: &Arc<Self>,
        network: &Arc<Network>,
        mut request: Request<B>,
        depth: u32,
        seat: impl Send + 'static,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let parent = trace::extract(request.headers());
        let span = network.lattice.tracer().incoming(request.method(), request.uri(), &parent);
        if let Err(status) = check_host(&mut request) {
            span.answered(status);
            return bare(status);
        }
        let what = (request.method().clone(), request.uri().clone());
        let limits = self.pool.sandbox.limits;
        let (client, left) = Client::followed(limits.client_left, request.method());
        let (sender, answer) = oneshot::channel();
        let head = Arc::new(Head { sender: Mutex::new(Some(sender)), status: OnceLock::new() });
        let work = Work { network: network.clone(), depth, deadline: None, trace: span.context() };
        let this = self.clone();
        // The instance goes on after the head of the answer is sent: it streams the body. And it goes on when
        // the client leaves: what it began, it may finish.
        let answering = async move {
            let outcome = tokio::select! {
                // In the order of the file: chance would make two outcomes of one seed.
                biased;
                outcome = this.run(work, request, &head) => outcome,
                () = clock::sleep(limits.request) => Err(Stopped::Late(limits.request)),
                () = gone(left) => Err(Stopped::Left),
            };
            this.ended(outcome, &what, &head, span);
            drop(seat);
        };
        tokio::spawn(answering.in_current_span());
        let answer = answer.await.unwrap_or_else(|_| bare(StatusCode::INTERNAL_SERVER_ERROR));
        match client {
            Some(client) => client.takes(answer),
            None => answer,
        }
    }

    async fn run<B>(&self, work: Work, request: Request<B>, head: &Arc<Head>) -> Result<Running<ProxyIndices>, Stopped>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let mut running = self.pool.take(work).await.map_err(Stopped::NoInstance)?;
        let outcome = async {
            let Running { store, instance, exports, .. } = &mut running;
            let proxy = exports.load(&mut *store, instance)?;
            let mut http = store.data_mut().http();
            let request = http.new_incoming_request(Scheme::Http, request)?;
            let (head, name) = (head.clone(), self.pool.name.clone());
            let out = http.new_response_outparam_from_callback(move |answer| {
                head.send(answer.unwrap_or_else(|code| {
                    tracing::error!(component = name, "the component answered with {code:?}");
                    bare(StatusCode::INTERNAL_SERVER_ERROR)
                }));
            })?;
            proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
        };
        match outcome.await {
            Ok(()) => Ok(running),
            Err(error) => {
                if clock::ran_out_of_time(&error) {
                    // It would still be running; the request timeout ends the wait.
                    std::future::pending::<()>().await;
                }
                Err(Stopped::Trapped(error))
            }
        }
    }

    /// Answers where the component did not, says what went wrong, and keeps an instance with which nothing did.
    fn ended(
        &self,
        outcome: Result<Running<ProxyIndices>, Stopped>,
        (method, uri): &(Method, Uri),
        head: &Head,
        span: Span,
    ) {
        let component = &self.pool.name;
        let answered = head.status.get().copied();
        let (status, problem) = match outcome {
            Ok(mut running) => match answered {
                None => (StatusCode::INTERNAL_SERVER_ERROR, "the component gave no answer".into()),
                Some(_) if running.store.data_mut().abort_bodies() => {
                    (StatusCode::INTERNAL_SERVER_ERROR, "the component left a body without its end".into())
                }
                Some(status) => {
                    self.pool.give_back(running);
                    return span.answered(status);
                }
            },
            Err(Stopped::NoInstance(NoInstance { error, full })) => {
                let status = if full { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
                (status, format!("no instance of the component could be made: {}", Trap(&error)))
            }
            Err(Stopped::Trapped(error)) => {
                metrics::trapped(component);
                (StatusCode::INTERNAL_SERVER_ERROR, format!("the component trapped: {}", Trap(&error)))
            }
            Err(Stopped::Left) => {
                let problem = "the client left before it had the whole answer, and the component was stopped";
                tracing::debug!(component, "{method} {}: {problem}", excerpt(uri.path()));
                return span.end(Some(&Failure::new(Cause::Disconnected, Delivery::Delivered, problem)));
            }
            Err(Stopped::Late(limit)) => {
                (StatusCode::GATEWAY_TIMEOUT, format!("no answer within the request timeout of {limit:?}"))
            }
        };
        let what = format!("{method} {}", uri.path());
        let what = excerpt(&what);
        match answered {
            None => {
                tracing::error!(component, "{what}: {problem}");
                span.answered(status);
                head.send(if status == StatusCode::SERVICE_UNAVAILABLE { busy() } else { bare(status) });
            }
            Some(_) => {
                tracing::error!(component, "{what}: the answer is cut short, after its head was sent: {problem}");
                span.end(Some(&Failure::new(Cause::Disconnected, Delivery::Delivered, problem)));
            }
        }
    }
}

/// Whether the request says for which host it is, as HTTP demands: once, and without a user. HTTP/1.0 need not say it.
fn check_host<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    let names_host = |authority: &Authority| !authority.host().is_empty() && !authority.as_str().contains('@');
    if request.method() == Method::CONNECT {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    if request.uri().authority().is_some_and(|authority| !names_host(authority)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let authority = Authority::try_from(host.as_bytes()).ok();
            authority.filter(names_host).map(|_| ()).ok_or(StatusCode::BAD_REQUEST)
        }
        (None, _) if request.uri().authority().is_some() => Ok(()),
        (None, _) if request.version() == Version::HTTP_10 => {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
            Ok(())
        }
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// Sends the head of an answer, once.
struct Head {
    sender: Mutex<Option<oneshot::Sender<Response<ResponseBody>>>>,
    status: OnceLock<StatusCode>,
}

impl Head {
    fn send(&self, answer: Response<ResponseBody>) {
        if let Some(sender) = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.status.set(answer.status());
            // The client may have left.
            let _ = sender.send(answer);
        }
    }
}

/// An answer of nothing but a status.
pub(crate) fn bare(status: StatusCode) -> Response<ResponseBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// The answer of a host that has no room for one more request.
pub(crate) fn busy() -> Response<ResponseBody> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
