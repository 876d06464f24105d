//! A service of the host that components call, as they call other components.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Network;
use crate::component::{Function, Functions, Interface, in_wit};
use crate::failure::{Cause, Delivery, Failure};
use crate::health::Health;
use crate::lattice::{Invocation, Reply, Transport};
use crate::providers::keyvalue::Keyvalue;
use crate::providers::{Options, Service};

/// A provider that runs.
pub(crate) struct Provided {
    pub name: &'static str,
    pub functions: BTreeMap<Interface, Functions>,
    /// The targets of all of them, as each call is looked up here.
    targets: HashSet<String>,
    service: Arc<dyn Service>,
}

impl Provided {
    /// Starts the provider that `options` are of.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn start(options: &Options) -> Result<Self, String> {
        let service = options.start()?;
        let mut functions = in_wit(service.wit())?;
        functions.retain(|interface, _| !service.calls().contains(&interface.path().as_str()));
        let targets = Function::all(&functions).map(|function| function.target.clone()).collect();
        Ok(Provided { name: options.name(), functions, targets, service })
    }

    /// Begins what needs a runtime, which `health` tells of from then on.
    pub fn begin(&self, health: &Health) {
        self.service.begin(health);
    }

    /// The store, where it is one that `wasi:keyvalue` can work on.
    pub fn keyvalue(&self) -> Option<Arc<Keyvalue>> {
        self.service.clone().keyvalue()
    }

    /// The interfaces that it has, for a message.
    pub fn export_list(&self) -> String {
        self.functions.keys().map(Interface::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provided").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Transport<Network> for Provided {
    fn invoke<'a>(
        &'a self,
        network: &'a Arc<Network>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        let function = &invocation.function;
        if !self.targets.contains(&function.target) {
            let message = format!("the provider `{}` has no `{}`", self.name, function.target);
            return Box::pin(async { Err(Failure::new(Cause::Protocol, Delivery::NotSent, message)) });
        }
        network.lattice.journal().arrived(invocation.trace.trace_id(), &function.target);
        self.service.clone().call(invocation)
    }
}
