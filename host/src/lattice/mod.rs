//! Carries calls from one component to another: trait [`Transport`], and the [`Lattice`] of all links.

mod capacity;
mod delay;
mod fault;
mod journal;
mod under_way;
mod weights;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use wasmtime::component::Val;

pub(crate) use capacity::Capacity;
pub(crate) use delay::Delay;
pub(crate) use fault::{Armed, Fault, FaultKind, Faults, Faulty, Flapping, Lost, On};
pub(crate) use journal::Call;
pub use journal::{Entry, Journal};
pub(crate) use weights::pick;

pub(crate) use under_way::{Limit, UnderWay};

use crate::clock;
use crate::component::Function;
use crate::failure::{Cause, Delivery, Failure};
use crate::metrics::{self, Timed};
use crate::trace::{Span, SpanContext, SpanKind, Tracer};

/// One call on its way.
pub(crate) struct Invocation {
    pub function: Arc<Function>,
    pub params: Vec<Val>,
    /// How many calls deep the caller is itself being called.
    pub depth: u32,
    /// When its caller waits no longer, where that is known.
    pub deadline: Option<Instant>,
    /// The span that the call is a part of.
    pub trace: SpanContext,
}

/// What came back: the value that travels, if the function has one.
pub(crate) type Reply = Result<Option<Val>, Failure>;

/// A way to the other end of a link. What is there may make calls itself, for which it gets a network: `N` is passed on,
/// and nothing here looks into it.
pub(crate) trait Transport<N>: Send + Sync {
    /// Makes the call; what the other end calls goes over `network`. The future may be dropped at any time, which
    /// abandons the call.
    fn invoke<'a>(
        &'a self,
        network: &'a Arc<N>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;
}

/// All links of a host, and the record of what went over them.
pub(crate) struct Lattice<N> {
    /// By the name of the interface without its version.
    links: BTreeMap<String, Box<dyn Transport<N>>>,
    timeout: Duration,
    /// A place for each call and request of a component under way.
    places: Arc<Semaphore>,
    journal: Journal,
    tracer: Tracer,
}

/// Calls through more components than this are a circle.
pub(crate) const MAX_DEPTH: u32 = 16;

impl<N> Lattice<N> {
    /// One whose calls may take `timeout`, and of whose calls and requests `outgoing` may be under way at a time.
    pub fn new(links: BTreeMap<String, Box<dyn Transport<N>>>, timeout: Duration, outgoing: usize) -> Self {
        let (journal, tracer, places) = (Journal::new(), Tracer::new(), Arc::new(Semaphore::new(outgoing)));
        Lattice { links, timeout, places, journal, tracer }
    }

    /// A place for a call or request, if there is one left.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Makes a call, bounded by the invocation timeout and by the time that its caller has left, and records it.
    pub async fn invoke(&self, network: &Arc<N>, mut invocation: Invocation) -> Reply {
        let function = invocation.function.clone();
        let target = &function.target;
        let limit = self.limit(invocation.deadline);
        invocation.deadline = limit.ends;
        let span = self.begin(&mut invocation, target);
        let trace = invocation.trace.clone();
        let route = self.route(network, invocation);
        self.recorded(target, &trace, (metrics::call(target), Some(span)), limit, route).await
    }

