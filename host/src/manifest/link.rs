//! Where the calls of an interface go: to a component in this process, or to a provider in another, over a NATS server
//! or over TCP.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Instances, value};
use crate::nats::NatsOptions;

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub target: Target,
    pub line: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Component(PathBuf, Instances),
    Nats(Nats),
    /// An address, as `host:port`.
    Tcp(String),
}

/// A place on the lattice that NATS servers carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nats {
    /// The server's address, without secrets.
    pub server: String,
    pub options: NatsOptions,
    /// What the subjects begin with; empty for nothing.
    pub prefix: String,
}

impl Nats {
    /// Checks both for what could never be reached; says what to write instead.
    pub fn new(url: &str, prefix: String) -> Result<Self, String> {
        let (server, login) = address(url)?;
        let is_token =
            |token: &str| !token.is_empty() && !token.contains(|c: char| "*>".contains(c) || c.is_whitespace());
        if !prefix.is_empty() && !prefix.split('.').all(is_token) {
            return Err(format!(
                "the prefix `{prefix}` cannot begin a subject of NATS; write words with dots between them, like \
                 \"default\""
            ));
        }
        Ok(Nats { server, options: NatsOptions { login, ..NatsOptions::default() }, prefix })
    }
}

#[cfg(feature = "nats")]
pub(super) use crate::lattice::wrpc::parse_address as address;

#[cfg(not(feature = "nats"))]
pub(super) fn address(_: &str) -> Result<(String, crate::nats::Login), String> {
    Err("a link leads to a NATS server, and this program is built without NATS; build it with the feature `nats`, or \
         link a component"
        .into())
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
}

impl FileLink {
    /// The link of `interface`; or what is wrong with it.
    pub fn check(self, interface: &str, line: usize, beside: &dyn Fn(PathBuf) -> PathBuf) -> Result<Link, String> {
        let FileLink { component, instances, nats, prefix, tcp } = self;
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
        let target = match (component, nats, tcp) {
            (Some(component), ..) => Target::Component(beside(component), instances.unwrap_or_default()),
            (_, Some(url), _) => Target::Nats(Nats::new(&url, prefix.unwrap_or_default())?),
            (.., address) => Target::Tcp(tcp_address(address.unwrap_or_default())?),
        };
        Ok(Link { target, line })
    }
}

fn tcp_address(address: String) -> Result<String, String> {
    if !cfg!(feature = "nats") {
        return Err(
            "a link leads to another process, and this program is built without that; build it with the feature \
                    `nats`, or link a component"
                .into(),
        );
    }
    let is_address = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
    if !is_address || address.contains(|c: char| c == '/' || c.is_whitespace()) {
        return Err(format!("`{address}` is no address of a provider; write it like \"127.0.0.1:7761\""));
    }
    Ok(address)
}
