//! Connections that wRPC goes over, and what the calls of each may hold.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::budget::Budget;
use super::{Remote, subject};
use crate::health::Health;
use crate::nats::{self, Address, NatsOptions};

/// One connection, to one server or cluster.
pub(crate) struct Connection {
    nats: nats::Connection,
    /// Of all calls over the connection.
    pub(super) budget: Budget,
    /// What those of peers begin with; [`subject::INBOX`] if there are none.
    inboxes: Vec<String>,
}

impl Connection {
    /// Begins to connect, and never gives up. `health` tells how that goes.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(server: &Address, options: &NatsOptions, health: &Health) -> Self {
        let nats = nats::Connection::open(server, options, health);
        Connection { nats, budget: Budget::new(), inboxes: options.inboxes.clone() }
    }

    /// Whether nothing but an answer can be published to what a peer named.
    pub(super) fn check_inbox(&self, named: &str) -> Result<(), String> {
        subject::check_inbox(named, &self.inboxes)
    }
}

impl Deref for Connection {
    type Target = nats::Connection;

    fn deref(&self) -> &nats::Connection {
        &self.nats
    }
}

/// The connections of a host: links to the same server with the same credentials share one.
pub(crate) struct Connections {
    open: HashMap<(Address, NatsOptions), Arc<Connection>>,
    health: Health,
}

impl Connections {
    /// None yet; `health` will tell how they are.
    pub fn new(health: &Health) -> Self {
        Connections { open: HashMap::new(), health: health.clone() }
    }

    /// The way to the providers whose subjects begin with `prefix`, at a server.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn remote(&mut self, address: &Address, options: &NatsOptions, prefix: &str) -> Remote {
        let connection = self
            .open
            .entry((address.clone(), options.clone()))
            .or_insert_with(|| Arc::new(Connection::open(address, options, &self.health)));
        Remote::new(connection.clone(), prefix)
    }
}
