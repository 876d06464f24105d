//! The component of the scenarios. Its policies have names, so each scenario says which policy it tries.

mod by_hand;

use std::time::Duration;

use steadfast::config::Named;
use steadfast::{Breaker, Failed, KeyValue, Policy, SharedBreaker};
use wstd::http::{Body, Error, Request, Response, StatusCode};

steadfast::bindgen!("front");

use acme::greeter::api::greet;
use acme::letters::letters::write;

static GREETER: Named = Named::new("greeter", r#"{"retry": "never"}"#);
static LETTERS: Named = Named::new("letters", r#"{"retry": "never"}"#);

/// The breaker that `greeter` has in the scenarios of breakers, with a state that all instances share.
static SHARED: Policy<(SharedBreaker<KeyValue>,)> = Policy::new().shared_breaker(
    Breaker::consecutive_failures(5)
        .open_for(Duration::from_secs(2))
        .shared("scenarios/greeter", KeyValue::bucket("default")),
);

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let result: Result<String, Failed> = match request.uri().path().trim_start_matches('/').split_once('/') {
        Some(("greet", name)) => GREETER.policy().call_async(async || greet(name)).await,
        // As if a second greeting did no harm.
        Some(("greet-again", name)) => GREETER.policy().idempotent().call_async(async || greet(name)).await,
        Some(("greet-shared", name)) => SHARED.call_async(async || greet(name)).await,
        Some(("greet-by-hand", name)) => by_hand::counts_only_sleeps(name).await.map_err(Failed::from),
        Some(("greet-when-told", name)) => by_hand::comes_when_told(name).await.map_err(Failed::from),
        Some(("letter", name)) => LETTERS.policy().call_async(async || write(name)).await,
        _ => {
            let mut response = Response::new("Try /greet/NAME, /greet-again/NAME or /letter/NAME\n".to_string().into());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return Ok(response);
        }
    };
    Ok(match result {
        Ok(text) => Response::new(text.into()),
        Err(failed) => failed.problem(request.uri().path()).into(),
    })
}
