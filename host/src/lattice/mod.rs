//! Carries calls from one component to another: trait [`Transport`], its kinds, and what can go wrong.

mod failure;
mod fault;
mod http;
mod journal;
#[cfg(feature = "nats")]
pub(crate) mod wrpc;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::Val;

pub use failure::{Cause, Delivery, Failure};
pub(crate) use fault::Injector;
pub(crate) use http::{Exchange, Upstreams};
pub use journal::{Entry, Journal};

use crate::component::{Interface, Signature};
use crate::trace::{Span, SpanContext, SpanKind, Tracer};

/// One call on its way.
pub(crate) struct Invocation {
    pub interface: Interface,
    pub function: String,
    /// As the caller has it.
    pub signature: Arc<Signature>,
    pub params: Vec<Val>,
    /// How many calls deep the caller is itself being called.
    pub depth: u32,
    /// The span that the call is a part of.
    pub trace: SpanContext,
}

impl Invocation {
    /// `acme:greeter/api#greet`, as errors and faults name it.
    pub fn target(&self) -> String {
        target(&self.interface, &self.function)
    }
}

/// `acme:greeter/api#greet`, as errors and faults name it.
pub(crate) fn target(interface: &Interface, function: &str) -> String {
    let path = interface.path();
    if interface.package.is_empty() { path } else { format!("{path}#{function}") }
}

/// What came back: the value that travels, if the function has one.
pub(crate) type Reply = Result<Option<Val>, Failure>;

/// A way to the other end of a link.
pub(crate) trait Transport: Send + Sync {
    /// Makes the call; what the other end calls goes over `lattice`. The future may be dropped at any time, which
    /// abandons the call.
    fn invoke<'a>(
        &'a self,
        lattice: &'a Arc<Lattice>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;
}

impl<T: Transport> Transport for Arc<T> {
    fn invoke<'a>(
        &'a self,
        lattice: &'a Arc<Lattice>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        (**self).invoke(lattice, invocation)
    }
}

/// All links of a host, and the record of what went over them.
pub(crate) struct Lattice {
    /// By the name of the interface without its version.
    links: BTreeMap<String, Box<dyn Transport>>,
    /// Where HTTP requests go.
    upstreams: Upstreams,
    injector: Injector,
    timeout: Duration,
    /// A place for each call and request of a component under way.
    places: Arc<Semaphore>,
    journal: Journal,
    tracer: Tracer,
}

/// Calls through more components than this are a circle.
pub(crate) const MAX_DEPTH: u32 = 16;

impl Lattice {
    pub fn new(
        links: BTreeMap<String, Box<dyn Transport>>,
        upstreams: Upstreams,
        injector: Injector,
        timeout: Duration,
        outgoing: usize,
    ) -> Self {
        let (journal, tracer, places) = (Journal::new(), Tracer::new(), Arc::new(Semaphore::new(outgoing)));
        Lattice { links, upstreams, injector, timeout, places, journal, tracer }
    }

    /// The host is ready: from now on, faults have their times.
    pub fn ready(&self) {
        self.injector.ready();
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Makes a call, bounded by the invocation timeout, and records it.
    pub async fn invoke(self: &Arc<Self>, mut invocation: Invocation) -> Reply {
        let target = invocation.target();
        let span = self.begin(&mut invocation, &target);
        let route = self.route(invocation, &target);
        let reply = self.recorded(&target, self.timeout, "invocation timeout", route).await;
        span.end(reply.as_ref().err());
        reply
    }

    /// Makes a call of the host's own to `job`, which has a time limit of its own, and records it. A result that
    /// is an error fails the call.
    pub async fn run(self: &Arc<Self>, job: &dyn Transport, limit: Duration, mut invocation: Invocation) -> Reply {
        let target = invocation.target();
        let span = self.begin(&mut invocation, &target);
        let run = async {
            match self.injector.invoke(job, self, invocation, &target).await {
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
        let reply = self.recorded(&target, limit, "job's timeout", run).await;
        span.end(reply.as_ref().err());
        reply
    }

    /// Begins the span of a call, which is then what the callee's own calls are a part of.
    fn begin(&self, invocation: &mut Invocation, target: &str) -> Span {
        let span = self.tracer.call(SpanKind::Client, target, &invocation.trace);
        invocation.trace = span.context();
        span
    }

    /// Passes a call from another process on to `provider`, and records it.
    #[cfg(feature = "nats")]
    pub async fn serve(self: &Arc<Self>, provider: &dyn Transport, limit: Duration, invocation: Invocation) -> Reply {
        let target = invocation.target();
        self.recorded(&target, limit, "provider's timeout", provider.invoke(self, invocation)).await
    }

    async fn recorded(&self, target: &str, limit: Duration, name: &str, call: impl Future<Output = Reply>) -> Reply {
        let recording = self.journal.begin(target);
        let reply = tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            let message = format!("no answer within the {name} of {limit:?}");
            Err(Failure::new(Cause::Timeout, Delivery::Unknown, message))
        });
        recording.end(reply.as_ref().err());
        reply
    }

    async fn route(self: &Arc<Self>, invocation: Invocation, target: &str) -> Reply {
        if invocation.depth > MAX_DEPTH {
            return Err(Failure::new(
                Cause::Protocol,
                Delivery::NotSent,
                format!("{MAX_DEPTH} components call each other in a circle"),
            ));
        }
        let Some(link) = self.links.get(&invocation.interface.path()) else {
            let message = format!("the manifest links `{}` to nothing", invocation.interface.path());
            return Err(Failure::new(Cause::NoLink, Delivery::NotSent, message));
        };
        let Ok(_place) = self.places.try_acquire() else {
            let message = "as many calls as `outgoing` in the manifest allows are under way already";
            return Err(Failure::new(Cause::Overloaded, Delivery::NotSent, message));
        };
        self.injector.invoke(link.as_ref(), self, invocation, target).await
    }
}
