//! Connections to NATS servers: made in the background, and again whenever one is lost.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Remote;
use super::budget::Budget;
use crate::manifest::Nats;

/// How many commands wait for a connection to take them, before those who give them wait.
const COMMANDS: usize = 1024;

/// How many messages of one subscription wait for whoever reads them; further ones are lost, and their calls time out.
const MESSAGES: usize = 8192;

/// Three that stay unanswered end a connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// The longest that the connection to one server may take.
const CONNECT: Duration = Duration::from_secs(5);

/// One connection, to one server or cluster.
pub(crate) struct Connection {
    /// The server's address, without secrets.
    pub name: String,
    /// Of all calls over the connection.
    pub(super) budget: Budget,
    status: watch::Receiver<Status>,
    nats: watch::Receiver<Option<async_nats::Client>>,
    _connecting: JoinSet<()>,
}

/// Whether there is a connection, and how often one was lost.
#[derive(Clone, Copy, Default)]
struct Status {
    connected: bool,
    losses: u64,
}

impl Connection {
    /// Begins to connect, and never gives up.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(url: &str) -> Self {
        let name = without_secrets(url);
        let (status_tx, status) = watch::channel(Status::default());
        let (nats_tx, nats) = watch::channel(None);
        let mut connecting = JoinSet::new();
        connecting.spawn(connect(url.to_string(), name.clone(), Arc::new(status_tx), nats_tx));
        Connection { name, budget: Budget::new(), status, nats, _connecting: connecting }
    }

    /// Ready when there is a client, which is from the first connection on; it outlasts the connection.
    pub async fn client(&self) -> Option<async_nats::Client> {
        let mut nats = self.nats.clone();
        nats.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// A future that is ready when the connection of now is lost; `None` if there is none now.
    pub fn lost(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mut status = self.status.clone();
        let now = *status.borrow_and_update();
        now.connected.then_some(async move {
            let lost = status.wait_for(|status| status.losses != now.losses).await.is_ok();
            if !lost {
                // The host goes away, and with it whoever waits.
                std::future::pending::<()>().await;
            }
        })
    }
}

async fn connect(
    url: String,
    name: String,
    status: Arc<watch::Sender<Status>>,
    client: watch::Sender<Option<async_nats::Client>>,
) {
    // The client's own retries do not say why the first connection fails.
    for attempt in 1.. {
        match options(&name, &status).connect(&url).await {
            Ok(nats) => {
                let _ = client.send(Some(nats));
                break;
            }
            Err(error) => {
                let delay = delay(attempt);
                let error = crate::error::quote(&error);
                tracing::warn!("cannot connect to {name}: {error}; trying again in {delay:?}");
                tokio::time::sleep(delay).await;
            }
        }
    }
}

fn options(name: &str, status: &Arc<watch::Sender<Status>>) -> ConnectOptions {
    let (name, status) = (name.to_string(), status.clone());
    ConnectOptions::new()
        .name("steadfast")
        .client_capacity(COMMANDS)
        .subscription_capacity(MESSAGES)
        .connection_timeout(CONNECT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(delay)
        .event_callback(move |event| {
            match &event {
                Event::Connected => {
                    status.send_modify(|status| status.connected = true);
                    tracing::info!("connected to {name}");
                }
                Event::Disconnected | Event::Closed => {
                    status.send_modify(|status| {
                        status.connected = false;
                        status.losses = status.losses.wrapping_add(1);
                    });
                    tracing::warn!("lost the connection to {name}; connecting again");
                }
                Event::SlowConsumer(_) => {
                    tracing::warn!("{name} sends faster than this process reads; messages are lost");
                }
                event => tracing::warn!("{name}: {event}"),
            }
            std::future::ready(())
        })
}

/// Before an attempt to connect: twice as long each time, up to 2 s, of which up to a half is left out at random, so
/// that those who lost the same server do not come back together.
fn delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(6);
    let longest = Duration::from_millis(50).saturating_mul(1 << doublings).min(Duration::from_secs(2));
    let random = RandomState::new().hash_one(attempt) as u32;
    longest.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// The address without user, password or token.
fn without_secrets(url: &str) -> String {
    // A list of servers has them in each.
    let one = |url: &str| match (url.split_once("://"), url.rsplit_once('@')) {
        (_, None) => url.to_string(),
        (Some((scheme, _)), Some((_, address))) => format!("{scheme}://{address}"),
        (None, Some((_, address))) => address.to_string(),
    };
    url.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// The connections of a host: links to the same server share one.
#[derive(Default)]
pub(crate) struct Connections {
    open: HashMap<String, Arc<Connection>>,
}

impl Connections {
    /// The way to the providers at a place.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn remote(&mut self, nats: &Nats) -> Remote {
        let connection = self.open.entry(nats.url.clone()).or_insert_with(|| Arc::new(Connection::open(&nats.url)));
        Remote::new(connection.clone(), &nats.prefix)
    }
}

/// The client of wRPC, which needs a connection to be made.
pub(super) struct Client {
    client: Arc<OnceLock<wrpc_transport_nats::Client>>,
    _making: JoinSet<()>,
}

impl Client {
    /// Begins to make it.
    pub fn new(connection: &Arc<Connection>, prefix: &str) -> Self {
        let made = Arc::new(OnceLock::new());
        let mut making = JoinSet::new();
        let (connection, prefix, client) = (connection.clone(), prefix.to_string(), made.clone());
        making.spawn(async move {
            // A connection that is lost meanwhile fails it.
            for attempt in 1.. {
                let Some(nats) = connection.client().await else { return };
                match wrpc_transport_nats::Client::new(nats, prefix.as_str(), None).await {
                    Ok(made) => {
                        let _ = client.set(made);
                        return;
                    }
                    Err(error) => tracing::warn!("cannot subscribe at {}: {error:#}", connection.name),
                }
                tokio::time::sleep(delay(attempt)).await;
            }
        });
        Client { client: made, _making: making }
    }

    /// The client, as soon as it is made.
    pub fn get(&self) -> Option<&wrpc_transport_nats::Client> {
        self.client.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_address_is_shown() {
        for (url, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://ada:secret@host:4222", "nats://host:4222"),
            ("tls://to@ken@host", "tls://host"),
            ("nats://a:b@one,nats://c:d@two", "nats://one,nats://two"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn the_time_between_two_attempts_grows_and_ends_growing() {
        for (attempt, longest) in [(0, 50), (1, 50), (2, 100), (4, 400), (7, 2000), (usize::MAX, 2000)] {
            let (longest, delay) = (Duration::from_millis(longest), delay(attempt));
            assert!((longest / 2..=longest).contains(&delay), "{attempt}: {delay:?}");
        }
    }
}
