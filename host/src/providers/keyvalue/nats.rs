//! All buckets are in one key-value store of JetStream: a key of it is `<bucket>.<key>`, with what it does not allow written
//! as `=` and two hexadecimal digits. What no other may come between is done by revisions.

use std::fmt::Write;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::context::KeyValueErrorKind;
use async_nats::jetstream::kv::{CreateErrorKind, Operation as Entered, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::sync::OnceCell;

use super::buckets::{MAX_ANSWER, MAX_PAGE, Refused, check, sum};
use super::options::Bucket;
use super::{Answer, Operation};
use crate::failure::{Cause, Delivery, Failure};
use crate::nats::connect_options;

/// Longer than a server takes that is there.
const CONNECT: Duration = Duration::from_secs(2);

/// A NATS server with JetStream, which is connected to when it is first asked.
pub(super) struct Nats {
    bucket: Bucket,
    store: OnceCell<(Client, Store)>,
}

impl Nats {
    pub fn new(bucket: Bucket) -> Self {
        Nats { bucket, store: OnceCell::new() }
    }

    /// The store, which is made if there is none. A connection that is lost comes again by itself; until then, nothing is
    /// sent.
    async fn store(&self) -> Result<&Store, Failure> {
        let (client, store) = self.store.get_or_try_init(|| self.connect()).await?;
        if client.connection_state() != State::Connected {
            let message = format!("the connection to {} is lost; it is made again", self.bucket.address);
            return Err(Failure::new(Cause::Disconnected, Delivery::NotSent, message));
        }
        Ok(store)
    }

    async fn connect(&self) -> Result<(Client, Store), Failure> {
        let Bucket { address, options, name, max_age } = &self.bucket;
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("{address}: {}", crate::error::quote(error));
            Failure::new(Cause::NoTarget, Delivery::NotSent, message)
        };
        let options = connect_options(options, address.wants_tls()).name("steadfast").connection_timeout(CONNECT);
        let client = options.connect(address.servers()).await.map_err(|error| failed(&error))?;
        let jetstream = async_nats::jetstream::new(client.clone());
        let store = match jetstream.get_key_value(name).await {
            Err(error) if error.kind() == KeyValueErrorKind::GetBucket => {
                // Another may have made it meanwhile.
                jetstream.get_or_create_stream(stream(name, *max_age)).await.map_err(|error| failed(&error))?;
                jetstream.get_key_value(name).await
            }
            store => store,
        };
        Ok((client, store.map_err(|error| failed(&error))?))
    }

    pub async fn run(&self, bucket: &str, operation: Operation) -> Result<Result<Answer, Refused>, Failure> {
        if let Err(refused) = check(&operation) {
            return Ok(Err(refused));
        }
        let store = self.store().await?;
        let name = |key: &str| [encoded(bucket), encoded(key)].join(".");
        Ok(Ok(match operation {
            Operation::Get(key) => Answer::Value(get(store, name(&key)).await?),
            Operation::Set(key, value) => {
                set(store, name(&key), value).await?;
                Answer::Done
            }
            Operation::Delete(key) => {
                delete(store, name(&key)).await?;
                Answer::Done
            }
            Operation::Exists(key) => Answer::Exists(get(store, name(&key)).await?.is_some()),
            Operation::Increment(key, delta) => match increment(store, name(&key), &key, delta).await? {
                Ok(sum) => Answer::Number(sum),
                Err(refused) => return Ok(Err(refused)),
            },
            Operation::Keys(cursor) => {
                let beginning = encoded(bucket) + ".";
                let keys = store.keys().await.map_err(|error| failure(&error))?;
                let mut keys: Vec<String> = keys.try_collect().await.map_err(|error| failure(&error))?;
                // In an order that is the same for each page.
                keys.sort();
                let mut keys = keys.iter().filter_map(|key| Some(decoded(key.strip_prefix(&beginning)?)));
                let begins = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
                let page: Vec<String> = keys.by_ref().skip(begins).take(MAX_PAGE).collect();
                let next = keys.next().map(|_| (begins + page.len()) as u64);
                Answer::Keys(page, next)
            }
            Operation::GetMany(keys) => {
                let (mut values, mut bytes) = (Vec::new(), 0);
                for key in keys {
                    let value = get(store, name(&key)).await?;
                    bytes += value.as_ref().map_or(0, Vec::len);
                    if bytes > MAX_ANSWER {
                        return Ok(Err(Refused::Answer));
                    }
                    values.push(value.map(|value| (key, value)));
                }
                Answer::Values(values)
            }
            Operation::SetMany(pairs) => {
                for (key, value) in pairs {
                    set(store, name(&key), value).await?;
                }
                Answer::Done
            }
            Operation::DeleteMany(keys) => {
                for key in keys {
                    delete(store, name(&key)).await?;
                }
                Answer::Done
            }
        }))
    }
}

