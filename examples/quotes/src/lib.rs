//! An upstream for [http-proxy](../http-proxy): `GET` reads a quote, `POST` adds one, and no instance remembers it.

use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/quote") => (StatusCode::OK, "Everything fails, all the time."),
        (&Method::POST, "/quote") => (StatusCode::CREATED, "Noted."),
        _ => (StatusCode::NOT_FOUND, "Try /quote\n"),
    };
    let mut response = Response::new(text.to_string().into());
    *response.status_mut() = status;
    Ok(response)
}
