//! `steadfast serve`: a component behind HTTP, with the lattice that its manifest describes.

use std::num::NonZeroUsize;

use clap::Args;
use steadfast_host::sim::Time;
use steadfast_host::{Admin, Error, Host, Manifest};

use super::admin::{self, Port};
use super::app::App;
use super::listen;
use super::printer::STDOUT;
use super::stop::Stop;

/// Serve a component over HTTP, with the links and the faults of its manifest.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    app: App,
    /// Where to listen, instead of the manifest's address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The most requests at a time, instead of the manifest's number; further ones are answered with a 503.
    #[arg(long, value_name = "NUMBER")]
    requests: Option<NonZeroUsize>,
    /// Where to answer GET /healthz, /readyz and /metrics, instead of the manifest's address; port 0 takes a free one. Nowhere by
    /// default.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// Let `steadfast fault` switch faults on and off at the admin port: for those who have the token in the environment
    /// variable STEADFAST_ADMIN_TOKEN, or, without one, for this machine.
    #[arg(long)]
    admin_faults: bool,
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    otlp: super::otlp::Otlp,
}

impl Serve {
    pub fn run(self) -> Result<(), Error> {
        let (runtime, stop) = super::runtime()?;
        let mut manifest = self.app.manifest()?;
        if let Some(address) = self.listen {
            manifest = manifest.with_listen(address);
        }
        if let Some(requests) = self.requests {
            manifest = manifest.with_requests(requests);
        }
        let admin = self.admin.or(manifest.admin().map(String::from));
        if self.admin_faults && admin.is_none() {
            let problem = "--admin-faults needs an admin port; give one with --admin, like 127.0.0.1:9090".into();
            return Err(Error::Admin { problem });
        }
        #[cfg(feature = "otlp")]
        let exporting = self.otlp.start(manifest.component(), admin.is_some())?;
        #[cfg(feature = "otlp")]
        let metrics = exporting.metrics();
        #[cfg(not(feature = "otlp"))]
        let metrics = admin::metrics(admin.is_some());
        let served = runtime.block_on(serve(manifest, admin, (self.admin_faults, metrics), stop));
        // What is still being loaded is not waited for.
        runtime.shutdown_background();
        served
    }
}

async fn serve(
    manifest: Manifest,
    admin: Option<String>,
    (faults, metrics): (bool, Option<admin::Metrics>),
    stop: Stop,
) -> Result<(), Error> {
    let (listener, address) = listen::bind(manifest.listen(), "--listen").await?;
    let admin = match admin {
        Some(address) => Some(Port::bind(&address).await?),
        None => None,
    };
    let Some(host) = stop.before(move || Host::load(&manifest, Time::Real)).await? else { return Ok(()) };
    if let Some(port) = admin {
        let (asked, switched) = (host.clone(), host.clone());
        let admin = Admin::new(move || asked.health());
        let admin = match faults {
            true => admin.with_faults(move || switched.faults(), port.listener(), admin::token())?,
            false => admin,
        };
        port.answer(admin::counting(admin, metrics));
    }
    STDOUT.say(format_args!("listening on http://{address}"));
    host.serve(listener, stop.asked()).await;
    Ok(())
}
