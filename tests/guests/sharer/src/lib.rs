//! A handler whose breaker has the state of all instances: on the path `/shared` as the code says, and on `/named` as the
//! configuration of the host says. On `/alone`, each instance has its own.

use steadfast::{Failed, resilient};
use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({ path: "../wit", world: "caller" });

use test::guests::hostile;

#[resilient(breaker(failures = 5, open_for = "10s", jitter = 0, shared = "keyvalue", name = "sharer/hostile"))]
fn shared() -> Result<u32, Failed> {
    hostile::count()
}

#[resilient(policy = "hostile", breaker(failures = 5, open_for = "10s", jitter = 0))]
fn named() -> Result<u32, Failed> {
    hostile::count()
}

#[resilient(breaker(failures = 5, open_for = "10s", jitter = 0))]
fn alone() -> Result<u32, Failed> {
    hostile::count()
}

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    let count = match path {
        "/alone" => alone(),
        "/named" => named(),
        _ => shared(),
    };
    Ok(match count {
        Ok(count) => Response::new(count.to_string().into()),
        Err(failed) => failed.problem(path).into(),
    })
}
