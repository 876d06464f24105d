//! `exponential("50ms", max = "2s", jitter = equal)` and its kin.

use quote::quote_spanned;
use steadfast_settings::{BACKOFF, JITTERS, KindOf, Range, nearest};
use syn::spanned::Spanned;

use super::data::Data;
use super::settings::given;
use super::syntax::{Errors, List, Value};
use super::value::{self, Given};

/// The kind that a configuration cannot have, since it is code.
const CUSTOM: KindOf = KindOf { name: "custom", needs: &[], takes: &[] };

/// The kinds of backoff.
fn kinds() -> impl Iterator<Item = &'static KindOf> + Clone {
    BACKOFF.choices.iter().flat_map(|choice| choice.kinds).chain([&CUSTOM])
}

pub fn backoff(value: Value, errors: &mut Errors) -> Given {
    let (kind, args) = match value {
        Value::Call(kind, args) if kinds().any(|known| kind == known.name) => (kind, args),
        // A constant of the caller's.
        Value::Expr(expr) if Value::Expr(expr.clone()).is_constant() => {
            let data = Data::None(expr.span());
            return Given { tokens: quote_spanned!(expr.span()=> #expr), data };
        }
        Value::Flag(name) if name.to_string().chars().all(|c| !c.is_lowercase()) => {
            return Given { tokens: quote_spanned!(name.span()=> #name), data: Data::None(name.span()) };
        }
        value => {
            let names = kinds().map(|kind| kind.name);
            let kinds = names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let message = match &value {
                Value::Call(name, _) | Value::Flag(name) => {
                    let near = nearest(&name.to_string(), names);
                    match near.filter(|near| name != near) {
                        Some(near) => {
                            format!("there is no backoff `{name}`; did you mean `{near}`? (there are {kinds})")
                        }
                        None if near.is_some() => format!("`{name}` needs its first wait: `{name}(\"50ms\")`"),
                        None => format!("there is no backoff `{name}` (there are {kinds})"),
                    }
                }
                _ => format!("expected a backoff, such as `exponential(\"50ms\", max = \"2s\")` (there are {kinds})"),
            };
            match &value {
                Value::Call(name, _) => errors.at(name, message),
                value => errors.at(value, message),
            }
            return Given { tokens: quote_spanned!(value.span()=> ::core::unreachable!()), data: Data::empty() };
        }
    };
    let span = kind.span();
    let name = kind.to_string();
    let mut list = List::inside(&kind, args, "a backoff", errors);
    let mut data = Data::empty();
    let mut tokens = match list.first() {
        Some(wait) if name == "custom" => {
            data.set(&name, Data::None(wait.span()));
            quote_spanned!(span=> ::steadfast::Backoff::custom(#wait))
        }
        Some(base) => {
            let base =
                BACKOFF.setting(&name).map_or_else(|| Given::wrong(span), |setting| given(&base, setting, errors));
            data.set(&name, base.data);
            let base = base.tokens;
            quote_spanned!(span=> ::steadfast::Backoff::#kind(#base))
        }
        None if name == "custom" => {
            errors.add(span, "`custom` needs the function that says each wait: `custom(schedule)`");
            quote_spanned!(span=> ::core::unreachable!())
        }
        None => {
            errors.add(span, format!("`{name}` needs its first wait: `{name}(\"50ms\")`"));
            quote_spanned!(span=> ::core::unreachable!())
        }
    };
    let mut allowed = Vec::new();
    // Beside the first wait: what this kind may have.
    for setting in BACKOFF.settings.iter().filter(|setting| kinds().all(|kind| kind.name != setting.name)) {
        let excluded = kinds().any(|other| other.name != name && other.has(setting.name));
        if excluded && !kinds().any(|kind| kind.name == name && kind.has(setting.name)) {
            continue;
        }
        allowed.push(setting.name);
        if let Some(arg) = list.take(setting.name, errors) {
            let given = given(&arg.value, setting, errors);
            let (span, value) = (arg.value.span(), given.tokens);
            let method = syn::Ident::new(if setting.name == "max" { "max_delay" } else { setting.name }, span);
            tokens = quote_spanned!(span=> #tokens.#method(#value));
            data.set(setting.name, given.data);
        }
    }
    list.finish(&allowed, errors);
    Given { tokens, data }
}

pub fn jitter(value: &Value, range: &Range, errors: &mut Errors) -> Given {
    let span = value.span();
    if let Value::Flag(name) = value {
        let known = match name.to_string().as_str() {
            "none" => "None",
            "full" => "Full",
            "equal" => "Equal",
            other => {
                let near = nearest(other, JITTERS).map(|near| format!("; did you mean `{near}`?"));
                let near = near.unwrap_or_default();
                let message = format!(
                    "there is no jitter `{other}`{near} (there are `none`, `full`, `equal`, and a share: 0.2 or \"20%\")"
                );
                errors.at(value, message);
                "None"
            }
        };
        let kind = syn::Ident::new(known, span);
        let tokens = quote_spanned!(span=> ::steadfast::Jitter::#kind);
        return Given { tokens, data: Data::text(name.to_string()) };
    }
    let share = value::number(value, range, true, errors);
    let tokens = share.tokens;
    Given { tokens: quote_spanned!(span=> ::steadfast::Jitter::Proportional(#tokens)), data: share.data }
}
