//! The second draft: with handles that compare and swap, numbers with a sign, and cursors that are texts.

use wasmtime::Result;
use wasmtime::component::{Linker, Resource};

use super::{Bucket, HasView, View, answer, unexpected};
use crate::providers::keyvalue::{Answer, Delta, Keyvalue, Operation, Refused, Seen};
use generated::wasi::keyvalue::atomics::CasError;
use generated::wasi::keyvalue::store::{Error, KeyResponse};
use generated::wasi::keyvalue::{atomics, batch, store};

mod generated {
    #![allow(missing_docs, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "src/providers/keyvalue/draft2-wit",
        world: "imports",
        imports: {
            "wasi:keyvalue/store.open": trappable,
            "wasi:keyvalue/store.[drop]bucket": trappable,
            default: async | trappable,
        },
        with: {
            "wasi:keyvalue/atomics.cas": super::Cas,
            "wasi:keyvalue/store.bucket": super::super::Bucket,
        },
    });
}

/// A handle on the value of a key.
#[derive(Clone)]
pub struct Cas {
    bucket: String,
    key: String,
    value: Option<Vec<u8>>,
    seen: Seen,
}

/// Adds the three interfaces.
pub(super) fn add_to_linker<T: Send + 'static>(linker: &mut Linker<T>, view: fn(&mut T) -> View<'_>) -> Result<()> {
    store::add_to_linker::<T, HasView>(linker, view)?;
    atomics::add_to_linker::<T, HasView>(linker, view)?;
    batch::add_to_linker::<T, HasView>(linker, view)
}

impl From<super::Error> for Error {
    fn from(error: super::Error) -> Self {
        match error {
            super::Error::NoSuchStore => Error::NoSuchStore,
            super::Error::AccessDenied => Error::AccessDenied,
            super::Error::Other(text) => Error::Other(text),
        }
    }
}

impl store::Host for View<'_> {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        if !Keyvalue::has(&identifier) {
            return Ok(Err(Error::NoSuchStore));
        }
        Ok(Ok(self.table.push(Bucket(identifier))?))
    }
}

impl store::HostBucket for View<'_> {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        let answer = self.run("wasi:keyvalue/store#get", &bucket, Operation::Get(key)).await?;
        answer!(answer, Answer::Value(value) => value)
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        let answer = self.run("wasi:keyvalue/store#set", &bucket, Operation::Set(key, value)).await?;
        answer!(answer, Answer::Done => ())
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), Error>> {
        let answer = self.run("wasi:keyvalue/store#delete", &bucket, Operation::Delete(key)).await?;
        answer!(answer, Answer::Done => ())
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<bool, Error>> {
        let answer = self.run("wasi:keyvalue/store#exists", &bucket, Operation::Exists(key)).await?;
        answer!(answer, Answer::Exists(exists) => exists)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Result<Result<KeyResponse, Error>> {
        let cursor = match cursor.map(|cursor| cursor.parse().map_err(|_| Refused::Cursor(cursor))).transpose() {
            Ok(cursor) => cursor,
            Err(refused) => return Ok(Err(super::Error::from(refused).into())),
        };
        let answer = self.run("wasi:keyvalue/store#list-keys", &bucket, Operation::Keys(cursor)).await?;
        let response =
            |keys, cursor: Option<u64>| KeyResponse { keys, cursor: cursor.map(|cursor| cursor.to_string()) };
        answer!(answer, Answer::Keys(keys, cursor) => response(keys, cursor))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl View<'_> {
    /// A handle on the value of now.
    async fn handle(&mut self, target: &str, bucket: String, key: String) -> Result<Result<Cas, Error>> {
        let answer = self.run_on(target, &bucket, Operation::Look(key.clone())).await;
        answer!(answer, Answer::Looked(value, seen) => Cas { bucket, key, value, seen })
    }
}

impl atomics::HostCas for View<'_> {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<Resource<Cas>, Error>> {
        let bucket = self.table.get(&bucket)?.0.clone();
        Ok(match self.handle("wasi:keyvalue/atomics#new", bucket, key).await? {
            Ok(cas) => Ok(self.table.push(cas)?),
            Err(error) => Err(error),
        })
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&cas)?.value.clone()))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for View<'_> {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Result<Result<i64, Error>> {
        let operation = Operation::Increment(key, Delta::Signed(delta));
        let answer = self.run("wasi:keyvalue/atomics#increment", &bucket, operation).await?;
        answer!(answer, Answer::Signed(number) => number)
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), CasError>> {
        let Cas { bucket, key, seen, .. } = self.table.delete(cas)?;
        let target = "wasi:keyvalue/atomics#swap";
        let swapped = self.run_on(target, &bucket, Operation::Swap(key.clone(), seen, value)).await;
        let failed = |error| Ok(Err(CasError::StoreError(error)));
        match swapped {
            Ok(Answer::Swapped(true)) => Ok(Ok(())),
            Ok(Answer::Swapped(false)) => match self.handle(target, bucket, key).await? {
                Ok(cas) => Ok(Err(CasError::CasFailed(self.table.push(cas)?))),
                Err(error) => failed(error),
            },
            Ok(other) => failed(unexpected(&other).into()),
            Err(error) => failed(error.into()),
        }
    }
}

impl batch::Host for View<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, Error>> {
        let answer = self.run("wasi:keyvalue/batch#get-many", &bucket, Operation::GetMany(keys.clone())).await?;
        let pairs = |values: Vec<Option<(String, Vec<u8>)>>| {
            keys.into_iter().zip(values).map(|(key, pair)| (key, pair.map(|(_, value)| value))).collect()
        };
        answer!(answer, Answer::Values(values) => pairs(values))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), Error>> {
        let answer = self.run("wasi:keyvalue/batch#set-many", &bucket, Operation::SetMany(key_values)).await?;
        answer!(answer, Answer::Done => ())
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<Result<(), Error>> {
        let answer = self.run("wasi:keyvalue/batch#delete-many", &bucket, Operation::DeleteMany(keys)).await?;
        answer!(answer, Answer::Done => ())
    }
}
