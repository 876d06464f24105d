//! A host: one component behind HTTP, the components its links lead to, and the lattice between them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use wasmtime::component::Linker;
use wasmtime_wasi_http::io::TokioIo;

use crate::component::Component;
use crate::cron::{Job, Jobs};
use crate::lattice::{Embedded, Injector, Journal, Lattice, Transport, Upstreams};
use crate::manifest::{Cron, Instances, Link, On, Target};
use crate::sim::Time;
use crate::wasi::Sandbox;
use crate::wasi::http::{Handler, ResponseBody, bare};
use crate::{Error, Health, Manifest, polyfill};

/// A component behind HTTP, made from a [`Manifest`]. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Host {
    /// None for a component that only works on schedule.
    handler: Option<Arc<Handler>>,
    lattice: Arc<Lattice>,
    health: Health,
    _jobs: Arc<Jobs>,
}

impl Host {
    /// Loads all components of a manifest and links them. Times in the manifest's faults count from here.
    ///
    /// # Errors
    /// [`Error`], when a component cannot be read, imports what cannot be provided, or does not fit its link, or when
    /// the credentials for a NATS server cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn load(manifest: &Manifest, time: Time) -> Result<Self, Error> {
        let settings =
            manifest.config.iter().map(|(key, setting)| Ok((key.clone(), setting.read(key, &manifest.path)?)));
        let settings = settings.collect::<Result<_, Error>>()?;
        let sandbox = Arc::new(Sandbox::new(time, manifest.limits, manifest.seed, settings)?);
        let from_manifest = format!("check `component` in {}, and that it is built", manifest.path.display());
        let app = Component::read(&manifest.component, &from_manifest)?;
        app.check_imports()?;
        if manifest.cron.is_empty() {
            check_serves_http(&app)?;
        }
        let others = others(manifest)?;
        let importers: Vec<&Component> = std::iter::once(&app).chain(others.values()).collect();
        for (interface, link) in &manifest.links {
            check_used(manifest, &importers, interface, link)?;
            if let Target::Component(path, _) = &link.target {
                check_link(manifest, &importers, interface, link, &others[path])?;
            }
        }
        check_faults(manifest, &importers)?;
        for upstream in &manifest.http.upstreams {
            check_serves_http(&others[&upstream.component])?;
        }

