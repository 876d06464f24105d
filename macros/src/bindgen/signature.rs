//! What a generated function takes and returns, and the method of a client that calls it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, FnArg, GenericArgument, Pat, PathArguments, ReturnType, Signature, Type};
use wit_bindgen_core::wit_parser::{self, Function, Handle, Resolve, TypeDefKind};

/// A generated function, called through a policy.
pub(super) struct Method<'a> {
    /// Its documentation in the WIT.
    docs: Vec<&'a Attribute>,
    name: &'a Ident,
    is_async: bool,
    /// The parameters, but for the receiver.
    parameters: Vec<&'a FnArg>,
    /// What an attempt passes for them.
    arguments: Vec<TokenStream>,
    value: TokenStream,
    error: TokenStream,
}

impl<'a> Method<'a> {
    /// `None` where the function returns no `Result` to Rust, whatever it does in the WIT.
    pub(super) fn of(attributes: &'a [Attribute], signature: &'a Signature) -> Option<Self> {
        let ReturnType::Type(_, result) = &signature.output else { return None };
        let (value, error) = outcome(result)?;
        let is_typed = |input: &&FnArg| matches!(input, FnArg::Typed(_));
        let parameters: Vec<_> = signature.inputs.iter().filter(is_typed).collect();
        let arguments = parameters.iter().filter_map(|parameter| argument(parameter)).collect();
        let docs = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).collect();
        let is_async = signature.asyncness.is_some();
        Some(Self { docs, name: &signature.ident, is_async, parameters, arguments, value, error })
    }

    pub(super) fn name(&self) -> &Ident {
        self.name
    }

    /// The methods of a client that call `callee` through a `policy`, by its type parameter. None may have a name that
    /// is in `taken`.
    pub(super) fn tokens(&self, callee: &TokenStream, taken: &[&Ident], policy: &Ident) -> TokenStream {
        let Self { docs, name, parameters, arguments, value, error, .. } = self;
        let without_docs = docs.is_empty().then(|| {
            let text = format!("Calls `{name}` through the policy.");
            quote!(#[doc = #text])
        });
        let docs = quote!(#without_docs #(#docs)*);
        let result = quote!(::core::result::Result<#value, ::steadfast::Failed<#error>>);

        let blocking = (!self.is_async).then(|| {
            quote! {
                #docs
                #[inline]
                pub fn #name(&self, #(#parameters),*) -> #result
                where
                    #policy: ::steadfast::client::Calls<#value, #error>,
                {
                    ::steadfast::client::Calls::call(&self.policy, || #callee(#(#arguments),*))
                }
            }
        });
        // The generator puts an underscore after a keyword.
        let async_name = format_ident!("{}_async", name.to_string().trim_end_matches('_'));
        let awaited = (!taken.contains(&&async_name)).then(|| {
            let wait = self.is_async.then(|| quote!(.await));
            let remark = if self.is_async { "Awaited." } else { "The waits between attempts are awaited." };
            quote! {
                #docs
                #[doc = ""]
                #[doc = #remark]
                #[inline]
                pub async fn #async_name(&self, #(#parameters),*) -> #result
                where
                    #policy: ::steadfast::client::CallsAsync<#value, #error>,
                {
                    ::steadfast::client::CallsAsync::call_async(&self.policy, async || #callee(#(#arguments),*) #wait)
                        .await
                }
            }
        });
        quote!(#blocking #awaited)
    }
}

/// The types in a `Result`, or in an alias of one.
fn outcome(result: &Type) -> Option<(TokenStream, TokenStream)> {
    let Type::Path(path) = result else { return None };
    let last = path.path.segments.last()?;
    if last.ident == "Self" {
        return None;
    }
    if let PathArguments::AngleBracketed(arguments) = &last.arguments
        && last.ident == "Result"
    {
        let mut types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty.to_token_stream()),
            _ => None,
        });
        return Some((types.next()?, types.next()?));
    }
    let part = |part: TokenStream| quote!(<#result as ::steadfast::client::Fallible>::#part);
    Some((part(quote!(Value)), part(quote!(Error))))
}

/// A parameter, passed once more.
fn argument(parameter: &FnArg) -> Option<TokenStream> {
    let FnArg::Typed(parameter) = parameter else { return None };
    let Pat::Ident(name) = &*parameter.pat else { return None };
    let name = &name.ident;
    Some(match &*parameter.ty {
        Type::Reference(_) => quote!(#name),
        _ => quote!(::core::clone::Clone::clone(&#name)),
    })
}

/// Whether a call can be made again with the same arguments. A resource that it gives away is gone.
pub(super) fn is_repeatable(resolve: &Resolve, function: &Function) -> bool {
    function.params.iter().all(|parameter| stays(resolve, &parameter.ty, false))
}

/// Whether a value of this type can be passed again: it gives no resource, stream or future away. What is `within` a
/// record or a variant may not borrow a resource either, since no `Clone` is derived for such a type.
fn stays(resolve: &Resolve, ty: &wit_parser::Type, within: bool) -> bool {
    let id = match ty {
        wit_parser::Type::ErrorContext => return false,
        wit_parser::Type::Id(id) => *id,
        _ => return true,
    };
    let maybe = |ty: &Option<wit_parser::Type>, within| ty.as_ref().is_none_or(|ty| stays(resolve, ty, within));
    match &resolve.types[id].kind {
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => true,
        TypeDefKind::Handle(Handle::Borrow(_)) => !within,
        TypeDefKind::Handle(Handle::Own(_)) | TypeDefKind::Resource => false,
        TypeDefKind::Future(_) | TypeDefKind::Stream(_) | TypeDefKind::Unknown => false,
        TypeDefKind::Type(ty)
        | TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _) => stays(resolve, ty, within),
        TypeDefKind::Map(key, value) => stays(resolve, key, within) && stays(resolve, value, within),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().all(|ty| stays(resolve, ty, within)),
        TypeDefKind::Result(result) => maybe(&result.ok, within) && maybe(&result.err, within),
        TypeDefKind::Record(record) => record.fields.iter().all(|field| stays(resolve, &field.ty, true)),
        TypeDefKind::Variant(variant) => variant.cases.iter().all(|case| maybe(&case.ty, true)),
    }
}
