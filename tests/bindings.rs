//! What `bindgen!` adds to bindings changes nothing outside of them.
#![cfg(not(target_family = "wasm"))]

use steadfast_demo::guests::Guests;
use wit_component::{DecodedWasm, WitPrinter};

/// The same component, with its bindings made and its calls written in another way.
fn component(features: &[&str]) -> Vec<u8> {
    let file = Guests::variant("bindings", "guest", features).unwrap();
    std::fs::read(file).unwrap()
}

/// The type of a component, as WIT. The order of types in an interface depends on which the code comes to first, and
/// says nothing.
fn wit(component: &[u8]) -> String {
    let DecodedWasm::Component(mut resolve, world) = wit_component::decode(component).unwrap() else {
        panic!("not a component");
    };
    for (_, interface) in resolve.interfaces.iter_mut() {
        interface.types.sort_keys();
        interface.functions.sort_keys();
    }
    let package = resolve.worlds[world].package.unwrap();
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package).collect();
    let mut printer = WitPrinter::default();
    printer.print(&resolve, package, &others).unwrap();
    printer.output.to_string()
}

#[test]
fn a_component_has_the_type_that_generate_gives_it_and_a_client_costs_what_a_closure_does() {
    let plain = component(&["plain"]);
    let closures = component(&[]);
    let clients = component(&["clients"]);
    assert!(wit(&plain).contains("import test:bindings/calls@0.1.0;"), "{}", wit(&plain));
    assert_eq!(wit(&closures), wit(&plain));
    assert_eq!(wit(&clients), wit(&plain));

    // One that is not used adds nothing.
    assert_eq!(closures.len(), plain.len());
    // Ten calls: some tens of bytes each at most.
    let extra = clients.len().saturating_sub(closures.len());
    assert!(extra <= 10 * 50, "{extra} B more for clients than for closures");
}
