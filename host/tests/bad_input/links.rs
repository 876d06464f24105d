//! A link that leads nowhere or to what does not fit, and a fault on what nobody imports.

use crate::component::component;
use crate::{Folder, GREET, app, handler, linked_to, provider, with};

#[test]
fn a_link_to_a_component_without_the_export_is_said_with_what_it_has() {
    for (target, exports) in [(handler(), "wasi:http/incoming-handler@0.2.0"), (component("", ""), "nothing")] {
        let folder = Folder::new().with("app.wasm", app(GREET)).with("other.wasm", target);
        assert_eq!(
            folder.serve(linked_to("other.wasm")),
            format!(
                "hello.toml:3: the link of `acme:greeter/api` leads to other.wasm, which does not export it \
                 (it exports {exports}); link a component that does"
            )
        );
    }
}

#[test]
fn a_link_of_what_nobody_imports_is_said_with_what_is_imported() {
    let folder = Folder::new().with("app.wasm", app(GREET)).with("greeter.wasm", provider("0.1.0", GREET));
    let link = |interface: &str| with(&format!("[links]\n'{interface}' = {{ component = 'greeter.wasm' }}"));
    assert_eq!(
        folder.serve(link("acme:greter/api")),
        "hello.toml:3: `acme:greter/api` is linked, and no component imports that; write one of: acme:greeter/api"
    );
    assert_eq!(
        folder.serve(link("acme:greeter/api@0.1.0")),
        "hello.toml:3: `acme:greeter/api@0.1.0` is linked, and a link is for any version; write `acme:greeter/api`"
    );
    assert_eq!(
        folder.with("app.wasm", handler()).serve(link("acme:greeter/api")),
        "hello.toml:3: `acme:greeter/api` is linked, and no component imports anything that WASI does not provide; \
         remove it"
    );
}

#[test]
fn a_link_between_two_that_do_not_fit_is_said_with_both_sides() {
    for (target, expected) in [
        (
            provider("0.2.0", GREET),
            "app.wasm imports `acme:greeter/api@0.1.0`, and greeter.wasm exports `acme:greeter/api@0.2.0`; build both \
             against the same version",
        ),
        (
            provider("0.1.0", "wave: func();"),
            "app.wasm imports `acme:greeter/api@0.1.0#greet`, and greeter.wasm exports `acme:greeter/api@0.1.0` \
             without that function; build both against the same WIT",
        ),
        (
            provider("0.1.0", "greet: func(name: string, age: u8) -> string;"),
            "app.wasm imports `acme:greeter/api@0.1.0#greet` as `func(name: string) -> string`, and greeter.wasm \
             exports it as `func(name: string, age: u8) -> string`; build both against the same WIT",
        ),
        (
            provider("0.1.0", "resource cup; greet: func(name: string) -> cup;"),
            "greeter.wasm exports `acme:greeter/api@0.1.0#greet`, which has a resource in its result; a resource \
             stays in the process that made it: compose the two components, or pass plain values",
        ),
        (
            provider("0.1.0", "greet: async func(name: string) -> string;"),
            "greeter.wasm exports `acme:greeter/api@0.1.0#greet`, which is an `async func` of WASI 0.3, which this \
             host does not run; declare it as `func`",
        ),
    ] {
        let folder = Folder::new().with("app.wasm", app(GREET)).with("greeter.wasm", target);
        assert_eq!(folder.serve(linked_to("greeter.wasm")), format!("hello.toml:3: {expected}"));
    }
}

#[test]
fn a_fault_on_what_nobody_imports_is_said_with_what_is_imported() {
    let folder = Folder::new().with("app.wasm", app(GREET));
    let fault = |on: &str| with(&format!("[[faults]]\non = '{on}'\nkind = 'trap'"));
    for (on, expected) in [
        ("acme:greter/api", "`acme:greter/api`, and no component imports that; write one of: acme:greeter/api"),
        ("acme:greter/api#greet", "`acme:greter/api`, and no component imports that; write one of: acme:greeter/api"),
        (
            "acme:greeter/api#wave",
            "`acme:greeter/api#wave`, and no component imports that function; write one of: acme:greeter/api#greet",
        ),
        ("acme:greeter/api@0.1.0", "`acme:greeter/api@0.1.0`, and that is for any version; write `acme:greeter/api`"),
    ] {
        assert_eq!(folder.serve(fault(on)), format!("hello.toml:2: the fault is on {expected}"));
    }
    assert_eq!(
        folder.with("app.wasm", handler()).serve(fault("acme:greeter/api")),
        "hello.toml:2: the fault is on `acme:greeter/api`, and no component imports anything that WASI does not \
         provide; remove it"
    );
}

