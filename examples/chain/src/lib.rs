//! The front of three components in a row. Whatever goes wrong behind the second, this one's client is told of it.

use steadfast::Policy;
use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!("chain");
use acme::letters::letters;

/// No retry here: the one next to the failure retries, and a retry of retries would multiply the calls.
static LETTERS: Policy = Policy::new();

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    Ok(match LETTERS.call(|| letters::write(path.trim_start_matches('/'))) {
        Ok(letter) => Response::new(letter.into()),
        Err(failed) => {
            eprintln!("{failed}");
            failed.problem(path).into()
        }
    })
}
