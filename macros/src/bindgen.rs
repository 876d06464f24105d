//! Turns the input of `bindgen!` into that of `wit_bindgen::generate!`, adding what makes the caller's
//! WIT use the error of `steadfast:rpc`.
//!
//! The caller's tokens are passed on as they came wherever that is possible, and an option or WIT that is
//! wrong is left for `generate!` to report: its messages point at the caller's tokens, and there is one
//! place that knows the options.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{LitStr, Token, braced, bracketed, token};
use wit_parser::{PackageId, Resolve, ResolveError, ResolveErrorKind};

/// The WIT package `steadfast:rpc`. In the repository, `wit` is a link to the directory beside this crate.
const RPC_WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

/// The interface whose Rust types are `steadfast::wit::types`, as a key of `with`.
const RPC_TYPES: &str = "steadfast:rpc/types@0.1.0";

/// Expands `steadfast::bindgen!(input)` in the crate whose `Cargo.toml` is in `crate_dir`.
pub(crate) fn expand(input: TokenStream, crate_dir: &Path) -> TokenStream {
    let Options(mut options) = match syn::parse2(input) {
        Ok(options) => options,
        // `generate!` would read the WIT before it gets to these tokens, and miss our package there.
        Err(error) => return error.into_compile_error(),
    };
    if let Ok(source) = Source::read(&options, crate_dir)
        && let Err(error) = add_rpc(&mut options, &source, crate_dir)
    {
        return error.into_compile_error();
    }
    if !options.iter().any(|option| option.key == "generate_all") {
        options.push(Opt::new("generate_all", TokenStream::new()));
    }
    if !options.iter().any(|option| option.key == "runtime_path") {
        let path = "::steadfast::__private::wit_bindgen::rt";
        options.push(Opt::new("runtime_path", quote!(: #path)));
    }
    quote!(::steadfast::__private::wit_bindgen::generate!({ #(#options,)* });)
}

/// Adds what the WIT of `source` needs of `steadfast:rpc`, if it needs anything.
fn add_rpc(options: &mut Vec<Opt>, source: &Source, crate_dir: &Path) -> syn::Result<()> {
    // WIT that has a copy of the package, or does without, resolves as it is.
    let (resolved, needs_ours) = match source.resolve(None, crate_dir) {
        Err(Unresolved::RpcNotFound) => (source.resolve(Some(RPC_WIT), crate_dir), true),
        resolved => (resolved, false),
    };
    // A second copy panics: the caller has one, behind a path that already uses it.
    let adds_ours = needs_ours && !matches!(resolved, Err(Unresolved::Panicked));
    if adds_ours {
        // First, because a package must come before those that use it.
        let paths = &source.paths;
        set(options, "path", quote!(: [#RPC_WIT, #(#paths),*]));
    }
    let Ok(Resolved { resolve, main }) = resolved else {
        return Ok(());
    };

    let name = source.world.as_ref().map(LitStr::value);
    let span = source.world.as_ref().map_or_else(Span::call_site, LitStr::span);
    let world = match resolve.select_world(&main, name.as_deref()) {
        Ok(world) => &resolve.worlds[world],
        // With our path beside it, the caller's package is one of several to `generate!`, and it would
        // complain about that rather than about this.
        Err(error) if adds_ours => return Err(syn::Error::new(span, format!("{error:#}"))),
        Err(_) => return Ok(()),
    };
    if adds_ours && let Some(package) = world.package {
        // For the same reason, it finds a world by its full name only.
        let name = LitStr::new(&resolve.id_of_name(package, &world.name), span);
        set(options, "world", quote!(: #name));
    }

    // `generate!` refuses a key that the world does not reach. By now the world imports whatever the
    // interfaces that it names use types of.
    let mut imports = world.imports.keys();
    if imports.any(|key| resolve.name_world_key(key) == RPC_TYPES) {
        // First, because of several entries for a key the last one counts: the caller's.
        let with = quote!(: { #RPC_TYPES: ::steadfast::wit::types });
        options.insert(0, Opt::new("with", with));
    }
    Ok(())
}

fn set(options: &mut Vec<Opt>, key: &str, value: TokenStream) {
    match options.iter_mut().find(|option| option.key == key) {
        Some(option) => option.value = value,
        None => options.push(Opt::new(key, value)),
    }
}

/// What `generate!` accepts, in the one form that has room for more: its options.
struct Options(Vec<Opt>);

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(token::Brace) {
            let content;
            braced!(content in input);
            let options = Punctuated::<Opt, Token![,]>::parse_terminated(&content)?;
            return Ok(Self(options.into_iter().collect()));
        }
        let mut options = Vec::new();
        if let Some(world) = input.parse::<Option<LitStr>>()? {
            options.push(Opt::new("world", quote!(: #world)));
        }
        if input.parse::<Option<Token![in]>>()?.is_some() {
            let path = input.parse::<LitStr>()?;
            options.push(Opt::new("path", quote!(: #path)));
        }
        if !input.is_empty() {
            let forms = "expected nothing, the name of a world, or options in braces: `bindgen!({ … })`";
            return Err(input.error(forms));
        }
        Ok(Self(options))
    }
}

/// One option of `generate!`: `key` or `key: value`.
struct Opt {
    key: Ident,
    /// What follows the key, with its colon.
    value: TokenStream,
}

impl Opt {
    fn new(key: &str, value: TokenStream) -> Self {
        let key = Ident::new(key, Span::call_site());
        Self { key, value }
    }
}

impl Parse for Opt {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // Any identifier: `async` is one of the keys.
        let key = input.call(Ident::parse_any)?;
        let mut value = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            value.extend([input.parse::<TokenTree>()?]);
        }
        Ok(Self { key, value })
    }
}

impl ToTokens for Opt {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.key.to_tokens(tokens);
        self.value.to_tokens(tokens);
    }
}

/// The options that say which world `generate!` reads.
struct Source {
    paths: Vec<LitStr>,
    inline: Option<LitStr>,
    world: Option<LitStr>,
    features: Vec<LitStr>,
}

impl Source {
    /// Fails where `generate!` will: on values that it does not take, and options given twice.
    fn read(options: &[Opt], crate_dir: &Path) -> syn::Result<Self> {
        fn once<T>(place: &mut Option<T>, option: &Opt, value: T) -> syn::Result<()> {
            match place.replace(value) {
                None => Ok(()),
                Some(_) => Err(syn::Error::new(option.key.span(), "given twice")),
            }
        }

        let (mut paths, mut inline, mut world) = (None, None, None);
        let mut features = Vec::new();
        for option in options {
            match option.key.to_string().as_str() {
                "path" => once(&mut paths, option, strings(option)?)?,
                "inline" => once(&mut inline, option, string(option)?)?,
                "world" => once(&mut world, option, string(option)?)?,
                "features" => features.extend(strings(option)?),
                _ => {}
            }
        }
        let paths = paths.unwrap_or_else(|| {
            // The default of `generate!`, which lets it be absent only where there is WIT inline.
            let absent = inline.is_some() && !crate_dir.join("wit").exists();
            let default = (!absent).then(|| LitStr::new("wit", Span::call_site()));
            default.into_iter().collect()
        });
        Ok(Self { paths, inline, world, features })
    }

    /// Reads the WIT in the way of `generate!`, with that in the directory `ahead` before it.
    fn resolve(&self, ahead: Option<&str>, crate_dir: &Path) -> Result<Resolved, Unresolved> {
        let paths = self.paths.iter().map(|path| {
            let path = crate_dir.join(path.value());
            path.canonicalize().unwrap_or(path)
        });
        let paths: Vec<PathBuf> = ahead.map(PathBuf::from).into_iter().chain(paths).collect();
        let not_main = usize::from(ahead.is_some());
        let inline = self.inline.as_ref().map(LitStr::value);
        let features: Vec<String> = self.features.iter().map(LitStr::value).collect();

        let read = || {
            let mut resolve = Resolve::default();
            resolve.features.extend(features);
            let mut packages = Vec::new();
            for path in paths {
                let pushed = resolve.push_path(path);
                let (package, _) = pushed.map_err(|error| Unresolved::because(error.downcast_ref()))?;
                packages.push(package);
            }
            let main = match inline {
                None => packages.split_off(not_main),
                Some(wit) => {
                    let pushed = resolve.push_str("macro-input", &wit);
                    vec![pushed.map_err(|error| Unresolved::because(error.downcast_ref()))?]
                }
            };
            Ok(Resolved { resolve, main })
        };
        // `wit-parser` asserts that no package comes twice, whatever the caller's directories hold.
        catch_unwind(read).unwrap_or(Err(Unresolved::Panicked))
    }
}

/// The string of `key: "string"`.
fn string(option: &Opt) -> syn::Result<LitStr> {
    let parse = |input: ParseStream<'_>| {
        input.parse::<Token![:]>()?;
        input.parse()
    };
    parse.parse2(option.value.clone())
}

/// The strings of `key: ["one", "two"]`, or the one of `key: "string"`.
fn strings(option: &Opt) -> syn::Result<Vec<LitStr>> {
    let parse = |input: ParseStream<'_>| {
        input.parse::<Token![:]>()?;
        if !input.peek(token::Bracket) {
            return Ok(vec![input.parse()?]);
        }
        let content;
        bracketed!(content in input);
        let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
        Ok(list.into_iter().collect())
    };
    parse.parse2(option.value.clone())
}

/// The caller's WIT, and the packages in which a world is looked for.
struct Resolved {
    resolve: Resolve,
    main: Vec<PackageId>,
}

/// Why the caller's WIT was not understood.
enum Unresolved {
    /// It uses `steadfast:rpc`, of whatever version, and does not contain it.
    RpcNotFound,
    /// One package comes twice, or `wit-parser` has a bug.
    Panicked,
    /// For a reason that `generate!` will tell.
    Otherwise,
}

impl Unresolved {
    fn because(error: Option<&ResolveError>) -> Self {
        match error.map(ResolveError::kind) {
            Some(ResolveErrorKind::PackageNotFound { requested, .. })
                if requested.namespace == "steadfast" && requested.name == "rpc" =>
            {
                Self::RpcNotFound
            }
            _ => Self::Otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::{env, fs, process};

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
            assert_eq!(expand(input, &self.0).to_string(), expected.to_string());
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
}
