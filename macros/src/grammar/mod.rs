//! The one grammar of `#[resilient(…)]` and `policy!`: settings as they are written become checked parts, and these
//! the type and the `const` expression of a [`Policy`](https://docs.rs/steadfast/latest/steadfast/struct.Policy.html).
//!
//! Names are those of the builders' methods. Values that the macro can see are checked here, so that the message
//! points at them; constants of the caller's are checked by the builders, in the `static` that they end up in.

mod backoff;
mod breaker;
mod data;
mod limits;
mod retry;
mod settings;
mod shared;
pub mod syntax;
mod value;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use steadfast_settings::POLICY;
use syn::spanned::Spanned;
use syn::{Expr, Visibility};

use data::Data;
use syntax::{Errors, List, Value};
use value::Given;

/// What a policy is made of, in the order in which it applies: the parts of the table, and an observer.
pub const PARTS: [&str; POLICY.settings.len() + 1] = {
    let mut parts = ["observer"; POLICY.settings.len() + 1];
    let mut index = 0;
    while index < POLICY.settings.len() {
        parts[index] = POLICY.settings[index].name;
        index += 1;
    }
    parts
};

/// One part of a policy.
pub struct Part {
    /// Where its name stands.
    pub span: Span,
    ty: TokenStream,
    tokens: TokenStream,
    data: Data,
}

/// An observer of the caller's.
struct Told {
    span: Span,
    /// The function, the value that is an `Observer`, or a reference to one.
    observer: TokenStream,
    /// What is lent for one event has nothing to put around a call.
    is_reference: bool,
}