        #[cfg(feature = "nats")]
        manifest.nats.iter().try_for_each(|server| server.check(&manifest.path))?;
        let health = Health::default();
        let lattice = Arc::new(Lattice::new(Injector::new(manifest.faults.clone()), manifest.limits.invocation));
        let mut embedded = BTreeMap::new();
        for link in manifest.links.values() {
            if let Target::Component(path, instances) = &link.target {
                let target = Embedded::new(&others[path], &sandbox, &lattice, *instances)?;
                embedded.entry((path, *instances)).or_insert_with(|| Arc::new(target));
            }
        }
        let mut links: BTreeMap<String, Box<dyn Transport>> = BTreeMap::new();
        #[cfg(feature = "nats")]
        let mut connections = crate::lattice::wrpc::Connections::new(&health);
        for (interface, link) in &manifest.links {
            let target: Box<dyn Transport> = match &link.target {
                Target::Component(path, instances) => Box::new(embedded[&(path, *instances)].clone()),
                #[cfg(feature = "nats")]
                Target::Nats(nats) if time == Time::Real => Box::new(connections.remote(nats)),
                #[cfg(feature = "nats")]
                Target::Tcp(address) if time == Time::Real => {
                    Box::new(crate::lattice::wrpc::tcp::Remote::new(address, manifest.limits.invocation))
                }
                Target::Nats(_) | Target::Tcp(_) => {
                    let problem = format!(
                        "`{interface}` is linked to another process, and simulated time has no network; link it to a component"
                    );
                    return Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem });
                }
            };
            links.insert(interface.clone(), target);
        }

        let components = manifest.http.upstreams.iter().map(|upstream| {
            let handler = handler(&others[&upstream.component], &sandbox, Instances::Fresh)?;
            Ok((upstream.authority.clone(), handler))
        });
        let upstreams = Upstreams {
            time,
            allow: manifest.http.allow.clone(),
            components: components.collect::<Result<_, Error>>()?,
        };
        lattice.connect(links, upstreams);

        let mut jobs = Vec::new();
        for cron in &manifest.cron {
            // Where a link leads elsewhere, it is not this component that is meant.
            jobs.push(match manifest.links.get(&cron.interface).map(|link| &link.target) {
                Some(Target::Component(path, instances)) => {
                    let job = Job::new(manifest, cron, &others[path])?;
                    (job, embedded[&(path, *instances)].clone())
                }
                Some(Target::Nats(_) | Target::Tcp(_)) => {
                    let problem = format!(
                        "`{}` is to be called, and its link leads to another process, where the types of its parameters \
                         are unknown; call a component's function that calls it",
                        cron.target()
                    );
                    return Err(Error::Manifest { path: manifest.path.clone(), line: Some(cron.line), problem });
                }
                None => {
                    let job = Job::new(manifest, cron, &app)?;
                    (job, Arc::new(Embedded::new(&app, &sandbox, &lattice, manifest.instances)?))
                }
            });
        }
        let handler = app.serves_http().then(|| handler(&app, &sandbox, manifest.instances)).transpose()?;
        for (interface, _) in app.imports().filter(|(interface, _)| !manifest.links.contains_key(&interface.path())) {
            tracing::warn!("{} imports `{interface}`, which no link leads anywhere", app.name());
        }
        lattice.ready();
        Ok(Host { handler, health, _jobs: Arc::new(Jobs::start(jobs, &lattice)), lattice })
    }

    /// Answers one request, without a socket. A component that only works on schedule has one answer, 404.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        match &self.handler {
            Some(handler) => handler.handle(&self.lattice, request, 0).await,
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    /// Serves HTTP/1.1 on `listener` until `shutdown` is ready; then, requests in flight have 10 s to end.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let (stopping, stopped) = tokio::sync::watch::channel(());
        loop {
            let connection = tokio::select! {
                connection = listener.accept() => connection,
                () = &mut shutdown => break,
            };
            let connection = match connection {
                Ok((connection, _)) => connection,
                Err(error) => {
                    // Out of file descriptors, most likely; some will be free again.
                    tracing::error!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let host = self.clone();
            let mut stopped = stopped.clone();
            tokio::spawn(async move {
                let service =
                    service_fn(|request| async { Ok::<_, std::convert::Infallible>(host.handle(request).await) });
                let mut connection =
                    std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
                let result = tokio::select! {
                    result = connection.as_mut() => result,
                    _ = stopped.changed() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = result {
                    tracing::debug!("a connection ended: {error}");
                }
            });
        }
        self.health.stop();
        drop(stopped);
        let _ = stopping.send(());
        // Every connection holds a receiver.
        let _ = tokio::time::timeout(Duration::from_secs(10), stopping.closed()).await;
    }

    /// How the connections to other processes are, and whether all are there. Not ready any more, once
    /// [`serve`](Self::serve) is told to end.
    ///
    /// ```no_run
    /// # async fn example(host: steadfast_host::Host) {
    /// if !host.health().is_ready() {
    ///     println!("{}", host.health().to_json());
    /// }
    /// # }
    /// ```
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// What went over the lattice.
    pub fn journal(&self) -> &Journal {
        self.lattice.journal()
    }
}

/// The components that the manifest names beside the app, by their files: one may serve several links.
fn others(manifest: &Manifest) -> Result<BTreeMap<PathBuf, Component>, Error> {
    let links = manifest.links.values().filter_map(|link| match &link.target {
        Target::Component(path, _) => Some((path, "link", link.line)),
        Target::Nats(_) | Target::Tcp(_) => None,
    });
    let upstreams = manifest.http.upstreams.iter();
    let upstreams = upstreams.map(|upstream| (&upstream.component, "upstream", upstream.line));
    let mut others = BTreeMap::new();
    for (path, what, line) in links.chain(upstreams) {
        if !others.contains_key(path) {
            let hint = format!("check the {what} in {}:{line}, and that it is built", manifest.path.display());
            let component = Component::read(path, &hint)?;
            component.check_imports()?;
            others.insert(path.clone(), component);
        }
    }
    Ok(others)
}

fn check_serves_http(component: &Component) -> Result<(), Error> {
    if component.serves_http() {
        return Ok(());
    }
    Err(component.unsuitable(format!(
        "does not export `wasi:http/incoming-handler@0.2`, so it cannot answer HTTP requests (it exports {}); write the \
         handler with `#[wstd::http_server]`, or link to this component from one that has it",
        component.export_list()
    )))
}

/// A component that answers HTTP requests.
fn handler(component: &Component, sandbox: &Arc<Sandbox>, instances: Instances) -> Result<Arc<Handler>, Error> {
    let mut linker = Linker::new(sandbox.engine());
    crate::wasi::add_to_linker(&mut linker).map_err(Error::Engine)?;
    let unlinkable = |error| component.unlinkable(error);
    polyfill::add_to_linker(&mut linker, component).map_err(unlinkable)?;
    let pre = linker.instantiate_pre(&component.compile(sandbox.time())?).map_err(unlinkable)?;
    Ok(Arc::new(Handler::new(component.name(), pre, sandbox.clone(), instances).map_err(unlinkable)?))
}

/// A link must lead from an interface that somebody calls.
fn check_used(manifest: &Manifest, importers: &[&Component], path: &str, link: &Link) -> Result<(), Error> {
    let imports = || importers.iter().flat_map(|importer| importer.imports());
    if manifest.cron.iter().any(|cron| cron.interface == path) || imports().any(|(import, _)| import.path() == path) {
        return Ok(());
    }
    let problem = match path.split_once('@') {
        Some((any, _)) => format!("`{path}` is linked, and a link is for any version; write `{any}`"),
        None => format!("`{path}` is linked, and {}", not_imported(importers)),
    };
    Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem })
}

