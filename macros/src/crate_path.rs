//! `crate = path`: where the crate `steadfast` is found, if `Cargo.toml` calls it by another name.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Meta, Path};

/// The path that the caller gave.
#[derive(Clone, Default)]
pub struct CratePath(Option<Path>);

impl Parse for CratePath {
    /// A path, or a text with one.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse::<LitStr>()?.parse_with(Path::parse_mod_style).map(|path| CratePath(Some(path)));
        }
        let wrong = "expected the path of the crate `steadfast`: `crate = sf`";
        let path = Path::parse_mod_style(input).map_err(|error| syn::Error::new(error.span(), wrong))?;
        Ok(CratePath(Some(path)))
    }
}

impl CratePath {
    /// Takes `crate = path` out of the attributes `#[failure(…)]`.
    pub fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Self> {
        let mut found = CratePath::default();
        for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("failure")) {
            let Meta::List(list) = &mut attribute.meta else { continue };
            let mut left = Vec::new();
            for item in items(std::mem::take(&mut list.tokens)) {
                let mut tokens = item.clone().into_iter();
                match (tokens.next(), tokens.next()) {
                    (Some(TokenTree::Ident(key)), Some(TokenTree::Punct(punct)))
                        if key == "crate" && punct.as_char() == '=' =>
                    {
                        found = syn::parse2(tokens.collect())?;
                    }
                    _ => left.push(item),
                }
            }
            list.tokens = quote!(#(#left),*);
        }
        if found.0.is_some() {
            attributes.retain(|attribute| !matches!(&attribute.meta, Meta::List(list) if list.tokens.is_empty()));
        }
        Ok(found)
    }

    /// The path as the text of an option of `generate!`.
    pub fn text(&self) -> String {
        let path = self.0.as_ref().map_or_else(|| quote!(::steadfast), ToTokens::to_token_stream);
        path.to_string().replace(' ', "")
    }

    /// An expansion in which the crate is found at the path.
    pub fn applied(&self, tokens: TokenStream) -> TokenStream {
        match &self.0 {
            Some(path) => replaced(tokens, &path.to_token_stream()),
            None => tokens,
        }
    }
}

/// What stands between commas.
fn items(tokens: TokenStream) -> Vec<TokenStream> {
    let mut items = vec![Vec::new()];
    for token in tokens {
        match (&token, items.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => items.push(Vec::new()),
            (_, Some(item)) => item.push(token),
            _ => {}
        }
    }
    items.into_iter().filter(|item| !item.is_empty()).map(|item| item.into_iter().collect()).collect()
}

/// The tokens with `path` in the place of each `::steadfast` that begins a path.
fn replaced(tokens: TokenStream, path: &TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon = |place: usize| matches!(tokens.get(place), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let begins = |place: usize| {
        let follows = place.checked_sub(1).and_then(|before| tokens.get(before));
        let named = matches!(tokens.get(place + 2), Some(TokenTree::Ident(name)) if name == "steadfast");
        named
            && is_colon(place)
            && is_colon(place + 1)
            && !matches!(follows, Some(TokenTree::Ident(name)) if is_segment(name))
    };
    let mut replaced = TokenStream::new();
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        if begins(place) {
            replaced.extend(path.clone());
            place += 3;
            continue;
        }
        replaced.extend([match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), self::replaced(group.stream(), path));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token.clone(),
        }]);
        place += 1;
    }
    replaced
}

/// Whether a `::` after the name goes on with its path. Before `::`, keywords end what stands before a path.
fn is_segment(name: &proc_macro2::Ident) -> bool {
    let is_keyword = syn::parse2::<syn::Ident>(quote!(#name)).is_err();
    !is_keyword || ["self", "super", "crate", "Self"].iter().any(|segment| name == segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_path(path: TokenStream, tokens: TokenStream) -> String {
        syn::parse2::<CratePath>(path).expect("a path").applied(tokens).to_string()
    }

    #[test]
    fn each_path_of_the_crate_is_another() {
        let tokens =
            quote!(use ::steadfast::Policy; impl ::steadfast::Failure for A { f(::steadfast::x!(), a::steadfast::b) });
        let expected = quote!(use sf::Policy; impl sf::Failure for A { f(sf::x!(), a::steadfast::b) }).to_string();
        assert_eq!(with_path(quote!(sf), tokens.clone()), expected);
        assert_eq!(with_path(quote!("sf"), tokens.clone()), expected);
        assert!(with_path(quote!(crate::a::sf), tokens).contains("impl crate :: a :: sf :: Failure for"));
    }

    #[test]
    fn a_path_is_taken_out_of_an_attribute() {
        let mut attributes =
            vec![syn::parse_quote!(#[failure(crate = sf)]), syn::parse_quote!(#[failure(timeout, delivery = unknown)])];
        assert_eq!(CratePath::take(&mut attributes).expect("a path").text(), "sf");
        assert_eq!(quote!(#(#attributes)*).to_string(), quote!(#[failure(timeout, delivery = unknown)]).to_string());
        let mut both = vec![syn::parse_quote!(#[failure(other, crate = ::a::b)])];
        assert_eq!(CratePath::take(&mut both).expect("a path").text(), "::a::b");
        assert_eq!(quote!(#(#both)*).to_string(), quote!(#[failure(other)]).to_string());
    }
}
