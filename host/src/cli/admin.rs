//! The admin port of the commands that run until they are told to stop.

use std::net::SocketAddr;

use steadfast_host::{Admin, Error};
use tokio::net::TcpListener;

use super::listen;
use super::printer::STDOUT;

/// The environment variable with the token that requests for faults must have.
const TOKEN: &str = "STEADFAST_ADMIN_TOKEN";

/// A port that is taken, and not answered yet.
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    pub async fn bind(address: &str) -> Result<Self, Error> {
        let (listener, address) = listen::bind(address, "--admin").await?;
        Ok(Port { listener, address })
    }

    /// Answers there as long as the process runs.
    pub fn answer(self, admin: Admin) {
        tokio::spawn(admin.serve(self.listener));
        STDOUT.say(format_args!("admin on http://{}", self.address));
    }

    pub fn listener(&self) -> &TcpListener {
        &self.listener
    }
}

pub(super) fn token() -> Option<String> {
    std::env::var(TOKEN).ok()
}