/// A link in this process must lead to a component that exports the interface, in a version and with functions that
/// fit.
fn check_link(
    manifest: &Manifest,
    importers: &[&Component],
    path: &str,
    link: &Link,
    target: &Component,
) -> Result<(), Error> {
    let wrong = |problem: String| Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem });
    for importer in importers {
        for (import, wanted) in importer.imports().filter(|(import, _)| import.path() == path) {
            let (importer, provider) = (importer.path.display(), target.path.display());
            let Some((export, given)) = target.exported(path) else {
                return wrong(format!(
                    "the link of `{path}` leads to {provider}, which does not export it (it exports {}); \
                     link a component that does",
                    target.export_list()
                ));
            };
            if !import.is_served_by(export) {
                return wrong(format!(
                    "{importer} imports `{import}`, and {provider} exports `{export}`; \
                     build both against the same version"
                ));
            }
            let given = match given {
                Ok(given) => given,
                Err(what) => return wrong(format!("{provider} exports {what}")),
            };
            for (name, wanted) in wanted {
                let Some(given) = given.get(name) else {
                    return wrong(format!(
                        "{importer} imports `{import}#{name}`, and {provider} exports `{export}` without that function; \
                         build both against the same WIT"
                    ));
                };
                if !wanted.is_served_by(given) {
                    return wrong(format!(
                        "{importer} imports `{import}#{name}` as `{}`, and {provider} exports it as `{}`; \
                         build both against the same WIT",
                        wanted.wire(),
                        given.wire()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// A fault must lie on something that is imported: a misspelt one would break nothing and prove nothing.
fn check_faults(manifest: &Manifest, importers: &[&Component]) -> Result<(), Error> {
    for fault in &manifest.faults {
        let On::Function(on) = &fault.on else { continue };
        let wrong =
            |problem: String| Err(Error::Manifest { path: manifest.path.clone(), line: Some(fault.line), problem });
        let (path, function) = on.split_once('#').map_or((on.as_str(), None), |(path, name)| (path, Some(name)));
        if let Some((any, _)) = path.split_once('@') {
            return wrong(format!("the fault is on `{path}`, and a fault is for any version; write `{any}`"));
        }
        let called = |cron: &Cron| cron.interface == path && function.is_none_or(|name| name == cron.function);
        if manifest.cron.iter().any(called) {
            continue;
        }
        let imported = || importers.iter().flat_map(|importer| importer.imports());
        let mut functions = imported().filter(|(interface, _)| interface.path() == path).peekable();
        if functions.peek().is_none() {
            return wrong(format!("the fault is on `{path}`, and {}", not_imported(importers)));
        }
        let functions: BTreeSet<_> = functions.flat_map(|(_, functions)| functions.keys()).collect();
        if let Some(function) = function.filter(|function| !functions.iter().any(|name| name == function)) {
            return wrong(format!(
                "the fault is on `{path}#{function}`, and no component imports that function; write one of: {}",
                list(functions.into_iter().map(|name| format!("{path}#{name}")))
            ));
        }
    }
    Ok(())
}

/// What a link or a fault could have named, for a message.
fn not_imported(importers: &[&Component]) -> String {
    let paths: BTreeSet<String> =
        importers.iter().flat_map(|importer| importer.imports()).map(|(interface, _)| interface.path()).collect();
    if paths.is_empty() {
        return "no component imports anything that WASI does not provide; remove it".into();
    }
    format!("no component imports that; write one of: {}", list(paths))
}

fn list(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
