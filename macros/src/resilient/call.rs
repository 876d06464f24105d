//! A function whose body becomes a call through a policy.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::arguments::Arguments;
use super::function::Function;
use super::returns::{Future, Returns};
use super::settings::Settings;
use crate::grammar::syntax::Errors;

/// The function, once for each set of arguments that `#[cfg]` may leave of it.
pub fn expand_by_cfg(
    function: Function,
    settings: &Settings,
    items: &TokenStream,
    policy: &TokenStream,
    errors: &mut Errors,
) -> TokenStream {
    let mut first = Some(errors);
    let expanded = function.by_cfg().into_iter().map(|function| match first.take() {
        Some(errors) => expand(function, settings, items, policy, errors),
        // The others have the same mistakes.
        None => expand(function, settings, items, policy, &mut Errors::default()),
    });
    expanded.collect()
}

/// The function with a body that calls through `policy`, after `items`.
///
/// Our names are long: a constant of the caller's with the name of a binding would be a pattern.
fn expand(
    mut function: Function,
    settings: &Settings,
    items: &TokenStream,
    policy: &TokenStream,
    errors: &mut Errors,
) -> TokenStream {
    if let Some(constness) = &function.signature.constness {
        errors.at(constness, "a call cannot be made in a `const fn`: remove the `const`");
    }
    let returns = match Returns::read(&function.signature) {
        Ok(returns) => returns,
        Err(error) => {
            errors.push(error);
            return function.as_written();
        }
    };
    let Returns { declared, error_span, future } = &returns;
    let is_async = function.signature.asyncness.is_some() || future.is_some();
    // The body is written against the error of an attempt, or against the declared one.
    let is_copied = Returns::is_copied(&function.signature, &function.body.stream());
    let is_declared = future.is_some() || is_copied;
    let arguments = Arguments::take(&mut function.signature);
    let hedged = settings.hedge.is_some();
    if hedged {
        for span in arguments.mutable() {
            errors.add(
                span,
                "a hedged call has several attempts in flight at once, and cannot lend a `&mut` to each of them: take \
                 a `&` or an owned value",
            );
        }
    }

    // A fallback is given the arguments too, so the attempts may not use them up.
    let answers = settings.fallback.is_some();
    let keeps = settings.repeats() || (answers && arguments.has_owned());
    let once = !keeps;
    let body = function.body.stream();
    let (given, body) = if once && !answers {
        (TokenStream::new(), body)
    } else {
        arguments.plain(&mut function.signature);
        arguments.attempt(body, is_declared)
    };
    let braced = |tokens: TokenStream| {
        let mut braces = Group::new(Delimiter::Brace, tokens);
        braces.set_span(function.body.span());
        braces
    };
    let start = settings.start(policy);
    let method = match (is_async, hedged, once) {
        (false, _, true) => "call_once",
        (false, _, false) => "call",
        (true, _, true) => "call_once_async",
        (true, false, false) => "call_async",
        (true, true, false) => "call_hedged",
    };
    // The compiler reports at the error what it lacks.
    let method = Ident::new(method, Span::mixed_site().located_at(*error_span));
    let operation = if let Some(future) = future {
        let body = braced(body);
        let ty = match future {
            Future::Opaque => TokenStream::new(),
            Future::Boxed { ty, .. } => quote!(-> #ty),
        };
        let attempt = quote!(::steadfast::__private::future::<#declared, _>(move || #ty #body).await);
        quote!(async || { #given #attempt })
    } else {
        let ty = if is_copied {
            declared.clone()
        } else {
            quote_spanned!(*error_span=> <#declared as ::steadfast::__private::Outcome>::Attempt)
        };
        // In the same braces: a lint reports a second pair around a body on one line.
        let attempt = braced(quote!(#given #body));
        let asyncness = is_async.then(|| quote!(async));
        quote!(#asyncness || -> #ty #attempt)
    };
    let awaited = is_async.then(|| quote!(.await));
    let mut result = quote!(__steadfast_call.#method(#operation)#awaited);
    if is_declared {
        result = quote_spanned!(*error_span=> ::steadfast::__private::of_attempts::<#declared>(#result));
    }
    let end = match &settings.fallback {
        Some(fallback) => {
            let span = fallback.span();
            let mut passed = arguments.passed(span);
            // Hygienic: the fallback may come from a macro of the caller's.
            let failed = Ident::new("__steadfast_failed", Span::mixed_site().located_at(span));
            let value = Ident::new("__steadfast_value", Span::mixed_site().located_at(span));
            passed.push(quote!(#failed));
            let answer = if is_async {
                quote_spanned!(span=> ::steadfast::__private::answer_async(#value, (#(#passed,)*), #fallback).await)
            } else {
                quote_spanned!(span=> ::steadfast::__private::answer(#value, (#(#passed,)*), #fallback))
            };
            quote! {
                let __steadfast_result = #result;
                let #value = ::steadfast::__private::value_of(&__steadfast_result);
                match __steadfast_result {
                    ::core::result::Result::Ok(__steadfast_ok) => ::core::result::Result::Ok(__steadfast_ok),
                    ::core::result::Result::Err(#failed) => {
                        ::steadfast::__private::fallback(&__steadfast_call);
                        ::core::result::Result::Ok(#answer)
                    }
                }
            }
        }
        None => quote_spanned!(*error_span=> ::steadfast::__private::declared::<#declared>(#result)),
    };
    let call = quote!(let __steadfast_call = #start; #end);
    function.with_body(&match future {
        // In the form that `tracing::instrument` looks for below this attribute.
        Some(Future::Boxed { path, .. }) => quote!(#items #path::pin(async move { #call })),
        Some(Future::Opaque) => quote!(#items async move { #call }),
        None => quote!(#items #call),
    })
}