/// The stream that a key-value store is. Not by `create_key_value`, which asks for what servers before 2.10 do not say, and
/// would have replicas answer reads: then one instance might not see what another has written.
fn stream(bucket: &str, max_age: Option<Duration>) -> Config {
    Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        max_age: max_age.unwrap_or_default(),
        allow_rollup: true,
        deny_delete: true,
        discard: DiscardPolicy::New,
        ..Config::default()
    }
}

async fn get(store: &Store, name: String) -> Result<Option<Vec<u8>>, Failure> {
    Ok(store.get(name).await.map_err(|error| failure(&error))?.map(|value| value.to_vec()))
}

async fn set(store: &Store, name: String, value: Vec<u8>) -> Result<(), Failure> {
    store.put(name, value.into()).await.map(drop).map_err(|error| failure(&error))
}

async fn delete(store: &Store, name: String) -> Result<(), Failure> {
    store.purge(name).await.map_err(|error| failure(&error))
}

/// Again until no other came between: each time, another's has counted.
async fn increment(store: &Store, name: String, key: &str, delta: u64) -> Result<Result<u64, Refused>, Failure> {
    loop {
        let entry = store.entry(name.clone()).await.map_err(|error| failure(&error))?;
        let entry = entry.filter(|entry| entry.operation == Entered::Put);
        let sum = match sum(key, entry.as_ref().map(|entry| &entry.value[..]), delta) {
            Ok(sum) => sum,
            Err(refused) => return Ok(Err(refused)),
        };
        let value = Bytes::from(sum.to_string());
        match entry {
            Some(entry) => match store.update(&name, value, entry.revision).await {
                Ok(_) => return Ok(Ok(sum)),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(failure(&error)),
            },
            None => match store.create(&name, value).await {
                Ok(_) => return Ok(Ok(sum)),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure(&error)),
            },
        }
    }
}

/// What was asked may have been done.
fn failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    let text = crate::error::quote(&error);
    let cause = if text.contains("timed out") { Cause::Timeout } else { Cause::Disconnected };
    Failure::new(cause, Delivery::Unknown, format!("NATS: {text}"))
}

/// A part of a key, in the characters that JetStream allows; a dot is between the parts, and none is empty.
fn encoded(text: &str) -> String {
    if text.is_empty() {
        return "=".into();
    }
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => encoded.push(byte.into()),
            // Writing to a text fails for no one.
            byte => drop(write!(encoded, "={byte:02x}")),
        }
    }
    encoded
}

/// The text again. What was written by others is left as it is.
fn decoded(encoded: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        match (first, digits) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'=', None) if after.is_empty() && bytes.is_empty() => rest = after,
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_part_of_a_key_and_back() {
        for (text, expected) in [
            ("", "="),
            ("acme/greeter", "acme/greeter"),
            ("a.b", "a=2eb"),
            ("=", "=3d"),
            ("\u{fc} *>", "=c3=bc=20=2a=3e"),
        ] {
            assert_eq!(encoded(text), expected);
            assert_eq!(decoded(expected), text);
        }
    }
}
