//! The library's own tests pass where the library runs: in a component, in Wasmtime.
#![cfg(not(target_family = "wasm"))]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Store};
use wasmtime_wasi::p2::bindings::sync::Command as Program;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The unit tests of the library, as a component.
fn unit_tests() -> PathBuf {
    // The target is added where it is missing.
    steadfast_demo::guests::Guests::build(&["greeter"]).unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--no-run", "--lib", "--package", "steadfast", "--features", "http,config,toml,tracing"])
        .args(["--target", "wasm32-wasip2", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the tests do not build for wasm32-wasip2");
    let messages = String::from_utf8(output.stdout).unwrap();
    let program = messages.lines().find_map(|message| {
        let message: serde_json::Value = serde_json::from_str(message).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    program.expect("Cargo names the program")
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: wasmtime_wasi_http::default_hooks() }
    }
}

#[test]
fn unit_tests_of_the_library_pass_in_wasmtime_too() {
    // Compiling takes longer than running.
    let mut quick = Config::new();
    quick.cranelift_opt_level(OptLevel::None).cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    let engine = Engine::new(&quick).unwrap();
    let component = Component::from_file(&engine, unit_tests()).unwrap();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker).unwrap();
    let output = MemoryOutputPipe::new(1 << 20);
    let wasi = WasiCtx::builder().arg("unit-tests").stdout(output.clone()).stderr(output.clone()).build();
    let mut store = Store::new(&engine, State { wasi, http: WasiHttpCtx::new(), table: ResourceTable::new() });
    let program = Program::instantiate(&mut store, &component, &linker).unwrap();
    let outcome = program.wasi_cli_run().call_run(&mut store);
    let report = String::from_utf8_lossy(&output.contents()).into_owned();
    let passed = match outcome {
        Ok(result) => result.is_ok(),
        Err(error) => error.downcast_ref::<I32Exit>().is_some_and(|exit| exit.0 == 0),
    };
    assert!(passed, "{report}");
    assert!(report.contains("test http::tests::"), "{report}");
    assert!(
        report.contains("a_breaker_that_opens_for_30_s_is_half_open_after_the_test_clock_moved_30_s ... ok"),
        "{report}"
    );
}
