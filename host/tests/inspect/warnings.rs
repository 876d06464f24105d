//! Each thing that hurts is said once, with its place.

use serde_json::{Value, json};

use crate::component::component;
use crate::{importing, inspect, json, stdout};

/// The kind, side, interface and functions of each warning, and what it says.
fn warnings(bytes: &[u8]) -> (Vec<Value>, String) {
    let all = json(bytes)["warnings"].as_array().expect("a list").clone();
    let texts = all.iter().flat_map(|it| [&it["problem"], &it["advice"]]).map(|text| text.as_str().expect("a text"));
    let texts = texts.collect::<Vec<_>>().join(" ");
    let places = all.iter().map(|it| json!([it["kind"], it["side"], it["interface"], it["functions"]]));
    (places.collect(), texts)
}

const API: &str = "acme:greeter/api@0.1.0";

#[test]
fn what_cannot_cross_keeps_the_component_from_running() {
    for (functions, name, expected) in [
        ("resource cup; pour: func(cup: cup);", "pour", "It has a resource in its parameter `cup`."),
        ("resource cup { pour: func(); }", "[method]cup.pour", "It belongs to a resource."),
        ("tail: func() -> stream<u8>;", "tail", "It has a stream in its result."),
    ] {
        let (found, text) = warnings(&importing(functions));
        let both = ["cannot-cross", "traps"].map(|kind| json!([kind, "import", API, [name]]));
        assert_eq!(found, both, "{functions}");
        assert!(text.starts_with(&format!("{expected} The host refuses to run the component. ")), "{text}");
        assert!(text.contains("ass plain values"), "{text}");
    }
}

#[test]
fn an_async_func_is_of_another_wasi() {
    let (found, text) = warnings(&importing("greet: async func();"));
    assert_eq!(found, ["async", "traps"].map(|kind| json!([kind, "import", API, ["greet"]])));
    assert!(text.starts_with("An `async func` is of WASI 0.3, which this host does not run. Declare it as `func`."));
}

#[test]
fn an_interface_inside_of_a_world_cannot_be_linked() {
    let world = "import cups: interface { pour: func(); } export pots: interface { fill: func(); }";
    let (found, text) = warnings(&component("", world));
    let expected = [
        json!(["inside-a-world", "import", "cups", []]),
        json!(["traps", "import", "cups", ["pour"]]),
        json!(["inside-a-world", "export", "pots", []]),
    ];
    assert_eq!(found, expected);
    assert!(text.starts_with("It is inside of a world, so no link can name it. The host refuses to run"), "{text}");
    assert_eq!(inspect(&component("", world), &["--deny", "traps"]).status.code(), Some(2));
}

#[test]
fn a_function_that_stands_in_a_world_by_itself_is_named_once() {
    let bytes = component("", "import greet: func(); export part: func();");
    let output = inspect(&bytes, &[]);
    let text = stdout(&output);
    assert!(text.contains("gets when a call fails:\n  greet    a trap\n\nExports:\n  part\n"), "{text}");
    assert!(text.contains("\nwarning: greet\n  When a call fails,"), "{text}");
}

#[test]
fn two_versions_of_one_interface_share_a_link() {
    let of = |version| format!("package acme:cups@{version} {{ interface api {{ pour: func(); }} }}");
    let packages = of("0.1.0") + &of("0.2.0");
    let (found, text) = warnings(&component(&packages, "import acme:cups/api@0.1.0; import acme:cups/api@0.2.0;"));
    assert_eq!(found[1], json!(["two-versions", "import", "acme:cups/api@0.2.0", []]));
    assert!(text.contains("`acme:cups/api@0.1.0` is imported too. A link names no version"), "{text}");
    let (found, _) = warnings(&component(&packages, "export acme:cups/api@0.1.0; export acme:cups/api@0.2.0;"));
    assert_eq!(found, [json!(["two-versions", "export", "acme:cups/api@0.2.0", []])]);
}

