//! Addresses that a command listens on.

use std::io::ErrorKind;
use std::net::SocketAddr;

use steadfast_host::Error;
use tokio::net::TcpListener;

/// Takes `address`, a host and a port, which `option` gave, or could give; with the address and the port that it is, where
/// it was a name, or port 0. Of a name with several addresses, it is the first that can be taken.
pub(super) async fn bind(address: &str, option: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source: std::io::Error| Error::Listen {
        address: address.into(),
        hint: match source.kind() {
            ErrorKind::AddrInUse => {
                format!("another program has it; stop that, or give another port with {option}, 0 for a free one")
            }
            ErrorKind::PermissionDenied => {
                format!("a port below 1024 needs privileges; give another with {option}")
            }
            _ => format!("give an address of this machine with {option}, such as 127.0.0.1:8080"),
        },
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if !address.ip().is_loopback() {
        tracing::warn!("{address} can be reached from other machines");
    }
    Ok((listener, address))
}
