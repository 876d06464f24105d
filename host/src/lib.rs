//! A WebAssembly host that breaks things on purpose.
//!
//! It runs a component behind HTTP, provides every import that WASI does not ([polyfilled](Manifest) from the
//! component's own types), carries the calls to other components over a lattice whose failures a
//! [`Manifest`] schedules, and turns a failed call into the typed error that the import opted in to
//! (`rpc-error` of `steadfast:rpc/types`), or else a trap, as other hosts do. [`compose`] joins two components
//! into one, in which none of this can happen. [`inspect`] says beforehand what a failure will do to a component.
//!
//! Requests and calls are spans of [OpenTelemetry](opentelemetry): of the global tracer provider that there is when a
//! [`Host`] is loaded or a `Provider` serves. Traces that others began pass through without one, too.
//!
//! With the feature `metrics`, `Metrics` counts what goes over the lattice and how it ended, for the page of an
//! [`Admin`] and for collectors.
//!
//! The command `steadfast` is this library behind a command line.

mod access;
mod admin;
mod authority;
mod called;
mod certificates;
mod clock;
mod component;
mod compose;
mod cron;
mod deadline;
mod error;
pub mod escape;
mod excerpt;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod host;
pub mod inspect;
mod instance;
mod lattice;
mod loaded;
mod manifest;
#[cfg(feature = "wrpc")]
mod messages;
mod metrics;
#[cfg(feature = "wrpc")]
mod nats;
#[cfg(feature = "wrpc")]
mod provider;
mod providers;
mod server;
pub mod sim;
mod small_file;
mod store;
mod switches;
mod trace;
#[cfg(feature = "wrpc")]
mod wrpc;

pub use admin::Admin;
pub use compose::compose;
pub use error::Error;
pub use failure::{Cause, Delivery, Failure};
pub use health::Health;
pub use host::{Front, Host};
pub use lattice::{Entry, Journal};
pub use manifest::{Instances, Manifest};
#[cfg(feature = "wrpc")]
pub use messages::MessageCounts;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
#[cfg(feature = "wrpc")]
pub use nats::{NatsOptions, Secret};
#[cfg(feature = "wrpc")]
pub use provider::Provider;
pub use store::Store;
pub use switches::Switches;
