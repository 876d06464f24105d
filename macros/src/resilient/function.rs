//! A function, taken apart as far as needed: its body stays as it was written.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, GenericArgument, Pat, PathArguments, Receiver, ReturnType, Signature, Token, Type, TypePath,
    Visibility, token,
};

/// A function or method with a body.
pub struct Function {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    defaultness: Option<TokenStream>,
    pub signature: Signature,
    pub body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let defaultness = if input.peek(Token![default]) && !input.peek2(Token![!]) {
            Some(input.parse::<Token![default]>()?.into_token_stream())
        } else {
            None
        };
        let signature: Signature = input.parse()?;
        if !input.peek(token::Brace) {
            return Err(input.error("`#[resilient]` needs a function with a body"));
        }
        match input.parse()? {
            TokenTree::Group(body) => Ok(Function { attributes, visibility, defaultness, signature, body }),
            other => Err(syn::Error::new(other.span(), "expected a body")),
        }
    }
}

impl Function {
    /// The function with another body.
    pub fn with_body(&self, body: &TokenStream) -> TokenStream {
        let Function { attributes, visibility, defaultness, signature, .. } = self;
        quote!(#(#attributes)* #visibility #defaultness #signature { #body })
    }

    /// As it was written.
    pub fn as_written(&self) -> TokenStream {
        let Function { attributes, visibility, defaultness, signature, body } = self;
        quote!(#(#attributes)* #visibility #defaultness #signature #body)
    }
}

impl Function {
    /// What stands in for a function that could not be expanded, so that the calls of it are no mistakes: as it was
    /// written, but without its body where that fits the expansion only.
    pub fn stub(&self) -> TokenStream {
        match Returns::read(&self.signature) {
            Ok(Returns { error: Declared::Failed, .. }) => {
                let function = self.with_body(&quote!(loop {}));
                quote!(#[allow(unused, clippy::all)] #function)
            }
            _ => self.as_written(),
        }
    }
}

/// What a function returns.
pub struct Returns {
    /// What the body returns, as the type of a closure.
    pub body: TokenStream,
    pub error: Declared,
    /// Where the error of the body stands.
    pub error_span: Span,
}

/// The error that a function declares.
pub enum Declared {
    /// `Failed<E>`: what the policy gave up with, as it is.
    Failed,
    /// The error of the body, which can be made of that.
    Own(TokenStream),
}

impl Returns {
    /// Whether `output` is a `Result`, by its name.
    pub fn is_result(output: &ReturnType) -> bool {
        result(output).is_some()
    }

    pub fn read(signature: &Signature) -> syn::Result<Self> {
        let Some(ty) = result(&signature.output) else {
            let message = "`#[resilient]` needs a function that returns a `Result`: its error says what failed, and whether \
                           the call may be repeated";
            return Err(match &signature.output {
                ReturnType::Default => syn::Error::new(signature.ident.span(), message),
                ReturnType::Type(_, ty) => syn::Error::new_spanned(ty, message),
            });
        };
        let mut body = ty.clone();
        let whole = ty.span();
        // An alias of one argument: what its error is, only the compiler knows.
        let mut error = Declared::Own(quote_spanned!(whole=> _));
        let mut error_span = whole;
        if let Some(last) = body.path.segments.last_mut()
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
            if let Some(declared) = types.next() {
                error_span = declared.span();
                match raw_of(declared) {
                    Some(raw) => {
                        *declared = raw;
                        error = Declared::Failed;
                    }
                    None => error = Declared::Own(quote!(#declared)),
                }
            }
        }
        Ok(Returns { body: quote!(#body), error, error_span })
    }
}

fn result(output: &ReturnType) -> Option<&TypePath> {
    match output {
        ReturnType::Type(_, ty) => match unwrapped(ty) {
            Type::Path(path) if path.path.segments.last()?.ident.to_string().ends_with("Result") => Some(path),
            _ => None,
        },
        ReturnType::Default => None,
    }
}

/// The `E` of `Failed<E>`; of a plain `Failed`, its default.
fn raw_of(error: &Type) -> Option<Type> {
    let Type::Path(path) = unwrapped(error) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Failed")?;
    let given = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty.clone()),
            _ => None,
        }),
        _ => None,
    };
    let span = last.ident.span();
    Some(given.unwrap_or_else(|| Type::Verbatim(quote_spanned!(span=> ::steadfast::RpcError))))
}

fn unwrapped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Paren(inner) => &inner.elem,
            Type::Group(inner) => &inner.elem,
            ty => return ty,
        }
    }
}

fn has_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "impl",
        TokenTree::Group(group) => has_impl(group.stream()),
        _ => false,
    })
}

/// How an argument gets into the body.
enum Way {
    /// A shared reference: each attempt is given it.
    Shared,
    /// A mutable reference: each attempt borrows it anew.
    Mutable(Span),
    /// Its own: each attempt has a clone.
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
    /// Takes the arguments of `signature` apart, and gives each a name there that the body need not have.
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
                        pattern => format_ident!("__argument_{number}", span = pattern.span()),
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

    /// The body of one attempt of several: it begins with what this attempt is given.
    pub fn attempt(&self, body: &Group) -> TokenStream {
        let mut begin = TokenStream::new();
        let mut inner = body.clone();
        if let Some((this, Some(Way::Owned(ty)))) = &self.receiver {
            let given = format_ident!("__self", span = this.span());
            let at = ty.span();
            let replay = quote_spanned!(at=> ::steadfast::__private::replay::<#ty>);
            begin.extend(quote!(#[allow(unused_mut)] let mut #given = #replay(&#this);));
            inner = Group::new(body.delimiter(), renamed(body.stream(), &given));
            inner.set_span(body.span());
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
        if begin.is_empty() {
            return quote!(#inner);
        }
        quote!({ #begin #inner })
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

/// `tokens` with `given` in the place of `self`, but where `self` is another: in a path, and in an item within.
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
                    name = Ident::new(&given.to_string(), name.span());
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
