//! A file that is no component, or one that this host cannot run.

use crate::component::{component, wit_package};
use crate::{Folder, GREET, app, handler, linked_to, provider, with};

#[test]
fn a_component_that_cannot_be_read_is_named_with_where_its_name_comes_from() {
    let folder = Folder::new().with("app.wasm", app(GREET));
    let why = std::fs::read(folder.path("none.wasm")).expect_err("there is no such file");
    assert_eq!(
        folder.serve("component = 'none.wasm'\n"),
        format!("cannot read none.wasm: {why}; check `component` in hello.toml, and that it is built")
    );
    assert_eq!(
        folder.serve(linked_to("none.wasm")),
        format!("cannot read none.wasm: {why}; check the link in hello.toml:3, and that it is built")
    );
}

#[test]
fn a_file_that_is_no_component_is_said_to_be_what_it_is() {
    let whole = app(GREET);
    for (content, found) in [
        (vec![], "it is empty; build one with `cargo build --target wasm32-wasip2`"),
        (b"Hello!\n".to_vec(), "it does not begin with `\\0asm`; build one with `cargo build --target wasm32-wasip2`"),
        (b"\n(component)".to_vec(), "it is WebAssembly text; turn it into binary with `wasm-tools parse`"),
        (
            b"\0asm\x01\0\0\0".to_vec(),
            "it is a core module; build one with `cargo build --target wasm32-wasip2`, or wrap it with `wasm-tools \
             component new`",
        ),
        (
            whole[..6].to_vec(),
            "it is of another version of WebAssembly, or truncated; build one with `cargo build --target wasm32-wasip2`",
        ),
        (wit_package(), "it is a WIT package; build the component that implements it"),
    ] {
        let folder = Folder::new().with("app.wasm", content);
        assert_eq!(folder.serve(with("")), format!("app.wasm is not a WebAssembly component: {found}"));
    }

    let folder = Folder::new().with("app.wasm", &whole).with("greeter.wasm", &whole[..whole.len() / 2]);
    let message = folder.serve(linked_to("greeter.wasm"));
    let begin = "greeter.wasm is not a WebAssembly component: it begins like one and cannot be read (";
    assert!(message.starts_with(begin) && message.ends_with("), maybe truncated; build it again"), "{message}");
}

#[test]
fn a_component_that_passes_an_import_on_is_refused() {
    let passes_on = include_bytes!("../../../fuzz/corpus/component/exports-what-it-imports");
    assert_eq!(
        Folder::new().with("app.wasm", passes_on).serve(with("")),
        "app.wasm exports `a:b/c@0.1.0` as it imports it, which this host does not load; link its callers to what it \
         imports"
    );
}

#[test]
fn a_component_that_answers_no_http_is_said_to_lack_the_export() {
    for (component, exports) in [(component("", ""), "nothing"), (provider("0.1.0", GREET), "acme:greeter/api@0.1.0")] {
        assert_eq!(
            Folder::new().with("app.wasm", component).serve(with("")),
            format!(
                "app.wasm does not export `wasi:http/incoming-handler@0.2`, so it cannot answer HTTP requests \
                 (it exports {exports}); write the handler with `#[wstd::http_server]`, or link to this component \
                 from one that has it"
            )
        );
    }
}

#[test]
fn an_interface_under_a_label_is_said_with_the_label() {
    const CUPS: &str = "package acme:cups@1.0.0 { interface api { pour: func(); } interface size { type ml = u32; } }";
    const HANDLER: &str = "export wasi:http/incoming-handler@0.2.0;";
    let folder = |world: &str| Folder::new().with("app.wasm", component(CUPS, world));
    for (world, expected) in [
        ("import primary: acme:cups/api@1.0.0;", "imports `primary: acme:cups/api@1.0.0`"),
        ("import b: acme:cups/api@1.0.0; import a: acme:cups/api@1.0.0;", "imports `a: acme:cups/api@1.0.0`"),
        ("import a: acme:cups/api@1.0.0; import acme:cups/api@1.0.0;", "imports `a: acme:cups/api@1.0.0`"),
        ("export mine: acme:cups/api@1.0.0;", "exports `mine: acme:cups/api@1.0.0`"),
        ("export only-types: acme:cups/size@1.0.0;", "exports `only-types: acme:cups/size@1.0.0`"),
    ] {
        let expected = format!(
            "app.wasm {expected}, an interface under a label, which this host does not run; use the interface by its own \
             name, without a label"
        );
        let link = with("[links]\n'acme:cups/api' = { component = 'app.wasm' }");
        assert_eq!(folder(&format!("{world} {HANDLER}")).serve(link), expected);
        assert_eq!(folder(world).refusal(&["provide", "app.wasm", "--tcp", "127.0.0.1:0"]), expected);
    }
    // What answers for `wasi:http` under another name is no handler.
    let message = folder("export front: wasi:http/incoming-handler@0.2.0;").serve(with(""));
    assert!(message.starts_with("app.wasm exports `front: wasi:http/incoming-handler@0.2.0`, "), "{message}");
}

