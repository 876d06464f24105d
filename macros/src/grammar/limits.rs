//! What bounds calls before they are made: `bulkhead`, `concurrency`, `rate_limit`, `throttle`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Part;
use super::data::Data;
use super::syntax::{Arg, Errors, List, Value};
use super::value::{self, Given};
use crate::nearest::nearest;

/// How the value of a setting is read.
type Read = fn(&Value, &mut Errors) -> Given;

fn calls(value: &Value, errors: &mut Errors) -> Given {
    value::count(value, 1..=u32::MAX, errors)
}

fn calls_or_none(value: &Value, errors: &mut Errors) -> Given {
    value::count(value, 0..=u32::MAX, errors)
}

fn up_to_a_million(value: &Value, errors: &mut Errors) -> Given {
    value::count(value, 1..=1_000_000, errors)
}

/// Adds each setting that was given to the builder.
fn build(
    mut tokens: TokenStream,
    list: &mut List,
    settings: &[(&str, Read)],
    data: &mut Data,
    errors: &mut Errors,
) -> TokenStream {
    for (name, read) in settings {
        if let Some(arg) = list.take(name, errors) {
            let given = read(&arg.value, errors);
            let (span, value) = (arg.value.span(), given.tokens);
            let method = syn::Ident::new(name, span);
            tokens = quote_spanned!(span=> #tokens.#method(#value));
            data.set(name, given.data);
        }
    }
    tokens
}

pub fn bulkhead(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`bulkhead`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let tokens = match list.take("concurrent", errors) {
        Some(arg) => {
            let concurrent = calls(&arg.value, errors);
            let value = concurrent.tokens;
            data.set("concurrent", concurrent.data);
            quote_spanned!(span=> ::steadfast::Bulkhead::concurrent(#value))
        }
        None => {
            errors.add(span, "`bulkhead` needs how many calls it lets in: `bulkhead(concurrent = 10)`");
            quote!(::core::unreachable!())
        }
    };
    let tokens = build(tokens, &mut list, &[("waiting", calls_or_none)], &mut data, errors);
    list.finish(&["concurrent", "waiting"], errors);
    Part { span, ty: quote!(::steadfast::Bulkhead), tokens, data }
}

pub fn concurrency(arg: Arg, errors: &mut Errors) -> Part {
    let mut outer = List::of(arg, "`concurrency`", errors);
    let span = outer.span();
    let mut data = Data::empty();
    let wanted = "expected how the limit is found: `concurrency = aimd(max = 50)` or `concurrency = gradient()`";
    let (kind, mut list) = match outer.first() {
        Some(Value::Call(kind, args)) => (kind.clone(), List::inside(&kind, args, "the limit", errors)),
        Some(Value::Flag(kind)) => (kind, List::new("the limit", Vec::new())),
        _ => {
            errors.add(span, wanted);
            return Part { span, ty: quote!(()), tokens: quote!(()), data };
        }
    };
    outer.finish(&[], errors);
    let mut settings: Vec<(&str, Read)> = vec![("min", calls), ("max", calls), ("start", calls)];
    let ty = match kind.to_string().as_str() {
        "aimd" => {
            settings.push(("decrease", value::share_below_one));
            quote!(::steadfast::Concurrency<::steadfast::Aimd>)
        }
        "gradient" => {
            settings.extend::<[(&str, Read); 5]>([
                ("tolerance", value::factor),
                ("smoothing", value::share),
                ("queue", up_to_a_million),
                ("window", value::duration),
                ("long_window", up_to_a_million),
            ]);
            quote!(::steadfast::Concurrency<::steadfast::Gradient>)
        }
        other => {
            let near = nearest(other, &["aimd", "gradient"]).map(|near| format!("; did you mean `{near}`?"));
            errors.at(&kind, format!("there is no limit `{other}`{} ({wanted})", near.unwrap_or_default()));
            return Part { span, ty: quote!(()), tokens: quote!(()), data };
        }
    };
    let tokens = quote_spanned!(kind.span()=> ::steadfast::Concurrency::#kind());
    let mut inner = Data::empty();
    let tokens = build(tokens, &mut list, &settings, &mut inner, errors);
    data.set(&kind.to_string(), inner);
    let allowed: Vec<_> = settings.iter().map(|(name, _)| *name).collect();
    list.finish(&allowed, errors);
    Part { span, ty, tokens, data }
}

pub fn rate_limit(arg: Arg, errors: &mut Errors) -> Part {
    const BUCKET: [&str; 5] = ["per_second", "tokens", "every", "burst", "wait_up_to"];
    const WINDOW: [&str; 3] = ["window", "period", "wait_up_to"];
    const ALL: [&str; 7] = ["per_second", "tokens", "every", "window", "period", "burst", "wait_up_to"];
    let mut list = List::of(arg, "`rate_limit`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let forms = "`rate_limit(per_second = 100)`, `rate_limit(tokens = 5, every = \"1m\")` or \
                 `rate_limit(window = 100, period = \"1m\")`";
    let kinds = ["per_second", "tokens", "window"].map(|kind| list.take(kind, errors).map(|arg| (kind, arg)));
    let mut kinds = kinds.into_iter().flatten();
    let (kind, first) = match kinds.next() {
        Some(kind) => kind,
        None => {
            errors.add(span, format!("`rate_limit` needs how many calls may pass: {forms}"));
            list.finish_unknown(&ALL, errors);
            return Part { span, ty: quote!(()), tokens: quote!(()), data };
        }
    };
    for (_, another) in kinds {
        errors.at(&another.name, format!("a rate limit has one kind: {forms}"));
    }
    let number = calls(&first.value, errors);
    let value = number.tokens;
    data.set(kind, number.data);
    let waits: (&str, Read) = ("wait_up_to", value::duration_or_zero);
    if kind == "window" {
        let tokens = match list.take("period", errors) {
            Some(period) => {
                let period = value::duration(&period.value, errors);
                let length = period.tokens;
                data.set("period", period.data);
                quote_spanned!(span=> ::steadfast::RateLimit::window(#value, #length))
            }
            None => {
                errors.at(&first.name, "a window needs its length: `window = 100, period = \"1m\"`");
                quote!(::core::unreachable!())
            }
        };
        let tokens = build(tokens, &mut list, &[waits], &mut data, errors);
        list.finish(&WINDOW, errors);
        return Part { span, ty: quote!(::steadfast::RateLimit<::steadfast::SlidingWindow>), tokens, data };
    }
    let method = syn::Ident::new(kind, first.value.span());
    let tokens = quote_spanned!(span=> ::steadfast::RateLimit::#method(#value));
    let mut settings: Vec<(&str, Read)> = vec![("burst", calls), waits];
    if kind == "tokens" {
        settings.insert(0, ("every", value::duration));
    }
    let tokens = build(tokens, &mut list, &settings, &mut data, errors);
    list.finish(&BUCKET, errors);
    Part { span, ty: quote!(::steadfast::RateLimit), tokens, data }
}

pub fn throttle(arg: Arg, errors: &mut Errors) -> Part {
    let settings: [(&str, Read); 4] = [
        ("multiplier", value::factor),
        ("window", value::duration),
        ("padding", calls),
        ("max_probability", value::share),
    ];
    let mut list = List::of(arg, "`throttle`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let tokens = quote_spanned!(span=> ::steadfast::Throttle::new());
    let tokens = build(tokens, &mut list, &settings, &mut data, errors);
    list.finish(&settings.map(|(name, _)| name), errors);
    Part { span, ty: quote!(::steadfast::Throttle), tokens, data }
}

/// Beside an attempt that is slow: `hedge(after = "100ms")` or `hedge(after_quantile = "95%")`.
pub fn hedge(arg: Arg, errors: &mut Errors) -> Part {
    const ALL: [&str; 5] = ["after", "after_quantile", "min_observations", "initial_delay", "max_hedges"];
    fn hedges(value: &Value, errors: &mut Errors) -> Given {
        value::count(value, 1..=4, errors)
    }
    fn observations(value: &Value, errors: &mut Errors) -> Given {
        value::count(value, 1..=512, errors)
    }
    let mut list = List::of(arg, "`hedge`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let forms = "`hedge(after = \"100ms\")` or `hedge(after_quantile = \"95%\")`";
    let mut settings: Vec<(&str, Read)> = vec![("max_hedges", hedges)];
    let (ty, tokens) = match (list.take("after", errors), list.take("after_quantile", errors)) {
        (Some(after), None) => {
            let after = value::duration(&after.value, errors);
            let value = after.tokens;
            data.set("after", after.data);
            (quote!(::steadfast::Hedge), quote_spanned!(span=> ::steadfast::Hedge::after(#value)))
        }
        (None, Some(quantile)) => {
            let quantile = value::share_below_one(&quantile.value, errors);
            let value = quantile.tokens;
            data.set("after_quantile", quantile.data);
            settings
                .extend::<[(&str, Read); 2]>([("min_observations", observations), ("initial_delay", value::duration)]);
            let ty = quote!(::steadfast::Hedge<::steadfast::Quantile>);
            (ty, quote_spanned!(span=> ::steadfast::Hedge::after_quantile(#value)))
        }
        (Some(_), Some(quantile)) => {
            errors.at(&quantile.name, format!("a hedge has one delay: {forms}"));
            (quote!(()), quote!(()))
        }
        (None, None) => {
            errors.add(span, format!("`hedge` needs to know what is slow: {forms}"));
            (quote!(()), quote!(()))
        }
    };
    let tokens = build(tokens, &mut list, &settings, &mut data, errors);
    list.finish(&ALL, errors);
    Part { span, ty, tokens, data }
}
