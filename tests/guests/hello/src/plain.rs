//! The greeting without an error: a failure of the call traps.

use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({
    inline: "
        package wrpc-examples:hello;

        interface handler {
            hello: func() -> string;
        }

        world client {
            import handler;
        }
    ",
});

#[wstd::http_server]
async fn main(_: Request<Body>) -> Result<Response<Body>, Error> {
    Ok(Response::new(wrpc_examples::hello::handler::hello().into()))
}
