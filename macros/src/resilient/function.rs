//! A function, taken apart as far as needed. Its body is not parsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Meta, Signature, Token, Visibility, token};

use super::returns::{Returns, has_impl};

/// A function or method with a body.
#[derive(Clone)]
pub struct Function {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    defaultness: Option<TokenStream>,
    pub signature: Signature,
    /// The attributes at the beginning of the body, which are those of the function.
    inner: TokenStream,
    /// The body without them.
    pub body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let defaultness = if input.peek(Token![default]) && !input.peek2(Token![!]) {
            Some(input.parse::<Token![default]>()?.into_token_stream())
        } else {
            None
        };
        let signature: Signature = input.parse()?;
        if !input.peek(token::Brace) {
            return Err(input.error("`#[resilient]` needs a function with a body"));
        }
        match input.parse()? {
            TokenTree::Group(body) => {
                let (inner, body) = split(ungrouped(body));
                Ok(Function { attributes, visibility, defaultness, signature, inner, body })
            }
            other => Err(syn::Error::new(other.span(), "expected a body")),
        }
    }
}

/// The braces of a body that comes from a fragment of a macro.
fn ungrouped(body: Group) -> Group {
    let mut tokens = body.stream().into_iter();
    match (body.delimiter(), tokens.next(), tokens.next()) {
        (Delimiter::None, Some(TokenTree::Group(inner)), None) => ungrouped(inner),
        _ => body,
    }
}

/// The inner attributes of a body, and what follows them.
fn split(body: Group) -> (TokenStream, Group) {
    let mut inner = TokenStream::new();
    let mut rest: Vec<TokenTree> = body.stream().into_iter().collect();
    while let [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(_), ..] = &rest[..]
        && (hash.as_char(), bang.as_char()) == ('#', '!')
    {
        inner.extend(rest.drain(..3));
    }
    if inner.is_empty() {
        return (inner, body);
    }
    let mut group = Group::new(body.delimiter(), rest.into_iter().collect());
    group.set_span(body.span());
    (inner, group)
}

impl Function {
    /// The function with another body.
    pub fn with_body(&self, body: &TokenStream) -> TokenStream {
        let Function { attributes, visibility, defaultness, signature, inner, .. } = self;
        quote!(#(#attributes)* #visibility #defaultness #signature { #inner #body })
    }

    /// Whether its result is awaited.
    pub fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
            || Returns::read(&self.signature).is_ok_and(|returns| returns.future.is_some())
    }

    /// Whether a resilient block around it has made it resilient already.
    pub fn is_of_block(&self) -> bool {
        let tokens = self.body.stream().into_iter().take(16);
        tokens.into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "InBlock"))
    }

    /// As it was written.
    pub fn as_written(&self) -> TokenStream {
        let Function { attributes, visibility, defaultness, signature, inner, body } = self;
        if inner.is_empty() {
            return quote!(#(#attributes)* #visibility #defaultness #signature #body);
        }
        self.with_body(&body.stream())
    }

    /// As it was written, in a block whose other methods are resilient. If it returns a `Result` by another name, the
    /// compiler reports it.
    pub fn left_out(&self) -> TokenStream {
        let Some(ty) = Returns::alias(&self.signature).filter(|_| self.signature.constness.is_none()) else {
            return self.as_written();
        };
        let body = self.body.stream();
        let at = ty.span();
        let check = quote_spanned!(at=> ::steadfast::__private::Returned::<#ty>::NEW.left_out());
        // Not spanned: where a `Result` is returned, the trait is not used.
        let check = quote!({ use ::steadfast::__private::LeftOut as _; #check; });
        self.with_body(&quote!(#check #body))
    }

    /// In the place of a function that could not be expanded, so that its callers compile. Without its body, which may
    /// fit the expansion only.
    pub fn stub(&self) -> TokenStream {
        if has_impl(self.signature.output.to_token_stream()) {
            return self.as_written();
        }
        let function = self.with_body(&quote!(loop {}));
        quote!(#[allow(unused, clippy::all)] #function)
    }

    /// One function for each set of arguments that `#[cfg]` may leave of it. An expansion cannot name an argument
    /// that may not be there.
    pub fn by_cfg(self) -> Vec<Function> {
        let cfg = self.signature.inputs.iter().enumerate().find_map(|(place, input)| {
            let attributes = match input {
                FnArg::Receiver(this) => &this.attrs,
                FnArg::Typed(typed) => &typed.attrs,
            };
            let cfg = attributes.iter().position(|attribute| attribute.path().is_ident("cfg"))?;
            let Meta::List(list) = &attributes[cfg].meta else { return None };
            Some((place, cfg, list.tokens.clone()))
        });
        let Some((place, cfg, condition)) = cfg else { return vec![self] };
        let mut with = self.clone();
        with.attributes.insert(0, syn::parse_quote!(#[cfg(#condition)]));
        if let Some(FnArg::Receiver(syn::Receiver { attrs, .. }) | FnArg::Typed(syn::PatType { attrs, .. })) =
            with.signature.inputs.get_mut(place)
        {
            attrs.remove(cfg);
        }
        let mut without = self;
        without.attributes.insert(0, syn::parse_quote!(#[cfg(not(#condition))]));
        let inputs = std::mem::take(&mut without.signature.inputs).into_iter().enumerate();
        without.signature.inputs =
            inputs.filter(|(number, _)| *number != place).map(|(_, input)| input).collect::<Punctuated<_, _>>();
        with.by_cfg().into_iter().chain(without.by_cfg()).collect()
    }
}
