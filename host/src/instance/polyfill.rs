//! The import side: a component's custom imports become calls over the lattice.

use wasmtime::AsContextMut;
use wasmtime::component::{Linker, Val};

use super::wasi::wrpc;
use super::{Guest, Work};
use crate::component::{Component, ErrorType, Signature};
use crate::lattice::{Invocation, Reply};
use crate::metrics;

/// Defines every function that `component` imports and WASI does not provide, whatever its type.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<()> {
    for (interface, functions) in component.imports() {
        for (function, signature) in functions {
            let mut instance = match interface.package.as_str() {
                "" => linker.root(),
                _ => linker.instance(&interface.to_string())?,
            };
            let (interface, name, signature) = (interface.clone(), function.clone(), signature.clone());
            instance.func_new_async(function, move |mut store, _type, params, results| {
                let Work { network, depth, deadline, trace } = store.data().work().clone();
                let invocation = Invocation {
                    interface: interface.clone(),
                    function: name.clone(),
                    signature: signature.clone(),
                    params: params.to_vec(),
                    depth: depth + 1,
                    deadline,
                    trace,
                };
                let target = invocation.target();
                let signature = signature.clone();
                Box::new(async move {
                    if metrics::on() && store.data().has_failed(&target) {
                        metrics::repeated(&target);
                    }
                    let reply = network.lattice.invoke(&network, invocation).await;
                    if metrics::on() {
                        store.data_mut().called(&target, reply.is_err());
                    }
                    // A function has at most one result, and Wasmtime made room for it.
                    if let (Some(value), [result]) = (answer(&mut store, &signature, reply, target)?, results) {
                        *result = value;
                    }
                    Ok(())
                })
            })?;
        }
    }
    Ok(())
}

/// What the caller is told: the value, the typed error that it opted in to, or else a trap.
fn answer(
    store: impl AsContextMut<Data = Guest>,
    signature: &Signature,
    reply: Reply,
    target: String,
) -> wasmtime::Result<Option<Val>> {
    let failed = |error| Ok(Some(Val::Result(Err(Some(Box::new(error))))));
    match (signature.error(), reply) {
        (ErrorType::None | ErrorType::Unexpected | ErrorType::Text, Ok(value)) => Ok(value),
        (ErrorType::RpcError | ErrorType::WrpcError, Ok(value)) => Ok(Some(Val::Result(Ok(value.map(Box::new))))),
        (ErrorType::RpcError, Err(failure)) => failed(failure.into_value(target)),
        (ErrorType::WrpcError, Err(failure)) => failed(wrpc::error(store, failure.of(target))?),
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
