//! A handler whose policy has a name: whoever runs it may change the policy.

use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({ path: "../wit", world: "caller" });

use test::guests::hostile;

/// Two attempts, unless somebody says otherwise.
#[cfg(not(feature = "nameless"))]
static HOSTILE: steadfast::config::Named = steadfast::config::Named::new(
    "hostile",
    r#"{"deadline": "30s", "retry": {"attempts": 2, "backoff": {"constant": "100ms", "jitter": "none"}}}"#,
);

#[cfg(feature = "nameless")]
static HOSTILE: steadfast::Policy<(steadfast::Retry,)> = steadfast::Policy::new().retry(steadfast::Retry::attempts(2));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    #[cfg(not(feature = "nameless"))]
    let policy = HOSTILE.policy();
    #[cfg(feature = "nameless")]
    let policy = &HOSTILE;
    Ok(match policy.call(hostile::count) {
        Ok(count) => Response::new(count.to_string().into()),
        Err(failed) => failed.problem(request.uri().path()).into(),
    })
}
