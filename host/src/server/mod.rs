//! HTTP/1.1 in front: accepts connections, as many as there is room for, and ends those that keep the host waiting.

mod activity;
mod connection;

use std::collections::HashMap;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;

use activity::Activity;

/// How long a server that is told to stop waits for what is under way.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// For the system to give back what `accept` found used up; without a wait, it would be asked again and again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// At most one line each for connections that are turned away: there may be thousands in a second.
const TURNED_AWAY_EVERY: Duration = Duration::from_secs(1);

/// Of the head of a request: eight times what browsers and proxies send.
const HEAD_BYTES: usize = 64 << 10;

/// For the head of a request, which fits in a few packets: long enough for any of them to be sent again.
const HEAD: Duration = Duration::from_secs(10);

/// Between two requests: what proxies in front commonly keep connections for.
const IDLE: Duration = Duration::from_secs(60);

/// For a client to take the next bytes of an answer: as long as a request may take by default.
const WRITE: Duration = Duration::from_secs(30);

/// Descriptors that no bound for connections or calls hands out: the admin port, files, what the process began with.
const RESERVED_DESCRIPTORS: usize = 256;

/// What a server takes of its clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// At a time.
    pub connections: usize,
    /// Of the head of a request.
    pub head_bytes: usize,
    /// From the begin of a connection, or from the first byte of a further request, to the end of its head.
    pub head: Duration,
    /// From an answer to the first byte of the next request.
    pub idle: Duration,
    /// For a client to take the next byte of an answer.
    pub write: Duration,
    /// Whether a connection serves more than one request.
    pub keep_alive: bool,
}

impl Bounds {
    /// For the clients of a component.
    pub fn of(connections: usize) -> Self {
        Bounds {
            connections: connections.min(descriptors()),
            head_bytes: HEAD_BYTES,
            head: HEAD,
            idle: IDLE,
            write: WRITE,
            keep_alive: true,
        }
    }
}

/// Half of the descriptors that this process may have, without those in reserve: for connections of clients, or for
/// what components call. No bound where the system has none.
pub(crate) fn descriptors() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        (limit.saturating_sub(RESERVED_DESCRIPTORS) / 2).max(1)
    }
    #[cfg(not(unix))]
    usize::MAX
}

/// Answers requests on `listener` with `answer` until `shutdown` is ready. Then it takes no more connections, and those
/// at work have [`GRACE`] to end. Returns when that is over.
pub(crate) async fn serve<A, F, B>(
    listener: TcpListener,
    bounds: Bounds,
    answer: A,
    shutdown: impl Future<Output = ()>,
) -> Instant
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut shutdown = std::pin::pin!(shutdown);
    let (stopping, stopped) = watch::channel(());
    let mut connections = Connections { at_work: HashMap::new(), tasks: JoinSet::new(), turned_away: None };
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.ended(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if connections.at_work.len() < bounds.connections || connections.displace() => {
                let activity = Arc::new(Activity::new());
                let connection = connection::serve(stream, bounds, activity.clone(), answer.clone(), stopped.clone());
                let task = connections.tasks.spawn(connection);
                connections.at_work.insert(task.id(), (activity, task));
            }
            Ok((stream, _)) => connections.turn_away(stream, bounds.connections),
            // Of a client that left before it was accepted.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of descriptors, most likely: one that waits makes room.
                connections.displace();
                tracing::error!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    drop(stopped);
    let _ = stopping.send(());
    let over = Instant::now() + GRACE;
    let ended = async { while connections.tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout_at(over, ended).await;
    over
}

/// Says that the end was asked for, and how many `what`, requests or calls, are under way.
pub(crate) fn stopping(what: &str, under_way: usize) {
    tracing::info!("stopping; {what} under way, which have {GRACE:?} to end: {under_way}");
}

/// Says that this is the end, and how many did not come to theirs.
pub(crate) fn stopped(what: &str, cut: usize) {
    match cut {
        0 => tracing::info!("stopped"),
        cut => tracing::warn!("stopped; {what} that were not over within {GRACE:?}, and are cut: {cut}"),
    }
}

/// The connections of a server.
struct Connections {
    at_work: HashMap<Id, (Arc<Activity>, AbortHandle)>,
    tasks: JoinSet<()>,
    /// When it was last said that connections are turned away.
    turned_away: Option<Instant>,
}

impl Connections {
    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!("a connection ended by a panic");
                }
                error.id()
            }
        };
        self.at_work.remove(&id);
    }

    /// Ends the connection that has waited longest for its client; none, where all are at work on a request.
    fn displace(&mut self) -> bool {
        let waiting = self.at_work.iter().filter_map(|(id, (activity, _))| Some((activity.waits_since()?, *id)));
        let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else { return false };
        if let Some((_, task)) = self.at_work.remove(&longest) {
            tracing::debug!("a connection that waited for its client made room for another");
            task.abort();
        }
        true
    }

    fn turn_away(&mut self, stream: TcpStream, most: usize) {
        // A new connection has room for so few bytes, so nothing waits for them to be sent.
        let _ = stream.try_write(
            b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
        if self.turned_away.is_none_or(|last| last.elapsed() >= TURNED_AWAY_EVERY) {
            self.turned_away = Some(Instant::now());
            tracing::warn!("connections are turned away: {most} are at work on requests, and no more are allowed");
        }
    }
}
