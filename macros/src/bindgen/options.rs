//! The options of `bindgen!`, which are those of `generate!`. Most are passed on unchanged.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{LitStr, Token, braced, bracketed, token};

/// What `generate!` accepts, as a list of options.
pub(super) struct Options(pub(super) Vec<Opt>);

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
pub(super) struct Opt {
    pub(super) key: Ident,
    /// What follows the key, with its colon.
    pub(super) value: TokenStream,
}

impl Opt {
    pub(super) fn new(key: &str, value: TokenStream) -> Self {
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

/// The string of `key: "string"`.
pub(super) fn string(option: &Opt) -> syn::Result<LitStr> {
    value(option, |input| input.parse())
}

/// The strings of `key: ["one", "two"]`, or the one of `key: "string"`.
pub(super) fn strings(option: &Opt) -> syn::Result<Vec<LitStr>> {
    value(option, |input| {
        if !input.peek(token::Bracket) {
            return Ok(vec![input.parse()?]);
        }
        let content;
        bracketed!(content in input);
        let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
        Ok(list.into_iter().collect())
    })
}

/// What stands after the colon.
pub(super) fn value<T>(option: &Opt, parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>) -> syn::Result<T> {
    let parse = |input: ParseStream<'_>| {
        input.parse::<Token![:]>()?;
        parse(input)
    };
    parse.parse2(option.value.clone())
}
