//! Single values: durations as people write them, counts, factors and fractions.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use steadfast_settings::{DURATION, NAME, Range, is_name};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::data::Data;
use super::syntax::{Arg, Errors, Value};

/// A value that was understood: as an expression, and as data.
pub struct Given {
    pub tokens: TokenStream,
    pub data: Data,
}

impl Given {
    fn constant(value: &Value) -> Self {
        Given { tokens: quote!(#value), data: Data::None(value.span()) }
    }

    /// In the place of one that was not understood; the mistake is noted already.
    pub fn wrong(span: Span) -> Self {
        Given { tokens: quote!(::core::unreachable!()), data: Data::None(span) }
    }
}

/// A duration within `range`.
pub fn duration(value: &Value, range: &Range, errors: &mut Errors) -> Given {
    let wrong = match value.literal() {
        Some(Lit::Str(text)) => match steadfast_settings::duration(&text.value()) {
            Some(duration) if range.contains(duration.as_nanos() as f64) => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                let span = text.span();
                let tokens = quote_spanned!(span=> ::core::time::Duration::new(#seconds, #nanos));
                return Given { tokens, data: Data::text(text.value()) };
            }
            Some(_) => format!("\"{}\" is not allowed: it must be {}", text.value(), range.words),
            None => format!("\"{}\" is not {DURATION}", text.value()),
        },
        None if value.is_constant() => return Given::constant(value),
        _ => format!("expected {DURATION}"),
    };
    errors.at(value, wrong);
    Given::wrong(value.span())
}

/// A whole number within `range`.
pub fn count(value: &Value, range: &Range, errors: &mut Errors) -> Given {
    let wrong = match value.literal() {
        Some(Lit::Int(literal)) => match literal.base10_parse::<u32>() {
            Ok(number) if range.contains(f64::from(number)) => {
                let mut tokens = Literal::u32_suffixed(number);
                tokens.set_span(literal.span());
                return Given { tokens: quote!(#tokens), data: Data::number(number.to_string()) };
            }
            _ => format!("{literal} is not allowed: it must be a whole number, {}", range.words),
        },
        None if value.is_constant() => return Given::constant(value),
        _ => format!("expected a whole number, {}", range.words),
    };
    errors.at(value, wrong);
    Given::wrong(value.span())
}

/// A number within `range`, or where `percent` allows it a percentage.
pub fn number(value: &Value, range: &Range, percent: bool, errors: &mut Errors) -> Given {
    let number = match value.literal() {
        Some(Lit::Int(literal)) => literal.base10_digits().parse().ok().map(|number: f64| (number, None)),
        Some(Lit::Float(literal)) => literal.base10_digits().parse().ok().map(|number: f64| (number, None)),
        Some(Lit::Str(text)) if percent => {
            steadfast_settings::percentage(&text.value()).map(|number| (number, Some(text.value())))
        }
        None if value.is_constant() => return Given::constant(value),
        _ => None,
    };
    let form = if percent { ", or in percent: 0.5 or \"50%\"" } else { "" };
    match number {
        Some((number, text)) if range.contains(number) => {
            let mut tokens = Literal::f64_suffixed(number);
            tokens.set_span(value.span());
            let data = text.map_or_else(|| Data::number(number.to_string()), Data::text);
            return Given { tokens: quote!(#tokens), data };
        }
        Some(_) => errors.at(value, format!("this is not allowed: it must be {}{form}", range.words)),
        None => errors.at(value, format!("expected a number, {}{form}", range.words)),
    }
    Given::wrong(value.span())
}

/// One of some words.
pub fn word(value: &Value, words: &[&str], errors: &mut Errors) -> Given {
    if let Some(Lit::Str(text)) = value.literal()
        && words.contains(&text.value().as_str())
    {
        return Given { tokens: quote!(#text), data: Data::text(text.value()) };
    }
    let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    errors.at(value, format!("this is not allowed: it must be {}", words.join(" or ")));
    Given::wrong(value.span())
}

/// A name in a store.
pub fn name(value: &Value, errors: &mut Errors) -> Given {
    match value.literal() {
        Some(Lit::Str(text)) if is_name(&text.value()) => {
            Given { tokens: quote!(#text), data: Data::text(text.value()) }
        }
        None if value.is_constant() => Given::constant(value),
        _ => {
            errors.at(value, format!("expected a name: {NAME}"));
            Given::wrong(value.span())
        }
    }
}

/// A path to something of the caller's.
pub fn path(arg: &Arg, what: &str, errors: &mut Errors) -> Option<TokenStream> {
    let value = &arg.value;
    match value {
        Value::Flag(flag) if !arg.is_flag() => Some(quote!(#flag)),
        Value::Expr(Expr::Path(path)) => Some(quote!(#path)),
        _ => {
            errors.at(value, format!("expected {what}"));
            None
        }
    }
}
