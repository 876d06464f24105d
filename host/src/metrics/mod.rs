//! Figures of the process: how many calls and requests there were, how they ended and how long they took; instances,
//! memory, what waits, and shared breakers. Off, they cost a look at whether they are on.

#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "nothing is shown without it"))]
mod breakers;
#[cfg_attr(not(feature = "wrpc"), allow(dead_code, reason = "there are no messages, and nothing is served"))]
mod instruments;
#[cfg(feature = "metrics")]
mod page;
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "nothing is counted without it"))]
mod table;

use std::sync::OnceLock;

pub(crate) use breakers::Seen;
#[cfg(feature = "wrpc")]
pub(crate) use instruments::{Active, message, message_here, served};
pub(crate) use instruments::{
    Present, State, Timed, active_request, call, http_client, http_server, memory, repeated, store_asked, trapped,
    waiting,
};
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
