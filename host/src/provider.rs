//! A component, or a provider of the host, that other processes call, over a NATS server or over TCP.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch::Sender;
use tokio::time::Instant;

use crate::clock::Time;
use crate::component::{Component, Function, Functions, Interface};
use crate::error::Error;
use crate::health::Health;
use crate::instance::{Callee, Network, Provided, Upstreams};
use crate::lattice::{Faults, Lattice, Transport};
use crate::loaded::Loaded;
use crate::manifest::{Deadlines, Limits, Manifest, Nats, provider_options};
use crate::nats::{Login, NatsOptions, Problem, check_options};
use crate::server::GRACE;
use crate::trace::Tracer;
use crate::wrpc::{Answer, Connection, Server, tcp};

/// A component, or a [provider of the host](Provider::of_host), that serves calls from other processes, as wRPC. Each call
/// runs on a fresh instance, for 30 s at most, unless a manifest says otherwise.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use steadfast_host::Provider;
///
/// let provider = Provider::load("greeter.wasm")?.with_prefix("default").with_calls(64);
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// provider.serve("nats://127.0.0.1:4222", || println!("ready"), stop).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Provider {
    source: Source,
    prefix: String,
    group: String,
    calls: usize,
    nats: NatsOptions,
    health: Health,
}

/// What answers the calls.
#[derive(Debug)]
enum Source {
    /// And how it is to be run.
    Component(Component, Box<Manifest>),
    Host(Provided),
}

impl Source {
    /// For one call.
    fn limit(&self) -> Duration {
        match self {
            Source::Component(_, manifest) => manifest.limits.request,
            Source::Host(_) => Limits::default().request,
        }
    }
}

impl Provider {
    /// A provider of the host, as a link with `provider` has it: `keyvalue`. Its options are the keys that stand beside
    /// `provider` there, as TOML, a line for each.
    ///
    /// # Errors
    /// [`Error::Provider`], when there is none of this name, or an option is wrong.
    ///
    /// ```
    /// use steadfast_host::Provider;
    ///
    /// let provider = Provider::of_host("keyvalue", "")?;
    /// let error = Provider::of_host("keyvalue", "bukket = 'a'").unwrap_err();
    /// assert!(error.to_string().starts_with("cannot provide keyvalue: unknown field `bukket`, did you mean `bucket`?"), "{error}");
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn of_host(name: &str, options: &str) -> Result<Self, Error> {
        let wrong = |problem| Error::Provider { name: name.into(), problem };
        let options = provider_options(name, options).map_err(wrong)?;
        let provided = Provided::start(&options).map_err(wrong)?;
        let store = provided.keyvalue();
        let provider = Provider::with(Source::Host(provided));
        if let Some(store) = store {
            provider.health.watch_store(move || store.state());
        }
        Ok(provider)
    }

    /// Whether there is a provider of the host with this name.
    ///
    /// ```
    /// assert!(steadfast_host::Provider::is_of_host("keyvalue"));
    /// ```
    pub fn is_of_host(name: &str) -> bool {
        crate::providers::NAMES.contains(&name)
    }

