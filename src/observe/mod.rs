//! What happens to a call, and who is told: events, counters, and spans of the crate `tracing`.

mod counters;
mod event;
pub(crate) mod span;
#[cfg(feature = "tracing")]
mod tracing;

pub use counters::{ByCause, ByReason, Counters, Snapshot};
pub use event::{BreakerState, Change, Event, Observer, Tripped};
#[cfg(feature = "tracing")]
pub use tracing::Traced;
