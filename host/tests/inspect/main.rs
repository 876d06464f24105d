//! What `steadfast inspect` says of a component: its text, its JSON and its exit status.

// How it is made is the same; what it is, here, is no mistake.
#[path = "../bad_input/component.rs"]
mod component;
mod policies;
mod warnings;

use std::process::{Command, Output};

use component::{component, wit_package};

/// What the command says of the component in `bytes`.
fn inspect(bytes: &[u8], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(folder.path().join("app.wasm"), bytes).expect("the folder is ours");
    run(&folder, &[&["inspect", "app.wasm"], arguments].concat())
}

fn run(folder: &tempfile::TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(arguments).current_dir(folder.path()).env("RUST_BACKTRACE", "1").env_remove("RUST_LOG");
    command.output().expect("the command runs")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("the command writes text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("the command writes text")
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(&inspect(bytes, &["--json"]).stdout).expect("JSON")
}

/// A component that imports `acme:greeter/api@0.1.0` with these functions.
fn importing(functions: &str) -> Vec<u8> {
    let greeter = format!("package acme:greeter@0.1.0 {{ interface api {{ {functions} }} }}");
    component(&greeter, "import acme:greeter/api@0.1.0;")
}

const TOLD: &str = "use steadfast:rpc/types@0.1.0.{rpc-error}; greet: func() -> result<string, rpc-error>;";

/// Every way that there is to be told.
fn all_errors() -> Vec<u8> {
    let packages = "
        package wrpc:rpc@0.1.0 {
            interface error { resource error { to-debug-string: func() -> string; } }
        }
        package wasmcloud:bus@2.0.0 {
            interface lattice {
                variant error { transport(string), wasmcloud(string), wrpc(string) }
                record rpc-error { wasmcloud-error: error }
            }
        }
        package acme:greeter@0.1.0 {
            interface api {
                use steadfast:rpc/types@0.1.0.{rpc-error};
                use wrpc:rpc/error@0.1.0.{error as lost};
                use wasmcloud:bus/lattice@2.0.0.{rpc-error as cloudy};
                type renamed = rpc-error;
                by-nothing: func();
                by-its-own: func() -> result<string, string>;
                by-a-borrowed-name: func() -> option<rpc-error>;
                by-steadfast: func() -> result<_, renamed>;
                by-wasmcloud: func() -> result<string, cloudy>;
                by-wrpc: func() -> result<string, lost>;
            }
        }";
    component(packages, "import acme:greeter/api@0.1.0; export greet: func(name: string) -> string;")
}

#[test]
fn people_read_what_each_function_gets_and_what_to_do() {
    let output = inspect(&all_errors(), &[]);
    let expected = "\
app.wasm

Imports, and what the component gets when a call fails:
  acme:greeter/api@0.1.0
    by-a-borrowed-name  a trap
    by-its-own          a trap
    by-nothing          a trap
    by-steadfast        rpc-error of steadfast:rpc
    by-wasmcloud        rpc-error of wasmcloud:bus
    by-wrpc             error of wrpc:rpc
  wrpc:rpc/error@0.1.0  (from the host, as wRPC has it)

Exports:
  greet

warning: acme:greeter/api@0.1.0: by-a-borrowed-name, by-its-own, by-nothing
  When a call fails, the component traps: the type has no error to tell it by.
  Return `result<_, rpc-error>`, with the error of `steadfast:rpc/types@0.1.0`.

warning: acme:greeter/api@0.1.0: by-wasmcloud
  The error is made by hosts of wasmCloud; this host sends the result as any other, and traps when a call fails.
  Return `result<_, rpc-error>` of `steadfast:rpc/types@0.1.0`, or run it on a host that has `wasmcloud:bus/lattice`.

note: acme:greeter/api@0.1.0: by-steadfast
  Only the `T` of `result<T, rpc-error>` travels, and a stock wRPC peer sends all of it.
  Build a stock peer that serves it against WIT that returns a plain `T`.
";
    assert_eq!(stdout(&output), expected);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn programs_read_the_same_in_a_stable_shape() {
    let expected = serde_json::json!({
        "format": 1,
        "file": "app.wasm",
        "imports": [{
            "interface": "acme:greeter/api",
            "version": "0.1.0",
            "label": null,
            "other-end": "link",
            "functions": [
                {"name": "forget", "failure": "trap", "crosses": true},
                {"name": "greet", "failure": "steadfast", "crosses": true},
            ],
        }],
        "exports": [{
            "interface": "wasi:http/incoming-handler",
            "version": "0.2.0",
            "label": null,
            "other-end": "wasi",
            "functions": [],
        }],
        "warnings": [{
            "level": "warning",
            "kind": "traps",
            "side": "import",
            "interface": "acme:greeter/api@0.1.0",
            "functions": ["forget"],
            "problem": "When a call fails, the component traps: the type has no error to tell it by.",
            "advice": "Return `result<_, rpc-error>`, with the error of `steadfast:rpc/types@0.1.0`.",
        }, {
            "level": "note",
            "kind": "stock-peers",
            "side": "import",
            "interface": "acme:greeter/api@0.1.0",
            "functions": ["greet"],
            "problem": "Only the `T` of `result<T, rpc-error>` travels, and a stock wRPC peer sends all of it.",
            "advice": "Build a stock peer that serves it against WIT that returns a plain `T`.",
        }],
    });
    let greeter = format!("package acme:greeter@0.1.0 {{ interface api {{ {TOLD} forget: func(); }} }}");
    let world = "import acme:greeter/api@0.1.0; export wasi:http/incoming-handler@0.2.0;";
    let mut found = json(&component(&greeter, world));
    // A handler imports the types of its parameters, which WASI provides.
    let imports = found["imports"].as_array_mut().expect("a list");
    let types = imports.pop().expect("two imports");
    assert_eq!((&types["interface"], &types["other-end"]), (&"wasi:http/types".into(), &"wasi".into()));
    assert_eq!(found, expected);
}

#[test]
fn a_component_that_needs_nobody_has_nothing_to_fear() {
    let output = inspect(&component("", ""), &["--deny", "traps"]);
    assert_eq!(stdout(&output), "app.wasm\n\nIt imports nothing and exports nothing.\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn traps_are_no_mistake_until_they_are_denied() {
    let one = importing(&format!("{TOLD} forget: func();"));
    let many = importing("forget: func(); greet: func(); part: func();");
    let said = |functions| {
        format!(
            "error: app.wasm traps when a call of {functions} fails, which --deny traps forbids; return `result<_, \
             rpc-error>`\n"
        )
    };
    for (component, arguments, status, message) in [
        (&one, &[][..], 0, String::new()),
        (&one, &["--deny", "traps"], 2, said("acme:greeter/api@0.1.0#forget")),
        (&one, &["--json", "--deny", "traps"], 2, said("acme:greeter/api@0.1.0#forget")),
        (&many, &["--deny", "traps"], 2, said("acme:greeter/api@0.1.0#forget, or of 2 other imports,")),
        (&importing(TOLD), &["--deny", "traps"], 0, String::new()),
    ] {
        let output = inspect(component, arguments);
        assert_eq!((output.status.code(), stderr(&output)), (Some(status), &message[..]), "{arguments:?}");
        let whole = stdout(&output);
        assert!(whole.starts_with("app.wasm\n") || serde_json::from_str::<serde_json::Value>(whole).is_ok(), "{whole}");
    }
}

#[test]
fn the_resource_of_an_error_is_no_import_that_traps() {
    let output = inspect(&all_errors(), &["--deny", "traps"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("#by-a-borrowed-name, or of 2 other imports,"), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_no_component_is_status_1_and_one_line() {
    let whole = importing(TOLD);
    for (content, found) in [
        (&b""[..], "is not a WebAssembly component: it is empty; "),
        (b"Hello!\n", "is not a WebAssembly component: it does not begin with `\\0asm`; "),
        (b"\0asm\x01\0\0\0", "is not a WebAssembly component: it is a core module; "),
        (&whole[..whole.len() / 2], "is not a WebAssembly component: it begins like one and cannot be read ("),
        (&wit_package(), "is not a WebAssembly component: it is a WIT package; "),
    ] {
        for arguments in [&[][..], &["--json", "--deny", "traps"]] {
            let output = inspect(content, arguments);
            assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""), "{found}");
            let message = stderr(&output);
            assert!(message.starts_with(&format!("error: app.wasm {found}")), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    let output = run(&tempfile::tempdir().expect("a folder"), &["inspect", "none.wasm"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    let end = "; give the path of a component\n";
    assert!(message.starts_with("error: cannot read none.wasm: ") && message.ends_with(end), "{message}");
}

#[test]
fn a_component_may_be_damaged_anywhere() {
    use steadfast_host::inspect::Inspection;
    let whole = all_errors();
    let assert = |damaged: &[u8], what: String| match Inspection::parse("app.wasm".as_ref(), damaged) {
        Ok(inspection) => assert!(inspection.to_json().contains("\"format\": 1"), "{what}"),
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{what}: {error}"),
    };
    for place in 0..whole.len() {
        assert(&whole[..place], format!("the first {place} bytes"));
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        assert(&damaged, format!("byte {place} inverted"));
    }
}
