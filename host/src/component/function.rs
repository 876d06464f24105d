//! A function that components call, with its names made once.

use std::sync::Arc;

use super::{Functions, Interface, Signature};

/// A function of an interface, as calls, links and messages name it.
pub(crate) struct Function {
    pub interface: Interface,
    pub name: String,
    /// As the caller imports it; in a server, a job or a handler of messages, as the target has it.
    pub signature: Arc<Signature>,
    /// `acme:greeter/api`, as links name the interface.
    pub path: String,
    /// `acme:greeter/api#greet`, as errors and faults name it.
    pub target: String,
}

impl Function {
    pub fn new(interface: &Interface, name: &str, signature: &Arc<Signature>) -> Arc<Self> {
        let path = interface.path();
        // A function that stands in a world by itself has no interface: its name is the target.
        let target = if interface.package.is_empty() { path.clone() } else { format!("{path}#{name}") };
        let (interface, name, signature) = (interface.clone(), name.to_string(), signature.clone());
        Arc::new(Function { interface, name, signature, path, target })
    }

    /// All functions of these interfaces.
    pub fn all<'f>(
        interfaces: impl IntoIterator<Item = (&'f Interface, &'f Functions)>,
    ) -> impl Iterator<Item = Arc<Self>> {
        let each = |(interface, functions): (&'f Interface, &'f Functions)| {
            functions.iter().map(move |(name, signature)| Function::new(interface, name, signature))
        };
        interfaces.into_iter().flat_map(each)
    }
}
