//! What `bindgen!` adds to its input, and what it leaves alone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use wit_bindgen_core::wit_parser::Resolve;

use super::*;

/// WIT whose only world uses the error in one interface.
const CALLER: &str = "
    package acme:shop@1.2.0;
    interface stock {
        use steadfast:rpc/types@0.1.0.{rpc-error};
        left: func() -> result<u32, rpc-error>;
    }
    world caller { import stock; }
";

/// WIT that has nothing to do with the error.
const LOCAL: &str = "
    package acme:local;
    world local { import log: func(line: string); }
";

/// A crate's directory with the files that matter here.
struct Crate(PathBuf);

impl Crate {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("steadfast-bindgen-{}-{number}", process::id());
        let dir = Self(env::temp_dir().join(name));
        fs::create_dir_all(&dir.0).expect("create the crate's directory");
        for (path, content) in files {
            let path = dir.0.join(path);
            fs::create_dir_all(path.parent().expect("parent")).expect("create a directory");
            fs::write(path, content).expect("write a file");
        }
        dir
    }

    #[track_caller]
    fn expands(&self, input: TokenStream, options: TokenStream) {
        let expected = quote!(::steadfast::__private::wit_bindgen::generate!({ #options }););
        let (_, options) = super::options(input, &self.0).expect("options");
        let options = quote!(::steadfast::__private::wit_bindgen::generate!({ #(#options,)* }););
        assert_eq!(options.to_string(), expected.to_string());
    }

    #[track_caller]
    fn refuses(&self, input: TokenStream, message: &str) {
        let output = expand(input, &self.0).to_string();
        assert!(output.contains("compile_error"), "{output}");
        assert!(output.contains(message), "{output}");
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is added whatever the WIT is.
fn always() -> TokenStream {
    quote!(generate_all, runtime_path: "::steadfast::__private::wit_bindgen::rt",)
}

/// What is added for a world that uses the error.
fn with() -> TokenStream {
    quote!(with: { "steadfast:rpc/types@0.1.0": ::steadfast::wit::types },)
}

fn rpc_wit() -> String {
    fs::read_to_string(Path::new(RPC_WIT).join("rpc.wit")).expect("read our WIT")
}

#[test]
fn our_package_has_the_interface_that_is_mapped() {
    let mut resolve = Resolve::default();
    resolve.push_path(RPC_WIT).expect("resolve our WIT");
    let mut interfaces = resolve.interfaces.iter();
    assert!(interfaces.any(|(id, _)| resolve.id_of(id).as_deref() == Some(RPC_TYPES)));
}

#[test]
fn no_input_means_the_only_world_of_wit() {
    let (always, with) = (always(), with());
    Crate::new(&[("wit/world.wit", CALLER)])
        .expands(quote!(), quote!(#with path: [#RPC_WIT, "wit"], world: "acme:shop/caller@1.2.0", #always));
}

#[test]
fn a_world_is_found_by_its_name_in_the_callers_package() {
    let (always, with) = (always(), with());
    let wit = format!("{CALLER} world other {{ include caller; }}");
    Crate::new(&[("wit/world.wit", &wit)])
        .expands(quote!("other"), quote!(#with world: "acme:shop/other@1.2.0", path: [#RPC_WIT, "wit"], #always));
}

#[test]
fn a_path_follows_ours() {
    let (always, with) = (always(), with());
    let dir = Crate::new(&[("api/world.wit", CALLER)]);
    let expansion = quote!(
        #with path: [#RPC_WIT, "api"], world: "acme:shop/caller@1.2.0", #always
    );
    dir.expands(quote!({ path: "api" }), expansion.clone());
    dir.expands(quote!({ path: ["api",], }), expansion.clone());
    dir.expands(quote!(in "api"), expansion);
    dir.expands(
        quote!("caller" in "api"),
        quote!(#with world: "acme:shop/caller@1.2.0", path: [#RPC_WIT, "api"], #always),
    );
}

#[test]
fn paths_follow_ours_in_their_order() {
    let (always, with) = (always(), with());
    let app = "
        package acme:app;
        world app { export acme:shop/stock@1.2.0; }
    ";
    Crate::new(&[("shop/world.wit", CALLER), ("app/world.wit", app)]).expands(
        quote!({ path: ["shop", "app"], world: "acme:app/app" }),
        quote!(#with path: [#RPC_WIT, "shop", "app"], world: "acme:app/app", #always),
    );
}

#[test]
fn a_world_that_exports_what_uses_the_error_has_it_mapped() {
    let (always, with) = (always(), with());
    let wit = CALLER.replace("import stock", "export stock");
    Crate::new(&[("wit/world.wit", &wit)])
        .expands(quote!({}), quote!(#with path: [#RPC_WIT, "wit"], world: "acme:shop/caller@1.2.0", #always));
}

#[test]
fn a_world_that_does_not_use_the_error_gets_no_mapping() {
    let always = always();
    Crate::new(&[("wit/world.wit", LOCAL)]).expands(quote!(), always.clone());
    // The package uses it, this world does not.
    let wit = format!("{CALLER} world quiet {{}}");
    Crate::new(&[("wit/world.wit", &wit)])
        .expands(quote!("quiet"), quote!(world: "acme:shop/quiet@1.2.0", path: [#RPC_WIT, "wit"], #always));
}

#[test]
fn a_copy_of_the_package_is_used_and_mapped() {
    let (always, with) = (always(), with());
    let rpc = rpc_wit();
    for copy in ["wit/deps/rpc.wit", "wit/deps/steadfast-rpc/types.wit"] {
        Crate::new(&[("wit/world.wit", CALLER), (copy, &rpc)])
            .expands(quote!("caller"), quote!(#with world: "caller", #always));
    }
    Crate::new(&[("shop/world.wit", CALLER), ("rpc/rpc.wit", &rpc)]).expands(
        quote!({ path: ["rpc", "shop"], world: "acme:shop/caller" }),
        quote!(#with path: ["rpc", "shop"], world: "acme:shop/caller", #always),
    );
}

#[test]
fn a_copy_after_what_uses_it_is_left_for_generate_to_report() {
    let always = always();
    Crate::new(&[("shop/world.wit", CALLER), ("rpc/rpc.wit", &rpc_wit())]).expands(
        quote!({ path: ["shop", "rpc"], world: "acme:shop/caller" }),
        quote!(path: ["shop", "rpc"], world: "acme:shop/caller", #always),
    );
}

#[test]
fn inline_wit_is_read_after_the_directory_if_there_is_one() {
    let (always, with) = (always(), with());
    let inline = quote!(inline: #CALLER);
    let world = quote!(world: "acme:shop/caller@1.2.0");
    Crate::new(&[]).expands(quote!({ #inline }), quote!(#with #inline, path: [#RPC_WIT,], #world, #always));
    Crate::new(&[("wit/local.wit", LOCAL)])
        .expands(quote!({ #inline }), quote!(#with #inline, path: [#RPC_WIT, "wit"], #world, #always));
    Crate::new(&[("wit/rpc.wit", &rpc_wit())]).expands(quote!({ #inline }), quote!(#with #inline, #always));
    Crate::new(&[]).expands(quote!({ inline: #LOCAL }), quote!(inline: #LOCAL, #always));
}

#[test]
fn the_callers_mapping_comes_last_and_so_counts() {
    let (always, with) = (always(), with());
    let own = quote!(with: { "steadfast:rpc/types@0.1.0": crate::mine, "a:b/c": crate::c });
    Crate::new(&[("wit/world.wit", CALLER)]).expands(
        quote!({ #own, world: "caller" }),
        quote!(#with #own, world: "acme:shop/caller@1.2.0", path: [#RPC_WIT, "wit"], #always),
    );
}

#[test]
fn the_callers_runtime_and_other_options_stay() {
    let options = quote!(
        async: true, generate_all, runtime_path: "rt", ownership: Borrowing { no: true }, what
    );
    Crate::new(&[("wit/world.wit", LOCAL)]).expands(quote!({ #options }), quote!(#options,));
}

#[test]
fn features_decide_what_the_world_reaches() {
    let (always, with) = (always(), with());
    let wit = CALLER.replace("import stock", "@unstable(feature = sold) import stock");
    let dir = Crate::new(&[("wit/world.wit", &wit)]);
    let ours = quote!(path: [#RPC_WIT, "wit"], world: "acme:shop/caller@1.2.0", #always);
    dir.expands(quote!(), ours.clone());
    dir.expands(quote!({ features: ["sold"] }), quote!(#with features: ["sold"], #ours));
}

#[test]
fn another_version_of_the_package_is_reported_beside_ours() {
    let always = always();
    let wit = CALLER.replace("@0.1.0", "@9.0.0");
    Crate::new(&[("wit/world.wit", &wit)]).expands(quote!(), quote!(path: [#RPC_WIT, "wit"], #always));
}

#[test]
fn wit_that_does_not_resolve_is_left_for_generate_to_report() {
    let always = always();
    Crate::new(&[]).expands(quote!("absent"), quote!(world: "absent", #always));
    let dir = Crate::new(&[("wit/world.wit", "package acme:broken; world {")]);
    dir.expands(quote!(), always.clone());
    // Twice the same package: `wit-parser` panics.
    let dir = Crate::new(&[("wit/world.wit", LOCAL)]);
    let twice = quote!(path: ["wit", "wit"]);
    dir.expands(quote!({ #twice }), quote!(#twice, #always));
}

#[test]
fn options_that_are_wrong_are_left_for_generate_to_report() {
    let always = always();
    let dir = Crate::new(&[("wit/world.wit", CALLER)]);
    for options in [
        quote!(path: 7),
        quote!(path: concat!("w", "it")),
        quote!(world: caller),
        quote!(world: "caller", world: "caller"),
        quote!(features),
    ] {
        dir.expands(quote!({ #options }), quote!(#options, #always));
    }
}

#[test]
fn input_of_another_form_is_refused() {
    let dir = Crate::new(&[("wit/world.wit", CALLER)]);
    dir.refuses(quote!(caller), "or options in braces");
    dir.refuses(quote!(world: "caller"), "or options in braces");
    dir.refuses(quote!("caller" extra), "or options in braces");
    dir.refuses(quote!("caller" in), "expected string literal");
    dir.refuses(quote!({ world: "caller" } extra), "unexpected token");
    dir.refuses(quote!({ world: "caller",, }), "expected ident");
    dir.refuses(quote!({ "caller" }), "expected ident");
}

#[test]
fn a_world_that_is_not_there_is_reported_as_if_our_package_were_not_either() {
    let message = "World `absent` not found in package `acme:shop@1.2.0`";
    Crate::new(&[("wit/world.wit", CALLER)]).refuses(quote!("absent"), message);
    let wit = CALLER.replace("world caller { import stock; }", "");
    let message = "The main package `acme:shop@1.2.0` contains no worlds";
    Crate::new(&[("wit/world.wit", &wit)]).refuses(quote!(), message);
}
