//! The operations of the second draft of `wasi:keyvalue`.

steadfast::bindgen!({ path: "../../../host/src/providers/keyvalue/draft2-wit", world: "imports" });

use wasi::keyvalue::atomics::{self, Cas, CasError};
use wasi::keyvalue::batch;
use wasi::keyvalue::store::{self, Error};

pub fn done(bucket: &str, line: &str) -> Result<String, Error> {
    let bucket = &store::open(bucket)?;
    let words: Vec<&str> = line.split(' ').collect();
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text =
        |value: Option<Vec<u8>>| value.map_or("none".into(), |value| String::from_utf8_lossy(&value).into_owned());
    Ok(match words[..] {
        ["get", key] => text(bucket.get(key)?),
        ["set", key, value] => format!("{:?}", bucket.set(key, value.as_bytes())?),
        ["delete", key] => format!("{:?}", bucket.delete(key)?),
        ["exists", key] => bucket.exists(key)?.to_string(),
        ["increment", key, delta] => atomics::increment(bucket, key, delta.parse().unwrap_or(0))?.to_string(),
        ["keys", cursor] => {
            let page = bucket.list_keys(Some(cursor))?;
            format!("{:?} {:?}", page.keys, page.cursor)
        }
        // A handle, what it shows, and the swap by it.
        ["swap", key, value] => {
            let cas = Cas::new(bucket, key)?;
            let current = text(cas.current()?);
            format!("{current} {}", swapped(cas, value)?)
        }
        // Another write comes between.
        ["late", key, other, value] => {
            let cas = Cas::new(bucket, key)?;
            bucket.set(key, other.as_bytes())?;
            swapped(cas, value)?
        }
        ["get-many", ref keys @ ..] => {
            let found = batch::get_many(bucket, &owned(keys))?;
            found.into_iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(" ")
        }
        ["set-many", key, value] => {
            format!("{:?}", batch::set_many(bucket, &[(key.into(), value.as_bytes().to_vec())])?)
        }
        ["delete-many", ref keys @ ..] => format!("{:?}", batch::delete_many(bucket, &owned(keys))?),
        _ => "what?".into(),
    })
}

/// What came of a swap: where it failed, the value of now, and what came of one by the new handle.
fn swapped(cas: Cas, value: &str) -> Result<String, Error> {
    match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => Ok("swapped".into()),
        Err(CasError::StoreError(error)) => Err(error),
        Err(CasError::CasFailed(cas)) => {
            let now = cas.current()?.map_or("none".into(), |value| String::from_utf8_lossy(&value).into_owned());
            Ok(match atomics::swap(cas, value.as_bytes()) {
                Ok(()) => format!("failed, since it is {now}, and swapped"),
                Err(_) => format!("failed twice, since it is {now}"),
            })
        }
    }
}
