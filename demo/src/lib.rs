//! What the demonstration and the tests share: the example components and the command, built when they are asked for.

pub mod arguments;
mod cargo;
pub mod command;
pub mod guests;
#[cfg(unix)]
pub mod postgres;
