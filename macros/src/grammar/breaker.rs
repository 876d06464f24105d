//! `breaker(failures = 5, open_for = "10s")` and `breaker(failure_rate = "50%", over_calls = 100)`.

use quote::{quote, quote_spanned};
use steadfast_settings::BREAKER;

use super::Part;
use super::settings::{read, settings_of};
use super::syntax::{Arg, Errors, List};

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
        let slow = settings.has("slow_calls").then(|| quote!(<::steadfast::SlowCalls>));
        (quote!(::steadfast::Breaker<#window #slow>), tokens)
    } else {
        let failures = settings.take("failures");
        (quote!(::steadfast::Breaker), quote_spanned!(span=> ::steadfast::Breaker::consecutive_failures(#failures)))
    };
    Part { span, ty, tokens: settings.build(tokens), data: settings.data }
}
