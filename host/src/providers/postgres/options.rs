//! What a person says of a database: in a link of a manifest, or to `steadfast provide`.

use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::connection::Address;
use super::tls::Tls;
use crate::providers::text::Text;

/// The most connections of one provider. Postgres takes 100 by default, of everybody.
const MAX_CONNECTIONS: u32 = 1_000;

/// How many there are, if nothing is said.
const CONNECTIONS: u32 = 16;

#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    url: Text,
    #[serde(default = "default_connections", deserialize_with = "connections")]
    pub(super) connections: u32,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

fn default_connections() -> u32 {
    CONNECTIONS
}

fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let wrong = || D::Error::custom(format!("`connections` is to be a number from 1 to {MAX_CONNECTIONS}"));
    let number = i64::deserialize(deserializer).map_err(|_| wrong())?;
    u32::try_from(number).ok().filter(|number| (1..=MAX_CONNECTIONS).contains(number)).ok_or_else(wrong)
}

impl Options {
    /// The same with its files where `beside` says.
    pub fn beside(mut self, beside: &dyn Fn(PathBuf) -> PathBuf) -> Self {
        for file in [&mut self.ca, &mut self.cert, &mut self.key] {
            *file = file.take().map(beside);
        }
        Options { url: self.url.located(beside), ..self }
    }

    /// How to reach the servers.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(super) fn address(&self) -> Result<Address, String> {
        let text = self.url.read("url")?;
        let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            // The text itself may have a password in it.
            format!(
                "`url` is no address of a Postgres server ({}); write it like postgres://app:secret@localhost:5432/shop",
                std::error::Error::source(&error).map_or("it cannot be read".into(), ToString::to_string)
            )
        })?;
        if matches!(self.url, Text::Here(_)) && config.get_password().is_some() {
            return Err(format!(
                "`url` has a password in it, and is not to stand in a manifest then; write {ELSEWHERE}"
            ));
        }
        if config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty() {
            return Err("`url` is to name a host, like localhost, and no `hostaddr`".into());
        }
        if config.get_target_session_attrs() != TargetSessionAttrs::Any {
            return Err("`url` has `target_session_attrs`, which this host does not look at; name one server".into());
        }
        if config.get_application_name().is_none() {
            config.application_name("steadfast");
        }
        let certificate = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err("`key` is missing beside `cert`; add the file of its key".into()),
            (None, Some(_)) => return Err("`cert` is missing beside `key`; add the file of its certificate".into()),
        };
        let secret = config.get_ssl_mode() == SslMode::Require || self.ca.is_some() || certificate.is_some();
        // A server that offers no TLS would else be believed that it has none.
        config.ssl_mode(if secret { SslMode::Require } else { SslMode::Disable });
        let tls = secret.then(|| Tls::new(self.ca.as_ref(), certificate)).transpose()?;
        let name = name(&config);
        Ok(Address { config, tls, name })
    }
}

fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5_432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}

const ELSEWHERE: &str = "`{ env = \"DATABASE_URL\" }` or `{ file = \"database-url.txt\" }`";
