//! `steadfast serve`: a component behind HTTP, with the lattice that its manifest describes.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use steadfast_host::sim::Time;
use steadfast_host::{Error, Host, Manifest};
use tokio::net::TcpListener;

use super::admin::Admin;
use super::stop_signal;

/// Serve a component over HTTP, with the links and the faults of a manifest.
#[derive(Args)]
pub(super) struct Serve {
    /// The manifest, a TOML file.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// Where to listen, instead of the manifest's address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where to answer GET /healthz and /readyz, instead of the manifest's address; port 0 takes a free one. Nowhere by
    /// default.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

impl Serve {
    pub fn run(self) -> Result<(), Error> {
        let mut manifest = Manifest::read(&self.manifest)?;
        if let Some(address) = self.listen {
            manifest = manifest.with_listen(address);
        }
        let address = manifest.listen();
        let listen = |source: io::Error| Error::Listen {
            address,
            hint: match source.kind() {
                io::ErrorKind::AddrInUse => {
                    "another program has it; stop that, or give another port with --listen, 0 for a free one"
                }
                io::ErrorKind::PermissionDenied => "a port below 1024 needs privileges; give another with --listen",
                _ => "give an address of this machine with --listen, such as 127.0.0.1:8080",
            },
            source,
        };
        let runtime = tokio::runtime::Runtime::new().map_err(listen)?;
        runtime.block_on(async {
            let listener = TcpListener::bind(address).await.map_err(listen)?;
            let address = listener.local_addr().map_err(listen)?;
            if !address.ip().is_loopback() {
                tracing::warn!("{address} can be reached from other machines");
            }
            let admin = match self.admin.or(manifest.admin()) {
                Some(address) => Some(Admin::bind(address).await?),
                None => None,
            };
            let host = Host::load(&manifest, Time::Real)?;
            if let Some(admin) = admin {
                admin.answer(host.health());
            }
            // On standard output, for whoever started us with port 0. `println!` panics when nobody listens.
            let _ = writeln!(io::stdout(), "listening on http://{address}");
            host.serve(listener, stop_signal()).await;
            Ok(())
        })
    }
}
