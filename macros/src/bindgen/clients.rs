//! Gives every imported interface a client: its fallible functions, called through a policy.

use heck::ToUpperCamelCase;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{ImplItem, Item, ItemMod, Type};
use wit_bindgen_core::wit_parser::{Function, FunctionKind, InterfaceId, Resolve, TypeDefKind, TypeId, WorldKey};
use wit_bindgen_core::{dealias, name_package_module, wit_parser};
use wit_bindgen_rust::to_rust_ident;

use super::signature::{Method, is_repeatable};

/// The function that makes a client: the second name if the WIT has the first.
const MAKES: &[&str] = &["client", "resilient_client"];

/// Where the generator puts the imported interface that the world knows by `key`.
pub(super) fn module_path(resolve: &Resolve, key: &WorldKey) -> Vec<String> {
    match key {
        WorldKey::Name(name) => vec![to_rust_ident(name)],
        WorldKey::Interface(id) => {
            let interface = &resolve.interfaces[*id];
            let (Some(package), Some(name)) = (interface.package, &interface.name) else { return Vec::new() };
            let namespace = &resolve.packages[package].name.namespace;
            vec![to_rust_ident(namespace), name_package_module(resolve, package), to_rust_ident(name)]
        }
    }
}

/// The module at `path`. `None` where the caller's `with` says that the interface is elsewhere.
pub(super) fn module<'a>(items: &'a mut [Item], path: &[String]) -> Option<&'a mut ItemMod> {
    let (first, rest) = path.split_first()?;
    let module = items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == first => Some(module),
        _ => None,
    })?;
    if rest.is_empty() {
        return Some(module);
    }
    let (_, items) = module.content.as_mut()?;
    self::module(items, rest)
}

/// Whether the function returns a result.
pub(super) fn is_fallible(resolve: &Resolve, function: &Function) -> bool {
    let Some(wit_parser::Type::Id(id)) = function.result else { return false };
    matches!(resolve.types[dealias(resolve, id)].kind, TypeDefKind::Result(_))
}

/// Adds the client of `interface` to its module, and one to each of its resources, if they have fallible functions.
pub(super) fn add(module: &mut ItemMod, resolve: &Resolve, key: &WorldKey, interface: InterfaceId) {
    let Some((_, items)) = &mut module.content else { return };
    let mut types = types_of(items);
    // Flags are made by a macro, so their names are not among the items.
    let of_wit = resolve.interfaces[interface].types.keys();
    types.extend(of_wit.map(|name| Ident::new(&name.to_upper_camel_case(), Span::call_site())));
    // No name in WIT becomes the second one.
    let Some(policy) = free(&["P", "P_"], &types) else { return };
    let mut added = Vec::new();

    let called = Called::of(resolve, interface, None);
    let functions = items.iter().filter_map(|item| match item {
        Item::Fn(function) => Some((&function.attrs[..], &function.sig)),
        _ => None,
    });
    let methods = called.methods(functions);
    if let (Some(make), Some(name), false) =
        (free(MAKES, &functions_of(items)), free(&["Client", "ResilientClient"], &types), methods.is_empty())
    {
        let whose = format!("`{}`", resolve.name_world_key(key));
        let client = Client { whose, name: &name, policy: &policy, left_out: called.left_out, methods };
        added.push(client.of_functions(&make));
        types.push(name);
    }
    for (resource_name, id) in &resolve.interfaces[interface].types {
        if !matches!(resolve.types[*id].kind, TypeDefKind::Resource) {
            continue;
        }
        let resource = Ident::new(&resource_name.to_upper_camel_case(), Span::call_site());
        let called = Called::of(resolve, interface, Some(*id));
        let functions = items.iter().filter_map(|item| match item {
            Item::Impl(block) if block.trait_.is_none() && names_type(&block.self_ty, &resource) => Some(block),
            _ => None,
        });
        let functions = functions.flat_map(|block| &block.items).filter_map(|item| match item {
            ImplItem::Fn(function) => Some((&function.attrs[..], &function.sig)),
            _ => None,
        });
        let taken: Vec<_> = functions.clone().map(|(_, signature)| signature.ident.clone()).collect();
        let methods = called.methods(functions);
        let (name, other) = (format!("{resource}Client"), format!("{resource}ResilientClient"));
        if let (Some(make), Some(name), false) =
            (free(MAKES, &taken), free(&[&name, &other], &types), methods.is_empty())
        {
            let whose = format!("[`{resource}`]");
            let client = Client { whose, name: &name, policy: &policy, left_out: called.left_out, methods };
            added.push(client.of_resource(&make, &resource));
            types.push(name);
        }
    }
    items.extend(added.into_iter().map(Item::Verbatim));
}

/// The functions of an interface, or the methods of one of its resources, that a policy can call.
struct Called {
    names: Vec<String>,
    /// The fallible ones that give a resource, a stream or a future away.
    left_out: Vec<String>,
}

