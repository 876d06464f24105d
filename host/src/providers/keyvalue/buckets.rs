//! Keys and values in memory, within bounds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

#[cfg(any(feature = "redis", feature = "wrpc"))]
use super::Operation;

/// The longest name of a bucket, in bytes. A longer one names no store.
const MAX_NAME: usize = 256;

/// The longest key, in bytes: those of Redis and NATS may be longer, those of other stores are not.
const MAX_KEY: usize = 1_024;

/// The longest value, in bytes: what NATS takes by default.
const MAX_VALUE: usize = 1 << 20;

/// What all keys and values of a host may take, in bytes.
const MAX_TOTAL: usize = 64 << 20;

/// What `get-many` may return, in bytes.
pub(super) const MAX_ANSWER: usize = 16 << 20;

/// The most keys in one page of `list-keys`.
pub(super) const MAX_PAGE: usize = 1_000;

/// What an entry takes beside its key, which is there twice, and its value: places in two maps.
const ENTRY: usize = 160;

/// Why nothing was written, or nothing read.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Refused {
    #[error("the name of the bucket has more than {MAX_NAME} bytes")]
    Name,
    #[error("the key has {0} bytes, and a key may have {MAX_KEY}; use a shorter one")]
    Key(usize),
    #[error("the value of `{0}` has {1} bytes, and a value may have {MAX_VALUE}; store it in parts")]
    Value(String, usize),
    #[error("`{0}` was not written: the store is full, with {MAX_TOTAL} bytes; delete keys that are not used any more")]
    Full(String),
    #[error("`{0}` was not incremented: its value is no number; delete it, or use another key")]
    NoNumber(String),
    #[error("`{0}` was not incremented: the sum would not fit into 64 bits; delete it, or use another key")]
    Overflow(String),
    #[error("the values have more than {MAX_ANSWER} bytes together; get fewer keys at a time")]
    Answer,
}

/// The buckets of a host.
#[derive(Default)]
pub(super) struct Buckets(Mutex<All>);

#[derive(Default)]
struct All {
    by_name: HashMap<String, Entries>,
    /// What they take together.
    bytes: usize,
    /// How many keys were made so far.
    made: u64,
}

#[derive(Default)]
struct Entries {
    /// With the number that its key has in `order`.
    values: HashMap<String, (u64, Vec<u8>)>,
    /// The keys as they were made: a page of them ends at a number, which stays right whatever is written meanwhile.
    order: BTreeMap<u64, String>,
}

fn size(key: &str, value: &[u8]) -> usize {
    ENTRY + 2 * key.len() + value.len()
}

fn check_pair(key: &str, value: &[u8]) -> Result<(), Refused> {
    if key.len() > MAX_KEY {
        return Err(Refused::Key(key.len()));
    }
    if value.len() > MAX_VALUE {
        return Err(Refused::Value(key.into(), value.len()));
    }
    Ok(())
}

/// Whether an operation writes what no store of this host takes, wherever that is.
#[cfg(any(feature = "redis", feature = "wrpc"))]
pub(super) fn check(operation: &Operation) -> Result<(), Refused> {
    match operation {
        Operation::Get(key) | Operation::Delete(key) | Operation::Exists(key) | Operation::Increment(key, _) => {
            check_pair(key, &[])
        }
        Operation::Set(key, value) => check_pair(key, value),
        Operation::SetMany(pairs) => pairs.iter().try_for_each(|(key, value)| check_pair(key, value)),
        Operation::GetMany(keys) | Operation::DeleteMany(keys) => keys.iter().try_for_each(|key| check_pair(key, &[])),
        Operation::Keys(_) => Ok(()),
    }
}

/// The number that a value is, and `delta`.
pub(super) fn sum(key: &str, value: Option<&[u8]>, delta: u64) -> Result<u64, Refused> {
    let number = match value {
        None => 0,
        Some(value) => {
            let digits = str::from_utf8(value).ok();
            digits.and_then(|digits| digits.parse::<u64>().ok()).ok_or_else(|| Refused::NoNumber(key.into()))?
        }
    };
    number.checked_add(delta).ok_or_else(|| Refused::Overflow(key.into()))
}

