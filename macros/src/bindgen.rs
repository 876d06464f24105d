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
mod tests;
