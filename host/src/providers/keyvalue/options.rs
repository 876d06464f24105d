//! Where the values are: in memory, in Redis, or in a bucket of NATS JetStream.

use std::path::PathBuf;
#[cfg(feature = "wrpc")]
use std::time::Duration;

use serde::Deserialize;

#[cfg(feature = "wrpc")]
use crate::nats::{Address, NatsOptions};
use crate::providers::text::Text;

/// What a person may say of the store, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Options {
    #[default]
    Memory,
    #[cfg(feature = "redis")]
    Redis {
        address: Text,
        /// Who signed the server's certificate, where that is over TLS; without one, whom the system trusts.
        ca: Option<PathBuf>,
    },
    #[cfg(feature = "wrpc")]
    Nats(Box<Bucket>),
}

/// A key-value store of JetStream.
#[cfg(feature = "wrpc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub address: Address,
    pub options: NatsOptions,
    pub name: String,
    /// How long a value stays, in a bucket that is made here; for ever without one.
    pub max_age: Option<Duration>,
}

/// The same as it stands in a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FileOptions {
    redis: Option<Text>,
    ca: Option<PathBuf>,
    nats: Option<String>,
    bucket: Option<String>,
    max_age: Option<String>,
}

impl FileOptions {
    /// What they say.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(self, beside: &dyn Fn(PathBuf) -> PathBuf) -> Result<Options, String> {
        let FileOptions { redis, ca, nats, bucket, max_age } = self;
        if redis.is_some() && nats.is_some() {
            return Err("the values are in `redis` and in `nats`; remove one of them".into());
        }
        if nats.is_none() && (bucket.is_some() || max_age.is_some()) {
            let key = if bucket.is_some() { "bucket" } else { "max-age" };
            return Err(format!(
                "`{key}` is of a store in NATS; give its address, like `nats = \"nats://127.0.0.1:4222\"`"
            ));
        }
        if ca.is_some() && redis.is_none() {
            return Err(
                "`ca` is of a store in Redis over TLS; give its address, like `redis = \"rediss://127.0.0.1:6379\"`, or \
                        remove `ca`: whom to trust at NATS stands in `[nats]`"
                    .into(),
            );
        }
        match (redis, nats) {
            (Some(address), _) => in_redis(address.located(beside), ca.map(beside)),
            (_, Some(url)) => in_nats(&url, bucket, max_age),
            _ => Ok(Options::Memory),
        }
    }
}

#[cfg(feature = "redis")]
fn in_redis(address: Text, ca: Option<PathBuf>) -> Result<Options, String> {
    if let Text::Here(address) = &address {
        // Whoever reads the manifest would know the password.
        if address.contains('@') {
            return Err(
                "the address of Redis has a user or a password in it; put it elsewhere, and write `redis = { env = \
                        \"REDIS_URL\" }` or `{ file = \"redis.txt\" }`"
                    .into(),
            );
        }
        super::redis::check_address(address)?;
    }
    Ok(Options::Redis { address, ca })
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: Text, _: Option<PathBuf>) -> Result<Options, String> {
    Err("this program is built without Redis; build it with the feature `redis`, or keep the values in NATS".into())
}

#[cfg(feature = "wrpc")]
fn in_nats(url: &str, bucket: Option<String>, max_age: Option<String>) -> Result<Options, String> {
    let (address, login) = Address::parse(url)?;
    let name = bucket.unwrap_or_else(|| "steadfast".into());
    // As the server wants it.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(format!("the bucket `{name}` is to have letters, digits, - and _, like \"steadfast\""));
    }
    let max_age = max_age.map(|text| {
        let age = humantime::parse_duration(&text).ok().filter(|age| *age >= Duration::from_secs(1));
        age.ok_or_else(|| format!("`max-age` is \"{text}\", and is to be a duration from 1 s, like \"1h\""))
    });
    let options = NatsOptions { login, ..NatsOptions::default() };
    Ok(Options::Nats(Box::new(Bucket { address, options, name, max_age: max_age.transpose()? })))
}

#[cfg(not(feature = "wrpc"))]
fn in_nats(_: &str, _: Option<String>, _: Option<String>) -> Result<Options, String> {
    Err("this program is built without NATS; build it with the feature `wrpc`".into())
}
