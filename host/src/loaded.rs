//! What a manifest describes, loaded: the lattice, and the components at the ends of its links.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch::Sender;

use crate::called::Called;
use crate::clock::Time;
use crate::component::{Component, Functions, Interface};
use crate::cron::{self, Job};
use crate::error::Error;
use crate::health::Health;
use crate::instance::{Callee, Handler, HttpClient, Network, Provided, Sandbox, Upstreams};
use crate::lattice::{Faults, Faulty, Lattice, Transport};
use crate::manifest::{Cron, Instances, Link, Manifest, Target};
#[cfg(feature = "wrpc")]
use crate::messages::{Handler as MessageHandler, handler_of};
use crate::providers::Options;
use crate::store::STORE;
use steadfast_settings::KEY;

/// All that a component needs to be run.
pub(crate) struct Loaded {
    pub sandbox: Arc<Sandbox>,
    pub network: Arc<Network>,
    pub faults: Arc<Faults>,
    pub called: Arc<Called>,
    /// Those beside the component itself, by their files.
    others: BTreeMap<PathBuf, Component>,
    embedded: BTreeMap<(PathBuf, Instances), Arc<Callee>>,
}

impl Loaded {
    /// Loads what `manifest` links, for `app`, which is its component. Connections are watched by `health`.
    ///
    /// # Errors
    /// [`Error`], when a component cannot be read, imports what cannot be provided, or does not fit its link.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(app: &Component, manifest: &Manifest, time: Time, health: &Health) -> Result<Self, Error> {
        let settings =
            manifest.config.iter().map(|(key, setting)| Ok((key.clone(), setting.read(key, &manifest.path)?)));
        let settings = settings.collect::<Result<_, Error>>()?;
        let env = manifest.env.read(&manifest.path)?;
        let sandbox = Arc::new(Sandbox::new(time, manifest.limits, manifest.seed, settings, env));
        let others = others(manifest)?;
        let importers: Vec<&Component> = std::iter::once(app).chain(others.values()).collect();
        let called = Arc::new(Called::new(manifest, &importers));
        let providers = providers(manifest)?;
        for (interface, link) in &manifest.links {
            // Leases are in it.
            if interface != STORE || manifest.cron.iter().all(|cron| cron.lease.is_none()) {
                check_used(manifest, &called, interface, link)?;
            }
            if interface.starts_with("wasi:keyvalue/") {
                check_store(manifest, interface, link, providers.get(interface.as_str()))?;
                continue;
            }
            let end = match &link.target {
                Target::Component(path, _) => End::Component(&others[path]),
                Target::Provider(_) => End::Provider(&providers[interface.as_str()]),
                #[cfg(feature = "wrpc")]
                Target::Nats(_) | Target::Tcp(_) => continue,
            };
            check_link(manifest, &importers, interface, link, &end)?;
        }
        if let Some(setting) = manifest.config.get(KEY)
            && !importers.iter().any(|component| component.reads_settings)
        {
            tracing::warn!(
                "the policies of `config.{KEY}` in {} are not used: no component imports wasi:config/store; a component \
                 reads them where its code has a `Named` policy or asks `Policies::of_the_host()`",
                setting.place(&manifest.path),
            );
        }
        for fault in &manifest.faults {
            called.check(fault).map_err(|problem| Error::Manifest {
                path: manifest.path.clone(),
                line: Some(fault.line),
                problem,
            })?;
        }
        for upstream in &manifest.http.upstreams {
            check_serves_http(&others[&upstream.component])?;
        }

