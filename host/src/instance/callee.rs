//! A component of this process that other components call. Each call runs on an instance of its own, or all take turns
//! on one.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Mutex;
use wasmtime::AsContextMut;
use wasmtime::component::{ComponentExportIndex, InstancePre, Val};

use super::pool::{Exports, NoInstance};
use super::wasi::wrpc;
use super::{Deadline, Guest, Network, Pool, Running, Sandbox, Trap, Work};
use crate::component::{Component, ErrorType, Function, Signature};
use crate::error::Error;
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply, Transport};
use crate::manifest::Instances;
use crate::metrics;
use crate::trace;

/// A component that serves calls.
pub(crate) struct Callee {
    pool: Pool<Functions>,
    /// Where one instance serves all calls, they take turns, so that there is one memory.
    turns: Option<Mutex<()>>,
}

/// By the target that a call names.
struct Functions(HashMap<String, (ComponentExportIndex, Arc<Signature>)>);

impl Exports for Functions {
    fn find(component: &Component, pre: &InstancePre<Guest>) -> Result<Self, Error> {
        let (compiled, mut functions) = (pre.component(), HashMap::new());
        for function in Function::all(component.exports()) {
            let instance = compiled.get_export_index(None, function.interface.to_string());
            if let Some(index) = compiled.get_export_index(instance.as_ref(), &function.name) {
                functions.insert(function.target.clone(), (index, function.signature.clone()));
            }
        }
        Ok(Functions(functions))
    }
}

impl Callee {
    /// Makes `component` ready to be called.
    ///
    /// # Errors
    /// [`Error`], when the component cannot be compiled or linked, or needs more than an instance may have.
    pub fn new(component: &Component, sandbox: &Arc<Sandbox>, instances: Instances) -> Result<Self, Error> {
        let pool = Pool::new(component, sandbox, instances, 1)?;
        let turns = (instances == Instances::Reuse).then(Mutex::default);
        Ok(Callee { pool, turns })
    }

    async fn call(&self, network: &Arc<Network>, invocation: Invocation) -> Reply {
        let name = &self.pool.name;
        let target = &invocation.function.target;
        let Some((_, signature)) = self.pool.exports().0.get(target) else {
            let message = format!("`{name}` does not export `{target}`");
            return Err(Failure::new(Cause::Protocol, Delivery::NotSent, message));
        };
        let _turn = match &self.turns {
            Some(turns) => {
                let _waiting = metrics::waiting(name);
                Some(turns.lock().await)
            }
            None => None,
        };
        let trace_id = invocation.trace.trace_id();
        let work = Work {
            network: network.clone(),
            depth: invocation.depth,
            deadline: Deadline::of(invocation.deadline),
            trace: invocation.trace,
        };
        let mut running = self.pool.take(work).await.map_err(|NoInstance { error, full }| {
            let cause = if full { Cause::Overloaded } else { Cause::NoTarget };
            let message = format!("no instance of `{name}` could be made: {}", error.root_cause());
            tracing::warn!(target: "steadfast::guest", component = name, "{message}");
            Failure::new(cause, Delivery::NotSent, message)
        })?;
        network.lattice.journal().arrived(trace_id, target);
        // Dropped in between, the call is abandoned, and the instance with it.
        match call(&mut running, target, signature, &invocation.params).await {
            Ok(reply) => {
                self.pool.give_back(running);
                reply
            }
            Err(error) => {
                if crate::clock::ran_out_of_time(&error) {
                    // It would still be running; the invocation timeout ends the wait.
                    std::future::pending::<()>().await;
                }
                metrics::trapped(name);
                let _within = trace::within(&running.store.data().work().trace);
                tracing::warn!(target: "steadfast::guest", component = name, "trapped: {}", Trap(&error));
                let message = format!("`{name}` trapped: {}", error.root_cause());
                Err(Failure::new(Cause::Trapped, Delivery::Delivered, message))
            }
        }
    }
}

impl Transport<Network> for Callee {
    fn invoke<'a>(
        &'a self,
        network: &'a Arc<Network>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(network, invocation))
    }
}

async fn call(
    running: &mut Running<Functions>,
    target: &str,
    signature: &Signature,
    params: &[Val],
) -> wasmtime::Result<Reply> {
    let Running { store, instance, exports, .. } = running;
    let mut results = vec![Val::Bool(false); usize::from(signature.returns())];
    let index = exports.0.get(target).map(|(index, _)| index);
    let function = index
        .and_then(|index| instance.get_func(&mut *store, index))
        .ok_or_else(|| wasmtime::Error::msg("the instance lacks a function that its component exports"))?;
    function.call_async(&mut *store, params, &mut results).await?;
    Ok(payload(store, signature, results.pop()))
}

/// What travels of a target's result: the value, or the failure that it passes on.
fn payload(mut store: impl AsContextMut<Data = Guest>, signature: &Signature, result: Option<Val>) -> Reply {
    let mut failure = |error: &Val| match signature.error() {
        ErrorType::None | ErrorType::Unexpected | ErrorType::Text => None,
        ErrorType::RpcError => Failure::from_value(error),
        ErrorType::WrpcError => wrpc::failure(&mut store, error),
    };
    match result {
        result if matches!(signature.error(), ErrorType::None | ErrorType::Unexpected | ErrorType::Text) => Ok(result),
        Some(Val::Result(Ok(value))) => Ok(value.map(|value| *value)),
        Some(Val::Result(Err(Some(error)))) if let Some(failure) = failure(&error) => Err(failure),
        other => {
            let message = format!("the target returned what is no result with its error: {other:?}");
            Err(Failure::new(Cause::Protocol, Delivery::Delivered, message))
        }
    }
}
