//! The store of `wasi:keyvalue@0.2.0-draft2`: it can compare and swap too.

use core::time::Duration;

use super::{KeyValue, since_1970};
use crate::platform::state::{Store, StoreFailed};
use bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use bindings::wasi::keyvalue::store::{self, Bucket, Error};

mod bindings {
    #![allow(unsafe_code, missing_docs, reason = "generated")]

    wit_bindgen::generate!({
        // `store` and `atomics` of https://github.com/WebAssembly/wasi-keyvalue at aa972c8, in full: beside another copy
        // of them, linkers want both to be the same. They are the same in the draft2 of before August 2026, of which
        // only `batch` differs.
        inline: "
            package steadfast:state;

            package wasi:keyvalue@0.2.0-draft2 {
                interface store {
                    variant error {
                        no-such-store,
                        access-denied,
                        other(string),
                    }
                    record key-response {
                        keys: list<string>,
                        cursor: option<string>,
                    }
                    open: func(identifier: string) -> result<bucket, error>;
                    resource bucket {
                        get: func(key: string) -> result<option<list<u8>>, error>;
                        set: func(key: string, value: list<u8>) -> result<_, error>;
                        delete: func(key: string) -> result<_, error>;
                        exists: func(key: string) -> result<bool, error>;
                        list-keys: func(cursor: option<string>) -> result<key-response, error>;
                    }
                }
                interface atomics {
                    use store.{bucket, error};
                    variant cas-error {
                        store-error(error),
                        cas-failed(cas),
                    }
                    resource cas {
                        new: static func(bucket: borrow<bucket>, key: string) -> result<cas, error>;
                        current: func() -> result<option<list<u8>>, error>;
                    }
                    increment: func(bucket: borrow<bucket>, key: string, delta: s64) -> result<s64, error>;
                    swap: func(cas: cas, value: list<u8>) -> result<_, cas-error>;
                }
            }

            world guest {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
            }
        ",
        generate_all,
        type_section_suffix: "steadfast-keyvalue",
    });
}

impl Store for KeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFailed> {
        self.with(|bucket| bucket.get(key))
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreFailed> {
        self.with(|bucket| bucket.set(key, value))
    }

    fn increment(&self, key: &str, by: u64) -> Result<u64, StoreFailed> {
        let by = by.try_into().map_err(|_| StoreFailed)?;
        // A number that another component has made negative is none of ours.
        self.with(|bucket| atomics::increment(bucket, key, by)).and_then(|sum| sum.try_into().map_err(|_| StoreFailed))
    }

    fn delete(&self, key: &str) -> Result<(), StoreFailed> {
        self.with(|bucket| bucket.delete(key))
    }

    fn swaps(&self) -> bool {
        true
    }

    fn swap(&self, key: &str, change: &mut dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<bool, StoreFailed> {
        let cas = self.with(|bucket| Cas::new(bucket, key))?;
        let value = cas.current().map_err(|_| StoreFailed)?;
        let Some(value) = change(value.as_deref()) else { return Ok(true) };
        match atomics::swap(cas, &value) {
            Ok(()) => Ok(true),
            Err(CasError::CasFailed(_)) => Ok(false),
            Err(CasError::StoreError(_)) => Err(StoreFailed),
        }
    }

    fn wall_time(&self) -> Duration {
        since_1970()
    }
}

impl KeyValue {
    fn with<T>(self, operation: impl FnOnce(&Bucket) -> Result<T, Error>) -> Result<T, StoreFailed> {
        let bucket = store::open(self.0).map_err(|_| StoreFailed)?;
        operation(&bucket).map_err(|_| StoreFailed)
    }
}
