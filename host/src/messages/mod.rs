//! Messages that a component takes: the host calls it for each, and again when it fails, within bounds.
//!
//! `subject` gets them from whoever publishes, and `stream` from a stream of JetStream, which keeps them. `handling` calls
//! the component, `backoff` says when a message comes again, and `parking` puts away what came too often.

mod backoff;
mod counts;
mod handling;
mod parking;
mod seen;
mod stream;
mod subject;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::component::{Component, Function, in_wit};
use crate::health::Health;
use crate::instance::Network;
use crate::lattice::Faulty;
use crate::manifest::{Manifest, Source};
use crate::nats::{Address, Connection, NatsOptions};
use crate::providers::messaging::{HANDLE, HANDLERS, WIT};
use counts::Counts;
pub use counts::MessageCounts;
use handling::Handling;

/// What messages are passed to.
pub(crate) struct Handler {
    pub function: Arc<Function>,
    pub target: Faulty<Network>,
}

/// The function of `component` that takes messages.
///
/// # Errors
/// Why there is none that can be called.
pub(crate) fn handler_of(component: &Component) -> Result<Arc<Function>, String> {
    let path = component.path.display();
    let Some((export, given)) = HANDLERS.iter().find_map(|path| component.exported(path)) else {
        return Err(format!(
            "messages are to be taken, and {path} exports no {} (it exports {}); export one of them",
            HANDLERS.join(" or "),
            component.export_list()
        ));
    };
    let given = given.as_ref().map_err(|what| format!("{path} exports {what}"))?;
    let wanted = in_wit(&WIT)?;
    let fits = wanted.iter().find(|(interface, _)| interface.is_served_by(export)).and_then(|(_, functions)| {
        let (wanted, given) = (functions.get(HANDLE)?, given.get(HANDLE)?);
        wanted.is_served_by(given).then(|| given.clone())
    });
    match fits {
        Some(signature) => Ok(Function::new(export, HANDLE, &signature)),
        None => Err(format!(
            "messages are to be taken, and {path} exports `{export}`, which is not as this host has it; build it against \
             wit/messaging of steadfast"
        )),
    }
}

/// All subscriptions of a host, until this is dropped.
pub(crate) struct Subscriptions {
    stop: watch::Sender<bool>,
    /// Heard by each that is at work.
    at_work: watch::Sender<()>,
    counts: Arc<Counts>,
    running: Mutex<JoinSet<()>>,
}

impl Subscriptions {
    /// Begins to take the messages of a manifest. Connections are watched by `health`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(manifest: &Manifest, handler: Option<Handler>, network: &Arc<Network>, health: &Health) -> Self {
        let (stop, at_work) = (watch::Sender::new(false), watch::Sender::new(()));
        let (counts, mut running) = (Arc::new(Counts::default()), JoinSet::new());
        let mut connections: HashMap<(Address, NatsOptions), Arc<Connection>> = HashMap::new();
        if let Some(handler) = handler.map(Arc::new) {
            for messages in &manifest.messages {
                let place = (messages.address.clone(), messages.options.clone());
                let open = || Arc::new(Connection::open(&messages.address, &messages.options, health));
                let connection = connections.entry(place).or_insert_with(open).clone();
                connection.preparing(1);
                let handling = Arc::new(Handling::new(messages, &handler, network, &counts, connection));
                let (stopped, working) = (stop.subscribe(), at_work.subscribe());
                let source = messages.source.clone();
                running.spawn(async move {
                    let _working = working;
                    match source {
                        Source::Subject { group, queue } => subject::run(handling, group, queue, stopped).await,
                        Source::Stream { name, durable, ack_wait } => {
                            stream::Stream::new(handling, name, durable, ack_wait).run(stopped).await;
                        }
                    }
                });
            }
        }
        Subscriptions { stop, at_work, counts, running: Mutex::new(running) }
    }

    /// No new messages are taken.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until those are over that were taken, once it is [stopped](Self::stop).
    pub async fn ended(&self) {
        self.at_work.closed().await;
    }

    /// Ends what is still under way.
    pub fn cut(&self) {
        let cut = self.counts.get().under_way;
        if cut > 0 {
            tracing::warn!("messages that were not taken when this host stopped: {cut}; those of streams come again");
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub fn counts(&self) -> MessageCounts {
        self.counts.get()
    }
}

/// Ready when the end is asked for.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender, there is nobody to ask for it any more.
    let _ = stop.wait_for(|stop| *stop).await;
}
