//! The file a person writes: which component, where its links lead, how long things may take, what fails.

mod config;
mod cron;
mod date;
mod delay;
mod document;
mod env;
mod fault;
mod http;
mod limits;
mod link;
#[cfg(feature = "wrpc")]
mod messages;
#[cfg(feature = "wrpc")]
mod nats;
mod schedule;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Error;
use crate::lattice::Fault;
pub(crate) use config::Setting;
pub(crate) use cron::{Cron, Missed};
pub(crate) use delay::delay;
pub(crate) use document::{Document, TableOf, read_text};
pub(crate) use env::Env;
pub(crate) use fault::{FileFault, parse as parse_fault, parse_on};
pub(crate) use http::{Deadlines, Http};
pub(crate) use limits::{ClientLeft, Limits};
#[cfg(feature = "wrpc")]
pub(crate) use link::Nats;
pub(crate) use link::{Link, Target, provider_options};
#[cfg(feature = "wrpc")]
pub(crate) use messages::{Messages, Source};
#[cfg(feature = "wrpc")]
pub(crate) use nats::NatsServer;
pub(crate) use schedule::Schedule;

/// What to run and how its lattice behaves, read from TOML.
///
/// ```
/// use steadfast_host::Manifest;
///
/// let manifest = Manifest::parse(
///     r#"
///     component = "http-hello.wasm"     # files are looked for beside the manifest
///     listen = "127.0.0.1:8080"         # the default; or a name; port 0 takes a free one
///     admin = "127.0.0.1:9090"          # where to ask how it is; nowhere by default
///     instances = "fresh"               # the default: one for each request; "reuse" keeps them
///     invocation-timeout = "1s"         # the default
///     request-timeout = "30s"           # the default
///     memory-mib = 64                   # the default, for each instance
///     total-memory-mib = 4096           # the default, for all instances together
///     requests = 1024                   # the default; more at a time are turned away with a 503
///     seed = 7                          # pins what the guests draw from wasi:random
///
///     [links]
///     "acme:greeter/api" = { component = "greeter.wasm" }
///     "acme:letters/letters" = { nats = "nats://127.0.0.1:4222", prefix = "default" }
///     "acme:stamps/stamps" = { tcp = "127.0.0.1:7761" }
///     "wrpc:keyvalue/store" = { provider = "keyvalue" }
///
///     [nats."nats://127.0.0.1:4222"]    # what that server wants to see
///     credentials = "app.creds"
///
///     [config]                          # what the components read from wasi:config
///     tone = "polite"
///
///     [http]                            # where they may send requests; nowhere by default
///     allow = ["api.example.com"]
///
///     [[cron]]                          # a call that the host makes by itself
///     call = "acme:greeter/api#greet"
///     payload = "Ada"
///     every = "10s"                     # or schedule = "0 3 * * *", with zone = "Europe/Berlin"
///
///     [[messages]]                      # messages that the component takes
///     nats = "nats://127.0.0.1:4222"
///     subject = "greetings"
///
///     [[faults]]
///     on = "acme:greeter/api#greet"     # or a whole interface; without it, everything
///     kind = "no-target"
///     until = "800ms"                   # the target appears after 800 ms
///
///     [[faults]]
///     kind = "overloaded"
///     retry-after = "2s"
///     first = 3                         # fails the first three calls
///     "#,
///     "hello.toml",
/// )?;
/// # Ok::<(), steadfast_host::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Where it was read from; for messages.
    pub(crate) path: PathBuf,
    pub(crate) component: PathBuf,
    pub(crate) listen: String,
    pub(crate) admin: Option<String>,
    pub(crate) instances: Instances,
    pub(crate) limits: Limits,
    pub(crate) seed: Option<u64>,
    pub(crate) links: BTreeMap<String, Link>,
    #[cfg(feature = "wrpc")]
    pub(crate) nats: Vec<NatsServer>,
    pub(crate) http: Http,
    pub(crate) config: BTreeMap<String, Setting>,
    pub(crate) env: Env,
    pub(crate) cron: Vec<Cron>,
    #[cfg(feature = "wrpc")]
    pub(crate) messages: Vec<Messages>,
    pub(crate) faults: Vec<Fault>,
}

/// Whether an instance serves one request or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// A fresh instance for every request, as most hosts do.
    #[default]
    Fresh,
    /// An instance that served a request serves the next: its memory, and the state of its circuit breakers,
    /// lasts until it traps.
    Reuse,
}

