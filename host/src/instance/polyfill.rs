//! The import side: a component's custom imports become calls over the lattice.

use wasmtime::AsContextMut;
use wasmtime::component::{Linker, Val};

use super::wasi::wrpc;
use super::{Guest, Work};
use crate::component::{Component, ErrorType, Function};
use crate::lattice::{Invocation, Reply};
use crate::metrics;

/// Defines every function that `component` imports and WASI does not provide, whatever its type.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<()> {
    for function in Function::all(component.imports()) {
        let mut instance = match function.interface.package.as_str() {
            "" => linker.root(),
            _ => linker.instance(&function.interface.to_string())?,
        };
        let name = function.name.clone();
        instance.func_new_async(&name, move |mut store, _type, params, results| {
            let Work { network, depth, deadline, trace } = store.data().work().clone();
            let function = function.clone();
            let invocation = Invocation {
                function: function.clone(),
                params: params.to_vec(),
                depth: depth + 1,
                deadline: deadline.now(),
                trace,
            };
            Box::new(async move {
                if metrics::on() && store.data().has_failed(&function.target) {
                    metrics::repeated(&function.target);
                }
                let reply = network.lattice.invoke(&network, invocation).await;
                if metrics::on() {
                    store.data_mut().called(&function.target, reply.is_err());
                }
                // A function has at most one result, and Wasmtime made room for it.
                if let (Some(value), [result]) = (answer(&mut store, &function, reply)?, results) {
                    *result = value;
                }
                Ok(())
            })
        })?;
    }
    Ok(())
}

/// What the caller is told: the value, the typed error that it opted in to, or else a trap.
fn answer(store: impl AsContextMut<Data = Guest>, function: &Function, reply: Reply) -> wasmtime::Result<Option<Val>> {
    let failed = |error| Ok(Some(Val::Result(Err(Some(Box::new(error))))));
    let target = &function.target;
    match (function.signature.error(), reply) {
        (ErrorType::None | ErrorType::Unexpected | ErrorType::Text, Ok(value)) => Ok(value),
        (ErrorType::RpcError | ErrorType::WrpcError, Ok(value)) => Ok(Some(Val::Result(Ok(value.map(Box::new))))),
        (ErrorType::RpcError, Err(failure)) => failed(failure.into_value(target.clone())),
        (ErrorType::WrpcError, Err(failure)) => failed(wrpc::error(store, failure.of(target.clone()))?),
        (ErrorType::Unexpected, Err(failure)) => {
            let text = Val::String(failure.to_string());
            failed(Val::Variant("unexpected".into(), Some(Box::new(text))))
        }
        (ErrorType::Text, Err(failure)) => failed(Val::String(failure.to_string())),
        (ErrorType::None, Err(failure)) => Err(wasmtime::Error::msg(format!(
            "the call of `{target}` failed, and its type has no way to say so: {failure}"
        ))),
    }
}
