//! `wasi:keyvalue`, in the memory of this process: every instance of a host sees the same buckets.
//!
//! `buckets` holds the data and its bounds, and `plain` says how it is called from elsewhere. Here is what can be asked of
//! it, and how a component reaches it.

mod buckets;
mod plain;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Deserialize;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::Service;
use crate::lattice::{Invocation, Reply};
pub(crate) use buckets::Buckets;
use buckets::Refused;
use generated::wasi::keyvalue::store::{Error, KeyResponse};
use generated::wasi::keyvalue::{atomics, batch, store};

/// What a person may say of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {}

/// The store, as a service.
#[derive(Default)]
pub(crate) struct Keyvalue {
    buckets: Buckets,
}

/// What is asked of a bucket.
pub(crate) enum Operation {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Exists(String),
    Increment(String, u64),
    /// A page of keys, from a cursor on.
    Keys(Option<u64>),
    GetMany(Vec<String>),
    SetMany(Vec<(String, Vec<u8>)>),
    DeleteMany(Vec<String>),
}

/// What it answers, by the operation.
pub(crate) enum Answer {
    Done,
    Value(Option<Vec<u8>>),
    Exists(bool),
    Number(u64),
    Keys(Vec<String>, Option<u64>),
    Values(Vec<Option<(String, Vec<u8>)>>),
}

impl Keyvalue {
    fn run(&self, bucket: &str, operation: Operation) -> Result<Answer, Refused> {
        let buckets = &self.buckets;
        if !Buckets::has(bucket) {
            return Err(Refused::Name);
        }
        Ok(match operation {
            Operation::Get(key) => Answer::Value(buckets.get(bucket, &key)),
            Operation::Set(key, value) => {
                buckets.set(bucket, &key, value)?;
                Answer::Done
            }
            Operation::Delete(key) => {
                buckets.delete(bucket, &key);
                Answer::Done
            }
            Operation::Exists(key) => Answer::Exists(buckets.exists(bucket, &key)),
            Operation::Increment(key, delta) => Answer::Number(buckets.increment(bucket, &key, delta)?),
            Operation::Keys(cursor) => {
                let (keys, cursor) = buckets.keys(bucket, cursor);
                Answer::Keys(keys, cursor)
            }
            Operation::GetMany(keys) => Answer::Values(buckets.get_many(bucket, keys)?),
            Operation::SetMany(pairs) => {
                pairs.into_iter().try_for_each(|(key, value)| buckets.set(bucket, &key, value))?;
                Answer::Done
            }
            Operation::DeleteMany(keys) => {
                keys.iter().for_each(|key| buckets.delete(bucket, key));
                Answer::Done
            }
        })
    }
}

impl Service for Keyvalue {
    fn wit(&self) -> &'static [&'static str] {
        &[plain::WIT]
    }

    fn call(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        Box::pin(async move {
            let (bucket, operation) = plain::operation(invocation)?;
            plain::reply(self.run(&bucket, operation))
        })
    }
}

mod generated {
    #![allow(missing_docs, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "src/providers/keyvalue/wit",
        world: "imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
    });
}

/// A bucket that a component has opened: the name.
pub struct Bucket(String);

/// What one call of a component works on.
pub(crate) struct View<'g> {
    pub buckets: &'g Buckets,
    pub table: &'g mut ResourceTable,
}

struct HasView;

impl HasData for HasView {
    type Data<'g> = View<'g>;
}

/// Adds the three interfaces.
pub(crate) fn add_to_linker<T: 'static>(linker: &mut Linker<T>, view: fn(&mut T) -> View<'_>) -> Result<()> {
    store::add_to_linker::<T, HasView>(linker, view)?;
    atomics::add_to_linker::<T, HasView>(linker, view)?;
    batch::add_to_linker::<T, HasView>(linker, view)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Error::Other(refused.to_string())
    }
}

impl View<'_> {
    /// The buckets, and the name of the one that `bucket` is.
    fn of(&self, bucket: &Resource<Bucket>) -> Result<(&Buckets, &str)> {
        Ok((self.buckets, &self.table.get(bucket)?.0))
    }
}

impl store::Host for View<'_> {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        if !Buckets::has(&identifier) {
            return Ok(Err(Error::NoSuchStore));
        }
        Ok(Ok(self.table.push(Bucket(identifier))?))
    }
}

impl store::HostBucket for View<'_> {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        let (buckets, name) = self.of(&bucket)?;
        Ok(Ok(buckets.get(name, &key)))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        let (buckets, name) = self.of(&bucket)?;
        Ok(buckets.set(name, &key, value).map_err(Error::from))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), Error>> {
        let (buckets, name) = self.of(&bucket)?;
        buckets.delete(name, &key);
        Ok(Ok(()))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<bool, Error>> {
        let (buckets, name) = self.of(&bucket)?;
        Ok(Ok(buckets.exists(name, &key)))
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Result<Result<KeyResponse, Error>> {
        let (buckets, name) = self.of(&bucket)?;
        let (keys, cursor) = buckets.keys(name, cursor);
        Ok(Ok(KeyResponse { keys, cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for View<'_> {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Result<Result<u64, Error>> {
        let (buckets, name) = self.of(&bucket)?;
        Ok(buckets.increment(name, &key, delta).map_err(Error::from))
    }
}

impl batch::Host for View<'_> {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<Option<(String, Vec<u8>)>>, Error>> {
        let (buckets, name) = self.of(&bucket)?;
        Ok(buckets.get_many(name, keys).map_err(Error::from))
    }

    fn set_many(&mut self, bucket: Resource<Bucket>, key_values: Vec<(String, Vec<u8>)>) -> Result<Result<(), Error>> {
        let (buckets, name) = self.of(&bucket)?;
        let mut all = key_values.into_iter();
        Ok(all.try_for_each(|(key, value)| buckets.set(name, &key, value)).map_err(Error::from))
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<Result<(), Error>> {
        let (buckets, name) = self.of(&bucket)?;
        keys.iter().for_each(|key| buckets.delete(name, key));
        Ok(Ok(()))
    }
}
