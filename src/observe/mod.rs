//! What happens to a call, and who is told: events, counters and their text, and spans of the crate `tracing`.

mod counters;
mod event;
mod open_metrics;
pub(crate) mod span;
#[cfg(feature = "tracing")]
mod tracing;

pub use counters::{ByCause, ByReason, Counters, Snapshot};
pub use event::{BreakerState, Change, Event, Observer, Tripped};
pub use open_metrics::OpenMetrics;
#[cfg(feature = "tracing")]
pub use tracing::Traced;