#[test]
fn an_import_that_cannot_cross_is_said_with_its_function() {
    const RESOURCE: &str =
        "a resource stays in the process that made it: compose the two components, or pass plain values";
    const WASI_0_3: &str = "that is of WASI 0.3, which this host does not run: pass plain values, such as a list";
    for (function, expected) in [
        (
            "resource cup; pour: func(cup: cup);",
            format!("pour`, which has a resource in its parameter `cup`; {RESOURCE}"),
        ),
        (
            "resource cup; fill: func() -> option<cup>;",
            format!("fill`, which has a resource in its result; {RESOURCE}"),
        ),
        ("resource cup { pour: func(); }", format!("[method]cup.pour`, which belongs to a resource; {RESOURCE}")),
        ("tail: func() -> stream<u8>;", format!("tail`, which has a stream in its result; {WASI_0_3}")),
        ("later: func(when: future<u8>);", format!("later`, which has a future in its parameter `when`; {WASI_0_3}")),
        (
            "greet: async func();",
            "greet`, which is an `async func` of WASI 0.3, which this host does not run; declare it as `func`".into(),
        ),
    ] {
        let message = Folder::new().with("app.wasm", app(function)).serve(with(""));
        assert_eq!(message, format!("app.wasm imports `acme:greeter/api@0.1.0#{expected}"));
    }
}

#[test]
fn an_import_of_another_wasi_is_said() {
    let folder = |package: &str, import: &str| {
        let world = format!("import {import}; export wasi:http/incoming-handler@0.2.0;");
        Folder::new().with("app.wasm", component(package, &world))
    };
    let clocks = "package wasi:clocks@0.3.0 { interface monotonic-clock { now: func() -> u64; } }";
    assert_eq!(
        folder(clocks, "wasi:clocks/monotonic-clock@0.3.0").serve(with("")),
        "app.wasm imports `wasi:clocks/monotonic-clock@0.3.0`, and this host has WASI 0.2; build it for `wasm32-wasip2`"
    );

    let config = "package wasi:config@0.2.0-draft { interface store { get: func() -> string; } }";
    assert_eq!(
        folder(config, "wasi:config/store@0.2.0-draft").serve(with("")),
        "app.wasm imports `wasi:config/store@0.2.0-draft`, and this host has `wasi:config/store@0.2.0-rc.1`; build it \
         against that"
    );

    let keyvalue = "package wasi:keyvalue@0.2.0-draft3 { interface store { open: func(); } }";
    let drafts = |draft| ["store", "atomics", "batch"].map(|name| format!("`wasi:keyvalue/{name}@0.2.0-{draft}`"));
    assert_eq!(
        folder(keyvalue, "wasi:keyvalue/store@0.2.0-draft3").serve(with("")),
        format!(
            "app.wasm imports `wasi:keyvalue/store@0.2.0-draft3`, and this host has {}; build it against those",
            [drafts("draft"), drafts("draft2")].concat().join(", ")
        )
    );

    let random = "package wasi:random@0.2.0 { interface dice { roll: func() -> u8; } }";
    let message = folder(random, "wasi:random/dice@0.2.0").serve(with(""));
    let begin = "app.wasm cannot be linked (component imports instance `wasi:random/dice@0.2.0`";
    let end = "if it is built against a newer WASI 0.2 than this host has, build it against an older one";
    assert!(message.starts_with(begin) && message.contains("`roll`") && message.ends_with(end), "{message}");
}

#[test]
fn an_imported_interface_that_no_link_can_name_is_said() {
    let world = "import cups: interface { pour: func(); } export wasi:http/incoming-handler@0.2.0;";
    assert_eq!(
        Folder::new().with("app.wasm", component("", world)).serve(with("")),
        "app.wasm imports `cups`, an interface inside of a world; give it a package, to link it by its name"
    );
}

#[test]
fn what_only_another_host_can_run_is_said() {
    let tails = "package acme:log@0.1.0 { interface api { tail: func() -> stream<u8>; } }";
    let world = "export acme:log/api@0.1.0; export wasi:http/incoming-handler@0.2.0;";
    let message = Folder::new().with("app.wasm", component(tails, world)).serve(with(""));
    let begin = "app.wasm cannot be compiled (`stream` requires the component model async feature";
    let end = "it is damaged, or uses what this host does not run, as `async func` of WASI 0.3 or labelled imports: build \
               it again, with `cargo build --target wasm32-wasip2`";
    assert!(message.starts_with(begin) && message.ends_with(end), "{message}");
}

#[test]
fn a_linked_component_is_held_to_the_same() {
    let cups = crate::greeter("0.1.0", "resource cup; pour: func(cup: cup);");
    let folder =
        Folder::new().with("app.wasm", handler()).with("cups.wasm", component(&cups, "import acme:greeter/api@0.1.0;"));
    let message = folder.serve(linked_to("cups.wasm"));
    assert!(message.starts_with("cups.wasm imports `acme:greeter/api@0.1.0#pour`, which has a resource"), "{message}");
}
