//! A component that greets its callers, in the same process or over a network.

steadfast::bindgen!();
use exports::acme::greeter::api::{Guest, RpcError};

struct Greeter;

impl Guest for Greeter {
    /// The `rpc-error` is for the host, which says when a call did not get here.
    fn greet(name: String) -> Result<String, RpcError> {
        Ok(format!("Hello, {name}!\n"))
    }
}

export!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_has_the_name() {
        assert_eq!(Greeter::greet("Ada".into()).unwrap(), "Hello, Ada!\n");
    }
}
