//! The lattice between processes: wRPC, over a NATS server or over TCP.
//!
//! Over a NATS server, an invocation is a message on `[prefix.]wrpc.0.0.1.<interface>.<function>`, with as much of the
//! parameters as fits and a subject `rx` to reply to. The provider accepts it on `rx`, with a subject `tx` of its own;
//! then the rest of the parameters goes to `tx.params`, and the results to `rx.results`. An empty message ends each.

mod budget;
mod client;
mod codec;
mod connection;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod headers;
mod inbox;
mod outcome;
mod server;
mod subject;
pub(crate) mod tcp;

pub(crate) use client::Remote;
pub(crate) use connection::{Connection, Connections};
pub(crate) use server::{Answer, Server};

use std::time::Duration;

use crate::component::Interface;

/// The most bytes of parameters, or of results, that are taken from a peer.
const MAX_BYTES: usize = 16 << 20;

/// How long a peer may be silent in the middle of a call. On a connection that works, one waits some milliseconds for the
/// next part of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of an interface in subjects: with its version, and empty for a function that stands in a world by itself.
fn instance(interface: &Interface) -> String {
    if interface.package.is_empty() { String::new() } else { interface.to_string() }
}
