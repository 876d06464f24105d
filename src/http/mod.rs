//! Outgoing HTTP: a client with a policy, and what failures of HTTP mean.

mod body;
mod client;
mod date;
mod error;
mod response;
mod retry_after;
mod status;
#[cfg(test)]
mod tests;
mod transport;

pub use body::RequestBody;
pub use client::Client;
pub use error::Error;
pub use status::ByStatus;