    /// Reads a component. Without more, its subjects have no prefix, its queue group is `steadfast`, and 256 calls at
    /// a time are taken. Calls that it makes itself fail with `no-link`; [`from_manifest`](Self::from_manifest) has links.
    ///
    /// # Errors
    /// [`Error`], when it cannot be read, or exports nothing that can be called.
    ///
    /// ```
    /// assert!(steadfast_host::Provider::load("no-such-file.wasm").is_err());
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Provider::from_manifest(&Manifest::of(path))
    }

    /// The component of a manifest, whose own calls go where its links lead. It has the manifest's settings, limits,
    /// faults and `instances`; a call of it may take as long as `request-timeout` says. What the manifest says of HTTP
    /// in front does not matter here.
    ///
    /// # Errors
    /// As [`load`](Self::load), or when the manifest has a `[[cron]]` or `[[messages]]`, which are for `steadfast serve`.
    ///
    /// ```no_run
    /// use steadfast_host::{Manifest, Provider};
    ///
    /// let provider = Provider::from_manifest(&Manifest::read("letters.toml")?)?;
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn from_manifest(manifest: &Manifest) -> Result<Self, Error> {
        if let Some(cron) = manifest.cron.first() {
            let problem = "a provider makes no calls on schedule; remove the `[[cron]]`, or give the manifest to \
                           `steadfast serve`";
            return Err(Error::Manifest {
                path: manifest.path.clone(),
                line: Some(cron.line),
                problem: problem.into(),
            });
        }
        if let Some(messages) = manifest.messages.first() {
            let problem = "a provider takes calls and no messages; remove the `[[messages]]`, or give the manifest to \
                           `steadfast serve`";
            return Err(Error::Manifest {
                path: manifest.path.clone(),
                line: Some(messages.line),
                problem: problem.into(),
            });
        }
        Provider::new(Component::read(&manifest.component, &manifest.component_hint())?, manifest.clone())
    }

    fn new(component: Component, manifest: Manifest) -> Result<Self, Error> {
        component.check_imports()?;
        if component.served().next().is_none() {
            let problem = match component.all_exports().find_map(|(_, functions)| functions.as_ref().err()) {
                Some(what) => format!("exports {what}"),
                None => format!(
                    "exports no function that can be called from elsewhere (it exports {}); export an interface of your \
                     own",
                    component.export_list()
                ),
            };
            return Err(component.unsuitable(problem));
        }
        Ok(Provider::with(Source::Component(component, Box::new(manifest))))
    }

    fn with(source: Source) -> Self {
        Provider {
            source,
            prefix: String::new(),
            group: "steadfast".into(),
            calls: 256,
            nats: NatsOptions::default(),
            health: Health::loading(),
        }
    }

    /// The same provider with subjects that begin with `prefix`, as those of the links to it do.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Provider { prefix: prefix.into(), ..self }
    }

    /// The same provider in another queue group: each call goes to one member of each group.
    #[must_use]
    pub fn with_queue_group(self, group: impl Into<String>) -> Self {
        Provider { group: group.into(), ..self }
    }

    /// The same provider with so many calls at a time; further ones fail with `overloaded`.
    #[must_use]
    pub fn with_calls(self, calls: usize) -> Self {
        Provider { calls: calls.min(tokio::sync::Semaphore::MAX_PERMITS), ..self }
    }

    /// The same provider with what the NATS server wants to see, instead of nothing.
    ///
    /// ```no_run
    /// use steadfast_host::{NatsOptions, Provider, Secret};
    ///
    /// let options = NatsOptions::new().with_credentials(Secret::file("greeter.creds"));
    /// let provider = Provider::load("greeter.wasm")?.with_nats(options);
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    #[must_use]
    pub fn with_nats(self, nats: NatsOptions) -> Self {
        Provider { nats, ..self }
    }

    /// How the connection is that it serves at, and whether the server knows of it. Ready while it serves.
    ///
    /// ```no_run
    /// use steadfast_host::Provider;
    ///
    /// let provider = Provider::load("greeter.wasm")?;
    /// // Outlasts the provider, which goes into `serve`.
    /// let health = provider.health();
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves all exported functions at the NATS server `url`, as soon as there is one, until `shutdown` is ready;
    /// then, calls in flight, and the components that they sent requests to, have 10 s to end. `ready` is called when the
    /// server knows of them.
    ///
    /// # Errors
    /// [`Error`], when the component cannot run, something given is no name in NATS, or the credentials cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn serve(
        self,
        url: &str,
        says_ready: impl FnOnce(),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Provider { source, prefix, group, calls, nats, health } = self;
        let wrong = |problem| Error::Nats { problem };
        let Nats { address, options: in_address, prefix } = Nats::new(url, prefix).map_err(wrong)?;
        let login = match (nats.login, in_address.login) {
            (login, Login::Nothing) | (Login::Nothing, login) => login,
            _ => {
                return Err(wrong(
                    "the address of the NATS server has credentials in it, and others are given too; remove those of \
                     the address"
                        .into(),
                ));
            }
        };
        let nats = NatsOptions { login, ..nats };
        check_options(&nats).map_err(|problem| match problem {
            Problem::Unread { path, source, part } => {
                let hint = format!("it is given as the `{part}` for the NATS server; give a file that can be read");
                Error::Read { path, source, hint }
            }
            Problem::Wrong { problem, .. } => wrong(problem),
        })?;
        if group.is_empty() || group.contains(char::is_whitespace) {
            return Err(wrong(format!("the queue group `{group}` is to be one word")));
        }
        let over = OnceLock::new();
        let mut shutdown = std::pin::pin!(until(shutdown, &health, &over));
        let limit = source.limit();
        let Some(ready) = Ready::before(&mut shutdown, source, &health).await? else { return Ok(()) };
        let Ready { answer, functions, at_work } = ready;
        let connection = Connection::open(&address, &nats, &health);
        connection.subscribed(false);
        health.begin();
        let server = Server { answer, tracer: Tracer::new(), connection, prefix, group, limit, calls };
        server.run(functions, says_ready, shutdown).await.map_err(wrong)?;
        ended(&at_work, &over).await;
        Ok(())
    }

    /// Serves all exported functions on `listener`, in wRPC's own framing, until `shutdown` is ready; then, calls in
    /// flight, and the components that they sent requests to, have 10 s to end. `ready` is called when they can be
    /// answered. Neither prefix nor queue group matter: there is no server between.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use steadfast_host::Provider;
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:7761").await?;
    /// Provider::load("greeter.wasm")?.serve_tcp(listener, || println!("ready"), std::future::pending()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error`], when the component cannot run.
    pub async fn serve_tcp(
        self,
        listener: TcpListener,
        ready: impl FnOnce(),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Provider { source, calls, health, .. } = self;
        let over = OnceLock::new();
        let mut shutdown = std::pin::pin!(until(shutdown, &health, &over));
        let limit = source.limit();
        let Some(loaded) = Ready::before(&mut shutdown, source, &health).await? else { return Ok(()) };
        let Ready { answer, functions, at_work } = loaded;
        let server = tcp::Server { answer, tracer: Tracer::new(), limit, calls };
        health.begin();
        ready();
        server.run(functions, listener, shutdown).await;
        ended(&at_work, &over).await;
        Ok(())
    }
}

