//! The settings of one part, read beside their table: which there are, what they look like, what goes with what.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use steadfast_settings::{Choice, Kind, KindOf, Needed, STORES, Setting, Table};
use syn::spanned::Spanned;

use super::data::Data;
use super::syntax::{Arg, Errors, List, Value};
use super::value::{self, Given};

/// What was given, in the order of the table.
pub struct Settings {
    given: Vec<(&'static str, Span, TokenStream)>,
    pub data: Data,
}

/// Takes the settings of `table` out of `list`, which is `of` a part that looks like `example`. Those that are tables
/// of several kinds, the caller has taken before.
pub fn read(list: &mut List, of: &str, table: &Table, example: &str, errors: &mut Errors) -> Settings {
    let mut settings = Settings { given: Vec::new(), data: Data::empty() };
    let mut taken: Vec<(&'static str, Arg)> = Vec::new();
    for setting in table.settings {
        if let Some(arg) = list.take(setting.name, errors) {
            taken.push((setting.name, arg));
        }
    }
    for setting in table.settings.iter().filter(|setting| setting.needed) {
        if !taken.iter().any(|(name, _)| *name == setting.name) {
            errors.add(list.span(), format!("{of} needs `{}`: {example}", setting.name));
        }
    }
    for choice in table.choices {
        check(choice, &taken, list.span(), of, example, errors);
    }
    for (name, arg) in taken {
        let Some(setting) = table.setting(name) else { continue };
        let (span, given) = match setting.kind {
            Kind::Table(inner) => nested(arg, setting.name, inner, errors),
            _ => (arg.value.span(), given(&arg.value, setting, errors)),
        };
        settings.data.set(name, given.data);
        settings.given.push((name, span, given.tokens));
    }
    settings
}

/// The kind of `choice` that is given first, if any: what excludes it is a mistake, and so is what it needs and lacks.
fn check(choice: &Choice, taken: &[(&'static str, Arg)], span: Span, of: &str, example: &str, errors: &mut Errors) {
    let find = |name: &str| taken.iter().find(|(given, _)| *given == name);
    let Some(KindOf { name: kind, needs, .. }) = choice.kinds.iter().find(|kind| find(kind.name).is_some()) else {
        let needed = match choice.needed {
            Needed::Always => true,
            Needed::With(other) => find(other).is_some(),
            Needed::No => false,
        };
        if needed {
            let names: Vec<_> = choice.kinds.iter().map(|kind| format!("`{}`", kind.name)).collect();
            errors.add(span, format!("{of} needs {}: {example}", names.join(" or ")));
        }
        return;
    };
    let chosen = choice.kinds.iter().find(|other| other.name == *kind);
    for (name, arg) in taken.iter().filter(|(name, _)| chosen.is_some_and(|kind| choice.excludes(kind, name))) {
        errors.at(&arg.name, format!("`{name}` does not go with `{kind}`: {example}"));
    }
    for need in needs.iter().filter(|need| find(need).is_none()) {
        errors.add(span, format!("`{kind}` needs `{need}` beside it: {example}"));
    }
}

/// A table whose settings are the arguments of one method: `slow_calls(rate = "80%", longer_than = "1s")`.
fn nested(arg: Arg, name: &'static str, table: &Table, errors: &mut Errors) -> (Span, Given) {
    let of = format!("`{name}`");
    let names: Vec<_> = table.settings.iter().map(|setting| format!("{} = …", setting.name)).collect();
    let mut list = List::of(arg, name, errors);
    let span = list.span();
    let settings = read(&mut list, &of, table, &format!("`{name}({})`", names.join(", ")), errors);
    list.finish(&settings_of(table), errors);
    let values = settings.given.iter().map(|(_, _, tokens)| tokens);
    (span, Given { tokens: quote!(#(#values),*), data: settings.data })
}

/// The value of a setting.
pub fn given(value: &Value, setting: &Setting, errors: &mut Errors) -> Given {
    let range = setting.range;
    match setting.kind {
        Kind::Duration => value::duration(value, range, errors),
        Kind::Count => value::count(value, range, errors),
        Kind::Number => value::number(value, range, false, errors),
        Kind::Share => value::number(value, range, true, errors),
        Kind::Jitter => super::backoff::jitter(value, range, errors),
        Kind::Store => value::word(value, &STORES, errors),
        Kind::Name => value::name(value, errors),
        Kind::Table(_) | Kind::Budget(_) => Given::wrong(value.span()),
    }
}

/// The names in a table.
pub fn settings_of(table: &Table) -> Vec<&'static str> {
    table.settings.iter().map(|setting| setting.name).collect()
}

impl Settings {
    /// Whether this setting is given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _, _)| *given == name)
    }

    /// The value of a setting that is an argument of the constructor. That it is missing was noted.
    pub fn take(&mut self, name: &str) -> TokenStream {
        match self.given.iter().position(|(given, _, _)| *given == name) {
            Some(index) => self.given.remove(index).2,
            None => quote!(::core::unreachable!()),
        }
    }

    /// The value of a setting that is no method of the builder, where it is given.
    pub fn take_if(&mut self, name: &str) -> Option<TokenStream> {
        self.has(name).then(|| self.take(name))
    }

    /// Calls the builder's method of each setting that is left.
    pub fn build(&self, mut tokens: TokenStream) -> TokenStream {
        for (name, span, value) in &self.given {
            let (span, method) = (*span, Ident::new(name, *span));
            tokens = quote_spanned!(span=> #tokens.#method(#value));
        }
        tokens
    }
}
