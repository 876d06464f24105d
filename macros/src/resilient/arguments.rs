//! The arguments of a function, given to each attempt of a call.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, Receiver, Signature, Type};

use super::returns::{has_impl, unwrapped};

/// How an argument gets into the body.
enum Way {
    /// A shared reference: each attempt is given it.
    Shared,
    /// A mutable reference: each attempt borrows it anew.
    Mutable(Span),
    /// Owned: each attempt has a clone.
    Owned(Box<Type>),
}

/// An argument, by the name that it has outside of the body.
struct Argument {
    name: Ident,
    pattern: Pat,
    plain: bool,
    way: Way,
}

/// The arguments of a function whose body is run by a policy.
pub struct Arguments {
    receiver: Option<(Ident, Option<Way>)>,
    arguments: Vec<Argument>,
}

impl Arguments {
    /// Takes the arguments of `signature` apart, and gives each a name outside of the body.
    pub fn take(signature: &mut Signature) -> Self {
        let mut receiver = None;
        let mut arguments = Vec::new();
        for (number, input) in signature.inputs.iter_mut().enumerate() {
            match input {
                FnArg::Receiver(this) => {
                    receiver = Some((Ident::new("self", this.self_token.span()), way_of_self(this)))
                }
                FnArg::Typed(typed) => {
                    let plain = matches!(&*typed.pat, Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none());
                    let name = match &*typed.pat {
                        Pat::Ident(name) => name.ident.clone(),
                        pattern => format_ident!("__steadfast_argument_{number}", span = pattern.span()),
                    };
                    let pattern = (*typed.pat).clone();
                    arguments.push(Argument { name: name.clone(), pattern, plain, way: way_of(&typed.ty) });
                }
            }
        }
        Arguments { receiver, arguments }
    }

    /// Whether any is owned.
    pub fn has_owned(&self) -> bool {
        matches!(self.receiver, Some((_, Some(Way::Owned(_)))))
            || self.arguments.iter().any(|argument| matches!(argument.way, Way::Owned(_)))
    }

    /// Those that are passed by `&mut`.
    pub fn mutable(&self) -> Vec<Span> {
        let receiver = self.receiver.iter().filter_map(|(_, way)| way.as_ref());
        let ways = receiver.chain(self.arguments.iter().map(|argument| &argument.way));
        ways.filter_map(|way| if let Way::Mutable(span) = way { Some(*span) } else { None }).collect()
    }

    /// Gives every argument of `signature` a plain name, since the patterns move into the body.
    pub fn plain(&self, signature: &mut Signature) {
        let mut arguments = self.arguments.iter();
        for input in &mut signature.inputs {
            match input {
                FnArg::Receiver(this) => {
                    if this.reference.is_none() && matches!(self.receiver, Some((_, Some(Way::Owned(_))))) {
                        this.mutability = None;
                    }
                }
                FnArg::Typed(typed) => {
                    if let Some(argument) = arguments.next().filter(|argument| !argument.plain) {
                        let name = &argument.name;
                        *typed.pat = Pat::Verbatim(quote!(#name));
                    }
                }
            }
        }
    }

    /// What one attempt of several is given, as statements, and its body. Where the body `moves` what it uses into a
    /// future, `self` is lent to each attempt too.
    pub fn attempt(&self, body: TokenStream, moves: bool) -> (TokenStream, TokenStream) {
        let mut begin = TokenStream::new();
        let mut inner = body;
        if let Some((this, Some(way))) = &self.receiver {
            let given = Ident::new("__steadfast_self", Span::mixed_site().located_at(this.span()));
            let lent = match way {
                Way::Owned(ty) => {
                    let at = ty.span();
                    let replay = quote_spanned!(at=> ::steadfast::__private::replay::<#ty>);
                    Some(quote!(let mut #given = #replay(&#this);))
                }
                Way::Mutable(_) if moves => Some(quote!(let #given = &mut *#this;)),
                Way::Mutable(_) | Way::Shared => None,
            };
            if lent.is_some() {
                begin.extend(lent);
                inner = renamed(inner, &given);
            }
        }
        for Argument { name, pattern, plain, way } in &self.arguments {
            match way {
                Way::Shared if *plain => {}
                Way::Shared => begin.extend(quote!(let #pattern = #name;)),
                Way::Mutable(_) => begin.extend(quote!(let #pattern = &mut *#name;)),
                Way::Owned(ty) => {
                    let at = ty.span();
                    let replay = if has_impl(ty.to_token_stream()) {
                        quote_spanned!(at=> ::steadfast::__private::replay)
                    } else {
                        quote_spanned!(at=> ::steadfast::__private::replay::<#ty>)
                    };
                    begin.extend(quote!(let #pattern = #replay(&#name);));
                }
            }
        }
        (begin, inner)
    }

    /// The arguments as they are passed on, reported at `at`.
    pub fn passed(&self, at: Span) -> Vec<TokenStream> {
        let names =
            self.receiver.iter().map(|(this, _)| this).chain(self.arguments.iter().map(|argument| &argument.name));
        names
            .map(|name| {
                let mut name = name.clone();
                name.set_span(name.span().located_at(at));
                quote!(#name)
            })
            .collect()
    }
}

fn way_of(ty: &Type) -> Way {
    match unwrapped(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => Way::Mutable(reference.span()),
        Type::Reference(_) => Way::Shared,
        ty => Way::Owned(Box::new(ty.clone())),
    }
}

/// How `self` gets into the body: references do by themselves.
fn way_of_self(this: &Receiver) -> Option<Way> {
    match (&this.reference, &this.mutability) {
        (Some(_), Some(_)) => Some(Way::Mutable(this.span())),
        (Some(_), None) => None,
        (None, _) if this.colon_token.is_none() => {
            let span = this.self_token.span();
            Some(Way::Owned(Box::new(Type::Verbatim(quote_spanned!(span=> Self)))))
        }
        (None, _) => match way_of(&this.ty) {
            Way::Shared => None,
            way => Some(way),
        },
    }
}

/// `tokens` with `given` in the place of `self`, except where `self` is another: in a path, and in an item within.
fn renamed(tokens: TokenStream, given: &Ident) -> TokenStream {
    let mut renamed = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    let mut in_item = false;
    while let Some(token) = tokens.next() {
        let token = match token {
            TokenTree::Ident(name) if name == "self" => {
                let is_path = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                let mut name = name;
                if !is_path {
                    let at = given.span().located_at(name.span());
                    name = given.clone();
                    name.set_span(at);
                }
                TokenTree::Ident(name)
            }
            TokenTree::Ident(name) => {
                let is_fn = name == "fn" && matches!(tokens.peek(), Some(TokenTree::Ident(_)));
                in_item = in_item || is_fn || name == "impl" || name == "trait" || name == "mod";
                TokenTree::Ident(name)
            }
            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace && in_item => {
                in_item = false;
                TokenTree::Group(group)
            }
            TokenTree::Group(group) if in_item => TokenTree::Group(group),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), self::renamed(group.stream(), given));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token,
        };
        renamed.extend([token]);
    }
    renamed
}
