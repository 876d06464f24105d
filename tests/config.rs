//! What a component with a named policy asks of its host.
#![cfg(not(target_family = "wasm"))]

use std::path::Path;

use steadfast_demo::guests::Guests;
use wasmtime::Engine;
use wasmtime::component::Component;

const STORE: &str = "wasi:config/store@0.2.0-rc.1";

fn imports_the_store(component: &Path) -> bool {
    let engine = Engine::default();
    let component = Component::from_file(&engine, component).unwrap();
    component.component_type().imports(&engine).any(|(name, _)| name == STORE)
}

#[test]
fn a_component_imports_the_hosts_configuration_when_it_has_a_named_policy_and_only_then() {
    assert!(imports_the_store(&Guests::variant("named", "guest", &[]).unwrap()));
    assert!(!imports_the_store(&Guests::variant("named", "guest", &["nameless"]).unwrap()));
}