/// `shutdown`, which ends the time that something is ready for more, and sets when all has to be over.
async fn until(shutdown: impl Future<Output = ()>, health: &Health, over: &OnceLock<Instant>) {
    shutdown.await;
    health.stop();
    over.get_or_init(|| Instant::now() + GRACE);
}

/// Waits for the components of this process that work on after their answer to a request of another, until `over`.
async fn ended(at_work: &Sender<()>, over: &OnceLock<Instant>) {
    if let Some(over) = over.get() {
        let _ = tokio::time::timeout_at(*over, at_work.closed()).await;
    }
}

/// What can be called.
struct Ready {
    answer: Answer,
    functions: Vec<Arc<Function>>,
    /// Of the components that answer its requests, [`Upstreams::at_work`].
    at_work: Sender<()>,
}

impl Ready {
    /// Makes `source` ready, on a thread of its own; none, when `shutdown` is ready before.
    async fn before(
        shutdown: impl Future<Output = ()>,
        source: Source,
        health: &Health,
    ) -> Result<Option<Self>, Error> {
        let health = health.clone();
        let ready = tokio::task::spawn_blocking(move || Ready::new(source, &health));
        tokio::select! {
            ready = ready => ready.unwrap_or_else(|error| Err(Error::Runtime(error.into()))).map(Some),
            () = shutdown => Ok(None),
        }
    }

    fn new(source: Source, health: &Health) -> Result<Self, Error> {
        let limit = source.limit();
        match source {
            Source::Component(component, manifest) => {
                let Loaded { sandbox, network, faults, .. } = Loaded::new(&component, &manifest, Time::Real, health)?;
                let callee = Arc::new(Callee::new(&component, &sandbox, manifest.instances)?);
                faults.ready();
                Ok(Ready::with(network, callee, limit, component.served()))
            }
            Source::Host(provided) => {
                let faults = Arc::new(Faults::new(Vec::new(), 0));
                let upstreams = Upstreams {
                    client: None,
                    allow: Vec::new(),
                    components: Vec::new(),
                    deadlines: Deadlines::default(),
                    faults,
                    at_work: Sender::default(),
                };
                // It calls no component, and sends no request.
                let lattice = Lattice::new(BTreeMap::new(), limit, 0);
                provided.begin(health);
                let (network, provided) =
                    (Arc::new(Network { lattice, keyvalue: Arc::default(), upstreams }), Arc::new(provided));
                Ok(Ready::with(network, provided.clone(), limit, &provided.functions))
            }
        }
    }

    fn with<'f>(
        network: Arc<Network>,
        provider: Arc<dyn Transport<Network>>,
        limit: Duration,
        functions: impl IntoIterator<Item = (&'f Interface, &'f Functions)>,
    ) -> Self {
        let functions = Function::all(functions).collect();
        let at_work = network.upstreams.at_work.clone();
        let answer: Answer = Box::new(move |invocation| {
            let (network, provider) = (network.clone(), provider.clone());
            Box::pin(async move { network.lattice.serve(&network, &*provider, limit, invocation).await })
        });
        Ready { functions, answer, at_work }
    }
}
