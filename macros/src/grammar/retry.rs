//! `retry(attempts = 4, backoff = …, budget = …, never(trapped), on(overloaded, attempts = 2))`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Part;
use super::backoff::backoff;
use super::data::Data;
use super::syntax::{Arg, Errors, List, Value};
use super::value;
use crate::nearest::nearest;

const KEYS: [&str; 7] = ["attempts", "backoff", "budget", "retry_after_cap", "before_retry", "never", "on"];

/// The causes in the order of the WIT, as they are spelt here and in Rust.
const CAUSES: [(&str, &str); 8] = [
    ("no_link", "NoLink"),
    ("no_target", "NoTarget"),
    ("timeout", "Timeout"),
    ("disconnected", "Disconnected"),
    ("overloaded", "Overloaded"),
    ("trapped", "Trapped"),
    ("protocol", "Protocol"),
    ("other", "Other"),
];

pub fn retry(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`retry`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let mut ty = quote!(::steadfast::Retry);
    let mut tokens = match list.take("attempts", errors) {
        Some(arg) => {
            let attempts = value::count(&arg.value, 1..=u32::MAX, errors);
            let value = attempts.tokens;
            data.set("attempts", attempts.data);
            quote_spanned!(span=> ::steadfast::Retry::attempts(#value))
        }
        None => {
            errors.add(span, "`retry` needs the number of attempts, the first included: `retry(attempts = 4)`");
            quote!(::core::unreachable!())
        }
    };
    if let Some(arg) = list.take("backoff", errors) {
        let span = arg.value.span();
        let backoff = backoff(arg.value, errors);
        let value = backoff.tokens;
        tokens = quote_spanned!(span=> #tokens.backoff(#value));
        data.set("backoff", backoff.data);
    }
    if let Some(arg) = list.take("retry_after_cap", errors) {
        let cap = value::duration_or_zero(&arg.value, errors);
        let (span, value) = (arg.value.span(), cap.tokens);
        tokens = quote_spanned!(span=> #tokens.retry_after_cap(#value));
        data.set("retry_after_cap", cap.data);
    }
    if let Some(arg) = list.take("before_retry", errors) {
        let (span, value) = (arg.value.span(), &arg.value);
        tokens = quote_spanned!(span=> #tokens.before_retry(#value));
        data.set("before_retry", Data::None(span));
    }
    if let Some(rules) = rules(&mut list, &mut data, errors) {
        tokens = quote_spanned!(span=> #tokens.rules(&[#rules]));
    }
    // Last, because it changes the type.
    if let Some(arg) = list.take("budget", errors)
        && let Some(path) = value::path(&arg, "the path of a `static` of type `Budget`", errors)
    {
        let span = arg.value.span();
        tokens = quote_spanned!(span=> #tokens.budget(&#path));
        data.set("budget", Data::None(span));
        ty = quote!(::steadfast::Retry<&'static ::steadfast::Budget>);
    }
    list.finish(&KEYS, errors);
    Part { span, ty, tokens, data }
}

/// What is different about single causes.
fn rules(list: &mut List, data: &mut Data, errors: &mut Errors) -> Option<TokenStream> {
    let mut rules = Vec::new();
    let mut seen = Vec::new();
    let mut on = Data::empty();
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
        let mut settings = Data::empty();
        let mut rule = quote!();
        if let Some(arg) = list.take("attempts", errors) {
            let attempts = value::count(&arg.value, 1..=255, errors);
            let (span, value) = (arg.value.span(), attempts.tokens);
            rule = quote_spanned!(span=> #rule.attempts(#value));
            settings.set("attempts", attempts.data);
        }
        if let Some(arg) = list.take("backoff", errors) {
            let span = arg.value.span();
            let backoff = backoff(arg.value, errors);
            let value = backoff.tokens;
            rule = quote_spanned!(span=> #rule.backoff(#value));
            settings.set("backoff", backoff.data);
        }
        list.finish(&["attempts", "backoff"], errors);
        if let Some((name, cause)) = cause {
            let span = value.span();
            rules.push(quote_spanned!(span=> ::steadfast::Rule::on(#cause) #rule));
            on.set(name, settings);
        }
    }
    if !matches!(&on, Data::Object(on) if on.is_empty()) {
        data.set("on", on);
    }
    (!rules.is_empty()).then(|| quote!(#(#rules),*))
}

fn cause(value: &Value, seen: &mut Vec<&str>, errors: &mut Errors) -> Option<(&'static str, TokenStream)> {
    let names = CAUSES.map(|(name, _)| name);
    let all = || names.map(|name| format!("`{name}`")).join(", ");
    let Value::Flag(given) = value else {
        errors.at(value, format!("expected a cause (there are {})", all()));
        return None;
    };
    let Some((name, variant)) = CAUSES.into_iter().find(|(name, _)| given == name) else {
        let near = nearest(&given.to_string(), &names).map(|near| format!("; did you mean `{near}`?"));
        errors.at(value, format!("there is no cause `{given}`{} (there are {})", near.unwrap_or_default(), all()));
        return None;
    };
    if seen.contains(&name) {
        errors.at(value, format!("there is a rule for `{name}` already: leave one"));
    }
    seen.push(name);
    let variant = syn::Ident::new(variant, given.span());
    Some((name, quote_spanned!(given.span()=> ::steadfast::Cause::#variant)))
}
