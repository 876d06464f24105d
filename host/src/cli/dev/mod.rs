//! `steadfast dev`: builds, serves, and does both again when something changes.

mod build;
mod keys;
mod requests;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use steadfast_host::sim::Time;
use steadfast_host::{Admin, Error, Front, Host, Manifest};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::admin::Port;
use super::app::App;
use super::printer::STDOUT;
use super::stop::Stop;
use super::{admin, listen};
use build::Build;
pub(super) use keys::give_back;
use keys::{Key, Keys, Terminal};
pub(super) use requests::Requests;
use watch::Watch;

/// Build and serve a project, again whenever a file of it changes, and show each request with what happened to its
/// calls. Keys break what the component calls.
#[derive(Args)]
pub(super) struct Dev {
    #[command(flatten)]
    app: App,
    /// Where to listen, instead of the manifest's address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where `steadfast fault` switches faults, instead of the manifest's address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// What builds the components, run by the shell in the folder of the manifest. Without it, `cargo build` for
    /// wasm32-wasip2, where there is a `Cargo.toml`.
    #[arg(long, value_name = "COMMAND")]
    build: Option<String>,
}

impl Dev {
    pub fn run(self) -> Result<(), Error> {
        let (runtime, stop) = super::runtime()?;
        let manifest = self.read()?;
        let terminal = Terminal::take();
        let served = runtime.block_on(self.develop(manifest, stop));
        drop(terminal);
        runtime.shutdown_background();
        served
    }

    fn read(&self) -> Result<Manifest, Error> {
        let manifest = self.app.manifest()?;
        Ok(match &self.listen {
            Some(address) => manifest.with_listen(address),
            None => manifest,
        })
    }

    async fn develop(self, manifest: Manifest, stop: Stop) -> Result<(), Error> {
        let (listener, address) = listen::bind(manifest.listen(), "--listen").await?;
        let admin = match self.admin.as_deref().or(manifest.admin()) {
            Some(address) => Some(Port::bind(address).await?),
            None => None,
        };
        let metrics = admin::metrics(admin.is_some());
        let folder = match manifest.path().parent() {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let build = Build::new(self.build.as_deref(), &folder, manifest.component());
        let watch = Watch::new(folder, manifest.files());
        let mut keys = Keys::read();
        let listener = Some((listener, address));
        let mut session = Session { dev: self, build, watch, serving: None, listener, admin, metrics, stop };
        session.refresh(Some(manifest)).await?;
        loop {
            tokio::select! {
                () = session.watch.changed() => session.refresh(None).await?,
                key = keys.next() => match key {
                    Key::Quit => return session.end().await,
                    Key::Rebuild => session.refresh(None).await?,
                    key => session.press(key),
                },
                () = session.stop.clone().asked() => return session.end().await,
            }
        }
    }
}

/// What runs while a person works on it.
struct Session {
    dev: Dev,
    build: Build,
    watch: Watch,
    serving: Option<Serving>,
    /// Until there is something to serve.
    listener: Option<(TcpListener, SocketAddr)>,
    admin: Option<Port>,
    metrics: Option<admin::Metrics>,
    stop: Stop,
}

struct Serving {
    front: Front,
    faults: keys::Faults,
    server: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Builds, and serves what came out. Where either fails, it is said, and what served before goes on.
    async fn refresh(&mut self, manifest: Option<Manifest>) -> Result<(), Error> {
        let began = Instant::now();
        let Some(built) = self.build().await else { return Ok(()) };
        let host = match built {
            Ok(()) => self.load(manifest).await,
            Err(problem) => Err(problem),
        };
        match host {
            Ok(Some(host)) => self.serve(host, began)?,
            // The end was asked for.
            Ok(None) => {}
            Err(problem) => {
                let state = match self.serving {
                    Some(_) => "what was built before still serves",
                    None => "nothing is served yet",
                };
                STDOUT.say(format_args!("{problem}"));
                STDOUT.say(format_args!("{state}; waiting for a change"));
            }
        }
        Ok(())
    }

    /// Builds, again if a source is changed meanwhile. None, when the end is asked for.
    async fn build(&mut self) -> Option<Result<(), String>> {
        self.watch.look();
        for round in 1.. {
            let built = tokio::select! {
                built = self.build.run() => built,
                () = self.stop.clone().asked() => return None,
            };
            // A command of one's own that writes a source each time would never come to an end.
            if !self.watch.look() || self.build.is_foreign && round == 2 {
                return Some(built);
            }
        }
        None
    }

    async fn load(&self, manifest: Option<Manifest>) -> Result<Option<Host>, String> {
        let manifest = manifest.map_or_else(|| self.dev.read(), Ok).map_err(|error| format!("error: {error}"))?;
        let load = move || Host::load(&manifest, Time::Real);
        self.stop.before(load).await.map_err(|error| format!("error: {error}"))
    }

    fn serve(&mut self, host: Host, began: Instant) -> Result<(), Error> {
        let took = requests::milliseconds(began.elapsed());
        if let Some(serving) = &self.serving {
            host.faults().take_over(&serving.front.host().faults());
            serving.front.replace(host);
            STDOUT.say(format_args!("reloaded in {took}"));
            return Ok(());
        }
        let Some((listener, address)) = self.listener.take() else { return Ok(()) };
        let front = Front::new(host);
        STDOUT.say(format_args!("listening on http://{address}"));
        if let Some(port) = self.admin.take() {
            let (asked, switched) = (front.clone(), front.clone());
            let admin = Admin::new(move || asked.host().health());
            let faults = move || switched.host().faults();
            let admin = admin.with_faults(faults, port.listener(), admin::token())?;
            port.answer(admin::counting(admin, self.metrics.clone()));
        }
        STDOUT.say(keys::HELP);
        let (serve, stop) = (front.clone(), self.stop.clone());
        let server = tokio::spawn(async move { serve.serve(listener, stop.asked()).await });
        self.serving = Some(Serving { front, faults: keys::Faults::default(), server });
        Ok(())
    }

    fn press(&mut self, key: Key) {
        match &mut self.serving {
            Some(serving) => serving.faults.press(key, &serving.front.host().faults()),
            None => STDOUT.say("nothing is served yet"),
        }
    }

    /// Requests under way have their time to end.
    async fn end(self) -> Result<(), Error> {
        self.stop.ask();
        if let Some(serving) = self.serving {
            let _ = serving.server.await;
        }
        Ok(())
    }
}