    /// Makes a call of the host's own to `job`, which has a time limit of its own, called `name` in messages, and records
    /// it. A result that is an error fails the call.
    pub async fn run(
        &self,
        network: &Arc<N>,
        job: &dyn Transport<N>,
        limit: (Duration, &'static str),
        mut invocation: Invocation,
    ) -> Reply {
        let function = invocation.function.clone();
        let target = &function.target;
        let limit = Limit::of(limit, invocation.deadline);
        invocation.deadline = limit.ends;
        let span = self.begin(&mut invocation, target);
        let trace = invocation.trace.clone();
        let run = async {
            match job.invoke(network, invocation).await {
                Ok(Some(Val::Result(Err(error)))) => {
                    let message = match error.as_deref() {
                        Some(Val::String(text)) => format!("it says: {text}"),
                        Some(other) => format!("it says: {other:?}"),
                        None => "it does not say why".into(),
                    };
                    Err(Failure::new(Cause::Other, Delivery::Delivered, message))
                }
                reply => reply,
            }
        };
        self.recorded(target, &trace, (metrics::call(target), Some(span)), limit, run).await
    }

    /// Begins the span of a call, which is then what the callee's own calls are a part of.
    fn begin(&self, invocation: &mut Invocation, target: &str) -> Span {
        let span = self.tracer.call(SpanKind::Client, target, &invocation.trace);
        invocation.trace = span.context();
        span
    }

    /// Passes a call from another process on to `provider`, and records it.
    #[cfg(feature = "wrpc")]
    pub async fn serve(
        &self,
        network: &Arc<N>,
        provider: &dyn Transport<N>,
        limit: Duration,
        mut invocation: Invocation,
    ) -> Reply {
        let function = invocation.function.clone();
        let target = &function.target;
        let limit = Limit::of((limit, "provider's timeout"), invocation.deadline);
        invocation.deadline = limit.ends;
        let trace = invocation.trace.clone();
        let call = async {
            if limit.length.is_zero() {
                let message = "its caller had no time left when it came, so it was not begun";
                return Err(Failure::new(Cause::Timeout, Delivery::NotSent, message));
            }
            provider.invoke(network, invocation).await
        };
        self.recorded(target, &trace, (metrics::served(target), None), limit, call).await
    }

    /// Has the host itself do something for a component, which is bounded, broken and recorded as a call of `target` is.
    pub async fn perform<T>(
        &self,
        target: &str,
        trace: &SpanContext,
        deadline: Option<Instant>,
        faults: &Faults,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.limit(deadline);
        let span = self.tracer.call(SpanKind::Client, target, trace);
        let context = span.context();
        let work = async {
            if limit.length.is_zero() {
                return Err(too_late());
            }
            let _place = self.places.try_acquire().map_err(|_| full())?;
            faults.in_front(target, work).await
        };
        self.recorded(target, &context, (metrics::call(target), Some(span)), limit, work).await
    }

    /// How long a call may take whose caller waits until `deadline`.
    pub fn limit(&self, deadline: Option<Instant>) -> Limit {
        Limit::of((self.timeout, "invocation timeout"), deadline)
    }

    /// Begins to record a call or a request, as a part of what `trace` is of.
    pub fn under_way<'l>(
        &'l self,
        target: &'l str,
        trace: &SpanContext,
        (timed, span): (Option<Timed>, Option<Span>),
        limit: Limit,
    ) -> UnderWay<'l> {
        UnderWay { limit, records: Some((self.journal.begin(target, trace), timed, span)) }
    }

    async fn recorded<T>(
        &self,
        target: &str,
        trace: &SpanContext,
        metrics_and_span: (Option<Timed>, Option<Span>),
        limit: Limit,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut under_way = self.under_way(target, trace, metrics_and_span, limit);
        let reply = clock::timeout(limit.length, call).await.unwrap_or_else(|| Err(limit.exceeded()));
        under_way.end(reply.as_ref().err());
        reply
    }

    async fn route(&self, network: &Arc<N>, invocation: Invocation) -> Reply {
        if invocation.depth > MAX_DEPTH {
            return Err(Failure::new(
                Cause::Protocol,
                Delivery::NotSent,
                format!("{MAX_DEPTH} components call each other in a circle"),
            ));
        }
        if invocation.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(too_late());
        }
        let Some(link) = self.links.get(&invocation.function.path) else {
            let message = format!("the manifest links `{}` to nothing", invocation.function.path);
            return Err(Failure::new(Cause::NoLink, Delivery::NotSent, message));
        };
        let _place = self.places.try_acquire().map_err(|_| full())?;
        link.invoke(network, invocation).await
    }
}

/// Its caller waits no longer.
fn too_late() -> Failure {
    let message = "its caller has no time left, so the call was not begun";
    Failure::new(Cause::Timeout, Delivery::NotSent, message)
}

/// There is no place for another call.
fn full() -> Failure {
    let message = "as many calls as `outgoing` in the manifest allows are under way already";
    Failure::new(Cause::Overloaded, Delivery::NotSent, message)
}
