//! The operations of `wrpc:keyvalue`, where a bucket is its name.

steadfast::bindgen!({ path: "../../../host/src/providers/keyvalue/plain-wit", world: "imports" });

use wrpc::keyvalue::store::Error;
use wrpc::keyvalue::{atomics, batch, store};

pub fn done(bucket: &str, line: &str) -> Result<String, Error> {
    let words: Vec<&str> = line.split(' ').collect();
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    Ok(match words[..] {
        ["get", key] => store::get(bucket, key)?.map_or("none".into(), text),
        ["set", key, value] => format!("{:?}", store::set(bucket, key, value.as_bytes())?),
        ["delete", key] => format!("{:?}", store::delete(bucket, key)?),
        ["exists", key] => store::exists(bucket, key)?.to_string(),
        ["increment", key, delta] => atomics::increment(bucket, key, delta.parse().unwrap_or(0))?.to_string(),
        ["keys", cursor] => {
            let page = store::list_keys(bucket, cursor.parse().ok())?;
            format!("{:?} {:?}", page.keys, page.cursor)
        }
        ["get-many", ref keys @ ..] => {
            let found = batch::get_many(bucket, &owned(keys))?;
            let found =
                found.into_iter().map(|it| it.map_or("none".into(), |(key, value)| format!("{key}={}", text(value))));
            found.collect::<Vec<_>>().join(" ")
        }
        ["set-many", key, value] => {
            format!("{:?}", batch::set_many(bucket, &[(key.into(), value.as_bytes().to_vec())])?)
        }
        ["delete-many", ref keys @ ..] => format!("{:?}", batch::delete_many(bucket, &owned(keys))?),
        _ => "what?".into(),
    })
}
