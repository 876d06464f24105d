//! What the demonstration and the tests share: the example components and the command, built when they are asked for, and
//! what the examples promise.

pub mod arguments;
mod cargo;
pub mod client;
pub mod command;
pub mod guests;
#[cfg(unix)]
pub mod postgres;
pub mod scenario;
pub mod table;
