//! A handler of HTTP requests: a failure that it returns becomes an answer that a client can act on.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, Type};

use super::function::Function;
use super::returns::Returns;
use super::settings::Settings;
use crate::grammar::syntax::Errors;

/// Whether `function` answers requests: by its name, as `#[wstd::http_server]` has it before and after it is
/// expanded, or by that attribute.
pub fn is_handler(function: &Function) -> bool {
    let name = &function.signature.ident;
    let is_server = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "http_server");
    let marked = function.attributes.iter().any(|attribute| is_server(attribute.path()));
    (marked || name == "main" || name == "__run") && function.signature.inputs.len() == 1
}

/// Whether `function`, of an `impl Guest for …`, is the export of `wasi:http/incoming-handler`.
pub fn is_export(function: &Function) -> bool {
    let mut inputs = function.signature.inputs.iter();
    let is_request = |ty: &Type| match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "IncomingRequest"),
        _ => false,
    };
    function.signature.ident == "handle"
        && matches!((inputs.next(), inputs.next()), (Some(FnArg::Typed(typed)), None) if is_request(&typed.ty))
        && Returns::is_result(&function.signature)
}

/// The settings of a handler.
fn settings(settings: &Settings, errors: &mut Errors) -> TokenStream {
    for (name, span) in settings.given() {
        if name != "deadline" {
            let message = format!(
                "a handler has a `deadline` and nothing else: put `{name}` on the function that makes the call"
            );
            errors.add(span, message);
        }
    }
    let new = quote!(::steadfast::handler::Settings::new());
    match settings.parts().and_then(|parts| Some((parts.deadline.as_ref()?, parts.deadline_after.as_ref()?))) {
        Some((deadline, after)) => {
            let span = deadline.span;
            quote_spanned!(span=> #new.deadline(#after))
        }
        None => new,
    }
}

/// A handler with `#[wstd::http_server]`, in either order.
pub fn expand(mut function: Function, given: &Settings, errors: &mut Errors) -> TokenStream {
    let settings = settings(given, errors);
    let returns = match Returns::read(&function.signature) {
        Ok(_) => function.signature.output.clone(),
        Err(error) => {
            errors.push(error);
            return function.as_written();
        }
    };
    let body = &function.body;
    let Some(FnArg::Typed(request)) = function.signature.inputs.first_mut() else {
        errors.at(&function.signature.inputs, "a handler has one argument: the request");
        return function.as_written();
    };
    let (pattern, ty) = (request.pat.clone(), request.ty.clone());
    *request.pat = Pat::Verbatim(quote!(__steadfast_request));
    let handler = quote!(|#pattern: #ty| #returns #body);
    let answer = match function.signature.asyncness {
        Some(_) => quote!(::steadfast::handler::answer(#settings, __steadfast_request, async #handler).await),
        None => quote!(::steadfast::handler::answer_sync(#settings, __steadfast_request, #handler)),
    };
    let at = function.signature.output.span();
    function.signature.output = syn::parse_quote_spanned! {at=>
        -> ::core::result::Result<
            ::steadfast::__private::wstd::http::Response<::steadfast::__private::wstd::http::Body>,
            ::steadfast::__private::wstd::http::Error,
        >
    };
    function.with_body(&answer)
}

/// The export of `wasi:http/incoming-handler`, written as a function from a request to a result.
pub fn expand_export(mut function: Function, given: &Settings, errors: &mut Errors) -> TokenStream {
    let settings = settings(given, errors);
    let returns = function.signature.output.clone();
    let body = &function.body;
    let Some(FnArg::Typed(request)) = function.signature.inputs.first_mut() else { return function.as_written() };
    let (pattern, ty) = (request.pat.clone(), request.ty.clone());
    *request.pat = Pat::Verbatim(quote!(__steadfast_request));
    let answer = quote! {
        ::steadfast::handler::answer_incoming(#settings, __steadfast_request, __steadfast_response_out, |#pattern: #ty| #returns #body)
    };
    function.signature.inputs.push(syn::parse_quote!(__steadfast_response_out: ::steadfast::handler::ResponseOutparam));
    function.signature.output = syn::ReturnType::Default;
    function.with_body(&answer)
}
