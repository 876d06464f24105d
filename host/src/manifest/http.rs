//! Where guests may send HTTP requests, and which of those places are components of this host.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::value;
use crate::authority::{Allowed, Authority};

/// The requests that a manifest grants: none, unless it says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Http {
    pub allow: Vec<Allowed>,
    pub upstreams: Vec<Upstream>,
    pub deadlines: Deadlines,
    /// A file with certificates that are trusted besides those of the public authorities.
    pub ca: Option<PathBuf>,
}

/// Which requests say how long their sender still waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Those that come are believed.
    pub read: bool,
    /// Those that components send are told.
    pub send: bool,
}

/// The same, as a manifest says it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FileDeadlines {
    #[default]
    Neither,
    Read,
    Send,
    Both,
}

impl From<FileDeadlines> for Deadlines {
    fn from(file: FileDeadlines) -> Self {
        let (read, send) = match file {
            FileDeadlines::Neither => (false, false),
            FileDeadlines::Read => (true, false),
            FileDeadlines::Send => (false, true),
            FileDeadlines::Both => (true, true),
        };
        Deadlines { read, send }
    }
}

/// A component that answers the requests to an authority.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub authority: Authority,
    pub component: PathBuf,
    pub line: usize,
}

impl Http {
    /// Whether some request to `authority` is granted.
    pub fn reaches(&self, authority: &Authority) -> bool {
        self.allow.iter().any(|allowed| allowed.meets(authority))
            || self.upstreams.iter().any(|upstream| upstream.authority.meets(authority))
    }

    /// What a fault could have named, for a message.
    pub fn reachable(&self) -> String {
        let upstreams = self.upstreams.iter().map(|upstream| upstream.authority.to_string());
        let names: Vec<_> = self.allow.iter().map(Allowed::to_string).chain(upstreams).collect();
        if names.is_empty() {
            return "no requests are allowed at all; name the host in `allow`, below `[http]`".into();
        }
        format!(
            "no requests are allowed there; name it in `allow`, below `[http]`, or write one of: {}",
            names.join(", ")
        )
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileHttp {
    #[serde(default, deserialize_with = "value::authorities")]
    allow: Vec<Allowed>,
    #[serde(default, deserialize_with = "value::deadlines")]
    deadlines: FileDeadlines,
    #[serde(default, deserialize_with = "value::certificate")]
    ca: Option<PathBuf>,
    #[serde(default)]
    upstreams: BTreeMap<String, Spanned<FileUpstream>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, like `{ component = \"upstream.wasm\" }`")]
struct FileUpstream {
    #[serde(default, deserialize_with = "value::path")]
    component: Option<PathBuf>,
}

impl FileHttp {
    /// The table with its files as paths; or the line of what is wrong, and what that is.
    pub fn check(
        self,
        line_of: &dyn Fn(usize) -> usize,
        beside: &dyn Fn(PathBuf) -> PathBuf,
    ) -> Result<Http, (usize, String)> {
        let upstreams = self.upstreams.into_iter().map(|(name, upstream)| {
            let line = line_of(upstream.span().start);
            let authority = Authority::parse(&name).map_err(|problem| (line, format!("the upstream {problem}")))?;
            let component = upstream.into_inner().component.ok_or_else(|| {
                let add = "add the path of the component that answers for it";
                (line, format!("`component` is missing from the upstream `{name}`; {add}"))
            })?;
            Ok(Upstream { authority, component: beside(component), line })
        });
        let upstreams = upstreams.collect::<Result<_, _>>()?;
        Ok(Http { upstreams, allow: self.allow, deadlines: self.deadlines.into(), ca: self.ca.map(beside) })
    }
}