#[test]
fn a_link_over_nats_says_what_is_wrong_with_it() {
    for (link, expected) in [
        (
            "component = 'a.wasm', nats = 'nats://localhost'",
            "leads to a `component` and over `nats`; remove all but one",
        ),
        ("component = 'a.wasm', prefix = 'a'", "has a `prefix`, which only links over NATS have; remove it"),
        (
            "nats = 'nats://localhost', instances = 'reuse'",
            "leads over `nats`, where the provider decides on its `instances`; remove them",
        ),
        ("nats = 'nats://localhost', tcp = 'localhost:1'", "leads over `nats` and over `tcp`; remove all but one"),
        ("tcp = 'localhost:1', prefix = 'a'", "has a `prefix`, which only links over NATS have; remove it"),
    ] {
        let manifest = with(&format!("[links]\n'acme:greeter/api' = {{ {link} }}"));
        assert_eq!(Folder::new().serve(manifest), format!("hello.toml:3: the link of `acme:greeter/api` {expected}"));
    }
    for (link, expected) in [
        ("tcp = 'localhost'", "`localhost` is no address of a provider; write it like \"127.0.0.1:7761\""),
        (
            "tcp = 'tcp://localhost:1'",
            "`tcp://localhost:1` is no address of a provider; write it like \"127.0.0.1:7761\"",
        ),
        ("tcp = 'localhost:0'", "`localhost:0` is no address of a provider; write it like \"127.0.0.1:7761\""),
        (
            "nats = 'http://ada:secret@localhost'",
            "the address of the NATS server is invalid; write it like \"nats://127.0.0.1:4222\"",
        ),
        (
            "nats = 'nats://localhost', prefix = 'a..b'",
            "the prefix `a..b` cannot begin a subject of NATS; write words with dots between them, like \"default\"",
        ),
    ] {
        let manifest = with(&format!("[links]\n'acme:greeter/api' = {{ {link} }}"));
        assert_eq!(Folder::new().serve(manifest), format!("hello.toml:3: {expected}"));
    }
}

#[test]
fn what_cannot_be_provided_is_said() {
    let folder = Folder::new()
        .with("handler.wasm", handler())
        .with("provider.wasm", provider("0.1.0", GREET))
        .with("cron.toml", "component = 'provider.wasm'\n[[cron]]\ncall = 'acme:greeter/api#greet'\nevery = '1s'")
        .with("links.toml", "component = 'provider.wasm'\n[links]\n'acme:other/api' = { tcp = 'localhost:1' }");
    for (arguments, expected) in [
        (
            &["provide", "--nats", "nats://ada:secret@localhost", "provider.wasm"][..],
            "cannot serve over NATS: the address has a user or a password in it, which others could read there; give \
             it in the environment variable NATS_URL",
        ),
        (
            &["provide", "--nats", "localhost", "provider.wasm"],
            "cannot serve over NATS: the address of the NATS server is invalid; write it like \"nats://127.0.0.1:4222\"",
        ),
        (
            &["provide", "--nats", "nats://localhost", "--queue-group", "a b", "provider.wasm"],
            "cannot serve over NATS: the queue group `a b` is to be one word",
        ),
        (
            &["provide", "--nats", "nats://localhost", "--manifest", "cron.toml"],
            "cron.toml:2: a provider makes no calls on schedule; remove the `[[cron]]`, or give the manifest to \
             `steadfast serve`",
        ),
        (
            &["provide", "--nats", "nats://localhost", "--manifest", "links.toml"],
            "links.toml:3: `acme:other/api` is linked, and no component imports anything that WASI does not provide; \
             remove it",
        ),
        (
            &["provide", "--tcp", "192.0.2.1:1", "provider.wasm"],
            "cannot listen on 192.0.2.1:1: Cannot assign requested address (os error 99); give an address of this \
             machine with --tcp, such as 127.0.0.1:8080",
        ),
        (
            &["provide", "--nats", "nats://localhost", "no.wasm"],
            "cannot read no.wasm: No such file or directory (os error 2); give the path of a component, and build it \
             first",
        ),
    ] {
        assert_eq!(folder.refusal(arguments), expected);
    }
    let refusal = folder.refusal(&["provide", "--nats", "nats://localhost", "handler.wasm"]);
    assert!(refusal.starts_with("handler.wasm exports "), "{refusal}");
}

