//! A store that instances share: keys, values, and numbers that count up.

use core::fmt::{self, Debug};
use core::time::Duration;

/// A store that did not do what it was asked. What it was asked may have happened or not.
///
/// ```
/// assert_eq!(steadfast::StoreFailed.to_string(), "the store of shared state failed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

impl fmt::Display for StoreFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of shared state failed")
    }
}

impl core::error::Error for StoreFailed {}

/// Where the instances of a component keep what they know together: for a [`SharedBreaker`](crate::SharedBreaker), a
/// [`SharedRateLimit`](crate::SharedRateLimit) and a [`SharedBudget`](crate::SharedBudget).
///
/// It is the part of a key-value store that all of them have. `KeyValue` (feature `keyvalue-state`) is that of
/// `wasi:keyvalue`, and [`MemoryStore`](crate::testing::MemoryStore) one for tests; implement it for another. Keys have
/// at most 140 bytes, of letters, digits, `-`, `_`, `.` and `/`; values have at most 31.
///
/// What one instance has written, the next must read. `increment` must be atomic: of two at a time, both count, and
/// each gets a sum of its own. A store cannot tell the time, so the clock that all instances agree on is here too.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::MemoryStore;
/// use steadfast::{Store, StoreFailed};
///
/// /// Counts what it is asked to write.
/// #[derive(Clone, Copy, Debug)]
/// struct Noisy(&'static MemoryStore);
///
/// impl Store for Noisy {
///     fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
///         self.0.get(key)
///     }
///     fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
///         eprintln!("{key} is set");
///         self.0.set(key, value)
///     }
///     fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
///         self.0.increment(key, by)
///     }
///     fn delete(&self, key: &str) -> Result<(), StoreFailed> {
///         self.0.delete(key)
///     }
///     fn wall_time(&self) -> Duration {
///         self.0.wall_time()
///     }
/// }
/// ```
pub trait Store: Copy + Debug + 'static {
    /// The value of a key; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreFailed`]: it cannot be read.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed>;

    /// Gives a key a value, in place of the one it has.
    ///
    /// # Errors
    /// [`StoreFailed`]: it was maybe not written.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed>;

    /// Adds `by` to the number of a key, which is 0 where there is no such key, and returns the sum. With 0 it reads
    /// the number: how a store writes down a number is its own, so [`get`](Self::get) does not tell. No key is both
    /// incremented and set.
    ///
    /// # Errors
    /// [`StoreFailed`]: it was maybe not counted.
    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed>;

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// [`StoreFailed`]: it is maybe still there.
    fn delete(&self, key: &str) -> Result<(), StoreFailed>;

    /// The time since 1970 on the clock of this instance. Those of two instances may differ by up to 5 s.
    fn wall_time(&self) -> Duration;
}
