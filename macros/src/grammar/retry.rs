//! `retry(attempts = 4, backoff = …, budget = …, never(trapped), on(overloaded, attempts = 2))`.

use heck::ToUpperCamelCase;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use steadfast_settings::{CAUSES, RETRY, RULE, nearest};
use syn::spanned::Spanned;

use super::Part;
use super::backoff::backoff;
use super::data::Data;
use super::settings::{read, settings_of};
use super::syntax::{Arg, Errors, List, Value};
use super::value;

/// What the attribute has beside the settings of the table.
const MORE: [&str; 4] = ["before_retry", "in_flight_budget", "never", "shared_budget"];

/// The kinds of budgets, and what has to be given of each.
const BUDGETS: [(&str, &str); 3] = [
    ("budget", "the path of a `static` of type `Budget`"),
    ("in_flight_budget", "the path of a `static` of type `InFlightBudget`"),
    ("shared_budget", "the path of a `static` of type `SharedBudget<KeyValue>`"),
];

pub fn retry(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`retry`", errors);
    let span = list.span();
    let backoff = list.take("backoff", errors);
    let budgets: Vec<_> = BUDGETS.iter().filter_map(|kind| Some((*kind, list.take(kind.0, errors)?))).collect();
    let mut on = Data::empty();
    let rules = rules(&mut list, &mut on, errors);
    let mut settings = read(&mut list, "`retry`", &RETRY, "`retry(attempts = 4)`", errors);
    let attempts = settings.take("attempts");
    let mut tokens = settings.build(quote_spanned!(span=> ::steadfast::Retry::attempts(#attempts)));
    let mut data = settings.data;
    let mut ty = quote!(::steadfast::Retry);
    add_backoff(&mut tokens, &mut data, backoff, errors);
    if let Some(arg) = list.take("before_retry", errors) {
        let (span, value) = (arg.value.span(), &arg.value);
        tokens = quote_spanned!(span=> #tokens.before_retry(#value));
        data.set("before_retry", Data::None(span));
    }
    if let Some(rules) = rules {
        tokens = quote_spanned!(span=> #tokens.rules(&[#rules]));
        data.set("on", on);
    }
    // Last, because they change the type.
    let mut budgets = budgets.into_iter();
    if let Some(((method, wanted), arg)) = budgets.next() {
        if let Some((_, second)) = budgets.next() {
            errors.add(second.value.span(), "a retry has one budget: `budget`, `in_flight_budget` or `shared_budget`");
        } else if let Some(path) = value::path(&arg, wanted, errors) {
            let span = arg.value.span();
            let budget = match method {
                "budget" => quote!(Budget),
                "in_flight_budget" => quote!(InFlightBudget),
                _ => quote!(SharedBudget<::steadfast::KeyValue>),
            };
            let method = Ident::new(method, span);
            tokens = quote_spanned!(span=> #tokens.#method(&#path));
            data.set("budget", Data::None(span));
            ty = quote!(::steadfast::Retry<&'static ::steadfast::#budget>);
        }
    }
    list.finish(&[settings_of(&RETRY), MORE.to_vec()].concat(), errors);
    Part { span, ty, tokens, data }
}

/// What is different about single causes.
fn rules(list: &mut List, on: &mut Data, errors: &mut Errors) -> Option<TokenStream> {
    let mut rules = Vec::new();
    let mut seen = Vec::new();
    for arg in list.take_all("never") {
        let mut list = List::of(arg, "`never`", errors);
        let mut any = false;
        while let Some(value) = list.first() {
            any = true;
            let Some((name, cause)) = cause(&value, &mut seen, errors) else { continue };
            let span = value.span();
            rules.push(quote_spanned!(span=> ::steadfast::Rule::never(#cause)));
            on.set(name, Data::text("never"));
        }
        if !any {
            errors.add(list.span(), "`never` needs a cause: `never(trapped)`");
        }
        list.finish(&[], errors);
    }
    for arg in list.take_all("on") {
        let mut list = List::of(arg, "`on`", errors);
        let Some(value) = list.first() else {
            errors.add(list.span(), "`on` needs a cause: `on(overloaded, attempts = 2)`");
            continue;
        };
        let cause = cause(&value, &mut seen, errors);
        let backoff = list.take("backoff", errors);
        let settings = read(&mut list, "`on`", &RULE, "`on(overloaded, attempts = 2)`", errors);
        list.finish(&settings_of(&RULE), errors);
        let mut rule = settings.build(quote!());
        let mut settings = settings.data;
        add_backoff(&mut rule, &mut settings, backoff, errors);
        if let Some((name, cause)) = cause {
            let span = value.span();
            rules.push(quote_spanned!(span=> ::steadfast::Rule::on(#cause) #rule));
            on.set(name, settings);
        }
    }
    (!rules.is_empty()).then(|| quote!(#(#rules),*))
}

/// Adds the backoff, where one is given.
fn add_backoff(tokens: &mut TokenStream, data: &mut Data, arg: Option<Arg>, errors: &mut Errors) {
    let Some(arg) = arg else { return };
    let span = arg.value.span();
    let backoff = backoff(arg.value, errors);
    let value = backoff.tokens;
    *tokens = quote_spanned!(span=> #tokens.backoff(#value));
    data.set("backoff", backoff.data);
}

fn cause(value: &Value, seen: &mut Vec<&str>, errors: &mut Errors) -> Option<(&'static str, TokenStream)> {
    let names = CAUSES.map(|(name, _)| name);
    let all = || names.map(|name| format!("`{name}`")).join(", ");
    let Value::Flag(given) = value else {
        errors.at(value, format!("expected a cause (there are {})", all()));
        return None;
    };
    let Some(name) = names.into_iter().find(|name| given == name) else {
        let near = nearest(&given.to_string(), names).map(|near| format!("; did you mean `{near}`?"));
        errors.at(value, format!("there is no cause `{given}`{} (there are {})", near.unwrap_or_default(), all()));
        return None;
    };
    if seen.contains(&name) {
        errors.at(value, format!("there is a rule for `{name}` already: leave one"));
    }
    seen.push(name);
    let variant = syn::Ident::new(&name.to_upper_camel_case(), given.span());
    Some((name, quote_spanned!(given.span()=> ::steadfast::Cause::#variant)))
}
