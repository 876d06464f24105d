//! A function that components call, by its names.

use std::sync::Arc;

use super::{Functions, Interface, Signature};

/// What a call is of.
pub(crate) struct Function {
    pub interface: Interface,
    pub name: String,
    /// As the one who holds this has it: a caller, or a target.
    pub signature: Arc<Signature>,
    /// `acme:greeter/api`, as links name the interface.
    pub path: String,
    /// `acme:greeter/api#greet`, as errors and faults name it.
    pub target: String,
}

impl Function {
    pub fn new(interface: &Interface, name: &str, signature: &Arc<Signature>) -> Arc<Self> {
        let path = interface.path();
        // What stands in a world by itself has one name.
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
