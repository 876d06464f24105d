//! How much a component and its clients may take: the bounds that a manifest sets, and their defaults.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Deserialize;

/// The bounds that a manifest sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one call across the lattice.
    pub invocation: Duration,
    /// For one HTTP request.
    pub request: Duration,
    /// For all linear memories of one instance, in bytes.
    pub memory: usize,
    /// For those of all instances, in bytes.
    pub total_memory: usize,
    /// How many requests are answered at a time.
    pub requests: usize,
    /// What becomes of a request without its client.
    pub client_left: ClientLeft,
    /// How many connections of clients there are at a time.
    pub connections: usize,
    /// How many calls and requests the components make at a time.
    pub outgoing: usize,
    /// After so many requests or calls, an instance that is used again makes room for a new one. A scenario says it.
    pub uses: u64,
}

/// What becomes of a request whose client has left before it had the whole answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientLeft {
    /// The component finishes what it began.
    #[default]
    Finish,
    /// The instance is stopped where it is.
    End,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            invocation: invocation_timeout(),
            request: request_timeout(),
            memory: bytes(memory()),
            total_memory: bytes(total_memory()),
            requests: count(requests()),
            client_left: ClientLeft::default(),
            connections: count(connections()),
            outgoing: count(outgoing()),
            uses: u64::MAX,
        }
    }
}

/// As wRPC hosts have it.
pub(super) fn invocation_timeout() -> Duration {
    Duration::from_secs(1)
}

/// Longer than any client waits, and not for ever.
pub(super) fn request_timeout() -> Duration {
    Duration::from_secs(30)
}

/// Plenty for a handler, and a thousand of them fit into a server.
pub(super) const fn memory() -> NonZeroU64 {
    NonZeroU64::new(64).unwrap()
}

/// What a thousand instances of two or three MiB take, which most are.
pub(super) const fn total_memory() -> NonZeroU64 {
    NonZeroU64::new(4096).unwrap()
}

/// More wait for each other than for anything else.
pub(super) const fn requests() -> NonZeroU64 {
    NonZeroU64::new(1024).unwrap()
}

/// Most of them idle. With a buffer of 64 KiB each, they take 640 MB at worst.
pub(super) const fn connections() -> NonZeroU64 {
    NonZeroU64::new(10_000).unwrap()
}

/// Four for each request: enough for components that ask several others, and too few for a circle that doubles with
/// each call.
pub(super) const fn outgoing() -> NonZeroU64 {
    NonZeroU64::new(4096).unwrap()
}

/// At most what a semaphore counts.
pub(super) fn count(number: NonZeroU64) -> usize {
    usize::try_from(number.get()).unwrap_or(usize::MAX).min(u32::MAX as usize)
}

/// On a machine whose addresses are shorter, its own limit is the limit.
pub(super) fn bytes(mebibytes: NonZeroU64) -> usize {
    usize::try_from(mebibytes.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}
