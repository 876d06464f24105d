//! The admin port of the commands that run until they are told to stop.

use std::io::{self, Write};
use std::net::SocketAddr;

use steadfast_host::{Error, Health};
use tokio::net::TcpListener;

/// A port that is taken, and not answered yet.
pub(super) struct Admin(TcpListener, SocketAddr);

impl Admin {
    pub async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let listen = |source: io::Error| Error::Listen {
            address,
            hint: match source.kind() {
                io::ErrorKind::AddrInUse => {
                    "another program has it; stop that, or give another port with --admin, 0 for a free one"
                }
                io::ErrorKind::PermissionDenied => "a port below 1024 needs privileges; give another with --admin",
                _ => "give an address of this machine with --admin, such as 127.0.0.1:9090",
            },
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        if !address.ip().is_loopback() {
            tracing::warn!("{address} can be reached from other machines, and says how this process is");
        }
        Ok(Admin(listener, address))
    }

    /// Answers there as long as the process runs.
    pub fn answer(self, health: Health) {
        let Admin(listener, address) = self;
        tokio::spawn(health.serve(listener));
        // On standard output, for whoever started us with port 0. `println!` panics when nobody listens.
        let _ = writeln!(io::stdout(), "admin on http://{address}");
    }
}
