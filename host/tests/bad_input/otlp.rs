//! `--otlp`, and the variables that stand for it.

use crate::{Folder, handler, with};

const WRONG: &str = "is none of a collector; write it like http://127.0.0.1:4318";
const SECRET: &str = "has a user or a password in it, which is no place for them; give a header in the environment \
                      variable OTEL_EXPORTER_OTLP_HEADERS";

#[test]
fn an_address_that_is_none_is_said() {
    let folder = Folder::new().with("hello.toml", with("")).with("handler.wasm", handler());
    for (url, problem) in [
        ("", WRONG),
        ("localhost", WRONG),
        ("localhost:4318", WRONG),
        ("/v1/traces", WRONG),
        ("grpc://localhost:4317", WRONG),
        ("http://", WRONG),
        ("http://:4318", WRONG),
        ("http://localhost:99999", WRONG),
        ("http://local host", WRONG),
        ("http://ada:sesame@localhost:4318", SECRET),
    ] {
        let expected = format!("cannot export to a collector: the address in --otlp {problem}");
        assert_eq!(folder.refusal(&["serve", "--manifest", "hello.toml", "--otlp", url]), expected, "{url}");
        let provide = ["provide", "--nats", "nats://localhost", "handler.wasm", "--otlp", url];
        assert_eq!(folder.refusal(&provide), expected, "{url}");
    }
}

#[test]
fn a_variable_that_is_none_is_named() {
    let folder = Folder::new().with("hello.toml", with(""));
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let output =
            folder.command(&["serve", "--manifest", "hello.toml"]).env(name, "localhost:4318").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("error: cannot export to a collector: the address in {name} {WRONG}\n");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    }
}
