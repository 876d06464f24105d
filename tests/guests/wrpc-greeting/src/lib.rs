//! The end of a chain of handlers, for which nothing can fail.

steadfast::bindgen!();

use exports::wrpc_examples::hello::handler;

struct Greeting;

impl handler::Guest for Greeting {
    fn hello() -> String {
        "hello".into()
    }
}

export!(Greeting);
