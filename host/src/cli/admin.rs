//! The admin port of the commands that run until they are told to stop.

use std::net::SocketAddr;

use steadfast_host::{Error, Health};
use tokio::net::TcpListener;

use super::listen;
use super::printer::STDOUT;

/// A port that is taken, and not answered yet.
pub(super) struct Admin(TcpListener, SocketAddr);

impl Admin {
    pub async fn bind(address: &str) -> Result<Self, Error> {
        let (listener, address) = listen::bind(address, "--admin").await?;
        Ok(Admin(listener, address))
    }

    /// Answers there as long as the process runs.
    pub fn answer(self, health: Health) {
        let Admin(listener, address) = self;
        tokio::spawn(health.serve(listener));
        STDOUT.say(format_args!("admin on http://{address}"));
    }
}
