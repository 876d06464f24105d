//! How a host or a provider is: what it knows of each connection, and whether it can serve.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

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
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stopping: AtomicBool,
    /// Nothing can be served yet.
    loading: AtomicBool,
    connections: Mutex<Vec<Arc<watch::Sender<Status>>>>,
}

impl Health {
    /// Of what serves nothing before [`begin`](Self::begin).
    pub(crate) fn loading() -> Self {
        let health = Health::default();
        health.0.loading.store(true, Ordering::Relaxed);
        health
    }

    pub(crate) fn begin(&self) {
        self.0.loading.store(false, Ordering::Relaxed);
    }

    /// From now on, nothing new is to come.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Includes a connection.
    pub(crate) fn watch(&self, connection: Arc<watch::Sender<Status>>) {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Whether everything is there that serving needs: every connection, and for a provider, the server's word that it
    /// knows of all subscriptions. No longer, once the end has been asked for.
    ///
    /// ```no_run
    /// # async fn example(provider: steadfast_host::Provider) {
    /// let health = provider.health();
    /// assert!(!health.is_ready(), "it serves nothing yet");
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        self.word() == Word::Ready
    }

    /// All that is known, without secrets: the status, which is `ready`, `waiting` or `stopping`, and for each
    /// connection its server, its state (`connecting`, `connected` or `disconnected`) and for how many seconds it has
    /// had that, whether it is ready for calls, how often it was lost, how many attempts to connect there were since
    /// it was last there, and what the server or the network said last, if it was a complaint.
    ///
    /// ```no_run
    /// # async fn example(host: steadfast_host::Host) {
    /// println!("{}", host.health().to_json());
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        let nats = self.connections().iter().map(|status| status.borrow().report()).collect();
        // Texts, numbers and truths: there is nothing in it that JSON does not have.
        serde_json::to_string(&Report { status: self.word(), nats }).unwrap_or_default()
    }

    fn word(&self) -> Word {
        if self.0.stopping.load(Ordering::Relaxed) {
            Word::Stopping
        } else if self.0.loading.load(Ordering::Relaxed)
            || !self.connections().iter().all(|status| status.borrow().is_ready())
        {
            Word::Waiting
        } else {
            Word::Ready
        }
    }

    fn connections(&self) -> Vec<Arc<watch::Sender<Status>>> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is known of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// The server's address, without secrets.
    pub server: String,
    pub state: State,
    pub since: Instant,
    /// How often it was lost.
    pub losses: u64,
    /// To connect, since it was last connected.
    pub attempts: u64,
    /// What the server or the network complained of last.
    pub said: Option<String>,
    /// Of the attempts since the last loss, whether one was told of.
    told: bool,
    /// How many of those who share it still prepare their calls.
    pub preparing: usize,
    /// For a provider: whether the server knows of all its subscriptions.
    pub subscribed: Option<bool>,
    /// Whether the server has refused a subscription.
    refused: bool,
    /// When it was last told of that messages were lost.
    overrun: Option<Instant>,
}

/// It is told so often that messages are lost, each of which a client of NATS tells on its own.
const QUIET: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It was never there.
    Connecting,
    Connected,
    Disconnected,
}

impl Status {
    pub fn new(server: String) -> Self {
        Status {
            server,
            state: State::Connecting,
            since: Instant::now(),
            losses: 0,
            attempts: 0,
            said: None,
            told: false,
            preparing: 0,
            subscribed: None,
            refused: false,
            overrun: None,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    pub fn is_ready(&self) -> bool {
        self.is_connected() && self.preparing == 0 && self.subscribed != Some(false) && !self.refused
    }

    pub fn connected(&mut self) {
        *self = Status {
            state: State::Connected,
            since: Instant::now(),
            attempts: 0,
            said: None,
            told: false,
            refused: false,
            ..self.clone()
        };
    }

    /// Keeps what the server said: it may be why.
    pub fn lost(&mut self) {
        self.state = State::Disconnected;
        self.since = Instant::now();
        self.losses = self.losses.wrapping_add(1);
        self.told = false;
        self.subscribed = self.subscribed.map(|_| false);
    }

    /// An attempt to connect has failed. Whether that is news.
    pub fn failed(&mut self, said: String) -> bool {
        let known = self.told && self.said.as_ref() == Some(&said);
        self.told = true;
        self.said = Some(said);
        !known
    }

    /// The server complains, on a connection. Whether that is news.
    pub fn complained(&mut self, said: String, refused: bool) -> bool {
        let known = self.said.as_ref() == Some(&said);
        self.said = Some(said);
        self.refused |= refused;
        !known
    }

    /// A message is lost, since more come than are read. Whether that is news.
    pub fn overran(&mut self) -> bool {
        let known = self.overrun.is_some_and(|told| told.elapsed() < QUIET);
        if !known {
            self.overrun = Some(Instant::now());
        }
        !known
    }

    fn report(&self) -> Connection {
        Connection {
            server: self.server.clone(),
            state: self.state,
            seconds: self.since.elapsed().as_secs(),
            ready: self.is_ready(),
            lost: self.losses,
            attempts: self.attempts,
            last_error: self.said.clone(),
        }
    }
}

#[derive(Serialize)]
struct Report {
    status: Word,
    nats: Vec<Connection>,
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Ready,
    Waiting,
    Stopping,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Connection {
    server: String,
    state: State,
    seconds: u64,
    ready: bool,
    lost: u64,
    attempts: u64,
    last_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_messages_are_lost_is_told_once_a_minute() {
        let mut status = Status::new("nats://127.0.0.1".into());
        let mut told = Vec::new();
        for second in 0..130 {
            if (0..1000).filter(|_| status.overran()).count() > 0 {
                told.push(second);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told, [0, 60, 120]);
    }
}
