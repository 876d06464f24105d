//! Where the calls of an interface go: to a component in this process, or to a provider over a NATS server.

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
}

impl FileLink {
    /// The link of `interface`; or what is wrong with it.
    pub fn check(self, interface: &str, line: usize, beside: &dyn Fn(PathBuf) -> PathBuf) -> Result<Link, String> {
        let FileLink { component, instances, nats, prefix } = self;
        let target = match (component, nats) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "the link of `{interface}` leads to a `component` and over `nats`; remove one of the two"
                ));
            }
            (Some(component), None) if prefix.is_none() => {
                Target::Component(beside(component), instances.unwrap_or_default())
            }
            (None, Some(url)) if instances.is_none() => Target::Nats(Nats::new(&url, prefix.unwrap_or_default())?),
            (Some(_), None) => {
                return Err(format!(
                    "the link of `{interface}` has a `prefix`, which only links over NATS have; remove it"
                ));
            }
            (None, Some(_)) => {
                return Err(format!(
                    "the link of `{interface}` leads over `nats`, where the provider decides on its `instances`; \
                     remove them"
                ));
            }
            (None, None) => {
                return Err(format!(
                    "`component` is missing from the link of `{interface}`; add the path of the component that it \
                     leads to"
                ));
            }
        };
        Ok(Link { target, line })
    }
}
