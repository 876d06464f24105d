//! What `steadfast` says of mistakes.

mod component;

fn folder() -> std::path::PathBuf { "/tmp/bi".into() }

#[test]
fn gen_() {
    use component::*;
    let d = folder();
    std::fs::create_dir_all(&d).unwrap();
    let w = |n: &str, p: &str, world: &str| std::fs::write(d.join(n), component(p, world)).unwrap();
    const H: &str = "export wasi:http/incoming-handler@0.2.0;";
    let api = |v: &str, f: &str| format!("package acme:greeter@{v} {{ interface api {{ {f} }} }}");
    let g = "greet: func(name: string) -> string;";
    w("app.wasm", &api("0.1.0", g), &format!("import acme:greeter/api@0.1.0; {H}"));
    w("lonely.wasm", "", H);
    w("greeter.wasm", &api("0.1.0", g), "export acme:greeter/api@0.1.0;");
    w("greeter2.wasm", &api("0.2.0", g), "export acme:greeter/api@0.2.0;");
    w("other.wasm", &api("0.1.0", "wave: func();"), "export acme:greeter/api@0.1.0;");
    w("typed.wasm", &api("0.1.0", "greet: func(name: string, age: u8) -> string;"), "export acme:greeter/api@0.1.0;");
    w("rpc.wasm", &api("0.1.0", "use steadfast:rpc/types@0.1.0.{rpc-error}; greet: func(name: string) -> result<string, rpc-error>;"), "export acme:greeter/api@0.1.0;");
    w("nothing.wasm", "", "");
    for (n, f) in [("resource", "resource cup; pour: func(cup: cup);"), ("method", "resource cup { pour: func(); }"), ("stream", "tail: func() -> stream<u8>;"), ("future", "later: func(x: future<u8>);"), ("async", "greet: async func();")] {
        w(&format!("{n}.wasm"), &api("0.1.0", f), &format!("import acme:greeter/api@0.1.0; {H}"));
    }
    w("resource-provider.wasm", &api("0.1.0", "resource cup; pour: func(cup: borrow<cup>);"), "import acme:greeter/api@0.1.0;");
    w("bare.wasm", "", &format!("import greet: func(); {H}"));
    w("inline.wasm", "", &format!("import cups: interface {{ pour: func(); }} {H}"));
    w("odd-wasi.wasm", "package wasi:keyvalue@0.2.0 { interface store { get: func(); } } package wasi:io@0.2.0 { interface x { get: func(); } }", &format!("import wasi:io/x@0.2.0; import wasi:keyvalue/store@0.2.0; {H}"));
    w("http3.wasm", "package wasi:http@0.3.0 { interface handler { handle: func(); } interface incoming-handler { handle: func(); } }", "export wasi:http/handler@0.3.0; export wasi:http/incoming-handler@0.3.0;");
    std::fs::write(d.join("wit.wasm"), wit_package()).unwrap();
}
