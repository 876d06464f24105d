//! Runs the generator of `wit_bindgen::generate!` in this macro, if there is something to add to its bindings.
//!
//! The same generator with the same options gives the same code, so the component imports and exports the same as with
//! `generate!`, and the signatures are known. If an option is wrong, there are no bindings here, and `generate!`
//! reports it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, LitBool, LitStr, Token, braced, bracketed};
use wit_bindgen_core::wit_parser::{Resolve, WorldId, WorldItem};
use wit_bindgen_core::{AsyncFilterSet, ChainableMethodFilterSet, Files, WorldGenerator};
use wit_bindgen_rust::{Opts, Ownership, WithOption};

use super::options::{Opt, string, value};
use super::wit::{Resolved, Source};
use super::{adapters, clients};

/// The bindings with what is added to them. `None` if that is nothing, or if the options or the WIT are wrong.
pub(super) fn bindings(options: &[Opt], crate_dir: &Path) -> Option<TokenStream> {
    let source = Source::read(options, crate_dir).ok()?;
    let Resolved { mut resolve, main, files } = source.resolve(None, crate_dir).ok()?;
    let name = source.world.as_ref().map(LitStr::value);
    let world = resolve.select_world(&main, name.as_deref()).ok()?;
    if !gains(&resolve, world) {
        return None;
    }
    let settings = settings(options).ok()??;

    let mut generated = Files::default();
    // If it panics, `generate!` panics too, and says so.
    let run = || settings.build().generate(&mut resolve, world, &mut generated);
    catch_unwind(AssertUnwindSafe(run)).ok()?.ok()?;
    let (_, code) = generated.iter().next()?;
    let mut code = syn::parse_file(std::str::from_utf8(code).ok()?).ok()?;
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        if let Some(module) = clients::module(&mut code.items, &clients::module_path(&resolve, key)) {
            adapters::add(module, &resolve, *id);
            clients::add(module, &resolve, key, *id);
        }
    }
    let files = included(&files);
    Some(quote!(#code #files))
}

/// Whether anything that the world imports is given more than `generate!` gives it.
fn gains(resolve: &Resolve, world: WorldId) -> bool {
    resolve.worlds[world].imports.values().any(|item| match item {
        WorldItem::Interface { id, .. } => {
            adapters::known(resolve, *id).next().is_some()
                || resolve.interfaces[*id].functions.values().any(|function| clients::is_fallible(resolve, function))
        }
        _ => false,
    })
}

/// As `generate!` does, so that the compiler knows what the bindings depend on.
fn included(files: &[PathBuf]) -> TokenStream {
    files
        .iter()
        .filter_map(|file| file.to_str())
        .map(|file| {
            quote!(
                const _: &[u8] = include_bytes!(#file);
            )
        })
        .collect()
}

/// The options for the generator. `None` if `generate!` would do more than pass them on.
fn settings(options: &[Opt]) -> syn::Result<Option<Opts>> {
    let mut settings = Opts::default();
    let mut once = Vec::new();
    for option in options {
        let key = option.key.to_string();
        match key.as_str() {
            // The source, which is read by now.
            "path" | "inline" | "world" => {}
            "features" => drop(texts(option)?),
            "std_feature" => flag(option, &mut settings.std_feature)?,
            "raw_strings" => flag(option, &mut settings.raw_strings)?,
            "stubs" => flag(option, &mut settings.stubs)?,
            "generate_all" => flag(option, &mut settings.generate_all)?,
            "skip" => settings.skip.extend(texts(option)?),
            "runtime_path" => settings.runtime_path = Some(text(option)?),
            "map_type" => settings.map_type = Some(text(option)?),
            "bitflags_path" => settings.bitflags_path = Some(text(option)?),
            "export_prefix" => settings.export_prefix = Some(text(option)?),
            "type_section_suffix" => settings.type_section_suffix = Some(text(option)?),
            "default_bindings_module" => settings.default_bindings_module = Some(text(option)?),
            "export_macro_name" => settings.export_macro_name = Some(text(option)?),
            "disable_run_ctors_once_workaround" => settings.disable_run_ctors_once_workaround = truth(option)?,
            "pub_export_macro" => settings.pub_export_macro = truth(option)?,
            "generate_unused_types" => settings.generate_unused_types = truth(option)?,
            "disable_custom_section_link_helpers" => settings.disable_custom_section_link_helpers = truth(option)?,
            "merge_structurally_equal_types" => settings.merge_structurally_equal_types = Some(Some(truth(option)?)),
            "ownership" => settings.ownership = value(option, ownership)?,
            "additional_derives" => {
                let paths = value(option, |input| {
                    let content;
                    bracketed!(content in input);
                    Punctuated::<syn::Path, Token![,]>::parse_terminated(&content)
                })?;
                let paths = paths.iter().map(|path| path.to_token_stream().to_string());
                settings.additional_derive_attributes = paths.collect();
            }
            "additional_derives_ignore" => settings.additional_derive_ignore = texts(option)?,
            "additional_type_attributes" => settings.additional_type_attributes = value(option, attributes)?,
            "additional_member_attributes" => settings.additional_member_attributes = value(option, attributes)?,
            "with" => settings.with.extend(value(option, with)?),
            "async" => settings.async_ = value(option, asynchronous)?,
            "chainable_methods" => {
                let mut set = ChainableMethodFilterSet::default();
                texts(option)?.iter().for_each(|name| set.push(name));
                settings.chainable_methods = set;
            }
            // `generate!` writes the bindings to a file.
            "debug" if truth(option)? => return Ok(None),
            "debug" => {}
            _ => return Err(syn::Error::new(option.key.span(), "unknown")),
        }
        if matches!(key.as_str(), "async" | "chainable_methods") {
            if once.contains(&key) {
                return Err(syn::Error::new(option.key.span(), "given twice"));
            }
            once.push(key);
        }
    }
    Ok(std::env::var_os("WIT_BINDGEN_DEBUG").is_none().then_some(settings))
}

fn flag(option: &Opt, setting: &mut bool) -> syn::Result<()> {
    *setting = true;
    if option.value.is_empty() { Ok(()) } else { Err(syn::Error::new(option.key.span(), "no value is taken")) }
}

fn text(option: &Opt) -> syn::Result<String> {
    string(option).map(|text| text.value())
}

fn texts(option: &Opt) -> syn::Result<Vec<String>> {
    let texts = value(option, list)?;
    Ok(texts.iter().map(LitStr::value).collect())
}

fn list(input: ParseStream<'_>) -> syn::Result<Punctuated<LitStr, Token![,]>> {
    let content;
    bracketed!(content in input);
    Punctuated::parse_terminated(&content)
}

fn truth(option: &Opt) -> syn::Result<bool> {
    value(option, LitBool::parse).map(|truth| truth.value)
}

fn ownership(input: ParseStream<'_>) -> syn::Result<Ownership> {
    let kind = input.parse::<Ident>()?;
    if kind == "Owning" {
        return Ok(Ownership::Owning);
    }
    let content;
    braced!(content in input);
    let field = content.parse::<Ident>()?;
    content.parse::<Token![:]>()?;
    let duplicate_if_necessary = content.parse::<LitBool>()?.value;
    if kind == "Borrowing" && field == "duplicate_if_necessary" {
        Ok(Ownership::Borrowing { duplicate_if_necessary })
    } else {
        Err(syn::Error::new(kind.span(), "unknown"))
    }
}

/// `true`, `false`, or which functions.
fn asynchronous(input: ParseStream<'_>) -> syn::Result<AsyncFilterSet> {
    if input.peek(LitBool) {
        return Ok(AsyncFilterSet::all(input.parse::<LitBool>()?.value));
    }
    let mut set = AsyncFilterSet::default();
    list(input)?.iter().for_each(|name| set.push(&name.value()));
    Ok(set)
}

/// `{ "selector": [#[one] #[two]], … }`
fn attributes(input: ParseStream<'_>) -> syn::Result<Vec<(String, String)>> {
    let content;
    braced!(content in input);
    let mut all = Vec::new();
    while !content.is_empty() {
        let selector = content.parse::<LitStr>()?.value();
        content.parse::<Token![:]>()?;
        let list;
        bracketed!(list in content);
        let attributes = list.call(Attribute::parse_outer)?;
        if attributes.is_empty() || !list.is_empty() {
            return Err(list.error("expected attributes"));
        }
        let pair = |attribute: Attribute| (selector.clone(), attribute.to_token_stream().to_string());
        all.extend(attributes.into_iter().map(pair));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(all)
}

/// `{ "name:package/interface": path::to::it, … }`
fn with(input: ParseStream<'_>) -> syn::Result<Vec<(String, WithOption)>> {
    let content;
    braced!(content in input);
    let mut all = Vec::new();
    while !content.is_empty() {
        let name = content.parse::<LitStr>()?.value();
        content.parse::<Token![:]>()?;
        let path = content.parse::<syn::Path>()?;
        let option = if path.is_ident("generate") {
            WithOption::Generate
        } else if path.segments.iter().all(|segment| segment.arguments.is_none()) {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let root = if path.leading_colon.is_some() { "::" } else { "" };
            WithOption::Path(format!("{root}{}", segments.join("::")))
        } else {
            return Err(syn::Error::new_spanned(path, "expected a path without arguments"));
        };
        all.push((name, option));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(all)
}
