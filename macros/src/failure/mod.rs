//! Expands `#[derive(Failure)]`: what each variant of an enum, or a struct, says about a failed call.

mod words;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Ident, Type, WherePredicate, parse_quote_spanned};

use crate::crate_path::CratePath;
use words::{Detail, Field, Meaning};

/// Expands the derive for `input`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let derived = syn::parse2::<DeriveInput>(input).and_then(|mut input| {
        let crate_path = CratePath::take(&mut input.attrs)?;
        derive(&input).map(|tokens| crate_path.applied(tokens))
    });
    derived.unwrap_or_else(syn::Error::into_compile_error)
}

/// A variant, or the struct: how to match it, and what it means.
struct Case<'a> {
    pattern: TokenStream,
    fields: &'a Fields,
    meaning: Meaning,
}

fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let cases = match &input.data {
        Data::Enum(data) => {
            let default = words::default(&input.attrs);
            let mut errors = default.as_ref().err().cloned();
            let default = default.unwrap_or_default();
            let mut cases = Vec::new();
            for variant in &data.variants {
                let name = &variant.ident;
                let whose = format!("`{name}`");
                let meaning = words::read(&variant.attrs, &whose, &variant.fields);
                match meaning.and_then(|meaning| meaning.or(&default, &whose)) {
                    Ok(meaning) => {
                        cases.push(Case { pattern: quote!(Self::#name), fields: &variant.fields, meaning });
                    }
                    Err(error) => combine(&mut errors, error),
                }
            }
            match errors {
                Some(errors) => return Err(errors),
                None => cases,
            }
        }
        Data::Struct(data) => {
            let whose = format!("`{}`", input.ident);
            let meaning = words::read(&input.attrs, &whose, &data.fields)?.checked(&whose)?;
            vec![Case { pattern: quote!(Self), fields: &data.fields, meaning }]
        }
        Data::Union(data) => {
            let message = "`Failure` can be derived for an enum or a struct, not for a union";
            return Err(syn::Error::new(data.union_token.span, message));
        }
    };
    Ok(implement(input, &cases))
}

/// All mistakes are told at once.
fn combine(errors: &mut Option<syn::Error>, error: syn::Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

fn implement(input: &DeriveInput, cases: &[Case<'_>]) -> TokenStream {
    let cause = method(cases, "cause", |case| {
        let cause = case.meaning.cause();
        Some(quote!(::steadfast::Cause::#cause))
    });
    let delivery = method(cases, "delivery", |case| {
        let delivery = case.meaning.delivery();
        Some(quote!(::steadfast::Delivery::#delivery))
    });
    let retry_after = method(cases, "retry_after", |case| {
        let Field { span, .. } = case.meaning.retry_after.as_ref()?;
        Some(quote_spanned!(*span=> ::steadfast::__private::RetryAfter::retry_after(field)))
    });
    let target = method(cases, "target", |case| {
        let Field { span, .. } = case.meaning.target.as_ref()?;
        Some(quote_spanned!(*span=> ::steadfast::__private::Text::text(field)))
    });
    let caller_error = caller_error(cases);
    let passed_on = passed_on(cases);

    let name = &input.ident;
    let mut generics = input.generics.clone();
    let parameters: Vec<_> = input.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    let inner = cases.iter().filter(|case| case.meaning.transparent.is_some()).flat_map(|case| case.fields);
    let bounds = inner.filter(|field| mentions(&field.ty, &parameters)).map(|field| -> WherePredicate {
        let ty = &field.ty;
        parse_quote_spanned!(ty.span()=> #ty: ::steadfast::Failure)
    });
    let bounds: Vec<_> = bounds.collect();
    if !bounds.is_empty() {
        generics.make_where_clause().predicates.extend(bounds);
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics ::steadfast::Failure for #name #type_generics #where_clause {
            fn cause(&self) -> ::steadfast::Cause {
                #cause
            }
            fn delivery(&self) -> ::steadfast::Delivery {
                #delivery
            }
            fn retry_after(&self) -> ::core::option::Option<::core::time::Duration> {
                #retry_after
            }
            fn target(&self) -> ::core::option::Option<&str> {
                #target
            }
            #caller_error
            #passed_on
        }
    }
}

/// The method that says which of the cases are a mistake of the caller, where there may be one.
fn caller_error(cases: &[Case<'_>]) -> TokenStream {
    if !cases.iter().any(|case| case.meaning.transparent.is_some() || case.meaning.caller_status().is_some()) {
        return TokenStream::new();
    }
    let body = method(cases, "caller_error", |case| {
        let status = case.meaning.caller_status()?;
        let detail = match &case.meaning.detail {
            None => quote!(::core::option::Option::None),
            Some(Detail::Text(text)) => quote!(::core::option::Option::Some(#text)),
            Some(Detail::Field(Field { span, .. })) => {
                quote_spanned!(*span=> ::steadfast::__private::Text::text(field))
            }
        };
        Some(quote!(::core::option::Option::Some(::steadfast::CallerError::with(#status, #detail))))
    });
    quote! {
        fn caller_error(&self) -> ::core::option::Option<::steadfast::CallerError<'_>> {
            #body
        }
    }
}

/// The methods that only an error within can have more to say in than the trait says itself.
fn passed_on(cases: &[Case<'_>]) -> TokenStream {
    if cases.iter().all(|case| case.meaning.transparent.is_none()) {
        return TokenStream::new();
    }
    let message = method(cases, "message", |_| None);
    let repeatable = method(cases, "repeatable", |_| Some(quote!(true)));
    let problem = method(cases, "problem", |_| Some(quote!(::steadfast::__private::unhandled(self, instance))));
    quote! {
        fn message(&self) -> ::core::option::Option<&str> {
            #message
        }
        fn repeatable(&self) -> bool {
            #repeatable
        }
        fn problem(&self, instance: &str) -> ::steadfast::respond::Problem {
            #problem
        }
    }
}

/// The body of a method of the trait. Where `says` says nothing of a case, it is `None`.
fn method(cases: &[Case<'_>], name: &str, says: impl Fn(&Case<'_>) -> Option<TokenStream>) -> TokenStream {
    if cases.is_empty() {
        return quote!(match *self {});
    }
    let method = Ident::new(name, Span::call_site());
    let arms = cases.iter().map(|case| {
        let pattern = &case.pattern;
        if let Some(span) = case.meaning.transparent {
            let member = case.fields.members().next();
            let more = (name == "problem").then(|| quote!(, instance));
            let delegate = quote_spanned!(span=> ::steadfast::Failure::#method(inner #more));
            return quote!(#pattern { #member: inner } => #delegate,);
        }
        let field = match name {
            "retry_after" => case.meaning.retry_after.as_ref(),
            "target" => case.meaning.target.as_ref(),
            "caller_error" => match &case.meaning.detail {
                Some(Detail::Field(field)) => Some(field),
                _ => None,
            },
            _ => None,
        };
        let field = field.map(|Field { member, .. }| quote!(#member: field,));
        let value = says(case).unwrap_or_else(|| quote!(::core::option::Option::None));
        quote!(#pattern { #field .. } => #value,)
    });
    quote!(match self { #(#arms)* })
}

/// Whether one of the type parameters is in the type.
fn mentions(ty: &Type, parameters: &[Ident]) -> bool {
    fn any(tokens: TokenStream, parameters: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => parameters.contains(&ident),
            proc_macro2::TokenTree::Group(group) => any(group.stream(), parameters),
            _ => false,
        })
    }
    any(quote!(#ty), parameters)
}

#[cfg(test)]
mod tests;