#[test]
fn an_interface_under_a_label_is_named_by_its_label() {
    let cups = "package acme:cups@1.0.0 { interface api { pour: func(); } }";
    let world = "import primary: acme:cups/api@1.0.0; import backup: acme:cups/api@1.0.0; import acme:cups/api@1.0.0;
                 export mine: acme:cups/api@1.0.0; export yours: acme:cups/api@1.0.0;";
    let bytes = component(cups, world);
    let (found, text) = warnings(&bytes);
    let expected = [
        json!(["traps", "import", "acme:cups/api@1.0.0", ["pour"]]),
        json!(["labelled", "import", "backup: acme:cups/api@1.0.0", []]),
        json!(["labelled", "import", "primary: acme:cups/api@1.0.0", []]),
        json!(["labelled", "export", "mine: acme:cups/api@1.0.0", []]),
        json!(["labelled", "export", "yours: acme:cups/api@1.0.0", []]),
    ];
    assert_eq!(found, expected);
    assert!(text.contains("It imports an interface under a label. The host refuses to run the component."), "{text}");
    let shape = json(&bytes);
    let import = &shape["imports"][2];
    assert_eq!((&import["interface"], &import["label"]), (&json!("acme:cups/api"), &json!("primary")));
    assert_eq!((&import["version"], &import["other-end"]), (&json!("1.0.0"), &json!("nobody")));
    let output = inspect(&bytes, &[]);
    assert!(stdout(&output).contains("\n  primary: acme:cups/api@1.0.0  (nobody here has it)\n    pour  a trap\n"));
}

#[test]
fn a_label_hides_no_interface_of_wasi() {
    let clocks =
        "package wasi:clocks@0.2.0 { interface monotonic-clock { type instant = u64; now: func() -> instant; } }";
    let (found, _) = warnings(&component(clocks, "import clock: wasi:clocks/monotonic-clock@0.2.0;"));
    assert_eq!(found, [json!(["labelled", "import", "clock: wasi:clocks/monotonic-clock@0.2.0", []])]);
}

#[test]
fn another_wasi_is_nobodys() {
    let clocks = "package wasi:clocks@0.3.0 { interface monotonic-clock { now: func() -> u64; } }";
    let bytes = component(clocks, "import wasi:clocks/monotonic-clock@0.3.0;");
    let (found, text) = warnings(&bytes);
    assert_eq!(found, [json!(["other-wasi", "import", "wasi:clocks/monotonic-clock@0.3.0", []])]);
    assert!(text.ends_with("and this host has WASI 0.2. Build it for `wasm32-wasip2`."), "{text}");
    assert_eq!(json(&bytes)["imports"][0]["other-end"], "nobody");
}

#[test]
fn of_exports_it_is_said_what_no_link_can_reach_and_what_a_stock_peer_misreads() {
    let api = "package acme:greeter@0.1.0 { interface api {
        use steadfast:rpc/types@0.1.0.{rpc-error};
        resource cup;
        fill: func() -> cup;
        greet: func() -> result<string, rpc-error>;
        part: func();
    } }";
    let (found, text) = warnings(&component(api, &format!("export {API};")));
    let expected = [json!(["cannot-cross", "export", API, ["fill"]]), json!(["stock-peers", "export", API, ["greet"]])];
    assert_eq!(found, expected);
    assert!(text.contains("No link can lead to it.") && text.contains("a stock wRPC peer expects all of it"), "{text}");
}

#[test]
fn what_a_tool_left_for_itself_is_not_warned_of() {
    // As componentize-py does.
    let left = "export exports: interface { init: func(app-name: string, symbols: list<string>, stub-wasi: bool); }";
    let (found, _) = warnings(&component("", left));
    assert_eq!(found, Vec::<Value>::new());
    // Of the same name, and the component's own.
    let (found, _) = warnings(&component("", "export exports: interface { init: func(app-name: string); }"));
    assert_eq!(found.len(), 1, "{found:?}");
}
