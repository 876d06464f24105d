//! What the host provides itself.

mod clocks;
pub(super) mod keyvalue;
mod outgoing;
mod output;
pub(super) mod wrpc;

pub(super) use outgoing::Outgoing;
pub(super) use output::{Log, Output, Stream, WorksFor};
use wasmtime::component::Linker;
use wasmtime_wasi_config::WasiConfig;

use super::Guest;
use crate::clock::Time;

/// Adds what the host provides itself.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, time: Time) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    if time == Time::Simulated {
        clocks::add_to_linker(linker)?;
    }
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, |guest: &mut Guest| WasiConfig::from(&*guest.config))?;
    keyvalue::add_to_linker(linker, Guest::keyvalue)?;
    wrpc::add_to_linker(linker)
}
