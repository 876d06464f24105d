//! The store of `wasi:keyvalue@0.2.0-draft`.

use core::time::Duration;
use std::time::SystemTime;

use super::{Store, StoreFailed};

/// A bucket of `wasi:keyvalue@0.2.0-draft`, through the interfaces `store` and `atomics`: a store that all instances
/// share, of every host that sees the same bucket. The clock is that of the system.
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

#[cfg(target_os = "wasi")]
mod bindings {
    #![allow(unsafe_code, missing_docs, reason = "generated")]

    wit_bindgen::generate!({
        // `store` and `atomics` of https://github.com/WebAssembly/wasi-keyvalue, in full: beside another copy of them,
        // linkers want both to be the same.
        inline: "
            package steadfast:state;

            package wasi:keyvalue@0.2.0-draft {
                interface store {
                    variant error {
                        no-such-store,
                        access-denied,
                        other(string),
                    }
                    record key-response {
                        keys: list<string>,
                        cursor: option<u64>,
                    }
                    open: func(identifier: string) -> result<bucket, error>;
                    resource bucket {
                        get: func(key: string) -> result<option<list<u8>>, error>;
                        set: func(key: string, value: list<u8>) -> result<_, error>;
                        delete: func(key: string) -> result<_, error>;
                        exists: func(key: string) -> result<bool, error>;
                        list-keys: func(cursor: option<u64>) -> result<key-response, error>;
                    }
                }
                interface atomics {
                    use store.{bucket, error};
                    increment: func(bucket: borrow<bucket>, key: string, delta: u64) -> result<u64, error>;
                }
            }

            world guest {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        generate_all,
        type_section_suffix: "steadfast-keyvalue",
    });
}

#[cfg(target_os = "wasi")]
impl Store for KeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        self.with(|bucket| bucket.get(key))
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        self.with(|bucket| bucket.set(key, value))
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        self.with(|bucket| bindings::wasi::keyvalue::atomics::increment(bucket, key, by))
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        self.with(|bucket| bucket.delete(key))
    }

    fn wall_time(&self) -> Duration {
        since_1970()
    }
}

#[cfg(target_os = "wasi")]
impl KeyValue {
    fn with<T>(
        self,
        operation: impl FnOnce(
            &bindings::wasi::keyvalue::store::Bucket,
        ) -> Result<T, bindings::wasi::keyvalue::store::Error>,
    ) -> Result<T, StoreFailed> {
        let bucket = bindings::wasi::keyvalue::store::open(self.0).map_err(|_| StoreFailed)?;
        operation(&bucket).map_err(|_| StoreFailed)
    }
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
