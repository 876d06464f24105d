//! A host: one component behind HTTP, the components its links lead to, and the lattice between them.

mod front;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{Instrument, Span};

pub use front::Front;

use crate::access::Access;
use crate::clock::Time;
use crate::component::Component;
use crate::cron::Jobs;
use crate::error::Error;
use crate::health::Health;
use crate::instance::{Handler, Network, ResponseBody, bare, busy};
use crate::lattice::Journal;
use crate::loaded::{self, Loaded};
use crate::manifest::{Limits, Manifest};
#[cfg(feature = "wrpc")]
use crate::messages::{MessageCounts, Subscriptions};
use crate::metrics;
use crate::server;
use crate::switches::Switches;

/// A component behind HTTP, made from a [`Manifest`]. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Host {
    /// None for a component that only works on schedule, or takes messages.
    handler: Option<Arc<Handler>>,
    network: Arc<Network>,
    faults: Switches,
    health: Health,
    limits: Limits,
    /// A seat for each request at a time.
    seats: Arc<Semaphore>,
    jobs: Arc<Jobs>,
    #[cfg(feature = "wrpc")]
    messages: Arc<Subscriptions>,
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
        let app = Component::read(&manifest.component, &manifest.component_hint())?;
        app.check_imports()?;
        #[cfg(feature = "wrpc")]
        let takes_messages = !manifest.messages.is_empty();
        #[cfg(not(feature = "wrpc"))]
        let takes_messages = false;
        if manifest.cron.is_empty() && !takes_messages {
            loaded::check_serves_http(&app)?;
        }
        let health = Health::default();
        let loaded = Loaded::new(&app, manifest, time, &health)?;
        let jobs = manifest.cron.iter().map(|cron| loaded.job(&app, manifest, cron));
        let jobs = jobs.collect::<Result<_, Error>>()?;
        #[cfg(feature = "wrpc")]
        let for_messages = loaded.handler(&app, manifest, time)?;
        let handler = app
            .serves_http()
            .then(|| Handler::new(&app, &loaded.sandbox, manifest.instances))
            .transpose()?
            .map(Arc::new);
        let network = loaded.network;
        #[cfg(feature = "wrpc")]
        let messages = Arc::new(Subscriptions::start(manifest, for_messages, &network, &health));
        let jobs = Jobs::start(jobs, &network, loaded.sandbox.wall_clock, loaded.sandbox.seed);
        loaded.faults.ready();
        let faults = Switches::new(loaded.faults, loaded.called, manifest.http.clone());
        let limits = manifest.limits;
        let seats = Arc::new(Semaphore::new(limits.requests));
        Ok(Host {
            handler,
            faults,
            health,
            limits,
            seats,
            jobs: Arc::new(jobs),
            #[cfg(feature = "wrpc")]
            messages,
            network,
        })
    }

    /// The same component so many times: each copy has instances of its own. All share the components that they call, and
    /// the faults.
    pub(crate) fn copies(self, manifest: &Manifest, count: usize) -> Result<Vec<Self>, Error> {
        let mut copies = vec![self];
        while copies.len() < count {
            let handler = match &copies[0].handler {
                Some(handler) => {
                    let app = Component::read(&manifest.component, &manifest.component_hint())?;
                    Some(Arc::new(Handler::new(&app, handler.sandbox(), manifest.instances)?))
                }
                None => None,
            };
            let seats = Arc::new(Semaphore::new(manifest.limits.requests));
            copies.push(Host { handler, seats, ..copies[0].clone() });
        }
        Ok(copies)
    }

    /// No instance that there is, of all components, serves once more.
    pub(crate) fn restart(&self) {
        if let Some(handler) = &self.handler {
            handler.sandbox().restart();
        }
    }

    /// Answers one request, without a socket. A component that answers none has one answer, 404. Beyond the
    /// [`requests`](Manifest::requests) at a time, the answer is a 503 at once, with a `Retry-After`.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let access = self.access(&request);
        self.answer(request, access).await
    }

    /// The request in the access log, where that is on.
    fn access<B>(&self, request: &Request<B>) -> Option<Access> {
        Access::begin(self.handler.as_ref().map(|handler| handler.name()), request)
    }

    async fn answer<B>(&self, request: Request<B>, access: Option<Access>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let timed = metrics::http_server(request.method());
        let response = match &self.handler {
            Some(handler) => match self.seats.clone().try_acquire_owned() {
                Ok(seat) => {
                    let seat = (seat, metrics::active_request(request.method()));
                    let span = access.as_ref().map_or_else(Span::none, Access::span);
                    handler.handle(&self.network, request, 0, seat).instrument(span).await
                }
                Err(_) => busy(),
            },
            None => bare(StatusCode::NOT_FOUND),
        };
        if let Some(timed) = timed {
            timed.answered(response.status(), 500);
        }
        match access {
            Some(access) => access.watch(response),
            None => response,
        }
    }

    /// Serves HTTP/1.1 on `listener` until `shutdown` is ready; then it closes the listener, and requests under way have
    /// 10 s to end. What is still under way, and what was cut, is logged.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        Front::new(self.clone()).serve(listener, shutdown).await;
    }

    /// Begins to answer a request at once, before the answer is asked for: a client may leave before that.
    pub(crate) fn begin<B>(self, request: Request<B>) -> impl Future<Output = Response<ResponseBody>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let access = self.access(&request);
        async move { self.answer(request, access).await }
    }

    /// The most connections at a time.
    pub(crate) fn connections(&self) -> usize {
        self.limits.connections
    }

    /// Another host takes its place: nothing new begins here.
    fn retire(&self) {
        self.jobs.end();
        #[cfg(feature = "wrpc")]
        {
            self.messages.stop();
            // Those that it took keep it until they are over.
            let messages = self.messages.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { messages.ended().await });
            }
        }
    }

    /// The end is asked for.
    pub(crate) fn stop(&self) {
        self.health.stop();
        #[cfg(feature = "wrpc")]
        self.messages.stop();
        server::stopping("requests", self.under_way());
    }

    /// Waits for requests that go on although their clients have left, and for those that they sent to components of this
    /// host, until `over`.
    pub(crate) async fn stopped(&self, over: Instant) {
        let all = u32::try_from(self.limits.requests).unwrap_or(u32::MAX);
        let ended = async {
            #[cfg(feature = "wrpc")]
            self.messages.ended().await;
            let _seats = self.seats.acquire_many(all).await;
            self.network.upstreams.at_work.closed().await;
        };
        let _ = tokio::time::timeout_at(over, ended).await;
        #[cfg(feature = "wrpc")]
        self.messages.cut();
        server::stopped("requests", self.under_way());
    }

    /// How many requests have a seat.
    fn under_way(&self) -> usize {
        self.limits.requests - self.seats.available_permits()
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

    /// The faults of the manifest, and those that are switched on while this runs.
    pub fn faults(&self) -> Switches {
        self.faults.clone()
    }

    /// What became of the messages that the component was to take.
    ///
    /// ```no_run
    /// # async fn example(host: steadfast_host::Host) {
    /// let counts = host.messages();
    /// println!("{} taken, {} put away", counts.taken, counts.parked);
    /// # }
    /// ```
    #[cfg(feature = "wrpc")]
    pub fn messages(&self) -> MessageCounts {
        self.messages.counts()
    }

    /// What went over the lattice.
    pub fn journal(&self) -> &Journal {
        self.network.lattice.journal()
    }
}
