//! An `impl` block whose methods that return a `Result` share one policy.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Token, Visibility, token};

use super::function::Function;
use super::returns::Returns;
use super::settings::{Settings, Source};
use super::{call, handler};
use crate::grammar::syntax::Errors;

/// An `impl` block: what stands before the braces, and what within.
pub struct Block {
    header: TokenStream,
    /// The last name of the trait, if the block implements one.
    of_trait: Option<String>,
    /// The last name of the type.
    ty: String,
    braces: Group,
    items: Vec<Item>,
}

enum Item {
    Function(Box<Function>),
    Other(TokenStream),
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut tokens: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let braces = match tokens.pop() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group,
            other => return Err(syn::Error::new_spanned(other, "expected an `impl` block")),
        };
        let items = Parser::parse2(items, braces.stream())?;
        let (of_trait, ty) = names(&tokens);
        Ok(Block { header: tokens.into_iter().collect(), of_trait, ty: ty.unwrap_or_default(), braces, items })
    }
}

/// The tokens without the groups that fragments of a macro are in.
fn ungrouped(tokens: impl IntoIterator<Item = TokenTree>) -> Vec<TokenTree> {
    let token = |token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => ungrouped(group.stream()),
        token => vec![token],
    };
    tokens.into_iter().flat_map(token).collect()
}

/// The last name of the trait in `impl Trait for Type`, and of the type.
fn names(header: &[TokenTree]) -> (Option<String>, Option<String>) {
    let header = ungrouped(header.iter().cloned());
    let mut depth = 0_u32;
    let mut of_trait = None;
    let mut last = None;
    let mut before = ' ';
    for (place, token) in header.iter().enumerate() {
        // `for<'a>` is about lifetimes.
        let binds = || matches!(header.get(place + 1), Some(TokenTree::Punct(punct)) if punct.as_char() == '<');
        let mut now = ' ';
        match token {
            TokenTree::Punct(punct) => {
                now = punct.as_char();
                match now {
                    '<' => depth += 1,
                    '>' if before != '-' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            TokenTree::Ident(name) if depth == 0 && name == "where" => break,
            TokenTree::Ident(name) if depth == 0 && name == "for" && !binds() => of_trait = last.take(),
            TokenTree::Ident(name) if depth == 0 => last = Some(name.unraw().to_string()),
            _ => {}
        }
        before = now;
    }
    (of_trait, last)
}

fn items(input: ParseStream<'_>) -> syn::Result<Vec<Item>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(item(input)?);
    }
    Ok(items)
}

fn item(input: ParseStream<'_>) -> syn::Result<Item> {
    if let Ok(function) = input.fork().parse::<Function>() {
        input.parse::<Function>()?;
        return Ok(Item::Function(Box::new(function)));
    }
    // A constant, a type or a macro: as it is.
    let mut tokens = TokenStream::new();
    for attribute in input.call(Attribute::parse_outer).or_else(|_| input.call(Attribute::parse_inner))? {
        attribute.to_tokens(&mut tokens);
    }
    input.parse::<Visibility>()?.to_tokens(&mut tokens);
    let to_semicolon = input.peek(Token![const]) || input.peek(Token![type]) || input.peek(Token![default]);
    while !input.is_empty() {
        let ends = if to_semicolon { input.peek(Token![;]) } else { input.peek(Token![;]) || input.peek(token::Brace) };
        input.parse::<TokenTree>()?.to_tokens(&mut tokens);
        if ends {
            break;
        }
    }
    Ok(Item::Other(tokens))
}

fn is_resilient(function: &Function) -> bool {
    let named = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "resilient");
    function.attributes.iter().any(|attribute| named(attribute.path()))
}

impl Block {
    /// As [`Function::stub`], for each function.
    pub fn stub(&self) -> TokenStream {
        let header = &self.header;
        let items = self.items.iter().map(|item| match item {
            Item::Function(function) => function.stub(),
            Item::Other(tokens) => tokens.clone(),
        });
        quote!(#header { #(#items)* })
    }
}

/// The block with its methods made resilient.
pub fn expand(block: Block, settings: &Settings, errors: &mut Errors) -> TokenStream {
    let Block { header, of_trait, ty, braces, items } = block;
    if let Some(fallback) = &settings.fallback {
        errors.at(fallback, "a fallback answers for one function: put `#[resilient(fallback = …)]` on the method");
    }
    let has_export = of_trait.as_deref() == Some("Guest")
        && items.iter().any(|item| matches!(item, Item::Function(function) if handler::is_export(function)));
    // An exported interface as it is: `?` turns failures into its error.
    let passes = settings.is_empty() && of_trait.is_some();
    if settings.is_empty() && of_trait.is_none() && errors.is_empty() {
        errors.push(super::nothing_said());
    }
    let (statics, policy) = if has_export || passes { Default::default() } else { settings.policy(&ty, errors) };
    // An attribute under another name is not found here, and finds this.
    let seen = quote!(
        use ::steadfast::__private::InBlock as _;
    );
    let mut count = 0;
    let mut checked = [false; 2];
    let items: Vec<_> = items
        .into_iter()
        .map(|item| match item {
            Item::Other(tokens) => tokens,
            Item::Function(function) if is_resilient(&function) => {
                count += 1;
                function.as_written()
            }
            Item::Function(function) if has_export && handler::is_export(&function) => {
                count += 1;
                handler::expand_export(*function, settings, errors)
            }
            Item::Function(function) if passes || has_export => function.as_written(),
            Item::Function(function) if Returns::is_result(&function.signature) => {
                count += 1;
                let is_async = function.is_async();
                // What is wrong for all of them is reported once.
                if !std::mem::replace(&mut checked[usize::from(is_async)], true) {
                    settings.check(is_async, errors);
                }
                call::expand_by_cfg(*function, settings, &seen, &policy, errors)
            }
            Item::Function(function) => function.left_out(),
        })
        .collect();
    if count == 0 && !passes && errors.is_empty() {
        errors.add(
            braces.span_open(),
            "none of these methods returns a `Result`, so `#[resilient]` has nothing to do here: put it on a block whose methods make calls",
        );
    }
    let mut inner = Group::new(Delimiter::Brace, items.into_iter().collect());
    inner.set_span(braces.span());
    if matches!(settings.source, Source::Place(_)) || statics.is_empty() {
        return quote!(#header #inner);
    }
    // So that the name of the policy is not visible beside the block.
    quote!(const _: () = { #statics #header #inner };)
}
