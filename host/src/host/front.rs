//! The host in front: where another host can take its place while requests are under way.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::net::TcpListener;

use super::Host;
use crate::server::{self, Bounds};

/// A [`Host`] that serves, until another takes its place. Cheap to clone; clones are of the same.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use steadfast_host::{Front, Host, Manifest, sim::Time};
///
/// let load = || Host::load(&Manifest::read("hello.toml")?, Time::Real);
/// let front = Front::new(load()?);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// tokio::spawn({
///     let front = front.clone();
///     async move { front.serve(listener, stop).await }
/// });
/// // Requests under way end on the host that they began on.
/// front.replace(load()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Front(Arc<RwLock<Host>>);

impl Front {
    /// The first host.
    pub fn new(host: Host) -> Self {
        Front(Arc::new(RwLock::new(host)))
    }

    /// The host that serves now.
    pub fn host(&self) -> Host {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on, requests go to `host`. Its jobs run from now on, and those of the one before it end.
    pub fn replace(&self, host: Host) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, host).retire();
    }

    /// Serves HTTP/1.1 on `listener` until `shutdown` is ready; then it closes the listener, and requests under way have
    /// 10 s to end. What is still under way, and what was cut, is logged.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let shutdown = async {
            shutdown.await;
            self.host().stop();
        };
        let front = self.clone();
        let answer = move |request| front.host().begin(request);
        let bounds = Bounds::of(self.host().connections());
        let over = server::serve(listener, bounds, answer, shutdown).await;
        self.host().stopped(over).await;
    }
}