impl Manifest {
    /// Reads a manifest; the files it names are looked for beside it.
    ///
    /// # Errors
    /// [`Error::Read`] when there is no such file, [`Error::Manifest`] when it is wrong.
    ///
    /// ```
    /// assert!(steadfast_host::Manifest::read("no-such-file.toml").is_err());
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = document::read_text(
            path,
            "give the path of a manifest, a TOML file that names a component and its links",
            "save the manifest as UTF-8, or, where this is a component, give a manifest that names it",
        )?;
        Manifest::parse(&text, path)
    }

    /// Reads a manifest from `text`, as if it stood in the file `path`.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it is wrong.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let error = Manifest::parse("component = \"a.wasm\"\ncolour = 1\n", "a.toml").unwrap_err();
    /// assert!(error.to_string().starts_with("a.toml:2: unknown field `colour`, expected one of "), "{error}");
    /// ```
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let document = Document::new(text, path);
        let line_of = &|offset: usize| document.line_of(offset);
        let wrong = |line, problem: String| document.wrong(line, problem);
        let beside = &|file: PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
        let mut table = document.table(&TABLES)?;
        #[cfg(feature = "wrpc")]
        if let Some((problem, offset)) = nats::misplaced(table.get_ref()) {
            return Err(wrong(Some(line_of(offset)), problem));
        }
        let mut links = link::take_provided(&document, table.get_mut(), beside)?;
        let file: File = document.read(table)?;

        let component = file.component.ok_or_else(|| {
            wrong(
                None,
                "`component` is missing; add the path of the component to run, like `component = \"app.wasm\"`".into(),
            )
        })?;
        for (interface, link) in file.links {
            let line = line_of(link.span().start);
            let link = link.into_inner().check(&interface, line, beside);
            links.insert(interface, link.map_err(|problem| wrong(Some(line), problem))?);
        }
        #[cfg(feature = "wrpc")]
        let mut messages = Vec::new();
        #[cfg(feature = "wrpc")]
        for source in file.messages {
            let line = line_of(source.span().start);
            let source = source.into_inner().check(line, file.request_timeout);
            messages.push(source.map_err(|problem| wrong(Some(line), problem))?);
        }
        #[cfg(feature = "wrpc")]
        let nats = nats::check(file.nats, &mut links, &mut messages, line_of, beside)
            .map_err(|(line, problem)| wrong(Some(line), problem))?;
        let http = file.http.check(line_of, beside).map_err(|(line, problem)| wrong(Some(line), problem))?;
        let config = file.config.into_iter().map(|(key, setting)| {
            let line = line_of(setting.span().start);
            (key, setting.into_inner().located(line, beside))
        });
        let mut env = Env::default();
        for (name, value) in file.env {
            let line = line_of(value.span().start);
            let value = value.into_inner().located(line, beside);
            env.add(name, value).map_err(|problem| wrong(Some(line), problem))?;
        }
        let mut cron = Vec::new();
        for job in file.cron {
            let line = line_of(job.span().start);
            let job = job.into_inner().check(line, file.request_timeout);
            cron.push(job.map_err(|problem| wrong(Some(line), problem))?);
        }
        let mut faults = Vec::new();
        for fault in file.faults {
            let line = line_of(fault.span().start);
            let fault = fault.into_inner().check(line, &http);
            faults.push(fault.map_err(|problem| wrong(Some(line), problem))?);
        }
        Ok(Manifest {
            path: path.into(),
            component: beside(component),
            listen: file.listen,
            admin: file.admin,
            instances: file.instances,
            limits: Limits {
                invocation: file.invocation_timeout,
                request: file.request_timeout,
                memory: limits::bytes(file.memory_mib),
                total_memory: limits::bytes(file.total_memory_mib),
                requests: limits::count(file.requests),
                client_left: file.client_left,
                connections: limits::count(file.connections),
                outgoing: limits::count(file.outgoing),
                uses: u64::MAX,
            },
            seed: file.seed,
            links,
            #[cfg(feature = "wrpc")]
            nats,
            http,
            config: config.collect(),
            env,
            cron,
            #[cfg(feature = "wrpc")]
            messages,
            faults,
        })
    }

    /// The component that is to run.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'", "made/a.toml")?;
    /// assert_eq!(manifest.component(), std::path::Path::new("made/a.wasm"));
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn component(&self) -> &Path {
        &self.component
    }

    /// The file that this was read from; of a component without a manifest, the component.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All files that this names, and its own.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'\n[links]\n'a:b/c' = { component = 'c.wasm' }", "a.toml")?;
    /// assert_eq!(manifest.files(), ["a.toml", "a.wasm", "c.wasm"].map(std::path::PathBuf::from));
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn files(&self) -> Vec<PathBuf> {
        let links = self.links.values().filter_map(|link| Some(link.target.component()?.0.clone()));
        let upstreams = self.http.upstreams.iter().map(|upstream| upstream.component.clone());
        [self.path.clone(), self.component.clone()].into_iter().chain(links).chain(upstreams).collect()
    }

    /// The manifest of a component that has none: every setting has its default, and nothing is linked.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::of("hello.wasm");
    /// assert_eq!((manifest.component(), manifest.listen()), ("hello.wasm".as_ref(), "127.0.0.1:8080"));
    /// ```
    pub fn of(component: impl AsRef<Path>) -> Self {
        let component = component.as_ref();
        Manifest {
            path: component.into(),
            component: component.into(),
            listen: default_listen(),
            admin: None,
            instances: Instances::default(),
            limits: Limits::default(),
            seed: None,
            links: BTreeMap::new(),
            #[cfg(feature = "wrpc")]
            nats: Vec::new(),
            http: Http::default(),
            config: BTreeMap::new(),
            env: Env::default(),
            cron: Vec::new(),
            #[cfg(feature = "wrpc")]
            messages: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Has calls of `interface` go to a component, each to an instance of its own.
    pub(crate) fn with_link(mut self, interface: impl Into<String>, component: impl Into<PathBuf>) -> Self {
        let target = Target::Component(component.into(), Instances::default());
        self.links.insert(interface.into(), Link { target, line: 0 });
        self
    }

    /// Where the path of the component comes from, for a message that it is not there.
    pub(crate) fn component_hint(&self) -> String {
        match self.path == self.component {
            true => "give the path of a component, and build it first".into(),
            false => format!("check `component` in {}, and that it is built", self.path.display()),
        }
    }

    /// Where the HTTP server is to listen: a host and a port.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'", "a.toml")?;
    /// assert_eq!(manifest.listen(), "127.0.0.1:8080");
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// The same manifest with another address.
    #[must_use]
    pub fn with_listen(self, listen: impl Into<String>) -> Self {
        Manifest { listen: listen.into(), ..self }
    }

    /// How many requests are answered at a time; more are turned away with a 503.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'\nrequests = 64", "a.toml")?;
    /// assert_eq!(manifest.requests(), 64);
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn requests(&self) -> usize {
        self.limits.requests
    }

    /// The same manifest with another number of requests at a time.
    #[must_use]
    pub fn with_requests(self, requests: NonZeroUsize) -> Self {
        Manifest { limits: Limits { requests: requests.get().min(u32::MAX as usize), ..self.limits }, ..self }
    }

    /// Where the admin port is to be, if anywhere: [`Health::serve`](crate::Health::serve) is what answers there.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'\nadmin = '127.0.0.1:9090'", "a.toml")?;
    /// assert_eq!(manifest.admin(), Some("127.0.0.1:9090"));
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn admin(&self) -> Option<&str> {
        self.admin.as_deref()
    }
}

/// The keys whose tables are easily taken for those of the other: the message of the parser then speaks of
/// sequences and maps. With the type, and what to write.
const TABLES: [TableOf; 8] = [
    ("config", "table", "one table, `[config]`, with a line for each setting"),
    ("cron", "array", "a list of tables, each below a `[[cron]]` of its own"),
    ("env", "table", "one table, `[env]`, with a line for each variable"),
    ("http", "table", "one table, `[http]`, like `allow = [\"api.example.com\"]` below it"),
    ("links", "table", "one table, `[links]`, with a line for each link"),
    ("messages", "array", "a list of tables, each below a `[[messages]]` of its own"),
    ("nats", "table", "a table for each server, like `[nats.\"nats://127.0.0.1:4222\"]`"),
    ("faults", "array", "a list of tables, each below a `[[faults]]` of its own"),
];

/// The file, before it is checked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "value::path")]
    component: Option<PathBuf>,
    #[serde(default = "default_listen", deserialize_with = "value::address")]
    listen: String,
    #[serde(default, deserialize_with = "value::some_address")]
    admin: Option<String>,
    #[serde(default, deserialize_with = "value::instances")]
    instances: Instances,
    #[serde(default = "limits::invocation_timeout", deserialize_with = "value::timeout")]
    invocation_timeout: Duration,
    #[serde(default = "limits::request_timeout", deserialize_with = "value::timeout")]
    request_timeout: Duration,
    #[serde(default = "limits::memory", deserialize_with = "value::mebibytes")]
    memory_mib: NonZeroU64,
    #[serde(default = "limits::total_memory", deserialize_with = "value::mebibytes")]
    total_memory_mib: NonZeroU64,
    #[serde(default = "limits::requests", deserialize_with = "value::count")]
    requests: NonZeroU64,
    #[serde(default, deserialize_with = "value::client_left")]
    client_left: ClientLeft,
    #[serde(default = "limits::connections", deserialize_with = "value::count")]
    connections: NonZeroU64,
    #[serde(default = "limits::outgoing", deserialize_with = "value::count")]
    outgoing: NonZeroU64,
    #[serde(default, deserialize_with = "value::seed")]
    seed: Option<u64>,
    #[serde(default)]
    links: BTreeMap<String, Spanned<link::FileLink>>,
    #[cfg(feature = "wrpc")]
    #[serde(default)]
    nats: BTreeMap<String, Spanned<nats::FileNats>>,
    #[serde(default)]
    http: http::FileHttp,
    #[serde(default)]
    config: BTreeMap<String, Spanned<config::FileSetting>>,
    #[serde(default)]
    env: BTreeMap<String, Spanned<config::FileSetting>>,
    #[serde(default)]
    cron: Vec<Spanned<cron::FileCron>>,
    #[cfg(feature = "wrpc")]
    #[serde(default)]
    messages: Vec<Spanned<messages::FileMessages>>,
    #[serde(default)]
    faults: Vec<Spanned<fault::FileFault>>,
}

fn default_listen() -> String {
    "127.0.0.1:8080".into()
}
