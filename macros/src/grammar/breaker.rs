//! `breaker(failures = 5, open_for = "10s")` and `breaker(failure_rate = "50%", over_calls = 100)`; the first also with
//! `shared = "keyvalue", name = "acme/greeter"`.

use quote::{quote, quote_spanned};
use steadfast_settings::BREAKER;

use super::Part;
use super::data::Data;
use super::settings::{read, settings_of};
use super::syntax::{Arg, Errors, List};

/// A share of each break. With it, instances that opened together do not probe together.
const DEFAULT_JITTER: f64 = 0.1;

pub fn breaker(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`breaker`", errors);
    let span = list.span();
    let example = "`breaker(failures = 5)` or `breaker(failure_rate = \"50%\", over_calls = 100)`";
    let mut settings = read(&mut list, "`breaker`", &BREAKER, example, errors);
    list.finish(&settings_of(&BREAKER), errors);
    for setting in ["name", "bucket", "cached_for"] {
        if settings.has(setting) && !settings.has("shared") {
            errors.add(span, format!("`{setting}` is of a shared state: write `shared = \"keyvalue\"` beside it"));
        }
    }
    let (ty, tokens) = if settings.has("failure_rate") {
        let rate = settings.take("failure_rate");
        let (window, tokens) = if settings.has("over_time") {
            let time = settings.take("over_time");
            (
                quote!(::steadfast::TimeWindow),
                quote_spanned!(span=> ::steadfast::Breaker::failure_rate(#rate).over_time(#time)),
            )
        } else {
            let calls = settings.take("over_calls");
            (
                quote!(::steadfast::CountWindow),
                quote_spanned!(span=> ::steadfast::Breaker::failure_rate(#rate).over_calls(#calls)),
            )
        };
        (quote!(::steadfast::Breaker<#window>), tokens)
    } else {
        let failures = settings.take("failures");
        (quote!(::steadfast::Breaker), quote_spanned!(span=> ::steadfast::Breaker::consecutive_failures(#failures)))
    };
    // Not a word for the builder: which store there is stands in the type.
    let shared = settings.take_if("shared");
    let (name, bucket) = (settings.take_if("name"), settings.take_if("bucket"));
    let cached_for = settings.take_if("cached_for");
    let mut tokens = settings.build(tokens);
    if !settings.has("jitter") {
        tokens = quote_spanned!(span=> #tokens.jitter(#DEFAULT_JITTER));
        settings.data.set("jitter", Data::number(DEFAULT_JITTER.to_string()));
    }
    if shared.is_none() {
        return Part { span, ty, tokens, data: settings.data };
    }
    let bucket = bucket.unwrap_or_else(|| quote!("default"));
    let store = quote_spanned!(span=> ::steadfast::KeyValue);
    let mut tokens = quote_spanned!(span=> #tokens.shared(#name, #store::bucket(#bucket)));
    if let Some(time) = cached_for {
        tokens = quote_spanned!(span=> #tokens.cached_for(#time));
    }
    Part { span, ty: quote_spanned!(span=> ::steadfast::SharedBreaker<#store>), tokens, data: settings.data }
}
