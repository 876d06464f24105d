//! What runs: instances of components, what surrounds each, and the bounds that hold for it as a whole.
//!
//! A [`Pool`] makes all instances of a component, and keeps those that are used again. A [`Handler`] answers HTTP
//! requests with them, and a [`Callee`] serves calls.

mod bounds;
mod callee;
mod client;
mod deadline;
mod engine;
mod handler;
mod http_client;
mod passing;
mod polyfill;
mod pool;
mod provided;
mod sandbox;
mod taken;
mod trap;
mod upstreams;
mod wasi;

use bounds::Bounds;
pub(crate) use callee::Callee;
pub(crate) use deadline::Deadline;
pub(crate) use handler::{Handler, ResponseBody, bare, busy};
pub(crate) use http_client::HttpClient;
use pool::{Pool, Running};
pub(crate) use provided::Provided;
pub(crate) use sandbox::Sandbox;
use sandbox::{Guest, Work};
pub(crate) use taken::{End, watch};
use trap::Trap;
pub(crate) use upstreams::{Network, Upstreams};
