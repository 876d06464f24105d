//! Outgoing HTTP: a client with a policy, and what failures of HTTP mean.

mod body;
mod client;
mod date;
mod error;
mod response;
mod retry_after;
mod status;
mod transport;
// In a component, bodies import `wasi:http`, which the machinery of unit tests does not have.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

pub use body::RequestBody;
pub use client::Client;
pub use error::Error;
pub use status::ByStatus;
