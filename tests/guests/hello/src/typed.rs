//! The greeting with the error of this project.

use wstd::http::{Body, Error, Request, Response};

steadfast::bindgen!({
    inline: "
        package wrpc-examples:hello;

        interface handler {
            use steadfast:rpc/types@0.1.0.{rpc-error};

            hello: func() -> result<string, rpc-error>;
        }

        world client {
            import handler;
        }
    ",
});

#[wstd::http_server]
async fn main(_: Request<Body>) -> Result<Response<Body>, Error> {
    let answer = match wrpc_examples::hello::handler::hello() {
        Ok(greeting) => greeting,
        Err(error) => format!("{:?}, {:?}", error.cause, error.delivery),
    };
    Ok(Response::new(answer.into()))
}
