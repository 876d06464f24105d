//! `steadfast provide`: a component whose exports other processes call, over a NATS server or over TCP.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use steadfast_host::{Error, Provider};

use super::admin::Admin;
use super::{listen, nats, stop_signal};

/// Serve the exports of a component over a NATS server, as wRPC. Copies of this command share the calls.
#[derive(Args)]
pub(super) struct Provide {
    /// The component.
    component: PathBuf,
    /// The NATS server, like nats://127.0.0.1:4222; without it, the one in the environment variable NATS_URL, which is
    /// also the place for an address with a password.
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Serve at this address, in wRPC's own framing, and not over a NATS server; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["nats", "prefix", "queue_group"])]
    tcp: Option<SocketAddr>,
    /// What the subjects begin with, as the links to it have it; nothing by default.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Of all providers in a queue group, one takes each call.
    #[arg(long, value_name = "GROUP", default_value = "steadfast")]
    queue_group: String,
    /// The most calls at a time; further ones fail with `overloaded`.
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    calls: usize,
    /// Where to answer GET /healthz and /readyz; port 0 takes a free one. Nowhere by default.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    otlp: super::otlp::Otlp,
    #[command(flatten)]
    options: nats::Nats,
}

impl Provide {
    pub fn run(self) -> Result<(), Error> {
        if let Some(address) = self.tcp {
            #[cfg(feature = "otlp")]
            let _exporting = self.otlp.start(&self.component)?;
            return self.serve_tcp(address);
        }
        let wrong = |problem: &str| Error::Nats { problem: problem.into() };
        let url = match self.nats {
            // Everybody on the machine can read the arguments of a command.
            Some(url) if url.contains('@') => {
                return Err(wrong(
                    "the address has a user or a password in it, which others could read there; give it \
                                  in the environment variable NATS_URL",
                ));
            }
            Some(url) => url,
            None => std::env::var("NATS_URL").map_err(|_| {
                wrong(
                    "no server is given; give one with --nats, like nats://127.0.0.1:4222, or in the environment \
                       variable NATS_URL",
                )
            })?,
        };
        #[cfg(feature = "otlp")]
        let _exporting = self.otlp.start(&self.component)?;
        let provider = Provider::load(&self.component)?
            .with_prefix(self.prefix)
            .with_queue_group(self.queue_group)
            .with_calls(self.calls)
            .with_nats(self.options.options()?);
        let runtime = super::runtime()?;
        // On standard output, for whoever started us. `println!` panics when nobody listens.
        let ready = || drop(writeln!(io::stdout(), "serving {}", self.component.display()));
        runtime.block_on(async {
            if let Some(address) = self.admin {
                Admin::bind(address).await?.answer(provider.health());
            }
            provider.serve(&url, ready, stop_signal()).await
        })
    }

    fn serve_tcp(self, address: SocketAddr) -> Result<(), Error> {
        let provider = Provider::load(&self.component)?.with_calls(self.calls);
        super::runtime()?.block_on(async {
            let (listener, address) = listen::bind(address, "--tcp").await?;
            if let Some(address) = self.admin {
                Admin::bind(address).await?.answer(provider.health());
            }
            let ready = || drop(writeln!(io::stdout(), "serving {} on {address}", self.component.display()));
            provider.serve_tcp(listener, ready, stop_signal()).await
        })
    }
}
