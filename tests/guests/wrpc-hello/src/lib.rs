//! A component built against the error of wRPC: it calls with it, and passes on the errors that it gets.

use std::time::Duration;

use steadfast::{Backoff, Failure, Policy, Retry};
use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!("middle");

use exports::wrpc_examples::hello::handler as exported;
use wrpc_examples::hello::handler;

static POLICY: Policy<(Retry,)> =
    Policy::new().retry(Retry::attempts(3).backoff(Backoff::constant(Duration::from_millis(1))));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    Ok(match handler::client(&POLICY).hello() {
        Ok(text) => Response::new(text.into()),
        Err(failed) => {
            // What only the resource says.
            eprintln!("{}", failed.last().map(ToString::to_string).unwrap_or_default());
            failed.problem(request.uri().path()).into()
        }
    })
}

struct Middle;

impl exported::Guest for Middle {
    fn hello() -> Result<String, exported::Error> {
        handler::hello().inspect_err(|error| eprintln!("passed on: {:?}", error.cause()))
    }
}

export!(Middle);
