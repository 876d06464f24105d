//! A component whose exports other processes call, over a NATS server or over TCP.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::component::{Component, Interface, Signature};
use crate::lattice::wrpc::{Connection, Problem, Server, check_options, tcp};
use crate::lattice::{Embedded, Injector, Lattice, Upstreams};
use crate::manifest::{Http, Instances, Limits, Nats};
use crate::nats::{Login, NatsOptions};
use crate::sim::Time;
use crate::wasi::Sandbox;
use crate::{Error, Health};

/// A component that serves calls from other processes, as wRPC. Each call runs on an instance of its own, for 30 s at
/// most; the calls that the component itself makes fail with `no-link`.
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
    component: Component,
    prefix: String,
    group: String,
    calls: usize,
    nats: NatsOptions,
    health: Health,
}

impl Provider {
    /// Reads a component. Without more, its subjects have no prefix, its queue group is `steadfast`, and 256 calls at
    /// a time are taken.
    ///
    /// # Errors
    /// [`Error`], when it cannot be read, or exports nothing that can be called.
    ///
    /// ```
    /// assert!(steadfast_host::Provider::load("no-such-file.wasm").is_err());
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let component = Component::read(path.as_ref(), "give the path of a component to serve, and build it first")?;
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
        Ok(Provider {
            component,
            prefix: String::new(),
            group: "steadfast".into(),
            calls: 256,
            nats: NatsOptions::default(),
            health: Health::loading(),
        })
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
    /// then, calls in flight have 10 s to end. `ready` is called when the server knows of them.
    ///
    /// # Errors
    /// [`Error`], when the component cannot run, something given is no name in NATS, or the credentials cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn serve(self, url: &str, ready: impl FnOnce(), shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Provider { component, prefix, group, calls, nats, health } = self;
        let wrong = |problem| Error::Nats { problem };
        let Nats { server, options: in_address, prefix } = Nats::new(url, prefix).map_err(wrong)?;
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
        let Ready { provider, functions, lattice, limits } = Ready::new(&component)?;
        let connection = Connection::open(&server, &nats, &health);
        connection.subscribed(false);
        health.begin();
        let shutdown = until(shutdown, &health);
        let server = Server { provider, connection, prefix, group, limit: limits.request, lattice, calls };
        server.run(functions, ready, shutdown).await.map_err(wrong)
    }

    /// Serves all exported functions on `listener`, in wRPC's own framing, until `shutdown` is ready; then, calls in
    /// flight have 10 s to end. `ready` is called when they can be answered. Neither prefix nor queue group matter: there is no server between.
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
        let Ready { provider, functions, lattice, limits } = Ready::new(&self.component)?;
        let server = tcp::Server { provider, limit: limits.request, lattice, calls: self.calls };
        self.health.begin();
        let shutdown = until(shutdown, &self.health);
        ready();
        server.run(functions, listener, shutdown).await;
        Ok(())
    }
}

/// `shutdown`, which ends the time that something is ready for more.
async fn until(shutdown: impl Future<Output = ()>, health: &Health) {
    shutdown.await;
    health.stop();
}

/// A component that can be called.
struct Ready {
    provider: Embedded,
    functions: Vec<(Interface, String, Arc<Signature>)>,
    lattice: Arc<Lattice>,
    limits: Limits,
}

impl Ready {
    fn new(component: &Component) -> Result<Self, Error> {
        let limits = Limits::default();
        let sandbox = Arc::new(Sandbox::new(Time::Real, limits, None, BTreeMap::new())?);
        let lattice = Arc::new(Lattice::new(Injector::new(Vec::new()), limits.invocation));
        let Http { allow, .. } = Http::default();
        lattice.connect(BTreeMap::new(), Upstreams { time: Time::Real, allow, components: Vec::new() });
        let functions: Vec<_> = component
            .served()
            .flat_map(|(interface, functions)| {
                functions.iter().map(|(name, signature)| (interface.clone(), name.clone(), signature.clone()))
            })
            .collect();
        Ok(Ready {
            provider: Embedded::new(component, &sandbox, &lattice, Instances::Fresh)?,
            functions,
            lattice,
            limits,
        })
    }
}
