//! A handler whose breaker has the state of all instances; on the path `/alone`, of one.

use std::time::Duration;

use steadfast::{Breaker, KeyValue, Policy, SharedBreaker};
use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({ path: "../wit", world: "caller" });

use test::guests::hostile;

const BREAKER: Breaker = Breaker::consecutive_failures(5).open_for(Duration::from_secs(10));

static SHARED: Policy<(SharedBreaker<KeyValue>,)> =
    Policy::new().shared_breaker(BREAKER.shared("sharer/hostile", KeyValue::bucket("default")));

static ALONE: Policy<(Breaker,)> = Policy::new().breaker(BREAKER);

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    let count = if path == "/alone" { ALONE.call(hostile::count) } else { SHARED.call(hostile::count) };
    Ok(match count {
        Ok(count) => Response::new(count.to_string().into()),
        Err(failed) => failed.problem(path).into(),
    })
}
