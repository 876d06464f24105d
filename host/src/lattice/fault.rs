//! Breaks calls on purpose, as the manifest says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::{Cause, Delivery, Failure, Invocation, Lattice, Reply, Transport};
use crate::manifest::{Fault, FaultKind, On};

/// The faults of a manifest, at work.
pub(crate) struct Injector {
    /// When the host was ready; none of its calls are earlier.
    ready: OnceLock<Instant>,
    faults: Vec<Armed>,
}

struct Armed {
    fault: Fault,
    /// Calls that it has hit.
    hits: AtomicU64,
}

impl Injector {
    pub fn new(faults: Vec<Fault>) -> Self {
        let faults = faults.into_iter().map(|fault| Armed { fault, hits: AtomicU64::new(0) }).collect();
        Injector { ready: OnceLock::new(), faults }
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

    /// Makes the call over `link`, unless a fault is in the way.
    pub async fn invoke(
        &self,
        link: &dyn Transport,
        lattice: &Arc<Lattice>,
        invocation: Invocation,
        target: &str,
    ) -> Reply {
        let interface = target.split('#').next().unwrap_or(target);
        let obstacle = self.obstacle(|on| match on {
            On::Everything => true,
            On::Function(on) => on == target || on == interface,
            On::Http(..) => false,
        });
        let failed = |cause, delivery, message| Err(Failure::new(cause, delivery, format!("injected: {message}")));
        match obstacle.await {
            None | Some(FaultKind::Latency(_)) => link.invoke(lattice, invocation).await,
            Some(FaultKind::NoLink) => failed(Cause::NoLink, Delivery::NotSent, "the link is gone"),
            Some(FaultKind::NoTarget) => failed(Cause::NoTarget, Delivery::NotSent, "nothing serves this"),
            Some(FaultKind::Disconnected) => failed(Cause::Disconnected, Delivery::NotSent, "the transport is down"),
            Some(FaultKind::Trap) => failed(Cause::Trapped, Delivery::Delivered, "the target trapped"),
            Some(FaultKind::Overloaded(retry_after) | FaultKind::Status(_, retry_after)) => {
                failed(Cause::Overloaded, Delivery::NotSent, "overloaded")
                    .map_err(|failure| Failure { retry_after, ..failure })
            }
            // The invocation timeout ends the wait.
            Some(FaultKind::Blackhole) => std::future::pending().await,
            Some(FaultKind::Drop) => {
                // The target does its work; only the answer is lost.
                let _lost = link.invoke(lattice, invocation).await;
                failed(Cause::Disconnected, Delivery::Unknown, "the connection was lost during the call")
            }
        }
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
