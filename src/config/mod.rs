//! Policies as data, which whoever runs a component can change without building it anew.
//!
//! A configuration names policies, and says which calls they are for, in JSON or (feature `toml`) TOML. The settings
//! have the names of the builders' methods, with hyphens; durations and percentages are written as people do. The
//! whole format, with all defaults, is in `docs/configuration.md` of the repository.
//!
//! - [`Policies`] are read from a text: those of a file that is part of the component, say.
//! - A [`Named`] policy has its settings in the code, and the host's configuration overrides them field by field.
//!
//! A policy that was configured is [the one struct](crate::Policy) with every part optional: [`Configured`].

mod either;
mod host;
mod mistake;
mod named;
mod overlay;
mod parts;
mod policies;
mod reader;
#[cfg(feature = "schema")]
mod schema;
mod shared;
mod targets;
#[cfg(test)]
mod tests;
mod value;
mod worst_case;

#[cfg(not(target_os = "wasi"))]
pub use host::provide;
pub use mistake::{Mistake, Mistakes};
pub use named::Named;
pub use policies::Policies;
#[cfg(feature = "schema")]
pub use schema::schema;
pub use worst_case::{Spending, Unbounded, WorstCase};

use crate::policy::{AttemptTimeout, Deadline, Policy, Retry};

/// A policy whose parts are all decided at run time: what a configuration becomes. It is the same struct, with the
/// same drivers, as every other [`Policy`].
///
/// ```
/// use steadfast::RpcError;
/// use steadfast::config::{Configured, Policies};
///
/// fn ask(policy: &Configured) -> Result<u32, steadfast::Failed> {
///     policy.call(|| Ok::<_, RpcError>(7))
/// }
/// let policies = Policies::from_json(r#"{"policies": {"greeter": {"deadline": "3s"}}}"#)?;
/// assert_eq!(policies.policy("greeter").map(ask), Some(Ok(7)));
/// # Ok::<(), steadfast::config::Mistakes>(())
/// ```
pub type Configured<O = ()> = Policy<(
    Option<Deadline>,
    Option<Retry<Option<parts::AnyBudget>>>,
    Option<parts::AnyBreaker>,
    Option<parts::AnyBulkhead>,
    Option<parts::AnyLimit>,
    Option<AttemptTimeout>,
    Option<parts::AnyHedge>,
    O,
)>;
