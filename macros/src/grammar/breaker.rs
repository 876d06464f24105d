//! `breaker(failures = 5, open_for = "10s")` and `breaker(failure_rate = "50%", over_calls = 100)`; the first also with
//! `shared = "keyvalue", name = "acme/greeter"`.

use quote::{quote, quote_spanned};
use steadfast_settings::BREAKER;

use super::data::Data;
use super::settings::{read, settings_of};
use super::syntax::{Arg, Errors, List};
use super::{Part, shared};

/// A share of each break. With it, instances that opened together do not probe together.
const DEFAULT_JITTER: f64 = 0.1;

pub fn breaker(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`breaker`", errors);
    let span = list.span();
    let example = "`breaker(failures = 5)` or `breaker(failure_rate = \"50%\", over_calls = 100)`";
    let mut settings = read(&mut list, "`breaker`", &BREAKER, example, errors);
    list.finish(&settings_of(&BREAKER), errors);
    shared::check(&settings, span, errors);
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
    let (shared, cached_for) = (shared::take(&mut settings, span), settings.take_if("cached_for"));
    let mut tokens = settings.build(tokens);
    if !settings.has("jitter") {
        tokens = quote_spanned!(span=> #tokens.jitter(#DEFAULT_JITTER));
        settings.data.set("jitter", Data::number(DEFAULT_JITTER.to_string()));
    }
    let Some((arguments, store)) = shared else { return Part { span, ty, tokens, data: settings.data } };
    let mut tokens = quote_spanned!(span=> #tokens.shared(#arguments));
    if let Some(time) = cached_for {
        tokens = quote_spanned!(span=> #tokens.cached_for(#time));
    }
    Part { span, ty: quote_spanned!(span=> ::steadfast::SharedBreaker<#store>), tokens, data: settings.data }
}
