//! The syntax of the settings, without their meaning: names, values, and lists of them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use steadfast_settings::nearest;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Lit, Token, parenthesized, token};

/// All mistakes, which are reported together.
#[derive(Default)]
pub struct Errors(Option<syn::Error>);

impl Errors {
    pub fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// The same over all of `tokens`.
    pub fn at(&mut self, tokens: &impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// As tokens that the compiler reports.
    pub fn into_tokens(self) -> TokenStream {
        self.0.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}

/// What stands for a setting.
#[derive(Clone)]
pub enum Value {
    /// Nothing: the name says it all.
    Flag(Ident),
    /// A name with arguments of its own: `exponential("50ms")`.
    Call(Ident, Args),
    /// Anything else.
    Expr(Expr),
}

impl Value {
    /// `"…"`, where it is that.
    pub fn text(&self) -> Option<syn::LitStr> {
        match self.literal() {
            Some(Lit::Str(text)) => Some(text.clone()),
            _ => None,
        }
    }

    pub fn literal(&self) -> Option<&Lit> {
        match self {
            Value::Expr(Expr::Lit(literal)) => Some(&literal.lit),
            _ => None,
        }
    }

    /// Whether the value may be a constant of the caller's, which the compiler checks.
    pub fn is_constant(&self) -> bool {
        match self {
            Value::Flag(_) | Value::Call(..) => true,
            Value::Expr(Expr::Unary(unary)) => !matches!(*unary.expr, Expr::Lit(_)),
            Value::Expr(expr) => {
                !matches!(expr, Expr::Lit(_) | Expr::Array(_) | Expr::Closure(_) | Expr::Range(_) | Expr::Tuple(_))
            }
        }
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Value::Flag(name) => name.to_tokens(tokens),
            Value::Call(name, args) => {
                name.to_tokens(tokens);
                let inner = &args.tokens;
                args.paren.surround(tokens, |tokens| inner.to_tokens(tokens));
            }
            Value::Expr(expr) => expr.to_tokens(tokens),
        }
    }
}

/// One setting: `name = value`, `name(…)`, `name`, or a value that needs no name.
#[derive(Clone)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Value,
    /// Whether it is `name = value`. Otherwise the name is that of the value, if that has one.
    assigned: bool,
}

impl Arg {
    fn name(&self) -> Option<String> {
        self.name.as_ref().map(|name| name.unraw().to_string())
    }

    /// Whether it is a name alone.
    pub fn is_flag(&self) -> bool {
        !self.assigned && matches!(self.value, Value::Flag(_))
    }
}

impl Arg {
    /// One of several, which stand between commas, or as parts in a sum.
    fn parse(input: ParseStream<'_>, in_sum: bool) -> syn::Result<Self> {
        let named = input.peek(syn::Ident::peek_any)
            && input.peek2(Token![=])
            && !input.peek2(Token![==])
            && !input.peek2(Token![=>]);
        if named {
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            // A clock may be any expression, also the call of a function.
            let value = if name == "clock" { Value::Expr(input.parse()?) } else { Value::parse(input, in_sum)? };
            return Ok(Arg { name: Some(name), value, assigned: true });
        }
        let value = Value::parse(input, in_sum)?;
        let name = match &value {
            Value::Flag(name) | Value::Call(name, _) => Some(name.clone()),
            Value::Expr(_) => None,
        };
        Ok(Arg { name, value, assigned: false })
    }
}

impl Value {
    fn parse(input: ParseStream<'_>, in_sum: bool) -> syn::Result<Self> {
        let ahead = input.fork();
        if let Ok(name) = ahead.call(Ident::parse_any) {
            let ends = |input: ParseStream<'_>| {
                let at_plus = in_sum && input.peek(Token![+]);
                input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]) || at_plus
            };
            if ends(&ahead) && name != "self" {
                return Ok(Value::Flag(input.call(Ident::parse_any)?));
            }
            if ahead.peek(token::Paren) {
                ahead.parse::<proc_macro2::TokenTree>()?;
                if ends(&ahead) {
                    let name = input.call(Ident::parse_any)?;
                    let content;
                    let paren = parenthesized!(content in input);
                    return Ok(Value::Call(name, Args { paren, tokens: content.parse()? }));
                }
            }
        }
        Ok(Value::Expr(ungrouped(input.parse()?)))
    }
}

/// Without parentheses, and without the group that a fragment of `macro_rules!` is in.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) if group.attrs.is_empty() => ungrouped(*group.expr),
        Expr::Paren(paren) if paren.attrs.is_empty() => ungrouped(*paren.expr),
        expr => expr,
    }
}