#[test]
fn a_wrong_link_to_a_provider_is_said_with_what_there_is() {
    let folder = Folder::new().with("app.wasm", app(GREET));
    let link = |options: &str| folder.serve(with(&format!("[links]\n'acme:greeter/api' = {{ {options} }}")));
    for (options, expected) in [
        ("provider = 'keyvalu'", "there is no provider `keyvalu`; did you mean `keyvalue`?"),
        ("provider = 'mongo'", "there is no provider `mongo`; this host has `keyvalue`, `messaging`, `postgres`"),
        ("provider = 1", "`provider` is to be a name in quotes, like \"keyvalue\""),
        (
            "provider = 'keyvalue', bukket = 'a'",
            "unknown field `bukket`, did you mean `bucket`? Expected one of `redis`, `ca`, `nats`, `bucket`, `max-age`",
        ),
        (
            "provider = 'keyvalue', bucket = 'a'",
            "`bucket` is of a store in NATS; give its address, like `nats = \"nats://127.0.0.1:4222\"`",
        ),
        (
            "provider = 'keyvalue', redis = 'redis://h', nats = 'nats://h'",
            "the values are in `redis` and in `nats`; remove one of them",
        ),
        (
            "provider = 'keyvalue', redis = 'localhost'",
            "the address of Redis is invalid; write it like \"redis://127.0.0.1:6379\", or with `rediss` for TLS",
        ),
        (
            "provider = 'keyvalue', redis = 'rediss://h/#insecure'",
            "the address of Redis is invalid; write it like \"redis://127.0.0.1:6379\", or with `rediss` for TLS",
        ),
        (
            "provider = 'keyvalue', redis = 'redis://h', ca = 'ca.pem'",
            "`ca` is for TLS; let the address of Redis begin with `rediss://`, or remove `ca`",
        ),
        (
            "provider = 'keyvalue', nats = 'nats://h', ca = 'ca.pem'",
            "`ca` is of a store in Redis over TLS; give its address, like `redis = \"rediss://127.0.0.1:6379\"`, or remove \
             `ca`: whom to trust at NATS stands in `[nats]`",
        ),
        (
            "provider = 'keyvalue', redis = 'redis://:secret@h'",
            "the address of Redis has a user or a password in it; put it elsewhere, and write `redis = { env = \"REDIS_URL\" }` \
             or `{ file = \"redis.txt\" }`",
        ),
        (
            "provider = 'keyvalue', redis = { env = 'NO_SUCH_VARIABLE' }",
            "`redis` is to be the text of the environment variable NO_SUCH_VARIABLE, which is not set; set it",
        ),
        (
            "provider = 'keyvalue', redis = 1",
            "write a text in quotes, `{ env = \"NAME\" }` or `{ file = \"name.txt\" }`",
        ),
        (
            "provider = 'keyvalue', nats = 'h'",
            "the address of the NATS server is invalid; write it like \"nats://127.0.0.1:4222\"",
        ),
        (
            "provider = 'keyvalue', nats = 'nats://h', bucket = 'a b'",
            "the bucket `a b` is to have letters, digits, - and _, like \"steadfast\"",
        ),
        (
            "provider = 'keyvalue', nats = 'nats://h', max-age = '1ms'",
            "`max-age` is \"1ms\", and is to be a duration from 1 s, like \"1h\"",
        ),
        (
            "provider = 'keyvalue'",
            "the link of `acme:greeter/api` leads to the provider `keyvalue`, which does not export it (it exports \
             wrpc:keyvalue/atomics@0.2.0-draft, wrpc:keyvalue/batch@0.2.0-draft, wrpc:keyvalue/store@0.2.0-draft); \
             link a component that does",
        ),
    ] {
        assert_eq!(link(options), format!("hello.toml:3: {expected}"), "{options}");
    }
    assert_eq!(
        folder.serve(with("[links.'acme:greeter/api']\nprovider = 'keyvalue'\nbukket = 'a'")),
        "hello.toml:4: unknown field `bukket`, did you mean `bucket`? Expected one of `redis`, `ca`, `nats`, `bucket`, `max-age`"
    );
    assert_eq!(
        link("provide = 'keyvalue'"),
        "hello.toml:3: unknown field `provide`, did you mean `provider`? Expected one of `component`, `instances`, \
         `nats`, `prefix`, `tcp`, `provider`"
    );
}

#[test]
fn a_wrong_link_of_the_store_is_said() {
    let wasi = format!(
        "package wasi:keyvalue@0.2.0-draft {{ {} }}",
        "
        interface store { resource bucket { get: func(key: string); } open: func() -> bucket; }
        interface atomics { use store.{bucket}; increment: func(bucket: borrow<bucket>); }
    "
    );
    let world = "import wasi:keyvalue/store@0.2.0-draft; import wasi:keyvalue/atomics@0.2.0-draft;
        export wasi:http/incoming-handler@0.2.0;";
    let folder = Folder::new().with("app.wasm", component(&wasi, world)).with("other.wasm", handler());
    let link = |interface: &str, link: &str| folder.serve(with(&format!("[links]\n'{interface}' = {{ {link} }}")));
    assert_eq!(
        link("wasi:keyvalue/atomics", "provider = 'keyvalue'"),
        "hello.toml:3: `wasi:keyvalue/atomics` is linked, and its buckets are those of `wasi:keyvalue/store`; link that, \
         and the others follow"
    );
    assert_eq!(
        link("wasi:keyvalue/store", "component = 'other.wasm'"),
        "hello.toml:3: `wasi:keyvalue/store` leads to what is no store of the host; link it to one, like { provider = \
         \"keyvalue\" }"
    );
    assert_eq!(
        folder.serve(with("[[faults]]\non = 'wasi:keyvalue/store#open'\nkind = 'no-target'")),
        "hello.toml:2: the fault is on `wasi:keyvalue/store#open`, and no component imports that function; write one of: \
         wasi:keyvalue/store#get"
    );
}
