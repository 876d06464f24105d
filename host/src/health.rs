//! How a host or a provider is: what it knows of each connection, and whether it can serve.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::escape;

/// What a host or a provider says of itself, as it is at any time. Cheap to clone; clones are of the same.
///
/// [`serve`](Self::serve) puts it behind a port of its own, for whoever watches the process.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use steadfast_host::{Host, Manifest, sim::Time};
/// use tokio::net::TcpListener;
///
/// let host = Host::load(&Manifest::read("hello.toml")?, Time::Real)?;
/// let admin = TcpListener::bind("127.0.0.1:9090").await?;
/// tokio::spawn(host.health().serve(admin));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    stopping: AtomicBool,
    /// Nothing can be served yet.
    loading: AtomicBool,
    connections: Mutex<Vec<Report>>,
    stores: Mutex<Vec<StoreReport>>,
}

impl Health {
    /// Of what serves nothing before [`begin`](Self::begin).
    #[cfg(feature = "wrpc")]
    pub(crate) fn loading() -> Self {
        let health = Health::default();
        health.0.loading.store(true, Ordering::Relaxed);
        health
    }

    #[cfg(feature = "wrpc")]
    pub(crate) fn begin(&self) {
        self.0.loading.store(false, Ordering::Relaxed);
    }

    /// From now on, nothing new is to come.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Includes a connection, which says how it is when it is asked.
    #[cfg(feature = "wrpc")]
    pub(crate) fn watch(&self, report: impl Fn() -> Connection + Send + Sync + 'static) {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(report));
    }

    /// Includes a store, which says how it is when it is asked, unless it is in memory.
    pub(crate) fn watch_store(&self, report: impl Fn() -> Option<StoreState> + Send + Sync + 'static) {
        self.0.stores.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(report));
    }

    /// Whether everything is there that serving needs: every connection, and for a provider, the server's word that it
    /// knows of all subscriptions. No longer, once the end has been asked for. A store of keys and values that is away
    /// changes nothing: components are told, and those with a shared breaker go on without it.
    ///
    /// ```no_run
    /// # async fn example(provider: steadfast_host::Provider) {
    /// let health = provider.health();
    /// assert!(!health.is_ready(), "it serves nothing yet");
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        self.word(&self.connections()) == Word::Ready
    }

    /// All that is known, without secrets: the status, which is `ready`, `waiting` or `stopping`, and for each
    /// connection its server, its state (`connecting`, `connected` or `disconnected`) and for how many seconds it has
    /// had that, whether it is ready for calls, how often it was lost, how many attempts to connect there were since
    /// it was last there, and what the server or the network said last, if it was a complaint. For each store that is a
    /// server of its own, how its last operation ended, and since how many seconds they end so.
    ///
    /// ```no_run
    /// # async fn example(host: steadfast_host::Host) {
    /// println!("{}", host.health().to_json());
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        let (nats, stores) = (self.connections(), self.stores());
        // Texts, numbers and truths: there is nothing in it that JSON does not have.
        escape::json(&serde_json::to_string(&All { status: self.word(&nats), nats, stores }).unwrap_or_default())
    }

    fn word(&self, connections: &[Connection]) -> Word {
        if self.0.stopping.load(Ordering::Relaxed) {
            Word::Stopping
        } else if self.0.loading.load(Ordering::Relaxed) || !connections.iter().all(|connection| connection.ready) {
            Word::Waiting
        } else {
            Word::Ready
        }
    }

    fn stores(&self) -> Vec<StoreState> {
        self.0.stores.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(|report| report()).collect()
    }

    fn connections(&self) -> Vec<Connection> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|report| report()).collect()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.to_json()).finish()
    }
}

/// Says how a connection is.
type Report = Box<dyn Fn() -> Connection + Send + Sync>;

/// Says how a store is.
type StoreReport = Box<dyn Fn() -> Option<StoreState> + Send + Sync>;

#[derive(Serialize)]
struct All {
    status: Word,
    nats: Vec<Connection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stores: Vec<StoreState>,
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Ready,
    Waiting,
    Stopping,
}

/// How a connection is.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Connection {
    /// The server's address, without secrets.
    pub server: String,
    pub state: &'static str,
    /// For so long it has had that.
    pub seconds: u64,
    pub ready: bool,
    /// How often it was lost.
    pub lost: u64,
    /// To connect, since it was last connected.
    pub attempts: u64,
    /// What the server or the network complained of last.
    pub last_error: Option<String>,
}

/// How a store is that is a server of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StoreState {
    /// `redis` or `nats`.
    pub store: &'static str,
    /// `not-asked`, `answering` or `failing`: how the last operation ended.
    pub state: &'static str,
    /// For so long operations have ended so.
    pub seconds: u64,
    /// How the last one failed, if it did.
    pub last_error: Option<String>,
}
