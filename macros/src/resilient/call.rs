//! A function whose body becomes a call through a policy.

use proc_macro2::TokenStream;
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
    let once = !settings.repeats() && !(settings.fallback.is_some() && arguments.has_owned());
    let body = &function.body;
    let attempt = if once && settings.fallback.is_none() {
        quote!(#body)
    } else {
        let attempt = arguments.attempt(body);
        arguments.plain(&mut function.signature);
        attempt
    };
    let ty = &returns.body;
    let start = settings.start(policy);
    let call = match (is_async, hedged, once) {
        (false, _, true) => quote!(__call.call_once(|| -> #ty #attempt)),
        (false, _, false) => quote!(__call.call(|| -> #ty #attempt)),
        (true, _, true) => quote!(__call.call_once_async(async || -> #ty #attempt).await),
        (true, false, false) => quote!(__call.call_async(async || -> #ty #attempt).await),
        (true, true, false) => quote!(__call.call_hedged(async || -> #ty #attempt).await),
    };
    let end = match (&settings.fallback, &returns.error) {
        (Some(fallback), _) => {
            let span = fallback.span();
            let mut passed = arguments.passed(span);
            passed.push(quote_spanned!(span=> __failed));
            let answer = quote_spanned!(span=> #fallback(#(#passed),*));
            quote! {
                match #call {
                    ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                    ::core::result::Result::Err(__failed) => {
                        ::steadfast::__private::fallback(&__call);
                        ::core::result::Result::Ok(#answer)
                    }
                }
            }
        }
        (None, Declared::Failed) => call,
        (None, Declared::Own(error)) => {
            let span = error.span();
            let declared = quote_spanned!(span=> ::steadfast::__private::declared::<#error, _>);
            quote!(#call.map_err(#declared))
        }
    };
    function.with_body(&quote! {
        #items
        let __call = #start;
        #end
    })
}
