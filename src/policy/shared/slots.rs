//! Slots of time, from 1970 on, of which each has counters of its own. They are deleted when the slot is over.

use super::{SKEW, key};
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};

/// The shortest slot, in nanoseconds: one in which a store is asked more than once.
pub const SHORTEST: u64 = 1_000_000_000;

/// The most slots that one call deletes.
const MAX_DELETED: u64 = 64;

pub struct Slots<S> {
    pub store: S,
    /// Of the shared state.
    pub name: &'static str,
    /// How long a slot is, in nanoseconds.
    pub length: u64,
    /// What is counted in each.
    pub counters: &'static [&'static str],
    /// What the key is called that says in which slots there are counters.
    pub span: &'static str,
    /// How many slots after the one of now may have counters.
    pub ahead: u64,
}

impl<S: Store> Slots<S> {
    /// The time since 1970, in nanoseconds, and the slot that it is in.
    pub fn now(&self) -> (u64, u64) {
        let now = nanos(self.store.wall_time());
        (now, now / self.length)
    }

    /// Counts, and says what the sum is by that.
    pub fn count(&self, slot: u64, counter: &str, by: u64) -> Result<u64, StoreFailed> {
        self.store.increment(&key(self.name, slot, counter), by)
    }

    /// Deletes the slots that no clock is in any more. The first that counts in a slot calls it.
    pub fn forget(&self, current: u64) -> Result<(), StoreFailed> {
        let span = key(self.name, 0, self.span);
        let in_use = SKEW.div_ceil(self.length) + 1;
        let oldest = current.saturating_sub(in_use);
        let (begin, end) = self.store.get(&span)?.and_then(|bytes| read(&bytes)).unwrap_or((oldest, oldest));
        let over = begin..end.min(oldest);
        if over.end.saturating_sub(over.start) <= MAX_DELETED {
            for slot in over {
                for counter in self.counters {
                    self.store.delete(&key(self.name, slot, counter))?;
                }
            }
        }
        // With what others begin meanwhile, and say later, or never.
        let end = current + self.ahead + 1 + in_use;
        self.store.set(&span, &[oldest.to_le_bytes(), end.to_le_bytes()].concat())
    }
}

/// From which slot on there may be keys, and before which they end; `None` for what is none of that.
fn read(bytes: &[u8]) -> Option<(u64, u64)> {
    let (begin, end) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*begin), u64::from_le_bytes(end.try_into().ok()?)))
}
