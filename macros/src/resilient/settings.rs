//! What stands in `#[resilient(…)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Visibility};

use crate::crate_path::CratePath;
use crate::grammar::syntax::{Arg, Errors, List, Value, read};
use crate::grammar::{PARTS, Parts, Watcher};

const KEYS: [&str; 16] = [
    "deadline",
    "retry",
    "hedge",
    "breaker",
    "bulkhead",
    "concurrency",
    "rate_limit",
    "throttle",
    "attempt_timeout",
    "observer",
    "idempotent",
    "fallback",
    "clock",
    "policy",
    "skip",
    "crate",
];

pub struct Settings {
    pub source: Source,
    pub idempotent: Option<Span>,
    pub fallback: Option<TokenStream>,
    pub clock: Option<TokenStream>,
    /// Where `hedge` stands, as a part, or alone beside a policy.
    pub hedge: Option<Span>,
    pub skip: Option<Span>,
    pub crate_path: CratePath,
}

/// Where the policy comes from.
pub enum Source {
    /// From what is written here.
    Parts(Parts),
    /// From a static, or a field.
    Place(TokenStream),
    /// From the configuration, with what is written here as its defaults.
    Named(LitStr, Parts),
}

impl Settings {
    pub fn read(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = read(tokens, errors);
        let place = args.iter().position(is_place).map(|place| args.remove(place).value);
        let mut list = List::new("`#[resilient]`", args);
        let idempotent = flag(&mut list, "idempotent", errors);
        let skip = flag(&mut list, "skip", errors);
        let clock = list.take("clock", errors).map(|arg| {
            if arg.is_flag() {
                errors.at(&arg.name, "`clock` needs an expression that gives a clock: `clock = &self.clock`");
            }
            let value = arg.value;
            quote!(#value)
        });
        let fallback = list.take("fallback", errors).and_then(|arg| {
            let value = &arg.value;
            match value {
                Value::Expr(Expr::Path(path)) => Some(quote!(#path)),
                Value::Flag(name) if !arg.is_flag() => Some(quote!(#name)),
                _ => {
                    let form = "`fallback` needs the path of a function that takes the same arguments and the `Failed`, \
                                and returns what `Ok` holds: `fallback = cached`";
                    errors.at(value, form);
                    None
                }
            }
        });
        let crate_path = list.take("crate", errors).map(|arg| {
            let value = &arg.value;
            syn::parse2(quote!(#value)).map_err(|error| errors.push(error)).unwrap_or_default()
        });
        let name = list.take("policy", errors).and_then(|arg| {
            let name = arg.value.text();
            if name.is_none() {
                errors
                    .at(&arg.value, "`policy` needs the name that it has in the configuration: `policy = \"greeter\"`");
            }
            name
        });
        let bare_hedge = (place.is_some() || name.is_some()).then(|| list.take_if("hedge", Arg::is_flag)).flatten();
        let parts = Parts::take(&mut list, errors);
        let hedge = bare_hedge.map(|arg| arg.value.span()).or(parts.hedge.as_ref().map(|hedge| hedge.span));
        list.finish(&KEYS, errors);
        let source = match (place, name) {
            (Some(place), None) => {
                let place = match place {
                    // Its methods take a reference.
                    Value::Expr(Expr::Reference(reference)) => Value::Expr(*reference.expr),
                    place => place,
                };
                for (part, span) in parts.named() {
                    let place = quote!(#place).to_string().replace(' ', "");
                    let message =
                        format!("`{place}` is a whole policy: set `{part}` where it is made, or remove `{place}`");
                    errors.add(span, message);
                }
                Source::Place(quote!(#place))
            }
            (Some(place), Some(name)) => {
                let message = "a policy by its name and one by its path: keep one";
                errors.at(&place, message);
                Source::Named(name, parts)
            }
            (None, Some(name)) => Source::Named(name, parts),
            (None, None) => Source::Parts(parts),
        };
        Settings { source, idempotent, fallback, clock, hedge, skip, crate_path: crate_path.unwrap_or_default() }
    }

    pub fn parts(&self) -> Option<&Parts> {
        match &self.source {
            Source::Parts(parts) | Source::Named(_, parts) => Some(parts),
            Source::Place(_) => None,
        }
    }

    /// Whether there are no settings.
    pub fn is_empty(&self) -> bool {
        self.given().is_empty() && matches!(&self.source, Source::Parts(_))
    }

    /// All settings, by their names.
    pub fn given(&self) -> Vec<(&'static str, Span)> {
        let mut given = self.parts().map(Parts::named).unwrap_or_default();
        given.extend(self.idempotent.map(|span| ("idempotent", span)));
        given.extend(self.skip.map(|span| ("skip", span)));
        given.extend(self.fallback.as_ref().map(|path| ("fallback", path.span())));
        given.extend(self.clock.as_ref().map(|clock| ("clock", clock.span())));
        given
    }

    /// Whether a call may have several attempts.
    pub fn repeats(&self) -> bool {
        match &self.source {
            Source::Parts(parts) => parts.retry.is_some() || self.hedge.is_some(),
            // It may have a retry.
            Source::Place(_) | Source::Named(..) => true,
        }
    }

    /// Reports what is invalid for a function that is, or is not, async.
    pub fn check(&self, is_async: bool, errors: &mut Errors) {
        if let Some(span) = self.hedge {
            if !is_async {
                errors.add(
                    span,
                    "a blocking call cannot be hedged: nothing else runs until it returns; make the function `async`, or \
                     remove `hedge`",
                );
            } else if self.idempotent.is_none() {
                errors.add(
                    span,
                    "a hedged call may happen twice, so it must do no harm then: say so with `idempotent` beside \
                     `hedge`, or remove `hedge`",
                );
            }
        }
        let Some(parts) = self.parts().filter(|_| !is_async) else { return };
        if let Some(timeout) = &parts.timeout {
            errors.add(
                timeout.span,
                "a blocking call cannot be interrupted, so nothing ends an attempt that takes too long: make the \
                 function `async`, or set the timeout of the link in the host, which ends it with `timeout`",
            );
        }
        if let Some(deadline) = parts.deadline.as_ref().filter(|_| !parts.waits()) {
            errors.add(
                deadline.span,
                "a blocking call cannot be interrupted, and without `retry` there is nothing else that a deadline \
                 could end: add `retry(attempts = …)`, make the function `async`, or set the timeout of the link in \
                 the host",
            );
        }
    }

    /// The items that the policy needs, and the expression that it is. A handler notes its calls as `noted`.
    pub fn policy(&self, noted: &str, errors: &mut Errors) -> (TokenStream, TokenStream) {
        let name = format_ident!("__STEADFAST_POLICY");
        match &self.source {
            Source::Parts(parts) => {
                let none = TokenStream::new();
                (parts.items(&none, &none, &Visibility::Inherited, &name, noted), quote!(#name))
            }
            Source::Place(place) => (TokenStream::new(), place.clone()),
            Source::Named(policy, parts) => {
                let json = parts.json(errors);
                let Watcher { items, ty, value } =
                    parts.watcher(&TokenStream::new(), &Visibility::Inherited, &name, noted);
                let span = policy.span();
                let named = quote_spanned!(span=> ::steadfast::config::Named);
                let named = quote!(static #name: #named<#ty> = #named::new(#policy, #json).observer(#value););
                let record = parts.record(&TokenStream::new(), &policy.value());
                (quote!(#items #record #named), quote!(#name.policy()))
            }
        }
    }

    /// How a call through `policy` begins.
    pub fn start(&self, policy: &TokenStream) -> TokenStream {
        let mut call = match &self.clock {
            Some(clock) => {
                let span = clock.span();
                quote_spanned!(span=> #policy.with(#clock))
            }
            None => quote!(#policy.within(::steadfast::handler::bound())),
        };
        if self.idempotent.is_some() {
            call = quote!(#call.idempotent());
        }
        call
    }
}

/// A policy from elsewhere, as a static, a field or a reference to one, and no key that is misspelt.
fn is_place(arg: &Arg) -> bool {
    match &arg.value {
        Value::Flag(flag) => {
            let name = flag.to_string();
            // No key is a raw identifier.
            let is_own = name.starts_with("r#") || name.chars().any(char::is_uppercase);
            arg.is_flag() && !KEYS.contains(&name.as_str()) && is_own
        }
        Value::Expr(expr) => {
            let is_place = |expr: &Expr| matches!(expr, Expr::Path(_) | Expr::Field(_) | Expr::Index(_));
            arg.name.is_none()
                && match expr {
                    Expr::Reference(reference) => is_place(&reference.expr),
                    expr => is_place(expr),
                }
        }
        Value::Call(..) => false,
    }
}

fn flag(list: &mut List, name: &str, errors: &mut Errors) -> Option<Span> {
    let arg = list.take(name, errors)?;
    if !arg.is_flag() {
        errors.at(&arg.value, format!("`{name}` stands alone: remove the value"));
    }
    arg.name.as_ref().map(Ident::span)
}

const _: () = assert!(KEYS.len() == PARTS.len() + 6);
