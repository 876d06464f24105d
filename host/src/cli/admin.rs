//! The admin port of the commands that run until they are told to stop.

use std::net::SocketAddr;

#[cfg(feature = "metrics")]
pub(super) use steadfast_host::Metrics;
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

/// Nothing is counted.
#[cfg(not(feature = "metrics"))]
#[derive(Clone)]
pub(super) enum Metrics {}

/// What the process counts from now on, where that is `wanted`.
pub(super) fn metrics(wanted: bool) -> Option<Metrics> {
    #[cfg(feature = "metrics")]
    return wanted.then(|| Metrics::start(|provider| provider));
    #[cfg(not(feature = "metrics"))]
    return None.filter(|_| wanted);
}

/// The port with the page of what the process counts, if it does.
pub(super) fn counting(admin: Admin, metrics: Option<Metrics>) -> Admin {
    match metrics {
        #[cfg(feature = "metrics")]
        Some(metrics) => admin.with_metrics(metrics),
        #[cfg(not(feature = "metrics"))]
        Some(never) => match never {},
        None => admin,
    }
}

pub(super) fn token() -> Option<String> {
    std::env::var(TOKEN).ok()
}