impl All {
    fn get(&self, bucket: &str, key: &str) -> Option<&Vec<u8>> {
        Some(&self.by_name.get(bucket)?.values.get(key)?.1)
    }

    fn set(&mut self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), Refused> {
        check_pair(key, &value)?;
        let before = self.get(bucket, key).map_or(0, |value| size(key, value));
        let bytes = self.bytes - before + size(key, &value);
        if bytes > MAX_TOTAL {
            return Err(Refused::Full(key.into()));
        }
        self.bytes = bytes;
        let entries = self.by_name.entry(bucket.into()).or_default();
        if let Some((_, old)) = entries.values.get_mut(key) {
            *old = value;
            return Ok(());
        }
        entries.order.insert(self.made, key.into());
        entries.values.insert(key.into(), (self.made, value));
        self.made += 1;
        Ok(())
    }
}

impl Buckets {
    /// Whether there is a bucket of this name: every name that is short enough has one, which is empty at first.
    pub(super) fn has(name: &str) -> bool {
        name.len() <= MAX_NAME
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.all().get(bucket, key).cloned()
    }

    pub(super) fn exists(&self, bucket: &str, key: &str) -> bool {
        self.all().get(bucket, key).is_some()
    }

    pub(super) fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), Refused> {
        self.all().set(bucket, key, value)
    }

    pub(super) fn delete(&self, bucket: &str, key: &str) {
        let mut all = self.all();
        let Some(entries) = all.by_name.get_mut(bucket) else { return };
        let Some((number, value)) = entries.values.remove(key) else { return };
        entries.order.remove(&number);
        if entries.values.is_empty() {
            all.by_name.remove(bucket);
        }
        all.bytes -= size(key, &value);
    }

    /// Numbers are kept in decimal digits, as Redis does, so that `get` shows them.
    pub(super) fn increment(&self, bucket: &str, key: &str, delta: u64) -> Result<u64, Refused> {
        let mut all = self.all();
        let sum = sum(key, all.get(bucket, key).map(Vec::as_slice), delta)?;
        all.set(bucket, key, sum.to_string().into_bytes())?;
        Ok(sum)
    }

    #[allow(clippy::type_complexity, reason = "as the interface has it")]
    pub(super) fn get_many(&self, bucket: &str, keys: Vec<String>) -> Result<Vec<Option<(String, Vec<u8>)>>, Refused> {
        let all = self.all();
        let mut bytes = 0;
        let entry = |key: String| {
            let Some(value) = all.get(bucket, &key) else { return Ok(None) };
            bytes += size(&key, value);
            if bytes > MAX_ANSWER {
                return Err(Refused::Answer);
            }
            let value = value.clone();
            Ok(Some((key, value)))
        };
        keys.into_iter().map(entry).collect()
    }

    /// A page of keys, and where the next one begins.
    pub(super) fn keys(&self, bucket: &str, cursor: Option<u64>) -> (Vec<String>, Option<u64>) {
        let all = self.all();
        let Some(entries) = all.by_name.get(bucket) else { return (Vec::new(), None) };
        let mut rest = entries.order.range(cursor.unwrap_or(0)..);
        let page = rest.by_ref().take(MAX_PAGE).map(|(_, key)| key.clone()).collect();
        (page, rest.next().map(|(number, _)| *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_what_was_written_into_it() {
        let buckets = Buckets::default();
        buckets.set("a", "key", b"one".into()).unwrap();
        buckets.set("a", "key", b"two".into()).unwrap();
        assert_eq!(buckets.get("a", "key"), Some(b"two".into()));
        assert!(buckets.exists("a", "key"));
        assert_eq!(buckets.get("b", "key"), None, "another bucket is another collection");
        buckets.delete("a", "key");
        buckets.delete("a", "key");
        assert!(!buckets.exists("a", "key"));
    }

    #[test]
    fn an_increment_begins_at_zero_and_refuses_what_is_no_number() {
        let buckets = Buckets::default();
        assert_eq!(buckets.increment("", "n", 3), Ok(3));
        assert_eq!(buckets.increment("", "n", 0), Ok(3));
        assert_eq!(buckets.get("", "n"), Some(b"3".into()));
        assert_eq!(buckets.increment("", "n", u64::MAX), Err(Refused::Overflow("n".into())));
        assert_eq!(buckets.increment("", "n", 1), Ok(4), "a refused increment changes nothing");
        buckets.set("", "text", b"four".into()).unwrap();
        assert_eq!(buckets.increment("", "text", 1), Err(Refused::NoNumber("text".into())));
    }

    #[test]
    fn keys_come_in_pages_that_writes_in_between_do_not_shift() {
        let buckets = Buckets::default();
        let all: Vec<String> = (0..MAX_PAGE + 2).map(|number| format!("key {number}")).collect();
        for key in &all {
            buckets.set("", key, Vec::new()).unwrap();
        }
        let (first, cursor) = buckets.keys("", None);
        assert_eq!(first, all[..MAX_PAGE]);
        buckets.delete("", &all[0]);
        buckets.delete("", &all[MAX_PAGE]);
        let (second, end) = buckets.keys("", cursor);
        assert_eq!((second, end), (vec![all[MAX_PAGE + 1].clone()], None));
        assert_eq!(buckets.keys("", Some(u64::MAX)), (Vec::new(), None));
        assert_eq!(buckets.keys("none", None), (Vec::new(), None));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let buckets = Buckets::default();
        assert!(Buckets::has(&"b".repeat(MAX_NAME)) && !Buckets::has(&"b".repeat(MAX_NAME + 1)));
        assert_eq!(buckets.set("", &"k".repeat(MAX_KEY), Vec::new()), Ok(()));
        assert_eq!(buckets.set("", &"k".repeat(MAX_KEY + 1), Vec::new()), Err(Refused::Key(MAX_KEY + 1)));
        assert_eq!(buckets.increment("", &"k".repeat(MAX_KEY + 1), 1), Err(Refused::Key(MAX_KEY + 1)));
        assert_eq!(buckets.set("", "k", vec![0; MAX_VALUE]), Ok(()));
        let refused = Refused::Value("k".into(), MAX_VALUE + 1);
        assert_eq!(buckets.set("", "k", vec![0; MAX_VALUE + 1]), Err(refused));
    }

    #[test]
    fn a_full_store_takes_more_after_something_is_deleted() {
        let buckets = Buckets::default();
        let fits = (0..).take_while(|number| buckets.set("", &number.to_string(), vec![0; MAX_VALUE]).is_ok()).count();
        assert_eq!(fits, MAX_TOTAL / MAX_VALUE - 1, "a value takes a little more than its bytes");
        assert_eq!(buckets.set("", "more", vec![0; MAX_VALUE]), Err(Refused::Full("more".into())));
        buckets.set("", "0", Vec::new()).unwrap();
        assert_eq!(buckets.set("", "more", vec![0; MAX_VALUE]), Ok(()));
        for key in (0..fits).map(|number| number.to_string()).chain(["more".into()]) {
            buckets.delete("", &key);
        }
        assert_eq!(buckets.all().bytes, 0, "every byte is given back");
    }

    #[test]
    fn many_values_are_returned_in_order_and_within_bounds() {
        let buckets = Buckets::default();
        buckets.set("", "large", vec![7; MAX_VALUE]).unwrap();
        let got = buckets.get_many("", vec!["none".into(), "large".into()]).unwrap();
        assert_eq!(got, [None, Some(("large".into(), vec![7; MAX_VALUE]))]);
        let many = vec!["large".to_string(); MAX_ANSWER / MAX_VALUE + 1];
        assert_eq!(buckets.get_many("", many), Err(Refused::Answer));
    }
}
