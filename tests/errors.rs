//! An error that is a resource is understood in a component, where it has a host to ask for its text.
#![cfg(not(target_family = "wasm"))]

use steadfast_demo::guests::Guests;
use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The error of wRPC, as its runtime has it for a component: a text behind a handle.
struct Text(String);

/// A function that returns what the component says of an error with a text.
fn judge() -> impl FnMut(&str) -> String {
    let guests = Guests::build(&["errors"]).unwrap();
    let engine = Engine::default();
    let component = Component::from_file(&engine, guests.file("errors")).unwrap();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    let mut error = linker.instance("wrpc:rpc/error@0.1.0").unwrap();
    error
        .resource("error", ResourceType::host::<Text>(), |mut store, handle| {
            store.data_mut().table.delete(Resource::<Text>::new_own(handle))?;
            Ok(())
        })
        .unwrap();
    error
        .func_wrap("[method]error.to-debug-string", |mut store, (error,): (Resource<Text>,)| {
            Ok((store.data_mut().table.get(&error)?.0.clone(),))
        })
        .unwrap();
    let mut handler = linker.instance("test:errors/handler@0.1.0").unwrap();
    handler
        .func_wrap("fail", |mut store, (text,): (String,)| {
            Ok((Err::<(), _>(store.data_mut().table.push(Text(text))?),))
        })
        .unwrap();
    let mut store = Store::new(&engine, State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() });
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let judge = instance.get_typed_func::<(&str,), (String,)>(&mut store, "judge").unwrap();
    move |text| judge.call(&mut store, (text,)).unwrap().0
}

#[test]
fn the_error_of_wrpc_is_judged_by_its_text() {
    let mut judge = judge();
    for (text, facts) in [
        ("failed to flush outgoing stream: not connected", "NoTarget, NotSent, attempts: 3"),
        ("link `default` not found for instance `acme:greeter/api`", "NoLink, NotSent, attempts: 1"),
        ("data receipt timed out: deadline has elapsed", "Timeout, Unknown, attempts: 1"),
        ("failed to decode return value 0: unexpected end of file", "Trapped, Unknown, attempts: 1"),
        ("something else", "Other, Unknown, attempts: 1"),
    ] {
        // The generated enums write their names before their cases.
        let said = judge(text).replace("Cause::", "").replace("Delivery::", "");
        assert_eq!(said, format!("{facts}, said: {text}"));
    }
}
