//! The lattice within this process: a target is a component, and a call runs on an instance of its own, or on the
//! one that all calls share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use tokio::sync::Mutex;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, Linker, Val};
use wasmtime::{AsContextMut, Store};

use super::{Cause, Delivery, Failure, Invocation, Lattice, Reply, Transport};
use crate::Error;
use crate::component::{Component, ErrorType, Signature};
use crate::manifest::Instances;
use crate::polyfill;
use crate::wasi::{Guest, Sandbox, wrpc};

/// A component that serves calls.
pub(crate) struct Embedded {
    name: String,
    sandbox: Arc<Sandbox>,
    lattice: Weak<Lattice>,
    pre: InstancePre<Guest>,
    instances: Instances,
    /// The instance that waits for its next call; only with [`Instances::Reuse`]. Calls take turns, so that
    /// there is one memory.
    idle: Mutex<Option<(Store<Guest>, Instance)>>,
    /// By interface, without its version, and function.
    functions: BTreeMap<(String, String), (ComponentExportIndex, Arc<Signature>)>,
}

impl Embedded {
    /// Makes `component` ready to be called.
    pub fn new(
        component: &Component,
        sandbox: &Arc<Sandbox>,
        lattice: &Arc<Lattice>,
        instances: Instances,
    ) -> Result<Self, Error> {
        let mut linker = Linker::new(sandbox.engine());
        crate::wasi::add_to_linker(&mut linker).map_err(Error::Engine)?;
        let unlinkable = |error| component.unlinkable(error);
        polyfill::add_to_linker(&mut linker, component).map_err(unlinkable)?;
        let compiled = component.compile(sandbox.time())?;
        let pre = linker.instantiate_pre(&compiled).map_err(unlinkable)?;

        let mut functions = BTreeMap::new();
        for (interface, signatures) in component.exports() {
            let instance = compiled.get_export_index(None, interface.to_string());
            for (function, signature) in signatures {
                if let Some(index) = compiled.get_export_index(instance.as_ref(), function) {
                    functions.insert((interface.path(), function.clone()), (index, signature.clone()));
                }
            }
        }
        Ok(Embedded {
            name: component.name(),
            sandbox: sandbox.clone(),
            lattice: Arc::downgrade(lattice),
            pre,
            instances,
            idle: Mutex::default(),
            functions,
        })
    }

    async fn call(&self, invocation: Invocation) -> Reply {
        let key = (invocation.interface.path(), invocation.function);
        let (Some((index, signature)), Some(lattice)) = (self.functions.get(&key), self.lattice.upgrade()) else {
            let message = format!("`{}` does not export `{}#{}`", self.name, key.0, key.1);
            return Err(Failure::new(Cause::Protocol, Delivery::NotSent, message));
        };
        let mut results = vec![Val::Bool(false); usize::from(signature.returns())];
        let mut turn = match self.instances {
            Instances::Fresh => None,
            Instances::Reuse => Some(self.idle.lock().await),
        };
        // Out of its place: what traps or is abandoned does not come back.
        let idle = turn.as_mut().and_then(|idle| idle.take());
        let outcome = async {
            let (mut store, instance) = match idle {
                Some((mut store, instance)) => {
                    self.sandbox.refuel(&mut store);
                    (store, instance)
                }
                None => {
                    let mut store = self.sandbox.store(&self.name, lattice, invocation.depth);
                    let instance = self.pre.instantiate_async(&mut store).await?;
                    (store, instance)
                }
            };
            store.data_mut().works_for(invocation.trace);
            let function = instance
                .get_func(&mut store, index)
                .ok_or_else(|| wasmtime::Error::msg("the instance lacks a function that its component exports"))?;
            function.call_async(&mut store, &invocation.params, &mut results).await?;
            let reply = payload(&mut store, signature, results.pop());
            if let Some(idle) = &mut turn {
                **idle = Some((store, instance));
            }
            Ok(reply)
        };
        match outcome.await {
            Ok(reply) => reply,
            Err(error) => {
                if crate::sim::ran_out_of_time(&error) {
                    // It would still be running; the invocation timeout ends the wait.
                    std::future::pending::<()>().await;
                }
                tracing::warn!(target: "steadfast::guest", component = self.name, "trapped: {error:?}");
                let message = format!("`{}` trapped: {}", self.name, error.root_cause());
                Err(Failure::new(Cause::Trapped, Delivery::Delivered, message))
            }
        }
    }
}

impl Transport for Embedded {
    fn invoke<'a>(&'a self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(invocation))
    }
}

/// What travels of a target's result: the value, or the failure that it passes on.
fn payload(mut store: impl AsContextMut<Data = Guest>, signature: &Signature, result: Option<Val>) -> Reply {
    let mut failure = |error: &Val| match signature.error() {
        ErrorType::None => None,
        ErrorType::RpcError => Failure::from_value(error),
        ErrorType::WrpcError => wrpc::failure(&mut store, error),
    };
    match result {
        result if signature.error() == ErrorType::None => Ok(result),
        Some(Val::Result(Ok(value))) => Ok(value.map(|value| *value)),
        Some(Val::Result(Err(Some(error)))) if let Some(failure) = failure(&error) => Err(failure),
        other => {
            let message = format!("the target returned what is no result with its error: {other:?}");
            Err(Failure::new(Cause::Protocol, Delivery::Delivered, message))
        }
    }
}
