//! A store in memory, whose clock moves when it is told to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::platform::state::{Store, StoreFailed};

/// A [`Store`] for tests: it stands in a `static`, its clock moves only by [`advance`](Self::advance), it fails when it
/// is told to, and it counts what it is asked.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::MemoryStore;
/// use steadfast::{Breaker, Cause, Delivery, Policy, Reason, RpcError, SharedBreaker};
///
/// static STORE: MemoryStore = MemoryStore::new();
/// // A policy for each request, as in a fresh instance.
/// let fresh = || Policy::new().shared_breaker(Breaker::consecutive_failures(2).shared("acme/greeter", &STORE));
/// for _ in 0..2 {
///     fresh().call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
/// }
/// let failed = fresh().call(|| Ok::<_, RpcError>("hi")).unwrap_err();
/// assert_eq!(failed.reason(), Reason::BreakerOpen);
///
/// STORE.advance(Duration::from_secs(5));
/// assert_eq!(fresh().call(|| Ok::<_, RpcError>("hi")).unwrap(), "hi");
/// ```
#[derive(Debug)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    values: BTreeMap<String, Vec<u8>>,
    counts: BTreeMap<String, u64>,
    now: Duration,
    fails: bool,
    asked: u64,
}

impl MemoryStore {
    /// An empty one, in the first second of 2020.
    ///
    /// ```
    /// static STORE: steadfast::testing::MemoryStore = steadfast::testing::MemoryStore::new();
    /// assert!(STORE.is_empty());
    /// ```
    pub const fn new() -> Self {
        let now = Duration::from_secs(1_577_836_800);
        let kept = Kept { values: BTreeMap::new(), counts: BTreeMap::new(), now, fails: false, asked: 0 };
        MemoryStore(Mutex::new(kept))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, operation: impl FnOnce(&mut Kept) -> T) -> Result<T, StoreFailed> {
        let mut kept = self.kept();
        kept.asked += 1;
        if kept.fails { Err(StoreFailed) } else { Ok(operation(&mut kept)) }
    }

    /// Moves the clock.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Store, testing::MemoryStore};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let before = (&STORE).wall_time();
    /// STORE.advance(Duration::from_secs(5));
    /// assert_eq!((&STORE).wall_time() - before, Duration::from_secs(5));
    /// ```
    pub fn advance(&self, time: Duration) {
        let mut kept = self.kept();
        kept.now = kept.now.saturating_add(time);
    }

    /// Whether every operation fails from now on.
    ///
    /// ```
    /// use steadfast::{Store, StoreFailed, testing::MemoryStore};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// STORE.fail(true);
    /// assert_eq!((&STORE).get("key"), Err(StoreFailed));
    /// ```
    pub fn fail(&self, fails: bool) {
        self.kept().fails = fails;
    }

    /// How many operations it was asked for, reads and writes: each is a round trip in a store that is elsewhere.
    ///
    /// ```
    /// use steadfast::{Store, testing::MemoryStore};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// (&STORE).increment("key", 1).unwrap();
    /// assert_eq!(STORE.asked(), 1);
    /// ```
    pub fn asked(&self) -> u64 {
        self.kept().asked
    }

    /// How many keys it has.
    ///
    /// ```
    /// use steadfast::{Store, testing::MemoryStore};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// (&STORE).set("key", b"value").unwrap();
    /// assert_eq!(STORE.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        let kept = self.kept();
        kept.values.len() + kept.counts.len()
    }

    /// Whether it has no key.
    ///
    /// ```
    /// static STORE: steadfast::testing::MemoryStore = steadfast::testing::MemoryStore::new();
    /// assert!(STORE.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl Store for &'static MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        self.ask(|kept| kept.values.get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        self.ask(|kept| drop(kept.values.insert(key.into(), value.into())))
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        self.ask(|kept| {
            let count = kept.counts.entry(key.into()).or_default();
            *count = count.saturating_add(by);
            *count
        })
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        self.ask(|kept| {
            kept.values.remove(key);
            kept.counts.remove(key);
        })
    }

    fn wall_time(&self) -> Duration {
        self.kept().now
    }
}
