//! Where the calls of an interface go: to a component or a provider in this process, or to another process, over a NATS
//! server or over TCP.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer};

use super::document::{Document, NOT_TOML, explained};
use super::{Instances, value};
use crate::error::Error;
#[cfg(feature = "wrpc")]
use crate::nats::{Address, NatsOptions, is_subject};
use crate::providers;

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub target: Target,
    pub line: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Component(PathBuf, Instances),
    Provider(providers::Options),
    #[cfg(feature = "wrpc")]
    Nats(Nats),
    /// An address, as `host:port`.
    #[cfg(feature = "wrpc")]
    Tcp(String),
}

/// A place on the lattice that NATS servers carry.
#[cfg(feature = "wrpc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nats {
    pub address: Address,
    pub options: NatsOptions,
    /// What the subjects begin with; empty for nothing.
    pub prefix: String,
}

#[cfg(feature = "wrpc")]
impl Nats {
    /// Checks both for what could never be reached; says what to write instead.
    pub fn new(url: &str, prefix: String) -> Result<Self, String> {
        let (address, login) = Address::parse(url)?;
        if !prefix.is_empty() && !is_subject(&prefix) {
            return Err(format!(
                "the prefix `{prefix}` cannot begin a subject of NATS; write words with dots between them, like \
                 \"default\""
            ));
        }
        Ok(Nats { address, options: NatsOptions { login, ..NatsOptions::default() }, prefix })
    }
}

/// The options of the provider `name`, from a text with a line for each.
pub(crate) fn provider_options(name: &str, text: &str) -> Result<providers::Options, String> {
    let table = DeTable::parse(text).map_err(|error| explained(&error) + NOT_TOML)?;
    providers::Options::read(name, Deserializer::from(table), &|file| file).map_err(|error| explained(&error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, like `{ component = \"greeter.wasm\" }`")]
pub(super) struct FileLink {
    #[serde(default, deserialize_with = "value::path")]
    component: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::some_instances")]
    instances: Option<Instances>,
    #[serde(default, deserialize_with = "value::nats")]
    nats: Option<String>,
    #[serde(default, deserialize_with = "value::prefix")]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "value::tcp")]
    tcp: Option<String>,
    /// For "did you mean": a link that has it is read by [`take_provided`].
    #[expect(dead_code, reason = "it is never there")]
    provider: Option<String>,
}

/// Takes the links to providers out of a manifest: each provider knows its own keys.
///
/// # Errors
/// What is wrong with one.
pub(super) fn take_provided(
    document: &Document<'_>,
    manifest: &mut DeTable<'_>,
    beside: &dyn Fn(PathBuf) -> PathBuf,
) -> Result<BTreeMap<String, Link>, Error> {
    let mut provided = BTreeMap::new();
    let Some(DeValue::Table(links)) = manifest.get_mut("links").map(|links| links.get_mut()) else {
        return Ok(provided);
    };
    let is_provided = |link: &DeValue<'_>| matches!(link, DeValue::Table(link) if link.contains_key("provider"));
    let interfaces: Vec<_> =
        links.iter().filter(|(_, link)| is_provided(link.get_ref())).map(|(key, _)| key.clone()).collect();
    for interface in interfaces {
        let Some(link) = links.remove(&interface) else { continue };
        let (span, line) = (link.span(), document.line_of(link.span().start));
        let DeValue::Table(mut table) = link.into_inner() else { continue };
        let name = table.remove("provider").and_then(|name| name.get_ref().as_str().map(ToString::to_string));
        let Some(name) = name else {
            let problem = "`provider` is to be a name in quotes, like \"keyvalue\"";
            return Err(document.wrong(Some(line), problem.into()));
        };
        let options = document
            .read_with(toml::Spanned::new(span, table), |table| providers::Options::read(&name, table, beside))?;
        provided.insert(interface.into_inner().into_owned(), Link { target: Target::Provider(options), line });
    }
    Ok(provided)
}

impl FileLink {
    /// The link of `interface`; or what is wrong with it.
    pub fn check(self, interface: &str, line: usize, beside: &dyn Fn(PathBuf) -> PathBuf) -> Result<Link, String> {
        let FileLink { component, instances, nats, prefix, tcp, .. } = self;
        let ways =
            [("to a `component`", component.is_some()), ("over `nats`", nats.is_some()), ("over `tcp`", tcp.is_some())];
        let ways: Vec<_> = ways.iter().filter(|(_, given)| *given).map(|(way, _)| *way).collect();
        let [way] = ways[..] else {
            return Err(match ways[..] {
                [] => format!(
                    "`component` is missing from the link of `{interface}`; add the path of the component that it \
                     leads to"
                ),
                _ => format!("the link of `{interface}` leads {}; remove all but one", ways.join(" and ")),
            });
        };
        if prefix.is_some() && nats.is_none() {
            return Err(format!(
                "the link of `{interface}` has a `prefix`, which only links over NATS have; remove it"
            ));
        }
        if instances.is_some() && component.is_none() {
            return Err(format!(
                "the link of `{interface}` leads {way}, where the provider decides on its `instances`; remove them"
            ));
        }
        let target = match component {
            Some(component) => Target::Component(beside(component), instances.unwrap_or_default()),
            None => elsewhere(nats, prefix, tcp)?,
        };
        Ok(Link { target, line })
    }
}

impl Target {
    /// The file of the component that this is, where it is one of this process.
    pub fn component(&self) -> Option<(&PathBuf, Instances)> {
        match self {
            Target::Component(path, instances) => Some((path, *instances)),
            Target::Provider(_) => None,
            #[cfg(feature = "wrpc")]
            Target::Nats(_) | Target::Tcp(_) => None,
        }
    }
}

/// A target in another process.
#[cfg(feature = "wrpc")]
fn elsewhere(nats: Option<String>, prefix: Option<String>, tcp: Option<String>) -> Result<Target, String> {
    match nats {
        Some(url) => Ok(Target::Nats(Nats::new(&url, prefix.unwrap_or_default())?)),
        None => Ok(Target::Tcp(tcp_address(tcp.unwrap_or_default())?)),
    }
}

#[cfg(not(feature = "wrpc"))]
fn elsewhere(_: Option<String>, _: Option<String>, _: Option<String>) -> Result<Target, String> {
    Err("a link leads to another process, and this program is built without such links; build it with the feature \
         `wrpc`, or link a component"
        .into())
}

#[cfg(feature = "wrpc")]
fn tcp_address(address: String) -> Result<String, String> {
    let is_address = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
    if !is_address || address.contains(|c: char| c == '/' || c.is_whitespace()) {
        return Err(format!("`{address}` is no address of a provider; write it like \"127.0.0.1:7761\""));
    }
    Ok(address)
}
