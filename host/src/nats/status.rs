//! What is known of a connection to a NATS server.

use std::time::Duration;

use tokio::time::Instant;

use crate::health::Connection;

/// What is known of a connection.
#[derive(Clone, Debug)]
pub(super) struct Status {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
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

    pub fn report(&self) -> Connection {
        Connection {
            server: self.server.clone(),
            state: match self.state {
                State::Connecting => "connecting",
                State::Connected => "connected",
                State::Disconnected => "disconnected",
            },
            seconds: self.since.elapsed().as_secs(),
            ready: self.is_ready(),
            lost: self.losses,
            attempts: self.attempts,
            last_error: self.said.clone(),
        }
    }
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
