//! Breaks calls on purpose: a transport around another.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::StatusCode;
use hyper::http::uri::Scheme;
use tokio::time::Instant;

use super::{Invocation, Reply, Transport};
use crate::authority::Authority;
use crate::failure::{Cause, Delivery, Failure};

/// Something that goes wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub on: On,
    pub kind: FaultKind,
    /// Since the host was ready.
    pub from: Duration,
    pub until: Option<Duration>,
    /// How many calls fail before it is over.
    pub first: Option<u64>,
    pub line: usize,
}

/// The calls that a fault is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Everything,
    /// An interface, or a function as `interface#function`.
    Function(String),
    /// HTTP requests to an authority; without a scheme, under any.
    Http(Option<Scheme>, Authority),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    NoLink,
    NoTarget,
    Disconnected,
    Blackhole,
    Drop,
    Trap,
    Latency(Duration),
    Overloaded(Option<Duration>),
    /// An HTTP answer, in place of the upstream's; with the `Retry-After` that it has.
    Status(StatusCode, Option<Duration>),
}

/// All faults of a host, at work.
pub(crate) struct Faults {
    /// When the host was ready; none of its calls are earlier.
    ready: OnceLock<Instant>,
    faults: Vec<Armed>,
}

struct Armed {
    fault: Fault,
    /// Calls that it has hit.
    hits: AtomicU64,
}

impl Faults {
    pub fn new(faults: Vec<Fault>) -> Self {
        let faults = faults.into_iter().map(|fault| Armed { fault, hits: AtomicU64::new(0) }).collect();
        Faults { ready: OnceLock::new(), faults }
    }

    /// The times of faults count from now.
    pub fn ready(&self) {
        self.ready.get_or_init(Instant::now);
    }

    /// What is in the way of a call, now that all delays on it are over. Delays add up; of the other faults that
    /// apply, the first in the manifest counts.
    pub async fn obstacle(&self, is_on: impl Fn(&On) -> bool) -> Option<FaultKind> {
        let ready = *self.ready.get_or_init(Instant::now);
        for armed in &self.faults {
            if !is_on(&armed.fault.on) || !armed.hits(ready) {
                continue;
            }
            match armed.fault.kind {
                FaultKind::Latency(delay) => tokio::time::sleep(delay).await,
                kind => return Some(kind),
            }
        }
        None
    }
}

/// A transport with faults on its calls.
pub(crate) struct Faulty<N> {
    pub faults: Arc<Faults>,
    pub transport: Arc<dyn Transport<N>>,
}

impl<N: Send + Sync> Transport<N> for Faulty<N> {
    fn invoke<'a>(
        &'a self,
        network: &'a Arc<N>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        if self.faults.faults.is_empty() {
            return self.transport.invoke(network, invocation);
        }
        Box::pin(async move {
            let target = invocation.target();
            let interface = target.split('#').next().unwrap_or(&target);
            let obstacle = self.faults.obstacle(|on| match on {
                On::Everything => true,
                On::Function(on) => *on == target || on == interface,
                On::Http(..) => false,
            });
            let failed = |cause, delivery, message| Err(Failure::new(cause, delivery, format!("injected: {message}")));
            match obstacle.await {
                None | Some(FaultKind::Latency(_)) => self.transport.invoke(network, invocation).await,
                Some(FaultKind::NoLink) => failed(Cause::NoLink, Delivery::NotSent, "the link is gone"),
                Some(FaultKind::NoTarget) => failed(Cause::NoTarget, Delivery::NotSent, "nothing serves this"),
                Some(FaultKind::Disconnected) => {
                    failed(Cause::Disconnected, Delivery::NotSent, "the transport is down")
                }
                Some(FaultKind::Trap) => failed(Cause::Trapped, Delivery::Delivered, "the target trapped"),
                Some(FaultKind::Overloaded(retry_after) | FaultKind::Status(_, retry_after)) => {
                    failed(Cause::Overloaded, Delivery::NotSent, "overloaded")
                        .map_err(|failure| Failure { retry_after, ..failure })
                }
                // The invocation timeout ends the wait.
                Some(FaultKind::Blackhole) => std::future::pending().await,
                Some(FaultKind::Drop) => {
                    // The target does its work; only the answer is lost.
                    let _lost = self.transport.invoke(network, invocation).await;
                    failed(Cause::Disconnected, Delivery::Unknown, "the connection was lost during the call")
                }
            }
        })
    }
}

impl Armed {
    /// Whether the fault applies now; if so, it has hit once more.
    fn hits(&self, ready: Instant) -> bool {
        let Fault { from, until, first, .. } = &self.fault;
        let now = ready.elapsed();
        if now < *from || until.is_some_and(|until| now >= until) {
            return false;
        }
        let limit = first.unwrap_or(u64::MAX);
        self.hits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |hits| (hits < limit).then_some(hits + 1)).is_ok()
    }
}
