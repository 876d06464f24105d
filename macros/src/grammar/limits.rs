//! What limits calls before they are made, and hedges: `bulkhead`, `concurrency`, `rate_limit`, `throttle`, `hedge`.

use quote::{quote, quote_spanned};
use steadfast_settings::{AIMD, BULKHEAD, GRADIENT, HEDGE, RATE_LIMIT, THROTTLE, nearest};

use super::data::Data;
use super::settings::{read, settings_of};
use super::syntax::{Arg, Errors, List, Value};
use super::{Part, shared};

pub fn bulkhead(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`bulkhead`", errors);
    let span = list.span();
    let mut settings = read(&mut list, "`bulkhead`", &BULKHEAD, "`bulkhead(concurrent = 10)`", errors);
    list.finish(&settings_of(&BULKHEAD), errors);
    let concurrent = settings.take("concurrent");
    let tokens = settings.build(quote_spanned!(span=> ::steadfast::Bulkhead::concurrent(#concurrent)));
    Part { span, ty: quote!(::steadfast::Bulkhead), tokens, data: settings.data }
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
    let (table, ty) = match kind.to_string().as_str() {
        "aimd" => (&AIMD, quote!(::steadfast::Concurrency<::steadfast::Aimd>)),
        "gradient" => (&GRADIENT, quote!(::steadfast::Concurrency<::steadfast::Gradient>)),
        other => {
            let near = nearest(other, ["aimd", "gradient"]).map(|near| format!("; did you mean `{near}`?"));
            errors.at(&kind, format!("there is no limit `{other}`{} ({wanted})", near.unwrap_or_default()));
            return Part { span, ty: quote!(()), tokens: quote!(()), data };
        }
    };
    let settings = read(&mut list, "the limit", table, wanted, errors);
    list.finish(&settings_of(table), errors);
    let tokens = settings.build(quote_spanned!(kind.span()=> ::steadfast::Concurrency::#kind()));
    data.set(&kind.to_string(), settings.data);
    Part { span, ty, tokens, data }
}

pub fn rate_limit(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`rate_limit`", errors);
    let span = list.span();
    let example = "`rate_limit(per_second = 100)`, `rate_limit(tokens = 5, every = \"1m\")` or \
                   `rate_limit(window = 100, period = \"1m\")`";
    let mut settings = read(&mut list, "`rate_limit`", &RATE_LIMIT, example, errors);
    list.finish(&settings_of(&RATE_LIMIT), errors);
    shared::check(&settings, span, errors);
    let mut ty = quote!(::steadfast::RateLimit);
    let tokens = if settings.has("window") {
        let (calls, period) = (settings.take("window"), settings.take("period"));
        ty = quote!(::steadfast::RateLimit<::steadfast::SlidingWindow>);
        quote_spanned!(span=> ::steadfast::RateLimit::window(#calls, #period))
    } else if settings.has("tokens") {
        let tokens = settings.take("tokens");
        quote_spanned!(span=> ::steadfast::RateLimit::tokens(#tokens))
    } else {
        let calls = settings.take("per_second");
        quote_spanned!(span=> ::steadfast::RateLimit::per_second(#calls))
    };
    let shared = shared::take(&mut settings, span);
    let mut tokens = settings.build(tokens);
    if let Some((arguments, store)) = shared {
        tokens = quote_spanned!(span=> #tokens.shared(#arguments));
        ty = quote_spanned!(span=> ::steadfast::SharedRateLimit<#store>);
    }
    Part { span, ty, tokens, data: settings.data }
}

pub fn throttle(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`throttle`", errors);
    let span = list.span();
    let settings = read(&mut list, "`throttle`", &THROTTLE, "`throttle(multiplier = 2)`", errors);
    list.finish(&settings_of(&THROTTLE), errors);
    let tokens = settings.build(quote_spanned!(span=> ::steadfast::Throttle::new()));
    Part { span, ty: quote!(::steadfast::Throttle), tokens, data: settings.data }
}

/// Beside an attempt that is slow: `hedge(after = "100ms")` or `hedge(after_quantile = "95%")`.
pub fn hedge(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`hedge`", errors);
    let span = list.span();
    let example = "`hedge(after = \"100ms\")` or `hedge(after_quantile = \"95%\")`";
    let mut settings = read(&mut list, "`hedge`", &HEDGE, example, errors);
    list.finish(&settings_of(&HEDGE), errors);
    let (ty, tokens) = if settings.has("after_quantile") {
        let quantile = settings.take("after_quantile");
        let ty = quote!(::steadfast::Hedge<::steadfast::Quantile>);
        (ty, quote_spanned!(span=> ::steadfast::Hedge::after_quantile(#quantile)))
    } else {
        let after = settings.take("after");
        (quote!(::steadfast::Hedge), quote_spanned!(span=> ::steadfast::Hedge::after(#after)))
    };
    Part { span, ty, tokens: settings.build(tokens), data: settings.data }
}
