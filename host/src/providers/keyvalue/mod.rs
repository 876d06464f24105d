//! Keys and values that all instances share: what `wasi:keyvalue` works on, and `wrpc:keyvalue`.
//!
//! `buckets` holds the data and its bounds, `redis` and `nats` ask others that do, and `plain` says how the store is called
//! with values. Here is what can be asked of it.

mod buckets;
#[cfg(any(feature = "redis", feature = "wrpc"))]
mod last;
#[cfg(feature = "wrpc")]
mod nats;
mod options;
mod plain;
#[cfg(feature = "redis")]
mod redis;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Service;
use crate::failure::Failure;
use crate::health::StoreState;
use crate::lattice::{Invocation, Reply};
use buckets::Buckets;
pub(crate) use buckets::Refused;
pub(crate) use options::{FileOptions, Options};

/// The store, as a service.
#[derive(Default)]
pub(crate) struct Keyvalue {
    place: Place,
    #[cfg(any(feature = "redis", feature = "wrpc"))]
    last: last::Last,
}

/// Where the values are.
enum Place {
    Memory(Buckets),
    #[cfg(feature = "redis")]
    Redis(Box<redis::Redis>),
    #[cfg(feature = "wrpc")]
    Nats(Box<nats::Nats>),
}

impl Default for Place {
    fn default() -> Self {
        Place::Memory(Buckets::default())
    }
}

/// What is asked of a bucket.
#[derive(Debug)]
pub(crate) enum Operation {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Exists(String),
    Increment(String, Delta),
    /// A page of keys, from a cursor on.
    Keys(Option<u64>),
    GetMany(Vec<String>),
    SetMany(Vec<(String, Vec<u8>)>),
    DeleteMany(Vec<String>),
    /// The value, and what is to be shown to swap it.
    Look(String),
    /// Gives a key another value, if it is as it was seen.
    Swap(String, Seen, Vec<u8>),
}

impl Operation {
    /// The one key that it sets or counts.
    pub fn writes(&self) -> Option<&str> {
        match self {
            Operation::Set(key, _) | Operation::Increment(key, _) | Operation::Swap(key, ..) => Some(key),
            _ => None,
        }
    }
}

/// What is added, and the numbers that there are then.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Delta {
    Unsigned(u64),
    Signed(i64),
}

/// What was seen of a value.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// Which of all writes it was; 0 for none.
    Revision(u64),
    /// The value itself, of a store that does not count writes.
    #[cfg(feature = "redis")]
    Value(Option<Vec<u8>>),
}

/// What it answers, by the operation.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    Value(Option<Vec<u8>>),
    Exists(bool),
    Number(u64),
    Signed(i64),
    Looked(Option<Vec<u8>>, Seen),
    Swapped(bool),
    Keys(Vec<String>, Option<u64>),
    Values(Vec<Option<(String, Vec<u8>)>>),
}

impl Keyvalue {
    /// The store that a person described.
    ///
    /// # Errors
    /// What is wrong with an address that is elsewhere.
    pub fn new(options: &Options) -> Result<Self, String> {
        let place = match options {
            Options::Memory => Place::default(),
            #[cfg(feature = "redis")]
            Options::Redis { address, ca } => {
                Place::Redis(Box::new(redis::Redis::new(&address.read("redis")?, ca.as_deref())?))
            }
            #[cfg(feature = "wrpc")]
            Options::Nats(bucket) => Place::Nats(Box::new(nats::Nats::new((**bucket).clone()))),
        };
        Ok(Keyvalue {
            place,
            #[cfg(any(feature = "redis", feature = "wrpc"))]
            last: last::Last::default(),
        })
    }

    /// How it is, where it is a server of its own.
    pub fn state(&self) -> Option<StoreState> {
        match &self.place {
            Place::Memory(_) => None,
            #[cfg(feature = "redis")]
            Place::Redis(_) => Some(self.last.state("redis")),
            #[cfg(feature = "wrpc")]
            Place::Nats(_) => Some(self.last.state("nats")),
        }
    }

    /// Whether there is a bucket of this name.
    pub fn has(bucket: &str) -> bool {
        Buckets::has(bucket)
    }

    /// Does an operation on a bucket. The store may refuse it, or it fails on its way.
    pub async fn run(&self, bucket: &str, operation: Operation) -> Result<Result<Answer, Refused>, Failure> {
        if !Buckets::has(bucket) {
            return Ok(Err(Refused::Name));
        }
        match &self.place {
            Place::Memory(buckets) => Ok(Self::in_memory(buckets, bucket, operation)),
            // Boxed, since they are large: what is around an operation moves it several times, and would move room for them
            // also where the values are in memory. A call through a shared breaker took half as long again by that.
            #[cfg(feature = "redis")]
            Place::Redis(redis) => Box::pin(self.last.note(redis.run(bucket, operation))).await,
            #[cfg(feature = "wrpc")]
            Place::Nats(nats) => Box::pin(self.last.note(nats.run(bucket, operation))).await,
        }
    }

    fn in_memory(buckets: &Buckets, bucket: &str, operation: Operation) -> Result<Answer, Refused> {
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
            Operation::Increment(key, delta) => buckets.increment(bucket, &key, delta)?,
            Operation::Look(key) => {
                let (value, revision) = buckets.look(bucket, &key);
                Answer::Looked(value, Seen::Revision(revision))
            }
            Operation::Swap(key, seen, value) => Answer::Swapped(buckets.swap(bucket, &key, &seen, value)?),
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
            plain::reply(self.run(&bucket, operation).await?)
        })
    }

    fn keyvalue(self: Arc<Self>) -> Option<Arc<Keyvalue>> {
        Some(self)
    }
}
