//! `steadfast provide`: a component, or a provider of the host, that other processes call, over a NATS server or over TCP.

use std::path::Path;

use clap::Args;
use steadfast_host::{Admin, Error, Manifest, NatsOptions, Provider};

use super::admin::Port;
use super::app::{App, option_lines};
use super::printer::STDOUT;
use super::stop::Stop;
use super::{admin, listen, nats};

/// Serve the exports of a component over a NATS server, or at an address, as wRPC; or a provider of the host, which is
/// given by its name in place of a file: keyvalue, messaging, postgres. Copies of this command at one server share the calls.
#[derive(Args)]
pub(super) struct Provide {
    #[command(flatten)]
    app: App,
    /// The NATS server, like nats://127.0.0.1:4222; without it, the one in the environment variable NATS_URL, which is
    /// also the place for an address with a password.
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Serve at this address, in wRPC's own framing, and not over a NATS server; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["nats", "prefix", "queue_group", "Nats"])]
    tcp: Option<String>,
    /// What the subjects begin with, as the links to it have it; nothing by default.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Of all providers in a queue group, one takes each call.
    #[arg(long, value_name = "GROUP", default_value = "steadfast")]
    queue_group: String,
    /// An option of a provider of the host, as KEY=VALUE: what stands beside `provider` in a link of a manifest. More than
    /// once for several.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    provider_options: Vec<String>,
    /// The most calls at a time; further ones fail with `overloaded`.
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    calls: usize,
    /// Where to answer GET /healthz, /readyz and /metrics; port 0 takes a free one. Nowhere by default.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    otlp: super::otlp::Otlp,
    #[command(flatten)]
    options: nats::Nats,
}

impl Provide {
    pub fn run(self) -> Result<(), Error> {
        let (runtime, stop) = super::runtime()?;
        let what = self.what()?;
        // What is wrong with the way to the callers is said before what is wrong with the component.
        let way = match &self.tcp {
            Some(address) => Way::Tcp(address.clone()),
            None => Way::Nats(self.url()?, Box::new(self.options.clone().options()?)),
        };
        #[cfg(feature = "otlp")]
        let exporting = self.otlp.start(what.name(), self.admin.is_some() || what.admin().is_some())?;
        #[cfg(feature = "otlp")]
        let metrics = exporting.metrics();
        #[cfg(not(feature = "otlp"))]
        let metrics = admin::metrics(self.admin.is_some() || what.admin().is_some());
        let served = runtime.block_on(self.provide(what, way, metrics, stop));
        // What is still being loaded is not waited for.
        runtime.shutdown_background();
        served
    }

    fn what(&self) -> Result<What, Error> {
        let name = self.app.file().and_then(|file| file.to_str()).filter(|name| Provider::is_of_host(name));
        if let Some(name) = name {
            return Ok(What::Host(name.into(), option_lines(&self.provider_options)));
        }
        if let Some(option) = self.provider_options.first() {
            return Err(Error::Provider {
                name: self.app.file().map_or("a manifest".into(), |file| file.display().to_string()),
                problem: format!(
                    "it is a component, and `--option {option}` is for providers of the host; remove the option, or give \
                     the name of a provider, like `keyvalue`"
                ),
            });
        }
        self.app.manifest().map(Box::new).map(What::Component)
    }

    async fn provide(self, what: What, way: Way, metrics: Option<admin::Metrics>, stop: Stop) -> Result<(), Error> {
        let admin = self.admin.clone().or(what.admin());
        let name = what.name().to_path_buf();
        let load = stop.before(move || match what {
            What::Component(manifest) => Provider::from_manifest(&manifest),
            What::Host(name, options) => Provider::of_host(&name, &options),
        });
        let Some(provider) = load.await? else { return Ok(()) };
        let provider = provider.with_prefix(self.prefix).with_queue_group(self.queue_group).with_calls(self.calls);
        let serving = |at: std::fmt::Arguments<'_>| STDOUT.say(format_args!("serving {}{at}", name.display()));
        if let Some(address) = admin {
            let health = provider.health();
            let admin = admin::counting(Admin::new(move || health.clone()), metrics);
            Port::bind(&address).await?.answer(admin);
        }
        match way {
            Way::Nats(url, options) => {
                provider.with_nats(*options).serve(&url, || serving(format_args!("")), stop.asked()).await
            }
            Way::Tcp(address) => {
                let (listener, address) = listen::bind(&address, "--tcp").await?;
                provider.serve_tcp(listener, || serving(format_args!(" on {address}")), stop.asked()).await
            }
        }
    }

    fn url(&self) -> Result<String, Error> {
        let wrong = |problem: &str| Error::Nats { problem: problem.into() };
        match &self.nats {
            // Everybody on the machine can read the arguments of a command.
            Some(url) if url.contains('@') => Err(wrong(
                "the address has a user or a password in it, which others could read there; give it in the environment \
                 variable NATS_URL",
            )),
            Some(url) => Ok(url.clone()),
            None => std::env::var("NATS_URL").map_err(|_| {
                wrong(
                    "no server is given; give one with --nats, like nats://127.0.0.1:4222, or in the environment \
                     variable NATS_URL",
                )
            }),
        }
    }
}

/// What answers the calls.
enum What {
    Component(Box<Manifest>),
    /// A provider of the host, and its options.
    Host(String, String),
}

impl What {
    /// The file of the component, or the name of the provider.
    fn name(&self) -> &Path {
        match self {
            What::Component(manifest) => manifest.component(),
            What::Host(name, _) => Path::new(name),
        }
    }

    fn admin(&self) -> Option<String> {
        match self {
            What::Component(manifest) => manifest.admin().map(String::from),
            What::Host(..) => None,
        }
    }
}

/// How calls come.
enum Way {
    Nats(String, Box<NatsOptions>),
    Tcp(String),
}
