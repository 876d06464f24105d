//! The connections of a provider: made when they are needed, and kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::{Address, Busy, CONNECT, Connection};
use crate::failure::{Cause, Delivery, Failure};

/// The longest that a call waits for a connection of others.
const WAIT: Duration = Duration::from_secs(1);

/// A connection that was not used for this long is tried before a statement is sent over it: a statement that left is
/// not repeated.
const FRESH: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    pub address: Arc<Address>,
    /// The one that was used last is the last, with when that was.
    idle: Mutex<Vec<(Arc<Connection>, Instant)>>,
    places: Arc<Semaphore>,
    size: u32,
}

impl Pool {
    pub fn new(address: Address, size: u32) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Pool { address: Arc::new(address), idle: Mutex::new(Vec::new()), places, size }
    }

    /// A connection for one statement, before `deadline`.
    ///
    /// # Errors
    /// Why there is none. Nothing was sent then.
    pub async fn take(&self, deadline: Option<Instant>) -> Result<Busy, Failure> {
        let place = self.place(deadline).await?;
        if let Some(connection) = self.fresh() {
            return Ok(Busy::new(connection, self.address.clone(), place));
        }
        let limit = deadline.unwrap_or_else(|| Instant::now() + CONNECT);
        let found = tokio::time::timeout_at(limit, self.tried_or_new()).await.unwrap_or_else(|_| {
            let message = format!("Postgres at {} does not answer, so the statement was not sent", self.address.name);
            Err(Failure::new(Cause::Timeout, Delivery::NotSent, message))
        });
        Ok(Busy::new(found?, self.address.clone(), place))
    }

    /// The connection that was used last, if that was just now.
    fn fresh(&self) -> Option<Arc<Connection>> {
        let is_fresh =
            |(connection, since): &mut (Arc<Connection>, Instant)| since.elapsed() < FRESH && !connection.is_closed();
        self.idle().pop_if(is_fresh).map(|(connection, _)| connection)
    }

    async fn tried_or_new(&self) -> Result<Arc<Connection>, Failure> {
        loop {
            let Some((connection, _)) = self.idle().pop() else {
                // On the heap: of a call, this is a large part that is needed seldom.
                return Box::pin(self.address.connect()).await.map(Arc::new);
            };
            // A server that went away is noticed only when something is read or written.
            if connection.client.check_connection().await.is_ok() {
                return Ok(connection);
            }
        }
    }

    async fn place(&self, deadline: Option<Instant>) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let limit = Instant::now() + WAIT;
        let limit = deadline.map_or(limit, |deadline| deadline.min(limit));
        match tokio::time::timeout_at(limit, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let message = format!(
                    "all {} connections to Postgres at {} are in use; `connections` in the link has more",
                    self.size, self.address.name
                );
                Err(Failure::new(Cause::Overloaded, Delivery::NotSent, message))
            }
        }
    }

    /// Keeps a connection for the next statement.
    pub fn give_back(&self, busy: Busy) {
        let (connection, place) = busy.done();
        self.idle().push((connection, Instant::now()));
        drop(place);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<Connection>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
