//! The settings of the crate `steadfast`, each said once: its name, kind, range and default, and which settings exclude
//! each other. The configuration reader, the JSON Schema, the attribute `#[resilient(…)]`, the host and the
//! documentation are made from these tables, and read durations and shares with the functions of this crate.
//!
//! The crate has no dependencies. Nothing here says what a setting does: `steadfast` does that.
//!
//! To add a setting, add a row to its table in `settings.rs`.
//!
//! ```
//! use steadfast_settings::{BULKHEAD, duration};
//! use core::time::Duration;
//!
//! assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
//! assert_eq!(BULKHEAD.setting("concurrent").map(|setting| setting.range.words), Some("1 or more"));
//! ```

mod cause;
mod duration;
mod name;
mod nearest;
mod path;
mod settings;
mod share;
mod table;

pub use cause::CAUSES;
pub use duration::{DURATION, DURATION_PATTERN, duration};
pub use name::{NAME, NAME_PATTERN, is_name};
pub use nearest::nearest;
pub use path::push_key;
pub use settings::{
    AIMD, BACKOFF, BREAKER, BUDGET, BULKHEAD, CONCURRENCY, COST_OF, GRADIENT, GROWING, HEDGE, ON, POLICY, RATE_LIMIT,
    RETRY, RULE, SLOW_CALLS, THROTTLE,
};
pub use share::{PERCENTAGE_PATTERN, SHARE, percentage};
pub use table::{Choice, Kind, KindOf, Needed, Range, Setting, Table, is_spelled, spelled};

/// The key of `wasi:config` that holds the policies of a component.
///
/// ```
/// assert_eq!(steadfast_settings::KEY, "steadfast");
/// ```
pub const KEY: &str = "steadfast";

/// The word that switches off a part that the code of a component has.
///
/// ```
/// assert_eq!(steadfast_settings::NEVER, "never");
/// ```
pub const NEVER: &str = "never";

/// The words for a backoff's jitter; a share is the other way to say it.
///
/// ```
/// assert!(steadfast_settings::JITTERS.contains(&"full"));
/// ```
pub const JITTERS: [&str; 3] = ["none", "full", "equal"];

/// The words for where state is that all instances share.
///
/// ```
/// assert_eq!(steadfast_settings::STORES, ["keyvalue"]);
/// ```
pub const STORES: [&str; 1] = ["keyvalue"];

/// How each line begins that a component prints about its configuration; for people to find in a log.
///
/// ```
/// assert!("steadfast: the configuration is not used".starts_with(steadfast_settings::REPORT));
/// ```
pub const REPORT: &str = "steadfast: ";
