//! The control: the same handler over the same interface without an error type. When a call fails, the host
//! has no way to say so but to trap this component.

use wstd::http::{Body, Error, Request, Response, StatusCode};

steadfast::bindgen!("http-hello-plain");
use acme::greeter::api as greeter;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    Ok(match path.trim_start_matches('/').split_once('/') {
        Some(("hello" | "strict", name)) => Response::new(greeter::greet(name).into()),
        _ => not_found(),
    })
}

fn not_found() -> Response<Body> {
    let mut response = Response::new("Try /hello/NAME or /strict/NAME\n".to_string().into());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
