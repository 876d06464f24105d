//! The error of wRPC, for components that are built against it: a resource that tells nothing but a text.

use wasmtime::component::{Linker, Resource, ResourceAny, ResourceType, Val};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p2::IoError;

use crate::component::WRPC_ERROR;
use crate::failure::Failure;
use crate::instance::Guest;

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    let mut interface = linker.instance(WRPC_ERROR)?;
    interface.resource("error", ResourceType::host::<Failure>(), |mut store, handle| {
        store.data_mut().table.delete(Resource::<Failure>::new_own(handle))?;
        Ok(())
    })?;
    interface.func_wrap("[method]error.to-debug-string", |mut store: StoreContextMut<'_, Guest>, (error,)| {
        Ok((text(store.data_mut().table.get(&error)?),))
    })?;
    // No stream of this host fails with an error of wRPC.
    interface.func_wrap("[static]error.from-io-error", |_: StoreContextMut<'_, Guest>, (error,)| {
        Ok((Err::<Resource<Failure>, Resource<IoError>>(error),))
    })
}

/// Cause and delivery first, so that programs can tell them: `no-target (not-sent): acme:greeter/api#greet: …`.
fn text(failure: &Failure) -> String {
    match &failure.target {
        Some(target) => Failure { message: format!("{target}: {}", failure.message), ..failure.clone() }.to_string(),
        None => failure.to_string(),
    }
}

/// An error that a guest is given.
pub(in crate::instance) fn error(mut store: impl AsContextMut<Data = Guest>, failure: Failure) -> Result<Val> {
    let error = store.as_context_mut().data_mut().table.push(failure)?;
    Ok(Val::Resource(ResourceAny::try_from_resource(error, store)?))
}

/// The failure in an error that a guest gives back; `None` if the value is none.
pub(in crate::instance) fn failure(mut store: impl AsContextMut<Data = Guest>, error: &Val) -> Option<Failure> {
    let Val::Resource(error) = error else { return None };
    let error = error.try_into_resource::<Failure>(&mut store).ok()?;
    store.as_context_mut().data_mut().table.delete(error).ok()
}
