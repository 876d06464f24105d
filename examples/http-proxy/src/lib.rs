//! A proxy before an upstream that has bad days: what may be repeated is repeated, and what goes wrong all the same
//! is told.

use steadfast::http::Client;
use steadfast::resilient;
use wstd::http::{Body, Error, Request, Response};

const UPSTREAM: &str = "http://quotes.test";

steadfast::policy! {
    /// How we talk to the upstream: at most 3 tries within 3 s, and quiet for 5 s after 6 failures in a row.
    static POLICY = deadline("3s") + retry(attempts = 3, backoff = exponential("100ms"))
                  + breaker(failures = 6, open_for = "5s");
}

#[wstd::http_server]
#[resilient]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    // The client knows by the method what may be repeated; and the body has to be here as a whole for that.
    let request = Request::builder().method(head.method).uri([UPSTREAM, head.uri.path()].concat());
    Ok(Client::new(&POLICY).send(request.body(body.bytes_contents().await?)?).await?)
}