        #[cfg(feature = "wrpc")]
        manifest.nats.iter().try_for_each(|server| server.check(&manifest.path))?;
        let mut embedded = BTreeMap::new();
        for link in manifest.links.values() {
            if let Some((path, instances)) = link.target.component() {
                let target = Callee::new(&others[path], &sandbox, instances)?;
                embedded.entry((path.clone(), instances)).or_insert_with(|| Arc::new(target));
            }
        }
        let faults = Arc::new(Faults::new(manifest.faults.clone(), chances_of_faults(manifest, time)));
        let mut links: BTreeMap<String, Box<dyn Transport<Network>>> = BTreeMap::new();
        #[cfg(feature = "wrpc")]
        let mut connections = crate::wrpc::Connections::new(health);
        for (interface, link) in &manifest.links {
            let transport: Arc<dyn Transport<Network>> = match &link.target {
                Target::Component(path, instances) => embedded[&(path.clone(), *instances)].clone(),
                Target::Provider(options) if time == Time::Simulated && options.is_elsewhere() => {
                    let problem = format!(
                        "`{interface}` is linked to a provider that needs a server, and simulated time has no network; link \
                         it to a component, or a `keyvalue` in memory"
                    );
                    return Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem });
                }
                Target::Provider(_) => {
                    let provider = providers[interface.as_str()].clone();
                    provider.begin(health);
                    provider
                }
                #[cfg(feature = "wrpc")]
                Target::Nats(nats) if time == Time::Real => {
                    Arc::new(connections.remote(&nats.address, &nats.options, &nats.prefix))
                }
                #[cfg(feature = "wrpc")]
                Target::Tcp(address) if time == Time::Real => {
                    Arc::new(crate::wrpc::tcp::Remote::new(address, manifest.limits.invocation))
                }
                #[cfg(feature = "wrpc")]
                Target::Nats(_) | Target::Tcp(_) => {
                    return Err(no_network(manifest, interface, link));
                }
            };
            links.insert(interface.clone(), Box::new(Faulty { faults: faults.clone(), transport }));
        }

        let components = manifest.http.upstreams.iter().map(|upstream| {
            let handler = Handler::new(&others[&upstream.component], &sandbox, Instances::Fresh)?;
            Ok((upstream.authority.clone(), Arc::new(handler)))
        });
        let client = HttpClient::new(manifest.http.ca.as_deref()).map_err(|problem| Error::Manifest {
            path: manifest.path.clone(),
            line: None,
            problem,
        })?;
        let upstreams = Upstreams {
            client: (time == Time::Real).then_some(client),
            allow: manifest.http.allow.clone(),
            deadlines: manifest.http.deadlines,
            components: components.collect::<Result<_, Error>>()?,
            faults: faults.clone(),
            at_work: Sender::default(),
        };
        let lattice = Lattice::new(links, manifest.limits.invocation, manifest.limits.outgoing);
        let keyvalue = providers.get(STORE).and_then(|provided| provided.keyvalue()).unwrap_or_default();
        let watched = keyvalue.clone();
        health.watch_store(move || watched.state());
        let network = Arc::new(Network { lattice, keyvalue, upstreams });
        for (interface, _) in app.imports().filter(|(interface, _)| !manifest.links.contains_key(&interface.path())) {
            tracing::warn!("{} imports `{interface}`, which no link leads anywhere", app.name());
        }
        Ok(Loaded { sandbox, network, faults, called, others, embedded })
    }

    /// What messages for `app` are passed to, where there are to be any.
    #[cfg(feature = "wrpc")]
    pub fn handler(&self, app: &Component, manifest: &Manifest, time: Time) -> Result<Option<MessageHandler>, Error> {
        let Some(messages) = manifest.messages.first() else { return Ok(None) };
        let wrong = |problem| Error::Manifest { path: manifest.path.clone(), line: Some(messages.line), problem };
        let function = handler_of(app).map_err(wrong)?;
        if time == Time::Simulated {
            return Err(wrong("messages come over NATS, and simulated time has no network; remove them".into()));
        }
        let callee = Arc::new(Callee::new(app, &self.sandbox, manifest.instances)?);
        Ok(Some(MessageHandler { function, target: self.faulty(callee) }))
    }

    fn faulty(&self, transport: Arc<Callee>) -> cron::Target {
        Faulty { faults: self.faults.clone(), transport }
    }

    /// A call on schedule, and the component that it is for.
    pub fn job(&self, app: &Component, manifest: &Manifest, cron: &Cron) -> Result<(Job, cron::Target), Error> {
        let is_shared = manifest.links.get(STORE).is_some_and(|link| match &link.target {
            Target::Provider(options) => options.is_elsewhere(),
            _ => false,
        });
        if cron.lease.is_some() && !is_shared {
            let problem = format!(
                "the cron job `{}` has a `lease`, and no store that hosts share; link `{STORE}` to one, like {{ provider = \
                 \"keyvalue\", nats = \"nats://127.0.0.1:4222\" }}",
                cron.target()
            );
            return Err(Error::Manifest { path: manifest.path.clone(), line: Some(cron.line), problem });
        }
        // Where a link leads elsewhere, it is not this component that is meant.
        match manifest.links.get(&cron.interface).map(|link| link.target.component()) {
            Some(Some((path, instances))) => {
                let job = Job::new(manifest, cron, &self.others[path])?;
                Ok((job, self.faulty(self.embedded[&(path.clone(), instances)].clone())))
            }
            Some(None) => {
                let problem = format!(
                    "`{}` is to be called, and its link leads to no component, so the values of its parameters cannot be \
                     read; call a component's function that calls it",
                    cron.target()
                );
                Err(Error::Manifest { path: manifest.path.clone(), line: Some(cron.line), problem })
            }
            None => {
                let job = Job::new(manifest, cron, app)?;
                Ok((job, self.faulty(Arc::new(Callee::new(app, &self.sandbox, manifest.instances)?))))
            }
        }
    }
}

/// What the faults' chances come from, where the manifest says it or time is simulated: not what those of guests do.
fn chances_of_faults(manifest: &Manifest, time: Time) -> u64 {
    let seed = manifest.seed.or((time == Time::Simulated).then_some(0));
    // Without a seed, something that differs each time.
    seed.map_or_else(|| RandomState::new().build_hasher().finish(), |seed| !seed)
}

