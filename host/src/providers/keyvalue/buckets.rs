//! Keys and values in memory, within bounds.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

#[cfg(any(feature = "redis", feature = "wrpc"))]
use super::Operation;
use super::{Answer, Delta, Seen};

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
    #[error("the cursor `{0}` is none of this store; give the one that came with the page before")]
    Cursor(String),
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
    /// How many values were written so far.
    writes: u64,
}

#[derive(Default)]
struct Entries {
    values: HashMap<String, Entry>,
    /// The keys as they were made: a page of them ends at a number, which stays right whatever is written meanwhile.
    order: BTreeMap<u64, String>,
}

struct Entry {
    /// The number that its key has in `order`.
    number: u64,
    /// Which of all writes was the last.
    revision: u64,
    value: Vec<u8>,
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
        Operation::Get(key)
        | Operation::Delete(key)
        | Operation::Exists(key)
        | Operation::Increment(key, _)
        | Operation::Look(key) => check_pair(key, &[]),
        Operation::Set(key, value) | Operation::Swap(key, _, value) => check_pair(key, value),
        Operation::SetMany(pairs) => pairs.iter().try_for_each(|(key, value)| check_pair(key, value)),
        Operation::GetMany(keys) | Operation::DeleteMany(keys) => keys.iter().try_for_each(|key| check_pair(key, &[])),
        Operation::Keys(_) => Ok(()),
    }
}

/// The number that a value is, and `delta`: its digits, and what is answered.
pub(super) fn sum(key: &str, value: Option<&[u8]>, delta: Delta) -> Result<(String, Answer), Refused> {
    /// The number that a value is, of a type.
    fn number<T: FromStr + Default>(key: &str, value: Option<&[u8]>) -> Result<T, Refused> {
        let Some(value) = value else { return Ok(T::default()) };
        let digits = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        digits.ok_or_else(|| Refused::NoNumber(key.into()))
    }
    let overflow = || Refused::Overflow(key.into());
    match delta {
        Delta::Unsigned(delta) => {
            let sum = number::<u64>(key, value)?.checked_add(delta).ok_or_else(overflow)?;
            Ok((sum.to_string(), Answer::Number(sum)))
        }
        Delta::Signed(delta) => {
            let sum = number::<i64>(key, value)?.checked_add(delta).ok_or_else(overflow)?;
            Ok((sum.to_string(), Answer::Signed(sum)))
        }
    }
}

impl All {
    fn get(&self, bucket: &str, key: &str) -> Option<&Vec<u8>> {
        Some(&self.entry(bucket, key)?.value)
    }

    fn entry(&self, bucket: &str, key: &str) -> Option<&Entry> {
        self.by_name.get(bucket)?.values.get(key)
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
        self.writes += 1;
        let revision = self.writes;
        if let Some(old) = entries.values.get_mut(key) {
            *old = Entry { revision, value, ..*old };
            return Ok(());
        }
        entries.order.insert(self.made, key.into());
        entries.values.insert(key.into(), Entry { number: self.made, revision, value });
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
        let Some(Entry { number, value, .. }) = entries.values.remove(key) else { return };
        entries.order.remove(&number);
        if entries.values.is_empty() {
            all.by_name.remove(bucket);
        }
        all.bytes -= size(key, &value);
    }

    /// Numbers are kept in decimal digits, as Redis does, so that `get` shows them.
    pub(super) fn increment(&self, bucket: &str, key: &str, delta: Delta) -> Result<Answer, Refused> {
        let mut all = self.all();
        let (digits, answer) = sum(key, all.get(bucket, key).map(Vec::as_slice), delta)?;
        all.set(bucket, key, digits.into_bytes())?;
        Ok(answer)
    }

    /// The value, and which of all writes it was.
    pub(super) fn look(&self, bucket: &str, key: &str) -> (Option<Vec<u8>>, u64) {
        match self.all().entry(bucket, key) {
            Some(Entry { value, revision, .. }) => (Some(value.clone()), *revision),
            None => (None, 0),
        }
    }

    /// Writes, if the last write of the key is the one that was seen. Whether it was.
    pub(super) fn swap(&self, bucket: &str, key: &str, seen: &Seen, value: Vec<u8>) -> Result<bool, Refused> {
        let mut all = self.all();
        let last = all.entry(bucket, key).map_or(0, |entry| entry.revision);
        if !matches!(seen, Seen::Revision(seen) if *seen == last) {
            return Ok(false);
        }
        all.set(bucket, key, value).map(|()| true)
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

    impl Buckets {
        fn add(&self, key: &str, delta: u64) -> Result<u64, Refused> {
            self.increment("", key, Delta::Unsigned(delta)).map(|answer| match answer {
                Answer::Number(number) => number,
                other => panic!("{other:?}"),
            })
        }
    }

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
        assert_eq!(buckets.add("n", 3), Ok(3));
        assert_eq!(buckets.add("n", 0), Ok(3));
        assert_eq!(buckets.get("", "n"), Some(b"3".into()));
        assert_eq!(buckets.add("n", u64::MAX), Err(Refused::Overflow("n".into())));
        assert_eq!(buckets.add("n", 1), Ok(4), "a refused increment changes nothing");
        buckets.set("", "text", b"four".into()).unwrap();
        assert_eq!(buckets.add("text", 1), Err(Refused::NoNumber("text".into())));
    }

    #[test]
    fn a_value_is_swapped_that_nothing_changed() {
        let buckets = Buckets::default();
        let swap = |seen, value: &str| buckets.swap("", "k", &Seen::Revision(seen), value.into());
        assert_eq!((buckets.look("", "k"), swap(0, "one")), ((None, 0), Ok(true)));
        let (value, seen) = buckets.look("", "k");
        assert_eq!((value, swap(0, "two")), (Some(b"one".into()), Ok(false)));
        buckets.set("", "k", b"other".into()).unwrap();
        buckets.set("", "k", b"one".into()).unwrap();
        assert_eq!(swap(seen, "two"), Ok(false), "it is the same again, and was written meanwhile");
        let (_, seen) = buckets.look("", "k");
        buckets.delete("", "k");
        assert_eq!((swap(seen, "two"), swap(0, "two")), (Ok(false), Ok(true)));
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
        assert_eq!(buckets.add(&"k".repeat(MAX_KEY + 1), 1), Err(Refused::Key(MAX_KEY + 1)));
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
