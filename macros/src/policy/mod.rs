//! `policy! { static NAME = deadline("3s") + retry(attempts = 4); }`: statics whose type nobody has to write.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Token, Visibility};

use crate::grammar::syntax::{Arg, Errors, List, read_sum};
use crate::grammar::{PARTS, Parts};

/// Expands `steadfast::policy! { input }`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Statics>(input) {
        Ok(statics) => statics.0.into_iter().map(Static::expand).collect(),
        Err(error) => error.into_compile_error(),
    }
}

struct Statics(Vec<Static>);

struct Static {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    parts: Vec<Arg>,
}

impl Parse for Statics {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut statics = Vec::new();
        while !input.is_empty() {
            statics.push(input.parse()?);
        }
        Ok(Statics(statics))
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
                errors.at(&arg.name, format!("`{key}` is said of a call, not of a policy: {instead}"));
            }
        }
        list.finish(&PARTS, &mut errors);
        let attributes = &self.attributes;
        let attributes = quote!(#(#attributes)*);
        let mut tokens = parts.items(&attributes, &self.visibility, name, &name.to_string().to_lowercase());
        if !errors.is_empty() {
            // So that nobody is told besides that there is no such policy.
            let visibility = &self.visibility;
            tokens = quote!(#attributes #[allow(dead_code)] #visibility static #name: ::steadfast::Policy = ::steadfast::Policy::new(););
            errors.into_tokens().to_tokens(&mut tokens);
        }
        tokens
    }
}
