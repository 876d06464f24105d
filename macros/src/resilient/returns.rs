//! What a function returns, as far as its tokens show it. What the error is, the trait system decides.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{GenericArgument, Lifetime, PathArguments, ReturnType, Signature, Type, TypeParamBound};

/// What a function returns.
pub struct Returns {
    /// The declared result, as the body of a function can write it: with `_` for `impl Trait`.
    pub declared: TokenStream,
    /// Where its error stands.
    pub error_span: Span,
    /// Where the function is no `async fn` and returns a future of that result.
    pub future: Option<Future>,
}

/// How a function returns a future.
pub enum Future {
    /// As `impl Future<Output = …>`.
    Opaque,
    /// As `Pin<Box<dyn Future<Output = …>>>`.
    Boxed {
        /// The path of the box.
        path: TokenStream,
        /// The whole type, for one attempt: without the lifetime that the function's caller chose.
        ty: TokenStream,
    },
}

impl Returns {
    /// Whether the type is a `Result` by its name, or a future of one: a method in a block is then called through the
    /// policy of the block.
    pub fn is_result(signature: &Signature) -> bool {
        let ReturnType::Type(_, ty) = &signature.output else { return false };
        let ty = future(ty).map_or(&**ty, |(output, _)| output);
        match unwrapped(ty) {
            Type::Path(path) => {
                path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result"))
            }
            _ => false,
        }
    }

    /// The type that may be a `Result` by another name.
    pub fn alias(signature: &Signature) -> Option<&Type> {
        match &signature.output {
            ReturnType::Type(_, ty) if matches!(unwrapped(ty), Type::Path(_)) && !has_impl(ty.to_token_stream()) => {
                Some(ty)
            }
            _ => None,
        }
    }

    pub fn read(signature: &Signature) -> syn::Result<Self> {
        let ReturnType::Type(_, ty) = &signature.output else {
            let message = "`#[resilient]` needs a function that returns a `Result`: its error says what failed, and \
                           whether the call may be repeated";
            return Err(syn::Error::new(signature.ident.span(), message));
        };
        let (result, future) = match future(ty).filter(|_| signature.asyncness.is_none()) {
            Some((output, future)) => (output, Some(future)),
            None => (&**ty, None),
        };
        let mut declared = unwrapped(result).clone();
        let mut error_span = declared.span();
        if let Type::Path(path) = &mut declared
            && let Some(last) = path.path.segments.last_mut()
            && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
        {
            let mut types = arguments.args.iter_mut().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            if let Some(value) = types.next()
                && has_impl(value.to_token_stream())
            {
                // A closure cannot say so, and the compiler finds out.
                *value = Type::Verbatim(quote!(_));
            }
            if let Some(error) = types.next() {
                error_span = error.span();
            }
        }
        Ok(Returns { declared: quote!(#declared), error_span, future })
    }

    /// Whether the body says itself that it returns what the function declares: an attribute above this one was
    /// expanded and copied the type there, as that of `tracing` does.
    pub fn is_copied(signature: &Signature, body: &TokenStream) -> bool {
        let ReturnType::Type(_, ty) = &signature.output else { return false };
        let mut names = Vec::new();
        collect(ty.to_token_stream(), &mut names);
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return false };
        let mut within = Vec::new();
        collect(body.clone(), &mut within);
        [first, last].iter().all(|name| within.iter().any(|other| is_copy(other, name)))
    }
}

fn collect(tokens: TokenStream, names: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => names.push(name),
            TokenTree::Group(group) => collect(group.stream(), names),
            _ => {}
        }
    }
}

/// Whether both are the same token: a copy keeps the place in the source.
fn is_copy(one: &Ident, other: &Ident) -> bool {
    if one != other || !proc_macro::is_available() {
        return false;
    }
    let place = |name: &Ident| {
        let span = name.span().unwrap();
        (span.file(), span.line(), span.column())
    };
    place(one) == place(other)
}

/// The output of a future that is returned as such, and how it is.
fn future(ty: &Type) -> Option<(&Type, Future)> {
    match unwrapped(ty) {
        Type::ImplTrait(opaque) => Some((output(opaque.bounds.iter())?, Future::Opaque)),
        Type::Path(pin) => {
            let pin = pin.path.segments.last().filter(|last| last.ident == "Pin")?;
            let Type::Path(boxed) = unwrapped(only_type(&pin.arguments)?) else { return None };
            let Type::TraitObject(object) = unwrapped(only_type(&boxed.path.segments.last()?.arguments)?) else {
                return None;
            };
            let output = output(object.bounds.iter())?;
            let mut path = boxed.path.clone();
            path.segments.last_mut()?.arguments = PathArguments::None;
            let bounds = object.bounds.iter().map(|bound| match bound {
                TypeParamBound::Lifetime(lifetime) => TypeParamBound::Lifetime(Lifetime::new("'_", lifetime.span())),
                bound => bound.clone(),
            });
            let ty = quote!(::core::pin::Pin<#path<dyn #(#bounds)+*>>);
            Some((output, Future::Boxed { path: quote!(#path), ty }))
        }
        _ => None,
    }
}

/// The type of `Output = …`.
fn output<'t>(mut bounds: impl Iterator<Item = &'t TypeParamBound>) -> Option<&'t Type> {
    bounds.find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assigned) if assigned.ident == "Output" => Some(&assigned.ty),
            _ => None,
        })
    })
}

fn only_type(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

pub fn unwrapped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Paren(inner) => &inner.elem,
            Type::Group(inner) => &inner.elem,
            ty => return ty,
        }
    }
}

pub fn has_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "impl",
        TokenTree::Group(group) => has_impl(group.stream()),
        _ => false,
    })
}
