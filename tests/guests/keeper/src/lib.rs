//! A handler for the tests: a line of the request's body is an operation of `wasi:keyvalue` on the bucket that the path
//! names, and a line of the answer says what came of it. A line that begins with `plain` is one of `wrpc:keyvalue`,
//! and one that begins with `second`, of the second draft.

mod plain;
mod second;

use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({ path: "../../../host/src/providers/keyvalue/wasi-wit", world: "imports" });

use wasi::keyvalue::store::{self, Bucket};
use wasi::keyvalue::{atomics, batch};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = request.uri().path().trim_start_matches('/').to_string();
    let mut body = request.into_body();
    let text = body.str_contents().await?;
    let answer = match store::open(&name) {
        Ok(bucket) => {
            let done = |line: &str| match line.split_once(' ') {
                Some(("plain", line)) => plain::done(&name, line).unwrap_or_else(|error| format!("{error:?}")),
                Some(("second", line)) => second::done(&name, line).unwrap_or_else(|error| format!("{error:?}")),
                _ => done(&bucket, line).unwrap_or_else(|error| format!("{error:?}")),
            };
            text.lines().map(done).collect()
        }
        Err(error) => vec![format!("{error:?}")],
    };
    Ok(Response::new(answer.join("\n").into()))
}

fn done(bucket: &Bucket, line: &str) -> Result<String, store::Error> {
    let words: Vec<&str> = line.split(' ').collect();
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    Ok(match words[..] {
        ["get", key] => bucket.get(key)?.map_or("none".into(), text),
        ["set", key, value] => format!("{:?}", bucket.set(key, value.as_bytes())?),
        ["set-bytes", key, bytes] => format!("{:?}", bucket.set(key, &vec![0; bytes.parse().unwrap_or(0)])?),
        ["delete", key] => format!("{:?}", bucket.delete(key)?),
        ["exists", key] => bucket.exists(key)?.to_string(),
        ["increment", key, delta] => atomics::increment(bucket, key, delta.parse().unwrap_or(0))?.to_string(),
        ["keys"] => {
            let (mut keys, mut pages, mut cursor) = (0, 0, None);
            loop {
                let page = bucket.list_keys(cursor)?;
                keys += page.keys.len();
                pages += 1;
                cursor = page.cursor;
                if cursor.is_none() {
                    break format!("{keys} in {pages}");
                }
            }
        }
        ["get-many", ref keys @ ..] => {
            let found = batch::get_many(bucket, &owned(keys))?;
            let found =
                found.into_iter().map(|it| it.map_or("none".into(), |(key, value)| format!("{key}={}", text(value))));
            found.collect::<Vec<_>>().join(" ")
        }
        ["set-many", from, to] => {
            let numbers = from.parse().unwrap_or(0)..to.parse().unwrap_or(0);
            let entries: Vec<_> = numbers.map(|number: u32| (format!("key-{number}"), b"value".to_vec())).collect();
            format!("{:?}", batch::set_many(bucket, &entries)?)
        }
        ["delete-many", ref keys @ ..] => format!("{:?}", batch::delete_many(bucket, &owned(keys))?),
        _ => "what?".into(),
    })
}
