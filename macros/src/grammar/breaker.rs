//! `breaker(failures = 5, open_for = "10s")` and `breaker(failure_rate = "50%", over_calls = 100)`.

use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Part;
use super::data::Data;
use super::syntax::{Arg, Errors, List};
use super::value;

const BOTH: [&str; 5] = ["open_for", "growing", "jitter", "probes", "probe_timeout"];
const IN_A_ROW: [&str; 6] = ["failures", "open_for", "growing", "jitter", "probes", "probe_timeout"];
const RATE: [&str; 10] = [
    "failure_rate",
    "over_calls",
    "over_time",
    "minimum_calls",
    "slow_calls",
    "open_for",
    "growing",
    "jitter",
    "probes",
    "probe_timeout",
];
const ALL: [&str; 11] = [
    "failures",
    "failure_rate",
    "over_calls",
    "over_time",
    "minimum_calls",
    "slow_calls",
    "open_for",
    "growing",
    "jitter",
    "probes",
    "probe_timeout",
];

/// A share of each break. With it, instances that opened together do not probe together.
const DEFAULT_JITTER: f64 = 0.1;

pub fn breaker(arg: Arg, errors: &mut Errors) -> Part {
    let mut list = List::of(arg, "`breaker`", errors);
    let span = list.span();
    let mut data = Data::empty();
    let mut ty = quote!(::steadfast::Breaker);
    let failures = list.take("failures", errors);
    let rate = list.take("failure_rate", errors);
    let is_rate = rate.is_some();
    let kinds = "`breaker(failures = 5)` or `breaker(failure_rate = \"50%\", over_calls = 100)`";
    let mut tokens = quote!(::core::unreachable!());
    match (failures, rate) {
        (Some(failures), None) => {
            let failures = value::count(&failures.value, 1..=u32::MAX, errors);
            let value = failures.tokens;
            tokens = quote_spanned!(span=> ::steadfast::Breaker::consecutive_failures(#value));
            data.set("failures", failures.data);
        }
        (None, Some(rate)) => {
            let rate = value::share(&rate.value, errors);
            let value = rate.tokens;
            tokens = quote_spanned!(span=> ::steadfast::Breaker::failure_rate(#value));
            data.set("failure_rate", rate.data);
        }
        (Some(failures), Some(_)) => {
            errors.at(&failures.name, format!("a breaker counts failures in a row or their rate, not both: {kinds}"));
        }
        (None, None) => errors.add(span, format!("`breaker` needs to know when to open: {kinds}")),
    }
    if is_rate {
        let window = match (list.take("over_calls", errors), list.take("over_time", errors)) {
            (Some(calls), None) => {
                let calls = value::count(&calls.value, 1..=1024, errors);
                let value = calls.tokens;
                tokens = quote_spanned!(span=> #tokens.over_calls(#value));
                data.set("over_calls", calls.data);
                quote!(::steadfast::CountWindow)
            }
            (None, Some(time)) => {
                let time = value::duration(&time.value, errors);
                let value = time.tokens;
                tokens = quote_spanned!(span=> #tokens.over_time(#value));
                data.set("over_time", time.data);
                quote!(::steadfast::TimeWindow)
            }
            (Some(_), Some(time)) => {
                errors.at(&time.name, "a rate is one over calls or over a time, not both: leave `over_calls` or this");
                quote!(())
            }
            (None, None) => {
                errors.add(span, "a rate of failures needs `over_calls = 100` or `over_time = \"10s\"`");
                quote!(())
            }
        };
        if let Some(arg) = list.take("minimum_calls", errors) {
            let calls = value::count(&arg.value, 1..=u32::MAX, errors);
            let (span, value) = (arg.value.span(), calls.tokens);
            tokens = quote_spanned!(span=> #tokens.minimum_calls(#value));
            data.set("minimum_calls", calls.data);
        }
        ty = quote!(::steadfast::Breaker<#window>);
        if let Some(arg) = list.take("slow_calls", errors) {
            let mut slow = List::of(arg, "`slow_calls`", errors);
            let span = slow.span();
            match (slow.take("rate", errors), slow.take("longer_than", errors)) {
                (Some(rate), Some(longer_than)) => {
                    let rate = value::share(&rate.value, errors);
                    let longer_than = value::duration(&longer_than.value, errors);
                    let (share, time) = (rate.tokens, longer_than.tokens);
                    tokens = quote_spanned!(span=> #tokens.slow_calls(#share, #time));
                    let mut settings = Data::empty();
                    settings.set("rate", rate.data);
                    settings.set("longer_than", longer_than.data);
                    data.set("slow_calls", settings);
                }
                _ => errors.add(span, "expected `slow_calls(rate = \"80%\", longer_than = \"1s\")`"),
            }
            slow.finish(&["rate", "longer_than"], errors);
        }
    }
    if let Some(arg) = list.take("open_for", errors) {
        let time = value::duration(&arg.value, errors);
        let (span, value) = (arg.value.span(), time.tokens);
        tokens = quote_spanned!(span=> #tokens.open_for(#value));
        data.set("open_for", time.data);
    }
    if let Some(arg) = list.take("growing", errors) {
        let mut growing = List::of(arg, "`growing`", errors);
        let span = growing.span();
        match (growing.take("factor", errors), growing.take("max_open_for", errors)) {
            (Some(factor), Some(max)) => {
                let (factor, max) = (value::factor(&factor.value, errors), value::duration(&max.value, errors));
                let (by, longest) = (factor.tokens, max.tokens);
                tokens = quote_spanned!(span=> #tokens.growing(#by, #longest));
                let mut settings = Data::empty();
                settings.set("factor", factor.data);
                settings.set("max_open_for", max.data);
                data.set("growing", settings);
            }
            _ => errors.add(span, "expected `growing(factor = 2, max_open_for = \"1m\")`"),
        }
        growing.finish(&["factor", "max_open_for"], errors);
    }
    match list.take("jitter", errors) {
        Some(arg) => {
            let jitter = value::share_or_zero(&arg.value, errors);
            let (span, value) = (arg.value.span(), jitter.tokens);
            tokens = quote_spanned!(span=> #tokens.jitter(#value));
            data.set("jitter", jitter.data);
        }
        None => {
            tokens = quote_spanned!(span=> #tokens.jitter(#DEFAULT_JITTER));
            data.set("jitter", Data::number(DEFAULT_JITTER.to_string()));
        }
    }
    if let Some(arg) = list.take("probes", errors) {
        let probes = value::count(&arg.value, 1..=16, errors);
        let (span, value) = (arg.value.span(), probes.tokens);
        tokens = quote_spanned!(span=> #tokens.probes(#value));
        data.set("probes", probes.data);
    }
    if let Some(arg) = list.take("probe_timeout", errors) {
        let time = value::duration(&arg.value, errors);
        let (span, value) = (arg.value.span(), time.tokens);
        tokens = quote_spanned!(span=> #tokens.probe_timeout(#value));
        data.set("probe_timeout", time.data);
    }
    if !is_rate {
        for name in RATE.iter().filter(|name| !BOTH.contains(name)) {
            if let Some(arg) = list.take(name, errors) {
                errors.at(&arg.name, format!("`{name}` needs a rate beside it: `failure_rate = \"50%\"`"));
            }
        }
    }
    list.finish(if is_rate { &ALL } else { &IN_A_ROW }, errors);
    Part { span, ty, tokens, data }
}
