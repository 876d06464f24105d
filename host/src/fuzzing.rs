//! What `fuzz/` tries with bytes that anybody could write: parts that the library does not show. Each says what came of
//! them, and panics where something is wrong.

use std::path::Path;

use crate::component::Component;
use crate::inspect::Inspection;
pub use crate::wrpc::fuzzing::{tcp, value};

/// Reads a component, as a host does before it compiles it, and says all of it that can be said.
pub fn component(bytes: &[u8]) -> String {
    let path = Path::new("fuzz.wasm");
    let (component, inspected) = match (Component::parse(path, bytes.to_vec()), Inspection::parse(path, bytes)) {
        (Ok(component), Ok(inspected)) => (component, inspected),
        (Err(error), _) | (_, Err(error)) => return error.to_string(),
    };
    let functions = component.imports().chain(component.exports()).flat_map(|(_, functions)| functions.values());
    let types: usize = functions.map(|signature| signature.wire().len()).sum();
    let checked = component.check_imports().err().map(|error| error.to_string()).unwrap_or_default();
    format!("{checked} {types} {}", inspected.to_json())
}
