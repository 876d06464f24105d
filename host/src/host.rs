//! A host: one component behind HTTP, the components its links lead to, and the lattice between them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::io::TokioIo;

use crate::component::Component;
use crate::cron::Jobs;
use crate::instance::{Handler, ResponseBody, bare, busy};
use crate::lattice::{Journal, Lattice};
use crate::loaded::{self, Loaded};
use crate::sim::Time;
use crate::{Error, Health, Manifest};

/// A component behind HTTP, made from a [`Manifest`]. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Host {
    /// None for a component that only works on schedule.
    handler: Option<Arc<Handler>>,
    lattice: Arc<Lattice>,
    health: Health,
    /// A seat for each request at a time.
    seats: Arc<Semaphore>,
    _jobs: Arc<Jobs>,
}

impl Host {
    /// Loads all components of a manifest and links them. Times in the manifest's faults count from here.
    ///
    /// # Errors
    /// [`Error`], when a component cannot be read, imports what cannot be provided, or does not fit its link, or when
    /// the credentials for a NATS server cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn load(manifest: &Manifest, time: Time) -> Result<Self, Error> {
        let from_manifest = format!("check `component` in {}, and that it is built", manifest.path.display());
        let app = Component::read(&manifest.component, &from_manifest)?;
        app.check_imports()?;
        if manifest.cron.is_empty() {
            loaded::check_serves_http(&app)?;
        }
        let health = Health::default();
        let loaded = Loaded::new(&app, manifest, time, &health)?;
        let jobs = manifest.cron.iter().map(|cron| loaded.job(&app, manifest, cron));
        let jobs = jobs.collect::<Result<_, Error>>()?;
        let handler = app
            .serves_http()
            .then(|| Handler::new(&app, &loaded.sandbox, manifest.instances))
            .transpose()?
            .map(Arc::new);
        let lattice = loaded.lattice;
        lattice.ready();
        let seats = Arc::new(Semaphore::new(manifest.limits.requests.min(Semaphore::MAX_PERMITS)));
        Ok(Host { handler, health, seats, _jobs: Arc::new(Jobs::start(jobs, &lattice)), lattice })
    }

    /// Answers one request, without a socket. A component that only works on schedule has one answer, 404. Beyond the
    /// [`requests`](Manifest::requests) at a time, the answer is a 503 at once, with a `Retry-After`.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        match &self.handler {
            Some(handler) => match self.seats.clone().try_acquire_owned() {
                Ok(seat) => handler.handle(&self.lattice, request, 0, Some(seat)).await,
                Err(_) => busy(),
            },
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    /// Serves HTTP/1.1 on `listener` until `shutdown` is ready; then, requests in flight have 10 s to end.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let (stopping, stopped) = tokio::sync::watch::channel(());
        loop {
            let connection = tokio::select! {
                connection = listener.accept() => connection,
                () = &mut shutdown => break,
            };
            let connection = match connection {
                Ok((connection, _)) => connection,
                Err(error) => {
                    // Out of file descriptors, most likely; some will be free again.
                    tracing::error!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let host = self.clone();
            let mut stopped = stopped.clone();
            tokio::spawn(async move {
                let service =
                    service_fn(|request| async { Ok::<_, std::convert::Infallible>(host.handle(request).await) });
                let mut connection =
                    std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
                let result = tokio::select! {
                    result = connection.as_mut() => result,
                    _ = stopped.changed() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = result {
                    tracing::debug!("a connection ended: {error}");
                }
            });
        }
        self.health.stop();
        drop(stopped);
        let _ = stopping.send(());
        // Every connection holds a receiver.
        let _ = tokio::time::timeout(Duration::from_secs(10), stopping.closed()).await;
    }

    /// How the connections to other processes are, and whether all are there. Not ready any more, once
    /// [`serve`](Self::serve) is told to end.
    ///
    /// ```no_run
    /// # async fn example(host: steadfast_host::Host) {
    /// if !host.health().is_ready() {
    ///     println!("{}", host.health().to_json());
    /// }
    /// # }
    /// ```
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// What went over the lattice.
    pub fn journal(&self) -> &Journal {
        self.lattice.journal()
    }
}
