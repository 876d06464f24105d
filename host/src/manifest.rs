//! The file a person writes: which component, where its links lead, how long things may take, what fails.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::Error;

/// What to run and how its lattice behaves, read from TOML.
///
/// ```
/// use steadfast_host::Manifest;
///
/// let manifest = Manifest::parse(
///     r#"
///     component = "http-hello.wasm"     # files are looked for beside the manifest
///     listen = "127.0.0.1:8080"         # the default; port 0 takes a free one
///     instances = "fresh"               # the default: one for each request; "reuse" keeps them
///     invocation-timeout = "1s"         # the default
///     request-timeout = "30s"           # the default
///     memory-mib = 64                   # the default, for each instance
///     seed = 7                          # pins what the guests draw from wasi:random
///
///     [links]
///     "acme:greeter/api" = { component = "greeter.wasm" }
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
    pub(crate) listen: SocketAddr,
    pub(crate) instances: Instances,
    pub(crate) limits: Limits,
    pub(crate) seed: Option<u64>,
    pub(crate) links: BTreeMap<String, Link>,
    pub(crate) faults: Vec<Fault>,
}

/// Whether an instance serves one request or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// A fresh instance for every request, as most hosts do.
    #[default]
    Fresh,
    /// An instance that served a request serves the next: its memory, and the state of its circuit breakers,
    /// lasts until it traps.
    Reuse,
}

/// How much a guest may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one call across the lattice.
    pub invocation: Duration,
    /// For one HTTP request.
    pub request: Duration,
    /// For the linear memory of one instance, in bytes.
    pub memory: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub component: PathBuf,
    pub line: usize,
}

/// Something that goes wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// An interface, or a function as `interface#function`; `None` for everything.
    pub on: Option<String>,
    pub kind: FaultKind,
    /// Since the host was ready.
    pub from: Duration,
    pub until: Option<Duration>,
    /// How many calls fail before it is over.
    pub first: Option<u64>,
    pub line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    NoLink,
    NoTarget,
    Disconnected,
    Blackhole,
    Drop,
    Trap,
    Latency(Duration),
    Overloaded(Option<Duration>),
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
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.into(),
            source,
            hint: "give the path of a manifest, a TOML file that names a component and its links".into(),
        })?;
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
        let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let wrong = |line, problem: String| Error::Manifest { path: path.into(), line, problem };
        let file: File = toml::from_str(text).map_err(|error| {
            // The message of the parser has the offending line drawn below it; one line is enough here.
            wrong(error.span().map(|span| line_of(span.start)), error.message().trim().replace('\n', ", "))
        })?;

        let beside = |file: PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
        let mut faults = Vec::new();
        for fault in file.faults {
            let line = line_of(fault.span().start);
            faults.push(fault.into_inner().check(line).map_err(|problem| wrong(Some(line), problem))?);
        }
        let links = file.links.into_iter().map(|(interface, link)| {
            let line = line_of(link.span().start);
            (interface, Link { component: beside(link.into_inner().component), line })
        });
        Ok(Manifest {
            path: path.into(),
            component: beside(file.component),
            listen: file.listen,
            instances: file.instances,
            limits: Limits {
                invocation: file.invocation_timeout,
                request: file.request_timeout,
                // On a machine whose addresses are shorter, its own limit is the limit.
                memory: usize::try_from(file.memory_mib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20),
            },
            seed: file.seed,
            links: links.collect(),
            faults,
        })
    }

    /// Where the HTTP server is to listen.
    ///
    /// ```
    /// use steadfast_host::Manifest;
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'", "a.toml")?;
    /// assert_eq!(manifest.listen().to_string(), "127.0.0.1:8080");
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The same manifest with another address.
    #[must_use]
    pub fn with_listen(self, listen: SocketAddr) -> Self {
        Manifest { listen, ..self }
    }
}

/// The file, before it is checked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    component: PathBuf,
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    #[serde(default)]
    instances: Instances,
    #[serde(default = "default_invocation_timeout", deserialize_with = "positive_duration")]
    invocation_timeout: Duration,
    #[serde(default = "default_request_timeout", deserialize_with = "positive_duration")]
    request_timeout: Duration,
    #[serde(default = "default_memory")]
    memory_mib: NonZeroU64,
    seed: Option<u64>,
    #[serde(default)]
    links: BTreeMap<String, Spanned<FileLink>>,
    #[serde(default)]
    faults: Vec<Spanned<FileFault>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLink {
    component: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileFault {
    on: Option<String>,
    kind: FileFaultKind,
    #[serde(default, deserialize_with = "optional_duration")]
    from: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    until: Option<Duration>,
    first: Option<NonZeroU64>,
    #[serde(default, deserialize_with = "optional_duration")]
    delay: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    retry_after: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileFaultKind {
    NoLink,
    NoTarget,
    Disconnected,
    Blackhole,
    Drop,
    Trap,
    Latency,
    Overloaded,
}

impl FileFault {
    fn check(self, line: usize) -> Result<Fault, String> {
        if self.delay.is_some() != (self.kind == FileFaultKind::Latency) {
            return Err("`delay` belongs to a fault of kind \"latency\", which needs it".into());
        }
        if self.retry_after.is_some() && self.kind != FileFaultKind::Overloaded {
            return Err("`retry-after` belongs to a fault of kind \"overloaded\"".into());
        }
        let from = self.from.unwrap_or_default();
        if self.until.is_some_and(|until| until <= from) {
            return Err("`until` must be later than `from`; both count from the moment the host is ready".into());
        }
        let kind = match self.kind {
            FileFaultKind::NoLink => FaultKind::NoLink,
            FileFaultKind::NoTarget => FaultKind::NoTarget,
            FileFaultKind::Disconnected => FaultKind::Disconnected,
            FileFaultKind::Blackhole => FaultKind::Blackhole,
            FileFaultKind::Drop => FaultKind::Drop,
            FileFaultKind::Trap => FaultKind::Trap,
            FileFaultKind::Latency => FaultKind::Latency(self.delay.unwrap_or_default()),
            FileFaultKind::Overloaded => FaultKind::Overloaded(self.retry_after),
        };
        Ok(Fault { on: self.on, kind, from, until: self.until, first: self.first.map(NonZeroU64::get), line })
    }
}

fn default_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8080).into()
}

/// As wRPC hosts have it.
fn default_invocation_timeout() -> Duration {
    Duration::from_secs(1)
}

/// Longer than any client waits, and not for ever.
fn default_request_timeout() -> Duration {
    Duration::from_secs(30)
}

/// Plenty for a handler, and a thousand of them fit into a server.
const fn default_memory() -> NonZeroU64 {
    NonZeroU64::new(64).unwrap()
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("`{text}` is not a duration ({error}); write it like \"250ms\" or \"1m 30s\""))
    })
}

fn positive_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let duration = duration(deserializer)?;
    if duration.is_zero() {
        return Err(serde::de::Error::custom("a timeout must be longer than zero"));
    }
    Ok(duration)
}

fn optional_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