/// The components that the manifest names beside the app, by their files: one may serve several links.
fn others(manifest: &Manifest) -> Result<BTreeMap<PathBuf, Component>, Error> {
    let links = manifest.links.values();
    let links = links.filter_map(|link| Some((link.target.component()?.0, "link", link.line)));
    let upstreams = manifest.http.upstreams.iter();
    let upstreams = upstreams.map(|upstream| (&upstream.component, "upstream", upstream.line));
    let mut others = BTreeMap::new();
    for (path, what, line) in links.chain(upstreams) {
        if !others.contains_key(path) {
            let hint = match line {
                // It stands in no file.
                0 => manifest.component_hint(),
                line => format!("check the {what} in {}:{line}, and that it is built", manifest.path.display()),
            };
            let component = Component::read(path, &hint)?;
            component.check_imports()?;
            others.insert(path.clone(), component);
        }
    }
    Ok(others)
}

#[cfg(feature = "wrpc")]
fn no_network(manifest: &Manifest, interface: &str, link: &Link) -> Error {
    let problem = format!(
        "`{interface}` is linked to another process, and simulated time has no network; link it to a component"
    );
    Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem }
}

/// A link of `wasi:keyvalue` must be that of `store`, and lead to a store.
fn check_store(
    manifest: &Manifest,
    interface: &str,
    link: &Link,
    provided: Option<&Arc<Provided>>,
) -> Result<(), Error> {
    let problem = if interface != STORE {
        format!("`{interface}` is linked, and its buckets are those of `{STORE}`; link that, and the others follow")
    } else if provided.and_then(|provided| provided.keyvalue()).is_none() {
        format!(
            "`{interface}` leads to what is no store of the host; link it to one, like {{ provider = \"keyvalue\" }}"
        )
    } else {
        return Ok(());
    };
    Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem })
}

/// The providers of the links, by the interface of the link. Those with the same options are one.
fn providers(manifest: &Manifest) -> Result<BTreeMap<&str, Arc<Provided>>, Error> {
    let mut started: Vec<(&Options, Arc<Provided>)> = Vec::new();
    let mut providers = BTreeMap::new();
    for (interface, link) in &manifest.links {
        let Target::Provider(options) = &link.target else { continue };
        let known = started.iter().find(|(known, _)| *known == options);
        let provided = match known {
            Some((_, provided)) => provided.clone(),
            None => Arc::new(Provided::start(options).map_err(|problem| Error::Manifest {
                path: manifest.path.clone(),
                line: Some(link.line),
                problem,
            })?),
        };
        started.push((options, provided.clone()));
        providers.insert(interface.as_str(), provided);
    }
    Ok(providers)
}

/// What is at the end of a link in this process.
enum End<'l> {
    Component(&'l Component),
    Provider(&'l Provided),
}

impl End<'_> {
    /// For a message.
    fn name(&self) -> String {
        match self {
            End::Component(component) => component.path.display().to_string(),
            End::Provider(provided) => format!("the provider `{}`", provided.name),
        }
    }

    /// The interface `path` in whichever version it is exported, with its functions; in place of them, why they cannot be
    /// called.
    fn exported(&self, path: &str) -> Option<(&Interface, Result<&Functions, &String>)> {
        match self {
            End::Component(component) => component.exported(path).map(|(export, given)| (export, given.as_ref())),
            End::Provider(provided) => {
                let (export, given) = provided.functions.iter().find(|(export, _)| export.path() == path)?;
                Some((export, Ok(given)))
            }
        }
    }

    fn export_list(&self) -> String {
        match self {
            End::Component(component) => component.export_list(),
            End::Provider(provided) => provided.export_list(),
        }
    }
}

/// A component that is asked for answers must have some.
pub(crate) fn check_serves_http(component: &Component) -> Result<(), Error> {
    if component.serves_http() {
        return Ok(());
    }
    Err(component.unsuitable(format!(
        "does not export `wasi:http/incoming-handler@0.2`, so it cannot answer HTTP requests (it exports {}); write the \
         handler with `#[wstd::http_server]`, or link to this component from one that has it",
        component.export_list()
    )))
}

/// A link must lead from an interface that is called.
fn check_used(manifest: &Manifest, called: &Called, path: &str, link: &Link) -> Result<(), Error> {
    if called.has(path) {
        return Ok(());
    }
    let problem = match path.split_once('@') {
        Some((any, _)) => format!("`{path}` is linked, and a link is for any version; write `{any}`"),
        None => format!("`{path}` is linked, and {}", called.missing()),
    };
    Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem })
}

/// A link in this process must lead to what exports the interface, in a version and with functions that fit.
fn check_link(
    manifest: &Manifest,
    importers: &[&Component],
    path: &str,
    link: &Link,
    target: &End<'_>,
) -> Result<(), Error> {
    let wrong = |problem: String| Err(Error::Manifest { path: manifest.path.clone(), line: Some(link.line), problem });
    for importer in importers {
        for (import, wanted) in importer.imports().filter(|(import, _)| import.path() == path) {
            let (importer, provider) = (importer.path.display(), target.name());
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
