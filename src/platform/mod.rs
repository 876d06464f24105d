//! What everything else stands on: the clock, the source of randomness, where state is kept, WASI, and the WIT of the
//! well-known error.

pub mod clock;
pub mod rng;
pub(crate) mod state;
#[cfg(target_os = "wasi")]
mod wasi;
pub mod wit;
