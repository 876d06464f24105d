//! `#[resilient(…)]`: on a function that makes a call, on the methods of an `impl` block, on a handler.

mod arguments;
mod block;
mod call;
mod function;
mod handler;
mod returns;
mod settings;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Token};

use crate::grammar::syntax::Errors;
use block::Block;
use function::Function;
use settings::Settings;

/// Expands `#[resilient(settings)] item`.
pub(crate) fn expand(settings: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let settings = Settings::read(settings, &mut errors);
    let item = match syn::parse2::<Item>(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            // Unchanged, so that there are no further errors about it.
            errors.push(error);
            return quote!(#item).into_iter().chain(errors.into_tokens()).collect();
        }
    };
    let stub = item.stub();
    let is_handler = matches!(&item, Item::Function(function) if handler::is_handler(function));
    let tokens = match item {
        Item::Block(block) => {
            if let Some(span) = settings.skip {
                errors.add(span, "`skip` leaves one method of a resilient `impl` block as it is: put it there");
            }
            block::expand(block, &settings, &mut errors)
        }
        Item::Function(function) => expand_function(*function, &settings, &mut errors),
    };
    // What a server makes of a handler does not fit what it was written as.
    let tokens = if errors.is_empty() || is_handler { tokens } else { stub };
    let errors = errors.into_tokens();
    settings.crate_path.applied(quote!(#tokens #errors))
}

fn expand_function(function: Function, settings: &Settings, errors: &mut Errors) -> TokenStream {
    if function.is_of_block() {
        let message = "the method has the policy of the block around it already, which finds this attribute by its \
                       name only: write `#[resilient(…)]`, without `cfg_attr`";
        errors.add(Span::call_site(), message);
        return function.as_written();
    }
    if settings.skip.is_some() {
        let given = settings.given();
        if let Some((name, span)) = given.into_iter().find(|(name, _)| *name != "skip") {
            errors.add(span, format!("`skip` leaves the function as it is, so there is nothing for `{name}` to do"));
        }
        return function.as_written();
    }
    if handler::is_handler(&function) {
        return handler::expand(function, settings, errors);
    }
    if settings.is_empty() && errors.is_empty() {
        errors.push(nothing_said());
    }
    settings.check(function.is_async(), errors);
    let (items, policy) = settings.policy(&function.signature.ident.unraw().to_string(), errors);
    call::expand_by_cfg(function, settings, &items, &policy, errors)
}

fn nothing_said() -> syn::Error {
    let message = "`#[resilient]` alone is for a handler or for an exported interface: say here what to do about a failed \
                   call, as in `#[resilient(retry(attempts = 4), deadline = \"3s\")]`";
    syn::Error::new(Span::call_site(), message)
}

/// What the attribute may stand on.
enum Item {
    Function(Box<Function>),
    Block(Block),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        if ahead.peek(Token![impl]) || (ahead.peek(Token![unsafe]) && ahead.peek2(Token![impl])) {
            return input.parse().map(Item::Block);
        }
        let _: syn::Result<syn::Visibility> = ahead.parse();
        if ahead.fork().parse::<syn::Signature>().is_err() && !ahead.peek(Token![default]) {
            return Err(ahead.error("`#[resilient]` stands on a function, a method or an `impl` block"));
        }
        Ok(Item::Function(Box::new(input.parse()?)))
    }
}

impl Item {
    /// What stands in for an item that could not be expanded: others find it, and its body is not looked at.
    fn stub(&self) -> TokenStream {
        match self {
            Item::Function(function) => function.stub(),
            Item::Block(block) => block.stub(),
        }
    }
}
