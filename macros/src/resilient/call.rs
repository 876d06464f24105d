//! A function whose body becomes a call through a policy.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::function::{Arguments, Declared, Function, Returns};
use super::settings::Settings;
use crate::grammar::syntax::Errors;

/// The function with a body that calls through `policy`, after `items`.
pub fn expand(
    mut function: Function,
    settings: &Settings,
    items: &TokenStream,
    policy: &TokenStream,
    errors: &mut Errors,
) -> TokenStream {
    if let Some(constness) = &function.signature.constness {
        errors.at(constness, "a call cannot be made in a `const fn`: leave the `const`");
    }
    let returns = match Returns::read(&function.signature) {
        Ok(returns) => returns,
        Err(error) => {
            errors.push(error);
            return function.as_written();
        }
    };
    let is_async = function.signature.asyncness.is_some();
    let arguments = Arguments::take(&mut function.signature);
    let hedged = settings.hedge.is_some();
    if hedged {
        for span in arguments.mutable() {
            errors.add(
                span,
                "a hedged call has several attempts under way at once, and cannot lend to each what is `&mut`",
            );
        }
    }

    // A fallback is given the arguments too, so there has to be something left of them.
    let answers = settings.fallback.is_some();
    let keeps = settings.repeats() || (answers && arguments.has_owned());
    let once = !keeps;
    let body = &function.body;
    let attempt = if once && !answers {
        quote!(#body)
    } else {
        let attempt = arguments.attempt(body);
        arguments.plain(&mut function.signature);
        attempt
    };
    let ty = &returns.body;
    let start = settings.start(policy);
    let method = match (is_async, hedged, once) {
        (false, _, true) => "call_once",
        (false, _, false) => "call",
        (true, _, true) => "call_once_async",
        (true, false, false) => "call_async",
        (true, true, false) => "call_hedged",
    };
    // What the error lacks is reported at the error.
    let method = Ident::new(method, Span::mixed_site().located_at(returns.error_span));
    let (asyncness, awaited) = if is_async { (quote!(async), quote!(.await)) } else { Default::default() };
    let call = quote!(__call.#method(#asyncness || -> #ty #attempt)#awaited);
    let end = match (&settings.fallback, &returns.error) {
        (Some(fallback), _) => {
            let span = fallback.span();
            let mut passed = arguments.passed(span);
            passed.push(quote_spanned!(span=> __failed));
            let answer = quote_spanned!(span=> ::core::result::Result::Ok(#fallback(#(#passed),*)));
            quote! {
                match #call {
                    ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                    ::core::result::Result::Err(__failed) => {
                        ::steadfast::__private::fallback(&__call);
                        #answer
                    }
                }
            }
        }
        (None, Declared::Failed) => call,
        (None, Declared::Own(error)) => {
            let span = error.span();
            let declared = quote_spanned!(span=> ::steadfast::__private::declared::<#error>);
            quote! {
                match #call {
                    ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                    ::core::result::Result::Err(failed) => ::core::result::Result::Err(#declared(failed)),
                }
            }
        }
    };
    function.with_body(&quote! {
        #items
        let __call = #start;
        #end
    })
}
