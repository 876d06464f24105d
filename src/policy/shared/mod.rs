//! What all parts have in common whose state instances share: names, clocks that differ, slots of time, a store that is
//! left alone for a while when it failed.

#[cfg(test)]
pub mod explorer;
mod rest;
mod slots;

pub use rest::Rest;
pub use slots::{SHORTEST, Slots};

use crate::policy::invalid::{Invalid, Value, refuse};

/// By how much two clocks may differ, in nanoseconds: well beyond what NTP leaves.
pub const SKEW: u64 = 5_000_000_000;

/// What all keys begin with.
pub const PREFIX: &str = "steadfast/";

/// The longest name of a shared state, in bytes: a key of it is then at most 140 bytes, which all stores take.
const MAX_NAME: usize = 100;

/// A key of the state `name` that is of one generation, or of one slot of time.
pub fn key(name: &str, number: u64, what: &str) -> String {
    [PREFIX, name, "/", &number.to_string(), "/", what].concat()
}

/// Refuses a name that is empty, too long, or has characters that some stores do not take.
pub const fn check_name(name: &str) -> Result<(), Invalid> {
    let name = name.as_bytes();
    if name.is_empty() || name.len() > MAX_NAME {
        refuse!("shared state, bytes of the name", Value::Count(name.len() as u32), "from 1 to 100");
    }
    let mut at = 0;
    while at < name.len() {
        if !(name[at].is_ascii_alphanumeric() || matches!(name[at], b'-' | b'_' | b'.' | b'/')) {
            let byte = Value::Count(name[at] as u32);
            refuse!("shared state, a byte of the name", byte, "a letter, a digit, or one of - _ . /");
        }
        at += 1;
    }
    Ok(())
}
