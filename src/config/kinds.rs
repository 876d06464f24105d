//! Settings of which only one may be given, and which others go with it.

use super::reader::{NEVER, Reader};
use super::value::{Table, Value, get, is_spelled};

/// Kinds of one thing, of which a table says one. The first name of each tells which; the others go with that kind
/// only, as far as they are not named with another too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds {
    kinds: &'static [&'static [&'static str]],
    /// Where one has to be given: always, if another setting is, or nowhere.
    needed: Needed,
}

#[derive(Clone, Copy, Debug)]
enum Needed {
    Always,
    With(&'static str),
    Never,
}

pub(super) const PLACE_OF_THE_BULKHEAD: Kinds =
    Kinds { kinds: &[&["bulkhead"], &["concurrency"]], needed: Needed::Never };
pub(super) const PLACE_OF_THE_RATE_LIMIT: Kinds =
    Kinds { kinds: &[&["rate_limit"], &["throttle"]], needed: Needed::Never };

pub(super) const BACKOFF: Kinds = Kinds {
    kinds: &[&["constant"], &["linear"], &["exponential", "factor"], &["fibonacci"], &["decorrelated"]],
    needed: Needed::Always,
};

pub(super) const BUDGET: Kinds = Kinds {
    kinds: &[
        &["ratio", "max_tokens", "initial", "refill_per_second", "cost", "cost_of"],
        &["windowed", "min_per_second", "ttl", "cost", "cost_of"],
        &["throttle", "token_ratio", "initial", "refill_per_second"],
        &["quota", "initial", "refill_per_second", "cost", "cost_of", "reward"],
        &["in_flight", "at_least"],
    ],
    needed: Needed::Always,
};

pub(super) const BREAKER: Kinds = Kinds {
    kinds: &[&["failures"], &["failure_rate", "over_calls", "over_time", "minimum_calls", "slow_calls"]],
    needed: Needed::Always,
};

pub(super) const BREAKER_WINDOW: Kinds =
    Kinds { kinds: &[&["over_calls"], &["over_time"]], needed: Needed::With("failure_rate") };

pub(super) const CONCURRENCY: Kinds = Kinds { kinds: &[&["aimd"], &["gradient"]], needed: Needed::Always };

pub(super) const RATE_LIMIT: Kinds = Kinds {
    kinds: &[&["per_second", "burst"], &["tokens", "every", "burst"], &["window", "period"]],
    needed: Needed::Always,
};

pub(super) const HEDGE: Kinds =
    Kinds { kinds: &[&["after"], &["after_quantile", "initial_delay", "min_observations"]], needed: Needed::Always };

impl Kinds {
    fn leaders(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().filter_map(|kind| kind.first().copied())
    }

    /// The kind that `table` says, where it says one.
    fn of(&self, table: &Table) -> Option<&'static [&'static str]> {
        // What is switched off leaves its place to the other.
        let says = |leader: &str| get(table, leader).is_some_and(|(_, value)| *value != Value::Text(NEVER.into()));
        let says = |kind: &&&[&str]| kind.first().is_some_and(|leader| says(leader));
        self.kinds.iter().find(says).copied()
    }

    /// Whether `key` goes with another kind than `kind` only.
    fn is_foreign(&self, key: &str, kind: &[&str]) -> bool {
        let has = |kind: &[&str]| kind.iter().any(|name| is_spelled(key, name));
        !has(kind) && self.kinds.iter().any(|other| has(other))
    }
}

fn spelled(name: &str) -> String {
    format!("`{}`", name.replace('_', "-"))
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<String> = names.map(spelled).collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    }
}

/// Takes note of what does not go together, and of kinds that are not given.
pub(super) fn check(all: &[Kinds], table: &Table, reader: &mut Reader) {
    for kinds in all {
        let Some(kind) = kinds.of(table) else {
            match kinds.needed {
                Needed::Always => reader.missing(&list(kinds.leaders())),
                Needed::With(other) if get(table, other).is_some() => reader.missing(&list(kinds.leaders())),
                Needed::With(_) | Needed::Never => {}
            }
            continue;
        };
        for (key, value) in table {
            if kinds.is_foreign(key, kind) && !matches!(value, Value::Text(text) if text == NEVER) {
                let text = format!("not allowed together with {}", list(kind.iter().copied().take(1)));
                reader.within(key, |reader| reader.mistake(text));
            }
        }
    }
}

/// Takes from `table` what cannot stay once `over` is laid over it: `over` says another kind.
pub(super) fn make_room(all: &[Kinds], table: &mut Table, over: &Table) {
    for kinds in all {
        if let Some(kind) = kinds.of(over) {
            table.retain(|(key, _)| !kinds.is_foreign(key, kind));
        }
    }
}
