//! A key-value store of the host, from outside of the components that use it.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::Error;
use crate::manifest::{Manifest, Target, provider_options};
use crate::providers::Options;
use crate::providers::keyvalue::{Answer, Delta, Keyvalue, Operation, Options as Place};

/// The link that says where `wasi:keyvalue` keeps its values.
pub(crate) const STORE: &str = "wasi:keyvalue/store";

/// A key-value store that is a server of its own, Redis or NATS JetStream, as components see it in `wasi:keyvalue`.
///
/// ```no_run
/// # async fn example() -> Result<(), steadfast_host::Error> {
/// use steadfast_host::Store;
///
/// let store = Store::with_options("redis = 'redis://127.0.0.1:6379'")?;
/// for key in store.keys("default").await? {
///     println!("{key}: {:?}", store.get("default", &key).await?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Store(Keyvalue);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").finish_non_exhaustive()
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::Store { problem: problem.into() }
}

impl Store {
    /// The one that a manifest links `wasi:keyvalue/store` to.
    ///
    /// # Errors
    /// [`Error::Store`], when the values are in the memory of the process that serves.
    ///
    /// ```
    /// use steadfast_host::{Manifest, Store};
    ///
    /// let manifest = Manifest::parse("component = 'a.wasm'", "a.toml")?;
    /// let error = Store::of_manifest(&manifest).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot use the store: a.toml keeps it in the memory of the process"));
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn of_manifest(manifest: &Manifest) -> Result<Self, Error> {
        let options = manifest.links.get(STORE).and_then(|link| match &link.target {
            Target::Provider(Options::Keyvalue(options)) => Some(options),
            _ => None,
        });
        Store::at(options.unwrap_or(&Place::Memory), &manifest.path.display().to_string())
    }

    /// The one that stands beside `provider = "keyvalue"` in a link, as TOML, a line for each option.
    ///
    /// # Errors
    /// [`Error::Store`], when an option is wrong, or none says where the server is.
    ///
    /// ```
    /// let error = steadfast_host::Store::with_options("").unwrap_err();
    /// assert!(error.to_string().contains("`nats` says where"), "{error}");
    /// ```
    pub fn with_options(options: &str) -> Result<Self, Error> {
        match provider_options("keyvalue", options).map_err(wrong)? {
            Options::Keyvalue(options) => Store::at(&options, "the description"),
            _ => Err(wrong("these are options of another provider")),
        }
    }

    fn at(options: &Place, whose: &str) -> Result<Self, Error> {
        if *options == Place::Memory {
            return Err(wrong(format!(
                "{whose} keeps it in the memory of the process that serves, where no other process sees it; an option \
                 `redis` or `nats` says where a server is"
            )));
        }
        Keyvalue::new(options).map(Store).map_err(wrong)
    }

    async fn run(&self, bucket: &str, operation: Operation) -> Result<Answer, Error> {
        match self.0.run(bucket, operation).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refused)) => Err(wrong(refused.to_string())),
            Err(failure) => Err(wrong(failure.to_string())),
        }
    }

    /// All keys of a bucket, in the order of their bytes.
    ///
    /// # Errors
    /// [`Error::Store`], when the server cannot be asked.
    ///
    /// ```no_run
    /// # async fn example(store: steadfast_host::Store) -> Result<(), steadfast_host::Error> {
    /// let keys = store.keys("default").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn keys(&self, bucket: &str) -> Result<BTreeSet<String>, Error> {
        let (mut all, mut cursor) = (BTreeSet::new(), None);
        loop {
            let Answer::Keys(keys, next) = self.run(bucket, Operation::Keys(cursor)).await? else { return Ok(all) };
            all.extend(keys);
            cursor = next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The value of a key; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Store`], when the server cannot be asked.
    ///
    /// ```no_run
    /// # async fn example(store: steadfast_host::Store) -> Result<(), steadfast_host::Error> {
    /// let value: Option<Vec<u8>> = store.get("default", "greeting").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.run(bucket, Operation::Get(key.into())).await? {
            Answer::Value(value) => Ok(value),
            _ => Ok(None),
        }
    }

    /// Gives a key another value.
    ///
    /// # Errors
    /// [`Error::Store`], when it was maybe not written.
    ///
    /// ```no_run
    /// # async fn example(store: steadfast_host::Store) -> Result<(), steadfast_host::Error> {
    /// store.set("default", "greeting", b"Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set(&self, bucket: &str, key: &str, value: &[u8]) -> Result<(), Error> {
        self.run(bucket, Operation::Set(key.into(), value.into())).await.map(drop)
    }

    /// Adds `by` to the number of a key, and returns the sum; with 0 it reads the number.
    ///
    /// # Errors
    /// [`Error::Store`], when its value is no number, or it was maybe not counted.
    ///
    /// ```no_run
    /// # async fn example(store: steadfast_host::Store) -> Result<(), steadfast_host::Error> {
    /// let sum = store.increment("default", "visits", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn increment(&self, bucket: &str, key: &str, by: u64) -> Result<u64, Error> {
        match self.run(bucket, Operation::Increment(key.into(), Delta::Unsigned(by))).await? {
            Answer::Number(sum) => Ok(sum),
            _ => Err(wrong("it gave the answer of another operation")),
        }
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// [`Error::Store`], when it is maybe still there.
    ///
    /// ```no_run
    /// # async fn example(store: steadfast_host::Store) -> Result<(), steadfast_host::Error> {
    /// store.delete("default", "greeting").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.run(bucket, Operation::Delete(key.into())).await.map(drop)
    }
}
