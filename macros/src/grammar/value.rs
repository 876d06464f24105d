//! Single values: durations as people write them, counts, factors and fractions.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
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

    /// In the place of a value that was not understood and is reported already.
    fn wrong(span: Span) -> Self {
        Given { tokens: quote!(::core::unreachable!()), data: Data::None(span) }
    }
}

const FORM: &str = "a duration is a number and its unit in quotes, such as \"250ms\", \"3s\" or \"1m30s\" \
                    (units: ns, us, ms, s, m, h, d)";

/// A duration. The caller checks whether zero is valid.
fn any_duration(value: &Value, errors: &mut Errors) -> (Given, Option<Duration>) {
    let wrong = match value.literal() {
        Some(Lit::Str(text)) => match parse_duration(&text.value()) {
            Some(duration) => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                let span = text.span();
                let tokens = quote_spanned!(span=> ::core::time::Duration::new(#seconds, #nanos));
                return (Given { tokens, data: Data::text(text.value()) }, Some(duration));
            }
            None => format!("\"{}\" is not a duration: {FORM}", text.value()),
        },
        None if value.is_constant() => return (Given::constant(value), None),
        _ => FORM.to_string(),
    };
    errors.at(value, wrong);
    (Given::wrong(value.span()), None)
}

/// A duration longer than zero.
pub fn duration(value: &Value, errors: &mut Errors) -> Given {
    let (given, duration) = any_duration(value, errors);
    if duration == Some(Duration::ZERO) {
        errors.at(value, "a duration of zero is invalid here: it must be longer");
    }
    given
}

/// A duration that may be zero.
pub fn duration_or_zero(value: &Value, errors: &mut Errors) -> Given {
    any_duration(value, errors).0
}

/// A whole number in `range`.
pub fn count(value: &Value, range: RangeInclusive<u32>, errors: &mut Errors) -> Given {
    let allowed = match (range.start(), range.end()) {
        (low, &u32::MAX) => format!("{low} or more"),
        (low, high) => format!("from {low} to {high}"),
    };
    let wrong = match value.literal() {
        Some(Lit::Int(literal)) => match literal.base10_parse::<u32>() {
            Ok(number) if range.contains(&number) => {
                let mut tokens = Literal::u32_suffixed(number);
                tokens.set_span(literal.span());
                return Given { tokens: quote!(#tokens), data: Data::number(number.to_string()) };
            }
            _ => format!("{literal} is not allowed: it must be a whole number, {allowed}"),
        },
        None if value.is_constant() => return Given::constant(value),
        _ => format!("expected a whole number, {allowed}"),
    };
    errors.at(value, wrong);
    Given::wrong(value.span())
}

/// A number within bounds, of which the first may be excluded.
fn float(value: &Value, fits: impl Fn(f64) -> bool, allowed: &str, percent: bool, errors: &mut Errors) -> Given {
    let number = match value.literal() {
        Some(Lit::Int(literal)) => literal.base10_digits().parse().ok().map(|number: f64| (number, None)),
        Some(Lit::Float(literal)) => literal.base10_digits().parse().ok().map(|number: f64| (number, None)),
        Some(Lit::Str(text)) if percent => {
            let text = text.value();
            let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
            number.map(|number| (number / 100.0, Some(text)))
        }
        None if value.is_constant() => return Given::constant(value),
        _ => None,
    };
    match number {
        Some((number, text)) if number.is_finite() && fits(number) => {
            let mut tokens = Literal::f64_suffixed(number);
            tokens.set_span(value.span());
            let data = text.map_or_else(|| Data::number(number.to_string()), Data::text);
            return Given { tokens: quote!(#tokens), data };
        }
        Some(_) => errors.at(value, format!("this is not allowed: it must be {allowed}")),
        None => errors.at(value, format!("expected a number, {allowed}")),
    }
    Given::wrong(value.span())
}

/// A number from 1 up.
pub fn factor(value: &Value, errors: &mut Errors) -> Given {
    float(value, |number| number >= 1.0, "1 or more", false, errors)
}

/// A share above 0 and at most 1, or in percent.
pub fn share(value: &Value, errors: &mut Errors) -> Given {
    let allowed = "above 0 and at most 1, or in percent: 0.5 or \"50%\"";
    float(value, |number| number > 0.0 && number <= 1.0, allowed, true, errors)
}

/// A share that may be 0, or in percent.
pub fn share_or_zero(value: &Value, errors: &mut Errors) -> Given {
    let allowed = "from 0 to 1, or in percent: 0.1 or \"10%\"";
    float(value, |number| (0.0..=1.0).contains(&number), allowed, true, errors)
}

/// A share above 0 and below 1, or in percent.
pub fn share_below_one(value: &Value, errors: &mut Errors) -> Given {
    let allowed = "above 0 and below 1, or in percent: 0.95 or \"95%\"";
    float(value, |number| number > 0.0 && number < 1.0, allowed, true, errors)
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

/// A duration of parts, each a number and its unit, as the configuration reads it too.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 10] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let mut rest = text.trim();
    let mut nanos = 0_u64;
    loop {
        let (whole, after) = digits(rest);
        let whole: u64 = whole.parse().ok()?;
        let (fraction, after) = match after.strip_prefix('.').map(digits) {
            Some(("", _)) => return None,
            Some(fraction) => fraction,
            None => ("", after),
        };
        let after = after.trim_start();
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(after.len()));
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.saturating_add(whole.saturating_mul(*unit));
        let mut part = *unit;
        for digit in fraction.bytes() {
            part /= 10;
            nanos = nanos.saturating_add(u64::from(digit - b'0') * part);
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Duration::from_nanos(nanos));
        }
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1.5s", 1_500),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("2min", 120_000),
            ("30s1m", 90_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_duration("7ns"), Some(Duration::from_nanos(7)));
        assert_eq!(parse_duration("7us"), parse_duration("7µs"));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let wrong = ["", " ", "3", "s", "3 seconds", "-3s", "3sec", "1.s", ".5s", "1..5s", "1,5s", "3s 4"];
        for text in wrong.into_iter().chain(["99999999999999999999s", "1e3s", "½s"]) {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
