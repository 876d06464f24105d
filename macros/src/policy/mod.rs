//! `policy! { static NAME = deadline("3s") + retry(attempts = 4); }`: statics without their types.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, Visibility};

use crate::crate_path::CratePath;
use crate::grammar::syntax::{Arg, Errors, List, read_sum};
use crate::grammar::{PARTS, Parts};

/// Expands `steadfast::policy! { input }`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Statics>(input) {
        Ok(Statics(crate_path, statics)) => crate_path.applied(statics.into_iter().map(Static::expand).collect()),
        Err(error) => error.into_compile_error(),
    }
}

struct Statics(CratePath, Vec<Static>);

struct Static {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    parts: Vec<Arg>,
}

impl Parse for Statics {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut crate_path = CratePath::default();
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            crate_path = input.parse()?;
            input.parse::<Token![;]>()?;
        }
        let mut statics = Vec::new();
        while !input.is_empty() {
            statics.push(input.parse()?);
        }
        Ok(Statics(crate_path, statics))
    }
}

impl Parse for Static {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !input.peek(Token![static]) {
            return Err(input
                .error("expected `static NAME = retry(attempts = 4) + …;`: a policy has state, so it is a `static`"));
        }
        input.parse::<Token![static]>()?;
        let name = input.parse()?;
        if input.peek(Token![:]) {
            return Err(input
                .error("the type follows from the parts: leave it out, as in `static NAME = retry(attempts = 4);`"));
        }
        input.parse::<Token![=]>()?;
        let parts = read_sum(input)?;
        if input.peek(Token![,]) {
            return Err(
                input.error("the parts of a policy are joined with `+`: `retry(attempts = 4) + breaker(failures = 5)`")
            );
        }
        input.parse::<Token![;]>()?;
        Ok(Static { attributes, visibility, name, parts })
    }
}

impl Static {
    fn expand(self) -> TokenStream {
        let mut errors = Errors::default();
        let mut list = List::new("a policy", self.parts);
        let parts = Parts::take(&mut list, &mut errors);
        let name = &self.name;
        for (key, instead) in [
            ("idempotent", format!("`{name}.idempotent().call(…)` or `#[resilient({name}, idempotent)]`")),
            ("fallback", format!("`{name}.fallback(…).call(…)` or `#[resilient({name}, fallback = …)]`")),
            ("clock", format!("`{name}.with(clock).call(…)` or `#[resilient({name}, clock = …)]`")),
        ] {
            if let Some(arg) = list.take(key, &mut errors) {
                errors.at(&arg.name, format!("`{key}` belongs to a call, not to a policy: {instead}"));
            }
        }
        list.finish(&PARTS, &mut errors);
        let attributes = &self.attributes;
        let conditions = conditions(attributes);
        let attributes = quote!(#(#attributes)*);
        if errors.is_empty() {
            let noted = name.unraw().to_string().to_lowercase();
            return parts.items(&attributes, &conditions, &self.visibility, name, &noted);
        }
        // In its place, so that its uses compile.
        let visibility = &self.visibility;
        let errors = errors.into_tokens();
        quote! {
            #attributes
            #[allow(dead_code)]
            #visibility static #name: ::steadfast::Policy = ::steadfast::Policy::new();
            #conditions
            const _: () = { #errors };
        }
    }
}

/// The `#[cfg(…)]` among the attributes, and those within a `#[cfg_attr(…)]`.
fn conditions<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> TokenStream {
    let conditions = attributes.into_iter().filter_map(|attribute| condition(&attribute.meta));
    conditions.map(|condition| quote!(#[#condition])).collect()
}

fn condition(meta: &Meta) -> Option<TokenStream> {
    if meta.path().is_ident("cfg") {
        return Some(quote!(#meta));
    }
    let list = meta.require_list().ok().filter(|list| list.path.is_ident("cfg_attr"))?;
    let all = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut all = all.iter();
    let when = all.next()?;
    let within: Vec<_> = all.filter_map(condition).collect();
    (!within.is_empty()).then(|| quote!(cfg_attr(#when, #(#within),*)))
}
