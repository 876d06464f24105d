//! Calls on schedule that cannot be made, and upstreams that answer nothing.

use crate::component::component;
use crate::{Folder, app, greeter, provider, with};

/// What the host says of a call of `call`, where `jobs.wasm` has these functions.
fn job(functions: &str, call: &str) -> String {
    let jobs = component(&greeter("0.1.0", functions), "export acme:greeter/api@0.1.0;");
    let manifest = format!("component = 'jobs.wasm'\n[[cron]]\ncall = '{call}'\nevery = '1s'\n");
    Folder::new().with("jobs.wasm", jobs).serve(manifest)
}

#[test]
fn a_function_that_is_not_there_is_said_with_those_that_are() {
    let greet = "greet: func();";
    assert_eq!(
        job(greet, "acme:jobs/job#run"),
        "hello.toml:2: `acme:jobs/job#run` is to be called, and jobs.wasm does not export it (it exports \
         acme:greeter/api@0.1.0); link `acme:jobs/job` to a component that does"
    );
    assert_eq!(
        job(greet, "acme:greeter/api#greets"),
        "hello.toml:2: `acme:greeter/api#greets` is to be called, and jobs.wasm exports `acme:greeter/api@0.1.0` \
         without that function; write one of: greet"
    );
}

#[test]
fn a_function_that_needs_more_than_a_payload_is_said_with_what_it_is() {
    for parameters in ["a: u32", "a: string, b: string"] {
        assert_eq!(
            job(&format!("greet: func({parameters});"), "acme:greeter/api#greet"),
            format!(
                "hello.toml:2: `acme:greeter/api#greet` is `func({parameters})`, and a call on schedule has nothing to \
                 pass but a `payload`; give the function no parameter, or one of the type `string` or `list<u8>`"
            )
        );
    }
    let folder = Folder::new().with("jobs.wasm", provider("0.1.0", "greet: func();"));
    let cron = "[[cron]]\ncall = 'acme:greeter/api#greet'\nevery = '1s'\npayload = 'Ada'";
    assert_eq!(
        folder.serve(format!("component = 'jobs.wasm'\n{cron}")),
        "hello.toml:2: `acme:greeter/api#greet` takes no parameter; remove `payload`"
    );
}

#[test]
fn an_upstream_must_be_there_and_answer_http() {
    let folder = Folder::new().with("app.wasm", app(crate::GREET));
    let why = std::fs::read(folder.path("none.wasm")).expect_err("there is no such file");
    assert_eq!(
        folder.serve(with("[http.upstreams]\n'a.test' = { component = 'none.wasm' }")),
        format!("cannot read none.wasm: {why}; check the upstream in hello.toml:3, and that it is built")
    );
    let folder = folder.with("greeter.wasm", provider("0.1.0", crate::GREET));
    let message = folder.serve(with("[http.upstreams]\n'a.test' = { component = 'greeter.wasm' }"));
    assert!(message.starts_with("greeter.wasm does not export `wasi:http/incoming-handler@0.2`"), "{message}");
}
