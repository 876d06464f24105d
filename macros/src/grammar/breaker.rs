//! `breaker(failures = 5, open_for = "10s")` and `breaker(failure_rate = "50%", over_calls = 100)`.

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
    let mut tokens = settings.build(tokens);
    if !settings.has("jitter") {
        tokens = quote_spanned!(span=> #tokens.jitter(#DEFAULT_JITTER));
        settings.data.set("jitter", Data::number(DEFAULT_JITTER.to_string()));
    }
    Part { span, ty, tokens, data: settings.data }
}
