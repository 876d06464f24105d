//! HTTP, out and in: a client with a policy (feature `http`), and [handlers](handler) whose failures are answers.

macro_rules! client {
    ($($item:item)*) => {$(#[cfg(feature = "http")] $item)*};
}

client! {
    mod body;
    mod client;
    mod date;
    mod response;
    mod retry_after;
    mod status;
    mod transport;

    pub use crate::failure::http::Error;
    pub use body::RequestBody;
    pub use client::Client;
    pub use status::ByStatus;
}

pub mod handler;
#[cfg(all(test, feature = "http"))]
mod tests;
