//! Components that do not compose, or not all of them.

use crate::component::component;
use crate::{Folder, GREET, app, handler, provider};

fn folder() -> Folder {
    Folder::new().with("app.wasm", app(GREET)).with("greeter.wasm", provider("0.1.0", GREET))
}

#[test]
fn a_component_that_cannot_be_read_is_named() {
    let folder = folder();
    let why = std::fs::read(folder.path("none.wasm")).expect_err("there is no such file");
    let expected = format!("cannot read none.wasm: {why}; give the path of a component");
    assert_eq!(folder.compose("none.wasm", "greeter.wasm"), expected);
    assert_eq!(folder.compose("app.wasm", "none.wasm"), expected);
}

#[test]
fn a_file_that_is_no_component_is_said_to_be_what_it_is() {
    assert_eq!(
        folder().with("greeter.wasm", "Hello!").compose("app.wasm", "greeter.wasm"),
        "greeter.wasm is not a WebAssembly component: it does not begin with `\\0asm`; build one with `cargo build \
         --target wasm32-wasip2`"
    );
}

#[test]
fn two_that_have_nothing_in_common_are_said_with_what_they_have() {
    let folder = folder().with("handler.wasm", handler());
    for (app, provider, expected) in [
        (
            "app.wasm",
            "handler.wasm",
            "the first imports acme:greeter/api@0.1.0, the second exports wasi:http/incoming-handler@0.2.0; give as \
             the second a component that exports what the first imports",
        ),
        (
            "greeter.wasm",
            "app.wasm",
            "the first imports nothing, the second exports wasi:http/incoming-handler@0.2.0; give them in the other \
             order",
        ),
        (
            "handler.wasm",
            "greeter.wasm",
            "the first imports nothing, the second exports acme:greeter/api@0.1.0; the first needs no other, as WASI \
             comes from the host",
        ),
    ] {
        let message = folder.compose(app, provider);
        assert_eq!(message, format!("cannot compose {app} with {provider}: nothing fits: {expected}"));
    }
}

#[test]
fn two_that_do_not_fit_are_said_with_both_sides() {
    const RPC: &str =
        "use steadfast:rpc/types@0.1.0.{rpc-error}; greet: func(name: string) -> result<string, rpc-error>;";
    for (target, expected) in [
        (
            provider("0.2.0", GREET),
            "the first imports `acme:greeter/api@0.1.0`, the second exports `acme:greeter/api@0.2.0`; build both \
             against the same version",
        ),
        (
            provider("0.1.0", "wave: func();"),
            "the first imports `acme:greeter/api@0.1.0#greet`, which the second lacks; build both against the same WIT",
        ),
        (
            provider("0.1.0", "greet: func(name: list<u8>) -> string;"),
            "the first imports `acme:greeter/api@0.1.0#greet` as `func(name: string) -> string`, the second exports \
             it as `func(name: list<u8>) -> string`; build both against the same WIT",
        ),
        (
            provider("0.1.0", RPC),
            "`acme:greeter/api@0.1.0#greet` returns `result<_, rpc-error>` in one of them and a plain value in the \
             other; a lattice carries that difference, a composition does not: give both the same type",
        ),
    ] {
        let message = folder().with("greeter.wasm", target).compose("app.wasm", "greeter.wasm");
        assert_eq!(message, format!("cannot compose app.wasm with greeter.wasm: {expected}"));
    }
}

#[test]
fn resources_compose_where_they_are_the_same() {
    const POUR: &str = "resource cup; pour: func(cup: cup);";
    const POUR_TWICE: &str = "resource cup; pour: func(cup: cup, again: cup);";
    let folder = Folder::new()
        .with("app.wasm", app(POUR))
        .with("cups.wasm", provider("0.1.0", POUR))
        .with("others.wasm", provider("0.1.0", POUR_TWICE));
    let composed = steadfast_host::compose(&folder.path("app.wasm"), &folder.path("cups.wasm"));
    assert!(composed.is_ok(), "{composed:?}");
    assert_eq!(
        folder.compose("app.wasm", "others.wasm"),
        "cannot compose app.wasm with others.wasm: the first imports `acme:greeter/api@0.1.0` with other types than \
         the second exports; build both against the same WIT"
    );
}

#[test]
fn a_composition_has_the_same_bytes_each_time() {
    let folder = folder();
    let composed = |output: &str| {
        let status = folder.command(&["compose", "app.wasm", "greeter.wasm", "-o", output]).status().expect("it runs");
        assert!(status.success());
        std::fs::read(folder.path(output)).expect("it was written")
    };
    let by_the_library = steadfast_host::compose(&folder.path("app.wasm"), &folder.path("greeter.wasm")).unwrap();
    assert!(composed("first.wasm") == by_the_library && composed("second.wasm") == by_the_library);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = folder();
    for output in [".", "none/composed.wasm"] {
        let why = std::fs::write(folder.path(output), "").expect_err("nothing can be written there");
        assert_eq!(
            folder.refusal(&["compose", "app.wasm", "greeter.wasm", "-o", output]),
            format!("cannot write {output}: {why}; give another file with -o")
        );
    }
}

#[test]
fn an_import_of_another_version_stays_open_where_others_fit() {
    const PACKAGES: &str = "
        package acme:greeter@0.1.0 { interface api { greet: func(name: string) -> string; } }
        package acme:letters@0.1.0 { interface letters { write: func() -> string; } }
        package acme:letters@0.2.0 { interface letters { write: func() -> string; } }
    ";
    let app = component(PACKAGES, "import acme:greeter/api@0.1.0; import acme:letters/letters@0.2.0;");
    let other = component(PACKAGES, "export acme:greeter/api@0.1.0; export acme:letters/letters@0.1.0;");
    let both = component(PACKAGES, "export acme:letters/letters@0.1.0; export acme:letters/letters@0.2.0;");
    let folder = Folder::new().with("app.wasm", app).with("other.wasm", other).with("both.wasm", both);
    let compose = |provider: &str| {
        let output = folder.command(&["compose", "app.wasm", provider, "-o", "out.wasm"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let inspected = folder.command(&["inspect", "--json", "out.wasm"]).output().unwrap();
        (String::from_utf8(output.stderr).unwrap(), String::from_utf8(inspected.stdout).unwrap())
    };
    let (said, composed) = compose("other.wasm");
    let open = "`acme:letters/letters@0.2.0` stays open: the second exports `acme:letters/letters@0.1.0`, which is another version";
    assert!(said.contains(open), "{said}");
    assert!(composed.contains("acme:letters/letters@0.2.0") && !composed.contains("acme:greeter/api"), "{composed}");
    // Of several versions, it is the one that fits.
    let (said, composed) = compose("both.wasm");
    assert!(!said.contains("stays open"), "{said}");
    assert!(!composed.contains("acme:letters/letters@0.2.0") && composed.contains("acme:greeter/api"), "{composed}");
}
