//! Shared breakers, as this host sees them in the store when its components read and write them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Of so many breakers the state is shown. A component can write the names of as many as it likes.
const MAX_BREAKERS: usize = 100;

/// Longer names are none that a breaker can have.
const MAX_NAME: usize = 100;

/// What a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    /// From the first probe on.
    HalfOpen,
}

impl State {
    pub const ALL: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half-open",
        }
    }
}

/// All that were seen, by their names: the newest generation, and its state.
#[derive(Default)]
pub(super) struct Breakers(Mutex<BTreeMap<String, (u64, State)>>);

impl Breakers {
    /// A key of a store was read or written, and has this value; none, where it was counted up.
    pub fn see(&self, key: &str, value: Option<&[u8]>) {
        let Some(rest) = key.strip_prefix("steadfast/") else { return };
        let (name, generation, state) = match (of_generation(rest), value) {
            // Each state is a generation, and has keys of its own.
            (Some((name, generation, "open")), Some(_)) => (name, generation, State::Open),
            (Some((name, generation, "closed")), Some(_)) => (name, generation, State::Closed),
            (Some((name, generation, "probes")), None) => (name, generation, State::HalfOpen),
            (Some(_), _) => return,
            // The breaker itself: each call reads it.
            (None, Some(value)) => match record(value) {
                Some((generation, state)) => (rest, generation, state),
                None => return,
            },
            (None, None) => return,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = all.len() < MAX_BREAKERS;
        match all.get_mut(name) {
            Some((newest, last)) => {
                // What is older comes late. Of a generation that is said to be both, it is open.
                let known = (*newest, rank(*last));
                if (generation, rank(state)) > known {
                    (*newest, *last) = (generation, state);
                }
            }
            None if room && name.len() <= MAX_NAME && !name.is_empty() => {
                all.insert(name.into(), (generation, state));
            }
            None => {}
        }
    }

    /// Tells of each, in the order of the names.
    pub fn each(&self, mut tell: impl FnMut(&str, State)) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(|(name, (_, state))| tell(name, *state));
    }
}

/// Within a generation, what a state may be followed by.
fn rank(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
    }
}

/// The name, the generation and what of it: `NAME/7/open`.
fn of_generation(key: &str) -> Option<(&str, u64, &str)> {
    let mut parts = key.rsplitn(3, '/');
    let (what, generation, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some((name, generation.parse().ok()?, what))
}

/// Generation and state of a record, as `src/policy/breaker/shared/record.rs` writes it.
fn record(bytes: &[u8]) -> Option<(u64, State)> {
    let (head, rest) = bytes.split_first_chunk::<3>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let state = match head {
        [1, 0 | 1, _] => State::Closed,
        [1, 2, _] => State::Open,
        _ => return None,
    };
    (rest.len() == 20).then(|| (u64::from_le_bytes(*generation), state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(breakers: &Breakers) -> Vec<(String, State)> {
        let mut all = Vec::new();
        breakers.each(|name, state| all.push((name.into(), state)));
        all
    }

    fn bytes(kind: u8, generation: u64) -> Vec<u8> {
        [&[1, kind, 0][..], &generation.to_le_bytes(), &[0; 20]].concat()
    }

    #[test]
    fn a_breaker_is_what_its_newest_generation_says() {
        let breakers = Breakers::default();
        let after = |key: &str, value: Option<&[u8]>| {
            breakers.see(key, value);
            states(&breakers).first().map(|(_, state)| *state)
        };
        assert_eq!(after("visits", Some(b"1")), None);
        assert_eq!(after("steadfast/acme/greeter", Some(&bytes(1, 0))), Some(State::Closed));
        assert_eq!(after("steadfast/acme/greeter/0/failures", None), Some(State::Closed));
        assert_eq!(after("steadfast/acme/greeter/1/open", Some(b"")), Some(State::Open));
        assert_eq!(after("steadfast/acme/greeter", Some(&bytes(0, 0))), Some(State::Open), "it comes late");
        assert_eq!(after("steadfast/acme/greeter/1/probes", None), Some(State::HalfOpen));
        assert_eq!(after("steadfast/acme/greeter", Some(&bytes(2, 1))), Some(State::HalfOpen));
        assert_eq!(after("steadfast/acme/greeter", Some(&bytes(0, 2))), Some(State::Closed));
        assert_eq!(after("steadfast/acme/greeter/2/open", Some(b"")), Some(State::Open));
        assert_eq!(after("steadfast/acme/greeter", Some(b"something else")), Some(State::Open));
    }

    #[test]
    fn names_without_end_are_not_kept() {
        let breakers = Breakers::default();
        for number in 0..10_000 {
            breakers.see(&format!("steadfast/{number}/1/open"), Some(b""));
        }
        breakers.see(&format!("steadfast/{}/1/open", "x".repeat(10_000)), Some(b""));
        assert_eq!(states(&breakers).len(), MAX_BREAKERS);
    }
}