impl Called {
    fn of(resolve: &Resolve, interface: InterfaceId, resource: Option<TypeId>) -> Self {
        let functions = &resolve.interfaces[interface].functions;
        let of_resource = |function: &&Function| match &function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => resource.is_none(),
            FunctionKind::Method(id) | FunctionKind::AsyncMethod(id) => resource == Some(*id),
            FunctionKind::Static(_) | FunctionKind::AsyncStatic(_) | FunctionKind::Constructor(_) => false,
        };
        let fallible = functions.values().filter(of_resource).filter(|function| is_fallible(resolve, function));
        let (called, left_out): (Vec<_>, Vec<_>) = fallible.partition(|function| is_repeatable(resolve, function));
        let names = |functions: Vec<&Function>| functions.iter().map(|f| to_rust_ident(f.item_name())).collect();
        Self { names: names(called), left_out: names(left_out) }
    }

    fn methods<'a>(
        &self,
        functions: impl Iterator<Item = (&'a [syn::Attribute], &'a syn::Signature)>,
    ) -> Vec<Method<'a>> {
        functions
            .filter(|(_, signature)| self.names.iter().any(|name| signature.ident == name))
            .filter_map(|(attributes, signature)| Method::of(attributes, signature))
            .collect()
    }
}

struct Client<'a> {
    /// Whose functions these are, in the words of the documentation.
    whose: String,
    name: &'a Ident,
    /// The type parameter.
    policy: &'a Ident,
    left_out: Vec<String>,
    methods: Vec<Method<'a>>,
}

impl Client<'_> {
    /// A function of the module that makes the client, and the client.
    fn of_functions(&self, make: &Ident) -> TokenStream {
        let Self { name, whose, policy, .. } = self;
        let summary = format!("The functions of {whose}, called through `policy`: see [`{name}`].");
        let definition = self.definition(quote!(<#policy>), quote!());
        let methods = self.methods(|method| quote!(self::#method));
        quote! {
            #[doc = #summary]
            #[inline]
            pub const fn #make<#policy: ::steadfast::client::Through>(policy: #policy) -> #name<#policy> {
                #name { policy }
            }

            #definition

            impl<#policy: ::steadfast::client::Through> #name<#policy> {
                #methods
            }
        }
    }

    /// A method of the resource that makes the client, and the client.
    fn of_resource(&self, make: &Ident, resource: &Ident) -> TokenStream {
        let Self { name, policy, .. } = self;
        let summary = format!("The methods of this resource, called through `policy`: see [`{name}`].");
        let definition = self.definition(quote!(<'r, #policy>), quote!(resource: &'r #resource,));
        let methods = self.methods(|method| quote!(self.resource.#method));
        quote! {
            impl #resource {
                #[doc = #summary]
                #[inline]
                pub const fn #make<#policy: ::steadfast::client::Through>(&self, policy: #policy) -> #name<'_, #policy> {
                    #name { resource: self, policy }
                }
            }

            #definition

            impl<#policy: ::steadfast::client::Through> #name<'_, #policy> {
                #methods
            }
        }
    }

    fn definition(&self, generics: TokenStream, resource: TokenStream) -> TokenStream {
        let Self { name, whose, policy, left_out, .. } = self;
        let summary = format!("The functions of {whose} that can fail, called through a policy.");
        let errors = "Each returns what the function returns, and `Failed` where the policy gave up: the last real \
                      error, why, after how many attempts and how long.";
        let left_out = (!left_out.is_empty()).then(|| {
            let list: Vec<_> = left_out.iter().map(|name| format!("`{name}`")).collect();
            let text = format!(
                "Not here: {}. Each takes a resource, a stream or a future by value, which is gone after the first \
                 attempt. Make a new one for every attempt: `POLICY.call(|| …)`.",
                list.join(", ")
            );
            quote!(#[doc = ""] #[doc = #text])
        });
        quote! {
            #[doc = #summary]
            #[doc = ""]
            #[doc = #errors]
            #left_out
            #[derive(Clone, Copy, Debug)]
            #[must_use = "nothing is called until one of its methods is"]
            pub struct #name #generics {
                #resource
                policy: #policy,
            }
        }
    }

    fn methods(&self, callee: impl Fn(&Ident) -> TokenStream) -> TokenStream {
        let taken: Vec<_> = self.methods.iter().map(Method::name).collect();
        self.methods.iter().map(|method| method.tokens(&callee(method.name()), &taken, self.policy)).collect()
    }
}

/// The names of types and traits.
fn types_of(items: &[Item]) -> Vec<Ident> {
    let name = |item: &Item| match item {
        Item::Struct(item) => Some(item.ident.clone()),
        Item::Enum(item) => Some(item.ident.clone()),
        Item::Type(item) => Some(item.ident.clone()),
        Item::Trait(item) => Some(item.ident.clone()),
        _ => None,
    };
    items.iter().filter_map(name).collect()
}

fn functions_of(items: &[Item]) -> Vec<Ident> {
    let name = |item: &Item| match item {
        Item::Fn(function) => Some(function.sig.ident.clone()),
        _ => None,
    };
    items.iter().filter_map(name).collect()
}

fn names_type(ty: &Type, name: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident(name))
}

/// The first name that is not taken.
fn free<'t>(candidates: &[&str], taken: impl IntoIterator<Item = &'t Ident> + Copy) -> Option<Ident> {
    let name = candidates.iter().find(|candidate| !taken.into_iter().any(|taken| taken == *candidate))?;
    Some(Ident::new(name, Span::call_site()))
}

#[cfg(test)]
mod tests;