/// The parts of a policy.
#[derive(Default)]
pub struct Parts {
    pub deadline: Option<Part>,
    /// The deadline as a duration.
    pub deadline_after: Option<TokenStream>,
    pub retry: Option<Part>,
    pub breaker: Option<Part>,
    /// A bulkhead, or a limit of concurrency.
    bulkhead: Option<(&'static str, Part)>,
    /// A rate limit, or a throttle.
    rate: Option<(&'static str, Part)>,
    /// Whether a call may wait for its turn at the rate limit.
    waits: bool,
    pub timeout: Option<Part>,
    pub hedge: Option<Part>,
    observer: Option<Told>,
}

impl Parts {
    /// Takes the parts out of `list`.
    pub fn take(list: &mut List, errors: &mut Errors) -> Self {
        let mut parts = Parts::default();
        if let Some(arg) = list.take("deadline", errors) {
            let (part, after) = bound("deadline", "`deadline`", &quote!(Deadline), arg, errors);
            (parts.deadline, parts.deadline_after) = (Some(part), Some(after));
        }
        if let Some(arg) = list.take("retry", errors) {
            parts.retry = Some(retry::retry(arg, errors));
        }
        if let Some(arg) = list.take("breaker", errors) {
            parts.breaker = Some(breaker::breaker(arg, errors));
        }
        let bulkhead = list.take("bulkhead", errors).map(|arg| limits::bulkhead(arg, errors));
        let concurrency = list.take("concurrency", errors).map(|arg| limits::concurrency(arg, errors));
        let both = "`bulkhead` and `concurrency` both bound the calls in flight, by a fixed number and by one that \
                    adapts: keep one";
        parts.bulkhead = one_of(("bulkhead", bulkhead), ("concurrency", concurrency), both, errors);
        let rate_limit = list.take("rate_limit", errors).map(|arg| {
            let part = limits::rate_limit(arg, errors);
            parts.waits = part.data.has("wait-up-to");
            part
        });
        let throttle = list.take("throttle", errors).map(|arg| limits::throttle(arg, errors));
        let both = "`rate_limit` and `throttle` both turn away what is too much, and a policy has one of them: put \
                    the call through a second policy for the other";
        parts.rate = one_of(("rate_limit", rate_limit), ("throttle", throttle), both, errors);
        if let Some(arg) = list.take("attempt_timeout", errors) {
            let (part, _) = bound("attempt_timeout", "`attempt_timeout`", &quote!(AttemptTimeout), arg, errors);
            parts.timeout = Some(part);
        }
        if let Some(arg) = list.take("hedge", errors) {
            parts.hedge = Some(limits::hedge(arg, errors));
        }
        if let Some(arg) = list.take("observer", errors) {
            parts.observer = observer(arg, errors);
        }
        parts
    }

    /// Each part that there is, by its name.
    pub fn named(&self) -> Vec<(&'static str, Span)> {
        let observer = self.observer.as_ref().map(|observer| ("observer", observer.span));
        self.set().map(|(name, part)| (name, part.span)).chain(observer).collect()
    }

    /// Whether a call waits before or between its attempts, so that a deadline bounds something.
    pub fn waits(&self) -> bool {
        self.retry.is_some() || self.waits
    }

    /// The items that make `name` a policy of these parts: the static, and before it an observer, if there is one.
    /// `noted` is the name under which a handler notes what goes wrong.
    /// The `attributes` are those of the static, and all items stand under the `conditions`.
    pub fn items(
        &self,
        attributes: &TokenStream,
        conditions: &TokenStream,
        visibility: &Visibility,
        name: &Ident,
        noted: &str,
    ) -> TokenStream {
        // For a value that only the compiler can check, its error points at the part.
        let at = |span: Span| Span::mixed_site().located_at(span);
        let first = at(self.named().first().map_or_else(Span::call_site, |(_, span)| *span));
        let mut policy = quote_spanned!(first=> ::steadfast::Policy::new());
        let mut types = Vec::new();
        let mut add = |method: &str, part: &Part| {
            let (span, tokens) = (at(part.span), &part.tokens);
            types.push(part.ty.clone());
            let method = Ident::new(method, span);
            policy = quote_spanned!(span=> #policy.#method(#tokens));
        };
        for (name, part) in self.set() {
            match part.data.has("shared") {
                true => add(&format!("shared_{name}"), part),
                false => add(name, part),
            }
        }
        let Watcher { items, ty: observer, value } = self.watcher(conditions, visibility, name, noted);
        let ty = quote!(::steadfast::Policy<(#(#types,)* #observer,)>);
        let at_name = at(name.span());
        let policy = quote_spanned!(at_name=> static #name: #ty = #policy.observer(#value););
        let record = if types.is_empty() { TokenStream::new() } else { self.record(conditions, noted) };
        quote!(#items #record #attributes #visibility #policy)
    }

    /// The observer of calls through the policy `name`.
    pub fn watcher(&self, conditions: &TokenStream, visibility: &Visibility, name: &Ident, noted: &str) -> Watcher {
        let watch = quote!(::steadfast::handler::WatchAs);
        let value = quote!(#watch(#noted));
        let Some(Told { observer: told, is_reference, .. }) = &self.observer else {
            return Watcher { items: TokenStream::new(), ty: watch, value };
        };
        let at = told.span();
        let scope = (!is_reference).then(|| {
            let scope = quote_spanned!(at=> ::steadfast::__private::Told(&#told).scope());
            quote! {
                #[inline]
                fn scope(&self) -> impl ::steadfast::__private::CallScope {
                    use ::steadfast::__private::ToldByFunction as _;
                    #scope
                }
            }
        });
        let told = quote_spanned!(at=> ::steadfast::__private::Told(&#told).observe);
        // Long, since a constant of the caller's of that name would be a pattern.
        let event = Ident::new("__steadfast_event", Span::mixed_site());
        // A type of its own: the type of the caller's observer need not be named, and nothing is called by pointer.
        let observer = format_ident!("__{}_OBSERVER", name, span = Span::mixed_site());
        let items = quote! {
            #conditions
            #[doc(hidden)]
            #[derive(Clone, Copy)]
            #visibility struct #observer;
            #conditions
            impl ::steadfast::Observer for #observer {
                #[inline]
                fn observe(&self, #event: &::steadfast::Event) {
                    use ::steadfast::__private::ToldByFunction as _;
                    ::steadfast::Observer::observe(&#value, #event);
                    #told(#event);
                }
                #scope
            }
        };
        Watcher { items, ty: quote!(#observer), value: quote!(#observer) }
    }

    /// The parts as a configuration has them, in JSON.
    pub fn json(&self, errors: &mut Errors) -> String {
        let mut all = Data::empty();
        for (name, part) in self.set() {
            match part.data.json() {
                Ok(json) => all.set(name, Data::Plain(json)),
                Err(span) => {
                    errors.add(span, "a configuration cannot hold this: beside `policy = \"…\"` a setting is a literal")
                }
            }
        }
        all.json().unwrap_or_default()
    }

    /// What `steadfast policy explain` reads in a component: a section with the parts of the policy `name`, in JSON, and
    /// `null` where one is no literal. At run time it is not there.
    pub fn record(&self, conditions: &TokenStream, name: &str) -> TokenStream {
        let mut all = Data::empty();
        self.set().for_each(|(name, part)| all.set(name, part.data.json().map_or_else(Data::None, Data::Plain)));
        let name = Data::text(name).json().unwrap_or_default();
        let line = format!("[{name},{}]\n", all.json().as_deref().unwrap_or("null"));
        let (length, bytes) = (line.len(), Literal::byte_string(line.as_bytes()));
        quote! {
            #conditions
            #[cfg(target_family = "wasm")]
            const _: () = {
                #[used]
                #[unsafe(link_section = "steadfast:policies")]
                static POLICY: [u8; #length] = *#bytes;
            };
        }
    }

    /// Each part that there is, but for the observer, by its name.
    fn set(&self) -> impl Iterator<Item = (&'static str, &Part)> {
        [("deadline", &self.deadline), ("retry", &self.retry), ("breaker", &self.breaker)]
            .into_iter()
            .filter_map(|(name, part)| Some((name, part.as_ref()?)))
            .chain([&self.bulkhead, &self.rate].into_iter().flatten().map(|(name, part)| (*name, part)))
            .chain(
                [("attempt_timeout", &self.timeout), ("hedge", &self.hedge)]
                    .into_iter()
                    .filter_map(|(name, part)| Some((name, part.as_ref()?))),
            )
    }
}

/// An observer: the items that make it, its type, and itself.
pub struct Watcher {
    pub items: TokenStream,
    pub ty: TokenStream,
    pub value: TokenStream,
}

fn one_of(
    one: (&'static str, Option<Part>),
    other: (&'static str, Option<Part>),
    both: &str,
    errors: &mut Errors,
) -> Option<(&'static str, Part)> {
    match (one, other) {
        ((_, Some(_)), (_, Some(second))) => {
            errors.add(second.span, both);
            None
        }
        ((name, Some(part)), _) | (_, (name, Some(part))) => Some((name, part)),
        _ => None,
    }
}

/// `deadline` and `attempt_timeout`: a duration and nothing else.
fn bound(name: &str, of: &'static str, ty: &TokenStream, arg: syntax::Arg, errors: &mut Errors) -> (Part, TokenStream) {
    let mut list = List::of(arg, of, errors);
    let span = list.span();
    let (after, data) = match list.first() {
        Some(value) => {
            let setting = POLICY.setting(name);
            let after = setting.map_or_else(|| Given::wrong(span), |setting| settings::given(&value, setting, errors));
            (after.tokens, after.data)
        }
        None => {
            errors.add(span, format!("`{name}` needs a duration: `{name} = \"3s\"`"));
            (quote!(::core::unreachable!()), Data::empty())
        }
    };
    list.finish(&[], errors);
    let tokens = quote_spanned!(span=> ::steadfast::#ty::after(#after));
    (Part { span, ty: quote!(::steadfast::#ty), tokens, data }, after)
}

fn observer(arg: syntax::Arg, errors: &mut Errors) -> Option<Told> {
    let mut list = List::of(arg, "`observer`", errors);
    let span = list.span();
    let value = list.first();
    list.finish(&[], errors);
    let observer = match &value {
        Some(Value::Flag(name)) => quote!(#name),
        Some(Value::Expr(expr @ (Expr::Path(_) | Expr::Reference(_)))) => quote!(#expr),
        _ => {
            errors.add(
                span,
                "`observer` needs a function of `&Event`, a unit struct that is an `Observer`, or a reference to a \
                 `static`: `observer = log`",
            );
            return None;
        }
    };
    let is_reference = matches!(value, Some(Value::Expr(Expr::Reference(_))));
    Some(Told { span, observer, is_reference })
}
