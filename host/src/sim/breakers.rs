//! How the shared breakers of a run were, as their store shows it. Those in the memory of an instance cannot be seen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::figures::seconds;

/// A breaker whose state all instances share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Breaker {
    pub name: String,
    /// From when on it was how; before the first of them, it was closed.
    pub changes: Vec<(f64, State)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Closed,
    Open,
    /// From the first probe on.
    HalfOpen,
}

impl Breaker {
    /// All that have a state in the keys which were set or counted, in this order.
    pub fn all(written: &[(Duration, String)]) -> Vec<Self> {
        let mut all: BTreeMap<&str, (u64, Breaker)> = BTreeMap::new();
        for (at, key) in written {
            let Some((name, generation, what)) = parts(key) else { continue };
            let (newest, breaker) =
                all.entry(name).or_insert_with(|| (0, Breaker { name: name.into(), changes: Vec::new() }));
            let state = breaker.changes.last().map_or(State::Closed, |(_, state)| *state);
            // Each state is a generation. Of one that is said to be both, it is open; what is older comes late.
            let next = match what {
                "open" if generation > *newest || generation == *newest && state == State::Closed => State::Open,
                "closed" if generation > *newest => State::Closed,
                "probes" if generation == *newest && state == State::Open => State::HalfOpen,
                _ => continue,
            };
            *newest = generation;
            breaker.changes.push((seconds(*at), next));
        }
        all.into_values().map(|(_, breaker)| breaker).filter(|breaker| !breaker.changes.is_empty()).collect()
    }

    /// When it opened for the first time from `begin` on.
    pub fn opened_after(&self, begin: Duration) -> Option<Duration> {
        let opened = self.changes.iter().find(|(at, state)| *state == State::Open && *at >= seconds(begin));
        opened.map(|(at, _)| Duration::from_secs_f64(*at))
    }

    pub fn state_at(&self, at: Duration) -> State {
        let before = self.changes.iter().take_while(|(change, _)| *change <= seconds(at));
        before.last().map_or(State::Closed, |(_, state)| *state)
    }

    /// How it was, and from when until when, to the end of the run.
    pub fn spans(&self, lasted: f64) -> impl Iterator<Item = (f64, f64, State)> + '_ {
        let begins = std::iter::once((0.0, State::Closed)).chain(self.changes.iter().copied());
        let ends = self.changes.iter().map(|(at, _)| *at).chain([lasted]);
        begins.zip(ends).map(|((begin, state), end)| (begin, end.max(begin), state))
    }
}

/// The name of a breaker, a generation of it, and what of that: `steadfast/NAME/7/open`.
fn parts(key: &str) -> Option<(&str, u64, &str)> {
    let mut parts = key.strip_prefix("steadfast/")?.rsplitn(3, '/');
    let (what, generation, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some((name, generation.parse().ok()?, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_is_what_its_newest_generation_says() {
        let keys = [
            (1, "steadfast/acme/greeter"),
            (1, "steadfast/acme/greeter/0/failures"),
            (2, "steadfast/acme/greeter/1/open"),
            (4, "steadfast/acme/greeter/1/probes"),
            (4, "steadfast/acme/greeter/1/probes"),
            (4, "steadfast/acme/greeter/1/lease1"),
            (5, "steadfast/acme/greeter/2/closed"),
            (6, "steadfast/acme/greeter/1/open"),
            (7, "steadfast/acme/greeter/2/open"),
            (8, "steadfast/acme/greeter/2/closed"),
            (9, "visits"),
        ];
        let written: Vec<_> = keys.iter().map(|(at, key)| (Duration::from_secs(*at), key.to_string())).collect();
        let all = Breaker::all(&written);
        let changes = vec![(2.0, State::Open), (4.0, State::HalfOpen), (5.0, State::Closed), (7.0, State::Open)];
        assert_eq!(all, [Breaker { name: "acme/greeter".into(), changes }]);
        let spans: Vec<_> = all[0].spans(10.0).collect();
        assert_eq!(spans.first(), Some(&(0.0, 2.0, State::Closed)));
        assert_eq!(spans.last(), Some(&(7.0, 10.0, State::Open)));
    }
}
