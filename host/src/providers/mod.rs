//! Services that the host provides to components, each a folder. They know no instances, and none knows another.
//!
//! A link with `provider = "…"` leads to one in this process, and `steadfast provide` runs one as a process of its own.
//! It is the same [`Service`] both times, which answers calls of the functions in its WIT.

pub(crate) mod keyvalue;
#[cfg(feature = "wrpc")]
pub(crate) mod messaging;
pub(crate) mod postgres;
mod text;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error};
use steadfast_settings::nearest;

use crate::health::Health;
use crate::lattice::{Invocation, Reply};
#[cfg(feature = "wrpc")]
use crate::nats::{Address, NatsOptions};

/// The names of all providers, as manifests and the command have them.
#[cfg(feature = "wrpc")]
pub(crate) const NAMES: [&str; 3] = ["keyvalue", "messaging", "postgres"];
#[cfg(not(feature = "wrpc"))]
pub(crate) const NAMES: [&str; 2] = ["keyvalue", "postgres"];

/// What answers the calls of some interfaces.
pub(crate) trait Service: Send + Sync {
    /// The interfaces: texts of WIT, a package each, in which nothing is a resource. Each uses only those before it.
    fn wit(&self) -> &'static [&'static str];

    /// Interfaces among them, without their versions, that it does not answer: the host calls components for it.
    fn calls(&self) -> &'static [&'static str] {
        &[]
    }

    /// Begins what needs a runtime, such as a connection, which `health` tells of from then on.
    fn begin(&self, _health: &Health) {}

    /// Answers a call of one of their functions, with the parameters that it has there. The future may be dropped at any
    /// time, which abandons the call.
    fn call(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send>>;

    /// The store, where this is one that `wasi:keyvalue` can work on.
    fn keyvalue(self: Arc<Self>) -> Option<Arc<keyvalue::Keyvalue>> {
        None
    }
}

/// A provider, and the options that a person gave it: what stands beside `provider` in a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Keyvalue(keyvalue::Options),
    #[cfg(feature = "wrpc")]
    Messaging(Box<messaging::Options>),
    Postgres(postgres::Options),
}

impl Options {
    /// Reads the options of the provider `name` from a table. Files in them are found by `beside`.
    ///
    /// # Errors
    /// What is wrong with one, or with the name.
    pub fn read<'de, D: Deserializer<'de>>(
        name: &str,
        table: D,
        beside: &dyn Fn(PathBuf) -> PathBuf,
    ) -> Result<Self, D::Error> {
        match name {
            "keyvalue" => {
                let options = keyvalue::FileOptions::deserialize(table)?.check(beside);
                options.map(Options::Keyvalue).map_err(D::Error::custom)
            }
            #[cfg(feature = "wrpc")]
            "messaging" => {
                let options = messaging::FileOptions::deserialize(table)?.check();
                options.map(|options| Options::Messaging(Box::new(options))).map_err(D::Error::custom)
            }
            #[cfg(not(feature = "wrpc"))]
            "messaging" => Err(D::Error::custom(
                "this program is built without the provider `messaging`; build it with the feature `wrpc`",
            )),
            "postgres" => {
                postgres::Options::deserialize(table).map(|options| Options::Postgres(options.beside(beside)))
            }
            _ => Err(D::Error::custom(unknown(name))),
        }
    }

    /// The server that it asks, where that is one of NATS, and what that is shown.
    #[cfg(feature = "wrpc")]
    pub fn nats(&mut self) -> Option<(&Address, &mut NatsOptions)> {
        match self {
            Options::Keyvalue(keyvalue::Options::Nats(bucket)) => Some((&bucket.address, &mut bucket.options)),
            Options::Messaging(messaging) => Some((&messaging.address, &mut messaging.options)),
            Options::Keyvalue(_) | Options::Postgres(_) => None,
        }
    }

    /// Whether it needs something outside of this process, for which simulated time has no network.
    pub fn is_elsewhere(&self) -> bool {
        match self {
            Options::Keyvalue(options) => *options != keyvalue::Options::Memory,
            #[cfg(feature = "wrpc")]
            Options::Messaging(_) => true,
            Options::Postgres(_) => true,
        }
    }

    /// As manifests and the command have it.
    pub fn name(&self) -> &'static str {
        match self {
            Options::Keyvalue(_) => "keyvalue",
            #[cfg(feature = "wrpc")]
            Options::Messaging(_) => "messaging",
            Options::Postgres(_) => "postgres",
        }
    }

    /// The service, ready to be called when it has [begun](Service::begin).
    ///
    /// # Errors
    /// What is wrong with the options, and shows only now.
    pub fn start(&self) -> Result<Arc<dyn Service>, String> {
        match self {
            Options::Keyvalue(options) => Ok(Arc::new(keyvalue::Keyvalue::new(options)?)),
            #[cfg(feature = "wrpc")]
            Options::Messaging(options) => Ok(Arc::new(messaging::Messaging::new(options))),
            Options::Postgres(options) => Ok(Arc::new(postgres::Postgres::new(options)?)),
        }
    }
}

/// That there is no provider of this name, and what there is.
fn unknown(name: &str) -> String {
    let all = NAMES.map(|name| format!("`{name}`")).join(", ");
    match nearest(name, NAMES) {
        Some(meant) => format!("there is no provider `{name}`; did you mean `{meant}`?"),
        None => format!("there is no provider `{name}`; this host has {all}"),
    }
}
