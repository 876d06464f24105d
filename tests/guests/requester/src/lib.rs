//! A handler for the tests: it passes requests on, to where the request says, by the policy that the request says.

use std::time::Duration;

use steadfast::handler::{Settings, WatchAs, answer};
use steadfast::http::{self, Client};
use steadfast::{AttemptTimeout, Backoff, Failed, Parts, Policy, Retry};
use wstd::http::{Body, Error, Request, Response};

const RETRY: Retry = Retry::attempts(3).backoff(Backoff::constant(Duration::from_millis(1)));

static THRICE: Policy<(Retry, WatchAs)> = Policy::new().retry(RETRY).observer(WatchAs("upstream"));
static QUICK: Policy<(Retry, AttemptTimeout)> =
    Policy::new().retry(RETRY).attempt_timeout(AttemptTimeout::after(Duration::from_millis(200)));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    answer(Settings::new().deadline(Duration::from_secs(2)), request, pass_on).await
}

async fn pass_on(request: Request<Body>) -> Result<Response<Body>, Error> {
    match request.uri().path() {
        "/bug" => return Err(Error::msg("no database at 10.0.0.7")),
        "/sleep" => drop(wstd::task::sleep(wstd::time::Duration::from_secs(3600)).await),
        _ => {}
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut next = Request::builder().method(request.method()).uri(format!(
        "http://{}{}",
        header("x-upstream"),
        request.uri().path()
    ));
    if let Some(key) = request.headers().get("idempotency-key") {
        next = next.header("idempotency-key", key);
    }
    let limit: Option<usize> = header("x-limit").parse().ok();
    let read = header("x-read") == "yes";
    let (quick, stream, last) = (header("x-quick") == "yes", header("x-stream") == "yes", header("x-last") == "yes");
    let mut body = request.into_body();
    if let Some(limit) = limit {
        let next = next.body(body.bytes_contents().await?).expect("a good URL");
        // Without its headers: the length that a response to HEAD has is not that of its body.
        return Ok(Response::new(Client::new(&THRICE).send_collected(next, limit).await?.into_body().into()));
    }
    if read {
        let mut response = send(&THRICE, next, body, false).await?;
        let text = response.body_mut().str_contents().await?.to_owned();
        return Ok(Response::new(text.into()));
    }
    let result = if quick { send(&QUICK, next, body, stream).await } else { send(&THRICE, next, body, stream).await };
    // Whatever the server said, where that was asked for.
    result.or_else(|failed| failed.last().and_then(http::Error::take_response).filter(|_| last).ok_or(failed.into()))
}

async fn send<P: Parts>(
    policy: &Policy<P>,
    next: wstd::http::request::Builder,
    mut body: Body,
    stream: bool,
) -> Result<Response<Body>, Failed<http::Error>> {
    let client = Client::new(policy);
    match stream {
        true => client.send(next.body(body).expect("a good URL")).await,
        false => {
            let bytes = body.bytes_contents().await.expect("a whole body");
            client.send(next.body(bytes).expect("a good URL")).await
        }
    }
}
