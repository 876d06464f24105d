//! HTTP in front of a component: a request in, an instance's answer out.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Body;
use hyper::{Request, Response, StatusCode};
use tokio::sync::oneshot;
use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::{Guest, Sandbox};
use crate::lattice::Lattice;
use crate::manifest::Instances;
use crate::trace::{self, SpanContext};

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, Error>;

/// A component that answers HTTP requests.
pub(crate) struct Handler {
    name: String,
    sandbox: Arc<Sandbox>,
    pre: ProxyPre<Guest>,
    instances: Instances,
    /// Instances that wait for their next request; only with [`Instances::Reuse`].
    idle: Mutex<Vec<(Store<Guest>, Proxy)>>,
}

/// So many idle instances serve any load that one process can take; more would only hold memory.
const MAX_IDLE: usize = 64;

impl Handler {
    /// Fails when the component does not export `wasi:http/incoming-handler`.
    pub fn new(name: String, pre: InstancePre<Guest>, sandbox: Arc<Sandbox>, instances: Instances) -> Result<Self> {
        Ok(Handler { name, sandbox, pre: ProxyPre::new(pre)?, instances, idle: Mutex::default() })
    }

    /// Answers a request that was sent `depth` calls deep. Whatever the component does, there is an answer: when
    /// it traps or says nothing, a bare 500; when it takes too long, a bare 504.
    pub async fn handle<B>(
        self: &Arc<Self>,
        lattice: &Arc<Lattice>,
        request: Request<B>,
        depth: u32,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let parent = trace::extract(request.headers());
        let span = lattice.tracer().incoming(request.method(), request.uri(), &parent);
        let response = self.answer(lattice, request, depth, span.context()).await;
        span.answered(response.status());
        response
    }

    async fn answer<B>(
        self: &Arc<Self>,
        lattice: &Arc<Lattice>,
        request: Request<B>,
        depth: u32,
        trace: SpanContext,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        // A header that is no text, and no authority either.
        if request.uri().authority().is_none()
            && request.headers().get(http::header::HOST).is_none_or(|host| host.to_str().is_err())
        {
            return bare(StatusCode::BAD_REQUEST);
        }
        let what = format!("{} {}", request.method(), request.uri().path());
        let (sender, receiver) = oneshot::channel();
        let (this, lattice) = (self.clone(), lattice.clone());
        // The instance goes on after the head of the answer is sent: it streams the body. And it goes on when
        // the client leaves: what it began, it may finish.
        let limit = self.sandbox.limits.request;
        let work =
            tokio::spawn(
                async move { tokio::time::timeout(limit, this.run(lattice, depth, trace, request, sender)).await },
            );
        match receiver.await {
            Ok(Ok(response)) => return response,
            Ok(Err(code)) => tracing::error!(component = self.name, "{what}: the component answered with {code:?}"),
            // The instance is gone, or its time is over; the task says which.
            Err(_) => match work.await {
                Ok(Ok(Ok(()))) => tracing::error!(component = self.name, "{what}: the component gave no answer"),
                Ok(Ok(Err(error))) => {
                    tracing::error!(component = self.name, "{what}: the component trapped: {error:?}")
                }
                Ok(Err(_)) => {
                    tracing::error!(component = self.name, "{what}: no answer within the request timeout of {limit:?}");
                    return bare(StatusCode::GATEWAY_TIMEOUT);
                }
                Err(error) => tracing::error!(component = self.name, "{what}: {error}"),
            },
        }
        bare(StatusCode::INTERNAL_SERVER_ERROR)
    }

    async fn run<B>(
        &self,
        lattice: Arc<Lattice>,
        depth: u32,
        trace: SpanContext,
        request: Request<B>,
        sender: oneshot::Sender<
            Result<Response<ResponseBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>,
        >,
    ) -> Result<()>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let (mut store, proxy) = self.instance(lattice, depth).await?;
        store.data_mut().works_for(trace);
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        let outcome = proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await;
        if let Err(error) = outcome {
            if crate::sim::ran_out_of_time(&error) {
                // It would still be running; the request timeout ends the wait.
                std::future::pending::<()>().await;
            }
            return Err(error);
        }
        if self.instances == Instances::Reuse {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE {
                idle.push((store, proxy));
            }
        }
        Ok(())
    }

    async fn instance(&self, lattice: Arc<Lattice>, depth: u32) -> Result<(Store<Guest>, Proxy)> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some((mut store, proxy)) = idle {
            self.sandbox.refuel(&mut store);
            return Ok((store, proxy));
        }
        let mut store = self.sandbox.store(&self.name, lattice, depth);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}

/// An answer of nothing but a status.
pub(crate) fn bare(status: StatusCode) -> Response<ResponseBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
