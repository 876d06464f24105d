//! What `bindgen!` adds to bindings changes nothing outside of them.
#![cfg(not(target_family = "wasm"))]

use steadfast_demo::guests::Guests;
use wasmparser::{Parser, Payload};
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

/// How many bytes of code and of data there are.
fn code_and_data(component: &[u8]) -> (u64, u64) {
    let (mut code, mut data) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::CodeSectionStart { range, .. } => code += range.end - range.start,
            Payload::DataSection(section) => data += section.range().end - section.range().start,
            _ => {}
        }
    }
    (code, data)
}

#[test]
fn a_component_has_the_type_that_generate_gives_it_and_a_client_costs_what_a_closure_does() {
    let plain = component(&["plain"]);
    let closures = component(&[]);
    let clients = component(&["clients"]);
    assert!(wit(&plain).contains("import test:bindings/calls@0.1.0;"), "{}", wit(&plain));
    assert_eq!(wit(&closures), wit(&plain));
    assert_eq!(wit(&clients), wit(&plain));

    // One that is not used adds nothing. The sections that name functions depend on the order of these, by a byte or two.
    assert_eq!(code_and_data(&closures), code_and_data(&plain));
    // Ten calls: some tens of bytes each at most.
    let extra = clients.len().saturating_sub(closures.len());
    assert!(extra <= 10 * 50, "{extra} B more for clients than for closures");
}
