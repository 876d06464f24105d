//! Lays one configuration over another, field by field.

use super::kinds::{self, Kinds};
use super::settings::{
    BackoffSettings, BreakerSettings, BudgetSettings, ConcurrencySettings, HedgeSettings, PolicySettings,
    RateLimitSettings,
};
use super::value::{Table, Value};

/// `table`, with what `over` says in the place of what it says itself. Tables are laid over tables; a kind of backoff,
/// breaker and so on takes the place of another kind, and of what goes with that only.
pub(super) fn overlay(table: &mut Table, over: &Table) {
    lay(table, over, PolicySettings::KINDS);
}

fn lay(table: &mut Table, over: &Table, kinds: &[Kinds]) {
    kinds::make_room(kinds, table, over);
    for (key, value) in over {
        match (table.iter_mut().find(|(other, _)| other == key), value) {
            (Some((_, Value::Table(below))), Value::Table(above)) => lay(below, above, kinds_of(key)),
            (Some((_, below)), above) => *below = above.clone(),
            (None, above) => table.push((key.clone(), above.clone())),
        }
    }
}

/// What excludes each other in the table with this key. The keys of all tables within a policy differ.
fn kinds_of(key: &str) -> &'static [Kinds] {
    match key {
        "backoff" => BackoffSettings::KINDS,
        "budget" => BudgetSettings::KINDS,
        "breaker" => BreakerSettings::KINDS,
        "concurrency" => ConcurrencySettings::KINDS,
        "rate-limit" => RateLimitSettings::KINDS,
        "hedge" => HedgeSettings::KINDS,
        _ => &[],
    }
}
