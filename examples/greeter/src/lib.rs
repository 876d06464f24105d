//! A provider of `acme:greeter/api`. It never fails: an `rpc-error` is made by the host, when a call does not
//! arrive here.

steadfast::bindgen!("greeter");

use exports::acme::greeter::api::{Guest, RpcError};

struct Greeter;

impl Guest for Greeter {
    fn greet(name: String) -> Result<String, RpcError> {
        Ok(["Hello, ", &name, "!"].concat())
    }
}

export!(Greeter);
