//! The store of `wasi:keyvalue`.

#[cfg(all(target_os = "wasi", not(feature = "keyvalue-draft2")))]
mod draft;
#[cfg(all(target_os = "wasi", feature = "keyvalue-draft2"))]
mod draft2;

use core::time::Duration;
use std::time::SystemTime;

#[cfg(not(target_os = "wasi"))]
use super::{Store, StoreFailed};

/// A bucket of `wasi:keyvalue@0.2.0-draft`, through the interfaces `store` and `atomics`: a store that all instances
/// share, of every host that sees the same bucket. The clock is that of the system. With the feature `keyvalue-draft2`,
/// it is a bucket of `wasi:keyvalue@0.2.0-draft2` instead, for hosts that have that: a [`SharedBreaker`](crate::SharedBreaker)
/// then asks for less. The two kinds of breakers do not see each other in one store, even of one name.
///
/// A component that uses it needs a host that provides both interfaces. Each operation opens the bucket anew, as an
/// instance serves one request on most hosts. Outside of components there are no buckets, and every operation fails:
/// test with a [`MemoryStore`](crate::testing::MemoryStore).
///
/// ```
/// use steadfast::{Breaker, KeyValue, Policy, SharedBreaker};
///
/// static GREETER: Policy<(SharedBreaker<KeyValue>,)> = Policy::new()
///     .shared_breaker(Breaker::consecutive_failures(5).shared("acme/greeter", KeyValue::bucket("default")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyValue(&'static str);

impl KeyValue {
    /// The bucket that the host calls `name`; often there is one with the name `default`, or the empty one.
    ///
    /// ```
    /// use steadfast::KeyValue;
    ///
    /// const STATE: KeyValue = KeyValue::bucket("default");
    /// ```
    pub const fn bucket(name: &'static str) -> Self {
        KeyValue(name)
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(not(target_os = "wasi"))]
impl Store for KeyValue {
    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        Err(StoreFailed)
    }

    fn set(&self, _: &str, _: &[u8]) -> Result<(), StoreFailed> {
        Err(StoreFailed)
    }

    fn increment(&self, _: &str, _: u64) -> Result<u64, StoreFailed> {
        Err(StoreFailed)
    }

    fn delete(&self, _: &str) -> Result<(), StoreFailed> {
        Err(StoreFailed)
    }

    fn wall_time(&self) -> Duration {
        since_1970()
    }
}
