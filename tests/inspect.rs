//! What the host says of the examples before they run, and that its page shows just that.
#![cfg(not(target_family = "wasm"))]

use std::path::Path;
use std::sync::LazyLock;

use steadfast_demo::guests::Guests;
use steadfast_host::inspect::{Failure, Inspection, Kind, OtherEnd};

const PACKAGES: [&str; 5] = ["http-hello", "http-hello-plain", "http-proxy", "greeter", "errors"];

/// Built once: a build for each test would replace the components under the feet of the other.
static GUESTS: LazyLock<Guests> = LazyLock::new(|| Guests::build(&PACKAGES).unwrap());

/// The failures of what a component imports from others, and its warnings.
fn found(inspection: &Inspection) -> (Vec<Failure>, Vec<Kind>) {
    let imports = inspection.imports.iter().filter(|import| import.other_end == OtherEnd::Link);
    let failures = imports.flat_map(|import| import.functions.iter().map(|function| function.failure));
    (failures.collect(), inspection.warnings.iter().map(|warning| warning.kind).collect())
}

#[test]
fn the_examples_are_told_and_the_control_is_not() {
    let inspections = PACKAGES.map(|package| Inspection::read(GUESTS.file(package)).unwrap());
    let expected = [
        (vec![Failure::Steadfast], vec![Kind::StockPeers]),
        (vec![Failure::Trap], vec![Kind::Traps]),
        (vec![], vec![]),
        (vec![], vec![Kind::StockPeers]),
        (vec![Failure::Wrpc], vec![]),
    ];
    assert_eq!(inspections.each_ref().map(found), expected);
    let traps = inspections.each_ref().map(|inspection| inspection.traps().count());
    assert_eq!(traps, [0, 1, 0, 0, 0]);
}

/// Without what WASI provides, which is the toolchain's affair.
fn ours(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("wasi:") && !line.starts_with("      "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_page_shows_what_the_command_prints() {
    let bytes = std::fs::read(GUESTS.file("http-hello-plain")).unwrap();
    let text = Inspection::parse("http-hello-plain.wasm".as_ref(), &bytes).unwrap().to_string();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inspect.md")).unwrap();
    let shown = page.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    assert_eq!(ours(shown), ours(&text));
}
