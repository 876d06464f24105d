//! Connections to NATS servers: made in the background, and again whenever one is lost.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ClientError, ConnectErrorKind, ConnectOptions, Event};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::status::Status;
use super::{Address, NatsOptions, connect_options};
use crate::health::Health;

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
    status: Arc<watch::Sender<Status>>,
    nats: watch::Receiver<Option<async_nats::Client>>,
    _connecting: JoinSet<()>,
}

impl Connection {
    /// Begins to connect, and never gives up. `health` tells how that goes.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(server: &Address, options: &NatsOptions, health: &Health) -> Self {
        let status = Arc::new(watch::Sender::new(Status::new(server.to_string())));
        let reported = status.clone();
        health.watch(move || reported.borrow().report());
        let (nats_tx, nats) = watch::channel(None);
        let mut connecting = JoinSet::new();
        connecting.spawn(connect(server.clone(), options.clone(), status.clone(), nats_tx));
        Connection { name: server.to_string(), status, nats, _connecting: connecting }
    }

    /// Ready when there is a client, which is from the first connection on; it outlasts the connection.
    pub async fn client(&self) -> Option<async_nats::Client> {
        let mut nats = self.nats.clone();
        nats.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// A future that is ready when the connection of now is lost; `None` if there is none now.
    pub fn lost(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mut status = self.status.subscribe();
        let (connected, losses) = {
            let now = status.borrow_and_update();
            (now.is_connected(), now.losses)
        };
        connected.then_some(async move {
            let lost = status.wait_for(|status| status.losses != losses).await.is_ok();
            if !lost {
                // The host goes away, and with it whoever waits.
                std::future::pending::<()>().await;
            }
        })
    }

    /// A future that is ready when the connection of now is lost, as soon as there is one.
    pub async fn connected(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut status = self.status.subscribe();
        loop {
            if let Some(lost) = self.lost() {
                return lost;
            }
            // The sender is here.
            let _ = status.wait_for(Status::is_connected).await;
        }
    }

    /// Says whether the server knows of all subscriptions; when the connection is lost, it does not.
    pub fn subscribed(&self, subscribed: bool) {
        self.status.send_modify(|status| status.subscribed = Some(subscribed));
    }

    /// So many subscriptions of links more are to be made, or fewer.
    pub fn preparing(&self, more: isize) {
        self.status.send_modify(|status| status.preparing = status.preparing.saturating_add_signed(more));
    }

    /// Ready when the server knows of all subscriptions.
    pub async fn known(&self) {
        // The sender is here.
        let _ = self.status.subscribe().wait_for(|status| status.subscribed == Some(true)).await;
    }
}

async fn connect(
    address: Address,
    nats: NatsOptions,
    status: Arc<watch::Sender<Status>>,
    client: watch::Sender<Option<async_nats::Client>>,
) {
    let name = address.to_string();
    // The client's own retries do not say why the first connection fails.
    for attempt in 1.. {
        match options(&address, &nats, &status).connect(address.servers()).await {
            Ok(nats) => {
                let _ = client.send(Some(nats));
                break;
            }
            Err(error) => {
                failed(&name, &status, crate::error::quote(&error));
                tokio::time::sleep(delay(attempt)).await;
            }
        }
    }
}

fn options(address: &Address, nats: &NatsOptions, status: &Arc<watch::Sender<Status>>) -> ConnectOptions {
    let (name, events) = (address.to_string(), status.clone());
    let (other_name, attempts) = (name.clone(), status.clone());
    connect_options(nats, address.wants_tls())
        .name("steadfast")
        .client_capacity(COMMANDS)
        .subscription_capacity(MESSAGES)
        .connection_timeout(CONNECT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(delay)
        .reconnect_to_server_callback(move |servers, _| {
            attempted(&other_name, &attempts, &servers);
            std::future::ready(None)
        })
        .event_callback(move |event| {
            happened(&name, &events, event);
            std::future::ready(())
        })
}

/// Before each round of attempts, and the only place where the client tells why those after a loss fail.
fn attempted(name: &str, status: &watch::Sender<Status>, servers: &[async_nats::Server]) {
    let again = status.borrow().attempts > 0;
    let last =
        servers.iter().filter(|server| server.failed_attempts > 0).find_map(|server| server.last_error.as_deref());
    if let Some(error) = last.filter(|_| again) {
        failed(name, status, crate::error::quote(&error));
    }
    status.send_modify(|status| status.attempts = status.attempts.saturating_add(1));
}

fn failed(name: &str, status: &watch::Sender<Status>, error: String) {
    let error = plain(&error);
    if status.send_if_modified(|status| status.failed(error.to_string())) {
        let hint = match error {
            VIOLATION => "; check the credentials for it",
            _ => "",
        };
        tracing::warn!("cannot connect to {name}: {error}{hint}; trying again until it works");
    }
}

fn happened(name: &str, status: &watch::Sender<Status>, event: Event) {
    match event {
        Event::Connected => {
            status.send_modify(Status::connected);
            tracing::info!("connected to {name}");
        }
        Event::Disconnected | Event::Closed => {
            status.send_modify(Status::lost);
            tracing::warn!("lost the connection to {name}; connecting again");
        }
        Event::SlowConsumer(_) => {
            if status.send_if_modified(Status::overran) {
                tracing::warn!(
                    "{name} sends faster than this process reads; messages are lost, and their calls time out"
                );
            }
        }
        Event::ServerError(error) => {
            let error = crate::error::quote(&error);
            let error = plain(&error);
            let refused = error.starts_with("Permissions Violation for Subscription");
            if status.send_if_modified(|status| status.complained(error.to_string(), refused)) {
                tracing::warn!("{name} says: {error}");
            }
        }
        // Why is told with the next attempt, but of names that do not resolve.
        Event::ClientError(ClientError::Other(kind)) if kind != ConnectErrorKind::Dns.to_string() => {}
        Event::ClientError(ClientError::Other(kind)) => failed(name, status, kind),
        event => tracing::warn!("{name}: {event}"),
    }
}

/// What a server says when it does not accept the credentials, or their lack.
const VIOLATION: &str = "authorization violation";

/// An error of the client without what it says twice.
fn plain(error: &str) -> &str {
    let error = error.strip_prefix("IO error: ").unwrap_or(error);
    let error = error.strip_prefix("nats: ").unwrap_or(error);
    if error.starts_with(VIOLATION) { VIOLATION } else { error }
}

/// Before an attempt to connect: twice as long each time, up to 2 s, of which up to a half is left out at random, so
/// that those who lost the same server do not come back together.
pub(crate) fn delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(6);
    let longest = Duration::from_millis(50).saturating_mul(1 << doublings).min(Duration::from_secs(2));
    let random = RandomState::new().hash_one(attempt) as u32;
    longest.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Waits until the server has read all that was written before.
pub(crate) async fn round_trip(nats: &async_nats::Client) -> Result<(), String> {
    let inbox = nats.new_inbox();
    let mut echo = nats.subscribe(inbox.clone()).await.map_err(|error| crate::error::quote(&error))?;
    nats.publish(inbox, bytes::Bytes::new()).await.map_err(|error| crate::error::quote(&error))?;
    echo.next().await.map(drop).ok_or_else(|| "the connection was closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_client_is_told_in_its_own_words_once() {
        for (error, told) in [
            ("authorization violation: nats: authorization violation", "authorization violation"),
            ("IO error: Connection refused (os error 111)", "Connection refused (os error 111)"),
            ("IO error: nats: 'User Authentication Expired'", "'User Authentication Expired'"),
            ("DNS error", "DNS error"),
        ] {
            assert_eq!(plain(error), told);
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
