//! One connection to a server: made, used by one statement at a time, and never used again where it may be in a state
//! that the next statement does not expect.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::failure::of_connecting;
use super::tls::Tls;
use crate::failure::{Cause, Delivery, Failure};

/// The longest that one server may take until it is connected, or has taken a wish to cancel.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// How to reach the servers.
pub(super) struct Address {
    pub config: Config,
    pub tls: Option<Tls>,
    /// Without secrets.
    pub name: String,
}

/// A connection, for one statement at a time.
pub(super) struct Connection {
    pub client: Client,
    /// How many bytes went into it so far.
    written: Arc<AtomicU64>,
    /// Of the server that took it.
    host: Host,
    port: u16,
}

impl Address {
    /// Connects to the first server that takes the connection.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let hosts = self.config.get_hosts().iter();
        let ports = self.config.get_ports();
        let mut failed = None;
        for (index, host) in hosts.enumerate() {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5_432);
            let limit = self.config.get_connect_timeout().copied().unwrap_or(CONNECT);
            let connected = tokio::time::timeout(limit, self.connect_to(host, port)).await.unwrap_or_else(|_| {
                let message = format!("Postgres at {} took no connection within {limit:?}", self.name);
                Err(Failure::new(Cause::Timeout, Delivery::NotSent, message))
            });
            match connected {
                Ok(connection) => return Ok(connection),
                Err(failure) => failed = Some(failure),
            }
        }
        Err(failed.unwrap_or_else(|| Failure::new(Cause::NoLink, Delivery::NotSent, "no server is given")))
    }

    async fn connect_to(&self, host: &Host, port: u16) -> Result<Connection, Failure> {
        let stream = open(host, port).await.map_err(|error| {
            let message = format!("cannot connect to Postgres at {}: {error}", self.name);
            Failure::new(Cause::Disconnected, Delivery::NotSent, message)
        })?;
        let written = stream.written.clone();
        let failed = |error| of_connecting(&error, &self.name);
        let client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect_raw(stream, NoTls).await.map_err(failed)?;
                tokio::spawn(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect_raw(stream, tls.of(host)).await.map_err(failed)?;
                tokio::spawn(connection);
                client
            }
        };
        Ok(Connection { client, written, host: host.clone(), port })
    }

    /// Has the server cancel what is under way over a connection.
    async fn cancel(&self, connection: &Connection) {
        let (token, host) = (connection.client.cancel_token(), &connection.host);
        let cancel = async {
            let stream = open(host, connection.port).await.ok()?;
            match &self.tls {
                None => token.cancel_query_raw(stream, NoTls).await.ok(),
                Some(tls) => token.cancel_query_raw(stream, tls.of(host)).await.ok(),
            }
        };
        if !matches!(tokio::time::timeout(CONNECT, cancel).await, Ok(Some(()))) {
            tracing::warn!("Postgres at {} does not take the wish to cancel a query, which may go on", self.name);
        }
    }
}

impl Connection {
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether it ended, as far as is known.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// A connection over which a statement is on its way. Dropped before [`done`](Busy::done), it has the server cancel the
/// statement, and ends: a wish to cancel that comes late would hit another statement.
pub(super) struct Busy {
    pub connection: Arc<Connection>,
    address: Arc<Address>,
    /// Counts until the connection has ended. None when the statement has.
    place: Option<OwnedSemaphorePermit>,
}

impl Busy {
    pub fn new(connection: Arc<Connection>, address: Arc<Address>, place: OwnedSemaphorePermit) -> Self {
        Busy { connection, address, place: Some(place) }
    }

    /// The statement has ended.
    pub fn done(mut self) -> (Arc<Connection>, Option<OwnedSemaphorePermit>) {
        (self.connection.clone(), self.place.take())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (address, connection) = (self.address.clone(), self.connection.clone());
        runtime.spawn(async move {
            if !connection.is_closed() {
                address.cancel(&connection).await;
            }
            drop((connection, place));
        });
    }
}

/// A socket of either kind.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

async fn open(host: &Host, port: u16) -> io::Result<Counted> {
    let socket: Box<dyn Socket> = match host {
        Host::Tcp(name) => {
            let stream = TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            Box::new(tokio::net::UnixStream::connect(path).await?)
        }
    };
    Ok(Counted { socket, written: Arc::default() })
}

/// Counts what goes into it: a statement of which nothing did never left.
struct Counted {
    socket: Box<dyn Socket>,
    written: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
