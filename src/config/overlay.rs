//! Lays one configuration over another, field by field.

use steadfast_settings::{Choice, Kind, KindOf, POLICY};

use super::value::{Table, Value, get};

/// `table`, with what `over` says in the place of what it says itself. Tables are laid over tables; a kind of backoff,
/// breaker and so on takes the place of another kind, and of what goes with that only.
pub(super) fn overlay(table: &mut Table, over: &Table) {
    lay(table, over, &POLICY);
}

fn lay(table: &mut Table, over: &Table, known: &steadfast_settings::Table) {
    for choice in known.choices {
        if let Some(kind) = chosen(choice, over) {
            table.retain(|(key, _)| !choice.excludes(kind, key));
        }
    }
    for (key, value) in over {
        let below = table.iter_mut().find(|(other, _)| other == key).map(|(_, value)| value);
        let known = known.written(key).map(|setting| setting.kind);
        match (below, value, known) {
            (Some(Value::Table(below)), Value::Table(above), Some(Kind::Table(known) | Kind::Budget(known))) => {
                lay(below, above, known);
            }
            (Some(below), above, _) => *below = above.clone(),
            (None, above, _) => table.push((key.clone(), above.clone())),
        }
    }
}

/// The kind that `table` says, where it says one. What is switched off leaves its place to another.
pub(super) fn chosen(choice: &Choice, table: &Table) -> Option<&'static KindOf> {
    choice.kinds.iter().find(|kind| get(table, kind.name).is_some_and(|(_, value)| !value.is_never()))
}