/// What stands in parentheses.
#[derive(Clone)]
pub struct Args {
    paren: token::Paren,
    tokens: TokenStream,
}

/// Settings to be read: each that is understood is taken out, and what is left is wrong.
pub struct List {
    /// Whose settings they are, for messages.
    of: &'static str,
    span: Span,
    args: Vec<Arg>,
}

impl List {
    /// The arguments of `name(…)`, or the one value that stands in their place in `name = value`.
    pub fn of(arg: Arg, of: &'static str, errors: &mut Errors) -> Self {
        let span = arg.name.as_ref().map_or_else(|| arg.value.span(), Ident::span);
        let args = match arg.value {
            Value::Flag(_) if !arg.assigned => Vec::new(),
            Value::Call(_, args) if !arg.assigned => args.read(errors),
            value => vec![Arg { name: None, value, assigned: false }],
        };
        List { of, span, args }
    }

    /// The arguments of a value such as `exponential(…)`.
    pub fn inside(name: &Ident, args: Args, of: &'static str, errors: &mut Errors) -> Self {
        List { of, span: name.span(), args: args.read(errors) }
    }

    pub fn new(of: &'static str, args: Vec<Arg>) -> Self {
        List { of, span: Span::call_site(), args }
    }

    pub fn span(&self) -> Span {
        self.span
    }

    /// The setting of that name. A second one is a mistake.
    pub fn take(&mut self, name: &str, errors: &mut Errors) -> Option<Arg> {
        let first = self.args.iter().position(|arg| arg.name().as_deref() == Some(name))?;
        let arg = self.args.remove(first);
        while let Some(again) = self.args.iter().position(|arg| arg.name().as_deref() == Some(name)) {
            let again = self.args.remove(again);
            errors.at(&again.name, format!("`{name}` is given twice: keep one"));
        }
        Some(arg)
    }

    /// The setting of that name, if it is as wanted.
    pub fn take_if(&mut self, name: &str, wanted: impl Fn(&Arg) -> bool) -> Option<Arg> {
        let first = self.args.iter().position(|arg| arg.name().as_deref() == Some(name) && wanted(arg))?;
        Some(self.args.remove(first))
    }

    /// All settings of that name, where there may be several.
    pub fn take_all(&mut self, name: &str) -> Vec<Arg> {
        let (taken, left) = self.args.drain(..).partition(|arg| arg.name().as_deref() == Some(name));
        self.args = left;
        taken
    }

    /// The first value, which needs no name: `"50ms"` of `exponential("50ms")`.
    pub fn first(&mut self) -> Option<Value> {
        if self.args.first()?.assigned {
            return None;
        }
        Some(self.args.remove(0).value)
    }

    /// Everything that is left is a mistake: `allowed` are the names that there are.
    pub fn finish(self, allowed: &[&str], errors: &mut Errors) {
        let of = self.of;
        let settings = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        for arg in self.args {
            match arg.name() {
                Some(name) if allowed.contains(&name.as_str()) => {
                    errors.at(&arg.name, format!("`{name}` does not go with the other settings of {of}"));
                }
                Some(_) if allowed.is_empty() => errors.at(&arg.name, format!("{of} has no settings")),
                Some(name) => {
                    let hint = nearest(&name, allowed.iter().copied())
                        .map(|near| format!("did you mean `{near}`? There are {settings}"));
                    let hint = hint.unwrap_or_else(|| format!("there are {settings}"));
                    errors.at(&arg.name, format!("{of} has no setting `{name}`; {hint}"));
                }
                None if allowed.is_empty() => errors.at(&arg.value, format!("{of} takes nothing more")),
                None => errors.at(&arg.value, format!("this needs a name: the settings of {of} are {settings}")),
            }
        }
    }
}

impl Args {
    fn read(self, errors: &mut Errors) -> Vec<Arg> {
        read(self.tokens, errors)
    }
}

/// Settings between commas.
pub fn read(tokens: TokenStream, errors: &mut Errors) -> Vec<Arg> {
    let parse = |input: ParseStream<'_>| {
        Punctuated::<Arg, Token![,]>::parse_terminated_with(input, |input| Arg::parse(input, false))
    };
    match parse.parse2(tokens) {
        Ok(args) => args.into_iter().collect(),
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

/// Parts between plus signs, as in `deadline("3s") + retry(attempts = 4)`.
pub fn read_sum(input: ParseStream<'_>) -> syn::Result<Vec<Arg>> {
    let part = |input: ParseStream<'_>| Arg::parse(input, true);
    let parts = Punctuated::<Arg, Token![+]>::parse_separated_nonempty_with(input, part)?;
    Ok(parts.into_iter().collect())
}
