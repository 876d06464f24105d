//! `wasi:keyvalue` for components, in both drafts: a bucket is a resource here, and its name in the store. An operation is bounded, broken on
//! purpose and recorded as a call over the lattice is.

mod draft2;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::super::Work;
use crate::failure::{Cause, Delivery, Failure};
use crate::metrics;
use crate::providers::keyvalue::{Answer, Delta, Keyvalue, Operation, Refused};
use generated::wasi::keyvalue::store::{Error, KeyResponse};
use generated::wasi::keyvalue::{atomics, batch, store};

mod generated {
    #![allow(missing_docs, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "src/providers/keyvalue/wasi-wit",
        world: "imports",
        imports: {
            "wasi:keyvalue/store.open": trappable,
            "wasi:keyvalue/store.[drop]bucket": trappable,
            default: async | trappable,
        },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
    });
}

/// A bucket that a component has opened: the name.
pub struct Bucket(String);

/// What one call of a component works on.
pub(in crate::instance) struct View<'g> {
    pub work: &'g Work,
    pub table: &'g mut ResourceTable,
}

struct HasView;

impl HasData for HasView {
    type Data<'g> = View<'g>;
}

/// Adds the interfaces of both drafts.
pub(super) fn add_to_linker<T: Send + 'static>(linker: &mut Linker<T>, view: fn(&mut T) -> View<'_>) -> Result<()> {
    store::add_to_linker::<T, HasView>(linker, view)?;
    atomics::add_to_linker::<T, HasView>(linker, view)?;
    batch::add_to_linker::<T, HasView>(linker, view)?;
    draft2::add_to_linker(linker, view)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Name => Error::NoSuchStore,
            refused => Error::Other(refused.to_string()),
        }
    }
}

impl View<'_> {
    /// Does an operation, which errors and faults know as the function `target`.
    async fn run(
        &mut self,
        target: &str,
        bucket: &Resource<Bucket>,
        operation: Operation,
    ) -> Result<Result<Answer, Error>> {
        let bucket = self.table.get(bucket)?.0.clone();
        Ok(self.run_on(target, &bucket, operation).await)
    }

    /// The same on the bucket of this name.
    async fn run_on(&mut self, target: &str, bucket: &str, operation: Operation) -> std::result::Result<Answer, Error> {
        let Work { network, deadline, trace, .. } = self.work;
        let done = async {
            let (journal, key) = (network.lattice.journal(), operation.writes().map(String::from));
            journal.arrived(trace.trace_id(), target);
            // Shared breakers are seen in what is asked of the store.
            let seen = metrics::on().then(|| seen(&operation)).flatten();
            let done = network.keyvalue.run(bucket, operation).await;
            if let (Some((key, written)), Ok(Ok(answer))) = (seen, &done) {
                let seen = match (answer, &written) {
                    (Answer::Value(Some(value)), _) => Some(metrics::Seen::Value(value)),
                    (Answer::Value(None), _) => Some(metrics::Seen::Missing),
                    (Answer::Done | Answer::Swapped(true), Some(written)) => Some(metrics::Seen::Value(written)),
                    (Answer::Number(_), _) => Some(metrics::Seen::Counted),
                    _ => None,
                };
                if let Some(seen) = seen {
                    metrics::store_asked(&key, seen);
                }
            }
            if let (Ok(Ok(_)), Some(key)) = (&done, key) {
                journal.wrote(&key);
            }
            done
        };
        let done = network.lattice.perform(target, trace, deadline.now(), &network.upstreams.faults, done).await;
        match done {
            Ok(answer) => answer.map_err(Error::from),
            Err(failure) => Err(Error::Other(format!("the store could not be asked: {failure}"))),
        }
    }
}

/// The key that is asked for, and the value that it is to have.
fn seen(operation: &Operation) -> Option<(String, Option<Vec<u8>>)> {
    match operation {
        Operation::Get(key) | Operation::Increment(key, _) => Some((key.clone(), None)),
        Operation::Set(key, value) | Operation::Swap(key, _, value) => Some((key.clone(), Some(value.clone()))),
        _ => None,
    }
}

/// The answer, as an operation of its kind has it.
macro_rules! answer {
    ($answer:expr, $pattern:pat => $value:expr) => {
        Ok(match $answer {
            Ok($pattern) => Ok($value),
            Ok(other) => Err(unexpected(&other).into()),
            Err(error) => Err(error.into()),
        })
    };
}

use answer;

fn unexpected(answer: &Answer) -> Error {
    let message = format!("the store gave the answer of another operation: {answer:?}");
    Error::Other(Failure::new(Cause::Protocol, Delivery::Delivered, message).to_string())
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

    async fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Result<Result<KeyResponse, Error>> {
        let answer = self.run("wasi:keyvalue/store#list-keys", &bucket, Operation::Keys(cursor)).await?;
        answer!(answer, Answer::Keys(keys, cursor) => KeyResponse { keys, cursor })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for View<'_> {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Result<Result<u64, Error>> {
        let operation = Operation::Increment(key, Delta::Unsigned(delta));
        let answer = self.run("wasi:keyvalue/atomics#increment", &bucket, operation).await?;
        answer!(answer, Answer::Number(number) => number)
    }
}

impl batch::Host for View<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<Option<(String, Vec<u8>)>>, Error>> {
        let answer = self.run("wasi:keyvalue/batch#get-many", &bucket, Operation::GetMany(keys)).await?;
        answer!(answer, Answer::Values(values) => values)
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
