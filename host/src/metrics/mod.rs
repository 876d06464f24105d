//! Figures of the process: how many calls and requests there were, how they ended and how long they took; instances,
//! memory, what waits, and shared breakers. Off, they cost a look at whether they are on.

mod breakers;
mod instruments;
#[cfg(feature = "metrics")]
mod page;
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "nothing is counted without it"))]
mod table;

use std::sync::OnceLock;

pub(crate) use instruments::{
    Active, Present, State, Timed, active_request, call, http_client, http_server, memory, repeated, store_asked,
    trapped, waiting,
};
#[cfg(feature = "wrpc")]
pub(crate) use instruments::{message, message_here, served};
#[cfg(feature = "metrics")]
pub use page::Metrics;
#[cfg(feature = "wrpc")]
pub(crate) use table::MESSAGE_EVENTS;

use instruments::Instruments;

/// What counts, once that is wanted.
static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();

/// What counts, if that is wanted.
fn instruments() -> Option<&'static Instruments> {
    INSTRUMENTS.get()
}

/// Whether anything is counted.
pub(crate) fn on() -> bool {
    instruments().is_some()
}
