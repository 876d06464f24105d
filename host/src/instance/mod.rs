//! What runs: instances of components, what surrounds each, and the bounds that hold for it as a whole.
//!
//! A [`Pool`] makes the instances of a component and keeps those that serve again. A [`Handler`] has them answer HTTP
//! requests, a [`Target`] has them serve calls; whoever needs an instance has it from there.

mod bounds;
mod engine;
mod handler;
mod polyfill;
mod pool;
mod sandbox;
mod target;
mod wasi;

use bounds::Bounds;
pub(crate) use engine::compile;
pub(crate) use handler::{Handler, ResponseBody, bare, busy};
use pool::{Pool, Running};
pub(crate) use sandbox::Sandbox;
use sandbox::{Guest, Work};
pub(crate) use target::Target;
