//! A greeter whose log tells of each execution, and that takes as long as the name says.

use std::time::Duration;

steadfast::bindgen!({ path: "../../../examples/greeter/wit", world: "greeter" });

use exports::acme::greeter::api::{Guest, RpcError};

struct Greeter;

impl Guest for Greeter {
    fn greet(name: String) -> Result<String, RpcError> {
        println!("executed {name}");
        if let Some(time) = time(&name) {
            std::thread::sleep(time);
        }
        println!("returned {name}");
        Ok(["Hello, ", &name, "!"].concat())
    }
}

/// What a name such as `Ada-20s` or `Ada-50ms` ends in.
fn time(name: &str) -> Option<Duration> {
    let (_, time) = name.rsplit_once('-')?;
    match time.strip_suffix("ms") {
        Some(millis) => Some(Duration::from_millis(millis.parse().ok()?)),
        None => Some(Duration::from_secs(time.strip_suffix('s')?.parse().ok()?)),
    }
}

export!(Greeter);
