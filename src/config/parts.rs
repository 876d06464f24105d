//! Makes the parts of a policy of what a configuration says, each checked by the part itself.

use core::time::Duration;

use steadfast_settings::POLICY;

use super::Configured;
use super::either::Either;
use super::reader::Reader;
use super::shared::{self, AnyConsecutive, AnySaved, AnyTokens};
use super::value::{Settings, Value};
use crate::failure::{CAUSES, Cause, cause_name};
use crate::observe::Observer;
use crate::policy::parts::{Observed, fills};
use crate::policy::{
    Aimd, AttemptTimeout, Backoff, Breaker, Budget, Bulkhead, Concurrency, CountWindow, Deadline, Gradient, Hedge,
    InFlightBudget, Policy, Quantile, RateLimit, Retry, Rule, SlidingWindow, Throttle, TimeWindow,
};

/// A breaker of any kind.
pub(super) type AnyBreaker = Either<AnyConsecutive, Either<Breaker<CountWindow>, Breaker<TimeWindow>>>;
/// What bounds the calls under way.
pub(super) type AnyBulkhead = Either<Bulkhead, Either<Concurrency<Aimd>, Concurrency<Gradient>>>;
/// What bounds the calls in a time.
pub(super) type AnyLimit = Either<Either<AnyTokens, RateLimit<SlidingWindow>>, Throttle>;
/// A hedge of any kind.
pub(super) type AnyHedge = Either<Hedge, Hedge<Quantile>>;

/// A budget of any kind. It is there for as long as the component lives.
pub(super) type AnyBudget = Either<AnySaved, &'static InFlightBudget>;

/// Budgets by their names; none in the place of one that is a mistake.
pub(super) type Budgets = [(String, Option<AnyBudget>)];

fills! {
    [] AnyBreaker => Breaker;
    [] AnyBulkhead => Bulkhead;
    [] AnyLimit => RateLimit;
    [] AnyHedge => Hedge;
}

/// All parts of one policy, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub deadline: Option<Deadline>,
    pub retry: Option<Retry<Option<AnyBudget>>>,
    pub breaker: Option<AnyBreaker>,
    pub bulkhead: Option<AnyBulkhead>,
    pub limit: Option<AnyLimit>,
    pub timeout: Option<AttemptTimeout>,
    pub hedge: Option<AnyHedge>,
}

impl Parts {
    pub const NONE: Parts =
        Parts { deadline: None, retry: None, breaker: None, bulkhead: None, limit: None, timeout: None, hedge: None };

    /// A policy with state of its own.
    pub const fn policy<O: Observer>(self, observer: O) -> Configured<O> {
        let Parts { deadline, retry, breaker, bulkhead, limit, timeout, hedge } = self;
        Policy::of(deadline, retry, breaker, bulkhead, limit, timeout, hedge, Observed(observer))
    }

    /// The same parts for one of the targets that the policy is bound to: what is shared is shared by one target.
    pub fn placed(self, target: &str) -> Self {
        let breaker = self.breaker.map(|breaker| match breaker {
            Either::One(breaker) => Either::One(shared::placed_breaker(breaker, target)),
            Either::Other(breaker) => Either::Other(breaker),
        });
        let limit = self.limit.map(|limit| match limit {
            Either::One(Either::One(limit)) => Either::One(Either::One(shared::placed_rate_limit(limit, target))),
            limit => limit,
        });
        Parts { breaker, limit, ..self }
    }

    /// The parts that `value` describes. Where some of them are mistakes, the reader has noted it, and they are absent.
    pub fn read(value: &Value, budgets: &Budgets, reader: &mut Reader) -> Self {
        reader.check_table(value, &POLICY);
        let mut parts = Parts::NONE;
        let Value::Table(table) = value else { return parts };
        for (key, value) in table {
            if !value.is_never() && reader.is_clean(key) {
                reader.within(key, |reader| parts.set(key, value, budgets, reader));
            }
        }
        parts
    }

    /// Makes the part that is written `key`, of settings that were checked one by one.
    fn set(&mut self, key: &str, value: &Value, budgets: &Budgets, reader: &mut Reader) {
        let Value::Table(table) = value else {
            let time = value.duration();
            match key {
                "deadline" => self.deadline = time.map(Deadline::after),
                "attempt-timeout" => self.timeout = time.map(AttemptTimeout::after),
                _ => {}
            }
            return;
        };
        let settings = Settings(table);
        match key {
            "retry" => self.retry = retry(settings, budgets, reader),
            "breaker" => self.breaker = breaker(settings, reader),
            "bulkhead" => self.bulkhead = bulkhead(settings, reader).map(Either::One),
            "concurrency" => self.bulkhead = concurrency(settings, reader).map(Either::Other),
            "rate-limit" => self.limit = rate_limit(settings, reader).map(Either::One),
            "throttle" => self.limit = throttle(settings, reader).map(Either::Other),
            "hedge" => self.hedge = hedge(settings, reader),
            _ => {}
        }
    }
}

/// Calls the builder's method of each setting that is given. The setting has the name of the method.
macro_rules! build {
    ($part:expr, $settings:ident: $($read:ident $name:ident),*) => {{
        let part = $part;
        $(let part = match $settings.$read(stringify!($name)) {
            Some(value) => part.$name(value),
            None => part,
        };)*
        part
    }};
}

fn retry(settings: Settings<'_>, budgets: &Budgets, reader: &mut Reader) -> Option<Retry<Option<AnyBudget>>> {
    // All that is in it is checked, also where the attempts are only in the code.
    let backoff = optional_backoff(settings, reader);
    let rules = settings.table("on").map(|on| reader.within("on", |reader| rules(on, reader)));
    let budget = settings.said("budget").filter(|budget| !budget.is_never());
    let budget = budget.map(|value| reader.within("budget", |reader| budget_of(value, budgets, reader)));
    let retry = Retry::attempts(settings.count("attempts")?).backoff(backoff?.unwrap_or(Backoff::DEFAULT));
    let retry = build!(retry, settings: duration retry_after_cap);
    let retry = match rules {
        Some(rules) => retry.rules(rules?.leak()),
        None => retry,
    };
    let budget = match budget {
        Some(budget) => Some(budget?),
        None => None,
    };
    let retry = reader.accept(retry.check(), &[])?;
    Some(retry.checked_budget(budget))
}

/// `None` where there is one and it is a mistake.
fn optional_backoff(settings: Settings<'_>, reader: &mut Reader) -> Option<Option<Backoff>> {
    match settings.table("backoff") {
        Some(settings) => reader.within("backoff", |reader| backoff(settings, reader)).map(Some),
        None => Some(None),
    }
}

fn rules(on: Settings<'_>, reader: &mut Reader) -> Option<Vec<Rule>> {
    let mut rules = Vec::new();
    for cause in CAUSES {
        let name = cause_name(cause);
        rules.push(match (on.said(name), on.table(name)) {
            (None, _) => continue,
            (Some(_), None) => Rule::never(cause),
            (Some(_), Some(settings)) => reader.within(name, |reader| rule(cause, settings, reader))?,
        });
    }
    Some(rules)
}

fn rule(cause: Cause, settings: Settings<'_>, reader: &mut Reader) -> Option<Rule> {
    let rule = build!(Rule::on(cause), settings: count attempts);
    let rule = match optional_backoff(settings, reader)? {
        Some(backoff) => rule.backoff(backoff),
        None => rule,
    };
    reader.accept(rule.check(), &[])
}

fn backoff(settings: Settings<'_>, reader: &mut Reader) -> Option<Backoff> {
    let (kind, backoff) = [
        ("constant", Backoff::constant as fn(Duration) -> Backoff),
        ("linear", Backoff::linear),
        ("exponential", Backoff::exponential),
        ("fibonacci", Backoff::fibonacci),
        ("decorrelated", Backoff::decorrelated),
    ]
    .into_iter()
    .find_map(|(kind, backoff)| Some((kind, backoff(settings.duration(kind)?))))?;
    let backoff = match settings.duration("max") {
        Some(max) => backoff.max_delay(max),
        None => backoff,
    };
    let backoff = build!(backoff, settings: number factor, jitter jitter);
    reader.accept(backoff.check(), &[("backoff base", kind)])
}

fn budget_of(value: &Value, shared: &Budgets, reader: &mut Reader) -> Option<AnyBudget> {
    match value {
        Value::Table(settings) => budget(Settings(settings), reader),
        Value::Text(name) => shared.iter().find(|(other, _)| other == name)?.1,
        _ => None,
    }
}

pub(super) fn budget(settings: Settings<'_>, reader: &mut Reader) -> Option<AnyBudget> {
    if let Some(share) = settings.number("in_flight") {
        // As many as in Envoy, where nothing is said.
        let budget = InFlightBudget::new(share, settings.count("at_least").unwrap_or(3));
        return reader
            .accept(budget.check(), &[("budget share", "in-flight")])
            .map(|budget| Either::Other(&*Box::leak(Box::new(budget))));
    }
    let budget = if let Some(ratio) = settings.number("ratio") {
        Budget::ratio(ratio)
    } else if let Some(ratio) = settings.number("windowed") {
        Budget::windowed(ratio, settings.count("min_per_second")?, settings.duration("ttl")?)
    } else if let Some(tokens) = settings.count("throttle") {
        Budget::throttle(tokens, settings.number("token_ratio")?)
    } else {
        Budget::quota(settings.count("quota")?)
    };
    let mut budget =
        build!(budget, settings: count max_tokens, count initial, number reward, number refill_per_second, count cost);
    let costs = settings.table("cost_of");
    for cause in CAUSES {
        if let Some(cost) = costs.and_then(|costs| costs.count(cause_name(cause))) {
            budget = budget.cost_of(cause, cost);
        }
    }
    let checked = budget.check();
    if let Err(invalid) = &checked
        && invalid.field() == "budget cost of a retry"
        && settings.said("cost").is_none()
        && costs.is_none()
        && let Some(quota) = settings.count("quota")
    {
        // The cost that is too high is the default of the constructor.
        let text = format!("{quota} is not allowed: it must be {} or more, which is what a retry costs", invalid.value);
        reader.mistake_below("quota", text);
        return None;
    }
    let budget = reader.accept(checked, &[("budget cost of a retry", "cost")])?;
    shared::budget(budget, settings, reader).map(Either::One)
}

fn breaker(settings: Settings<'_>, reader: &mut Reader) -> Option<AnyBreaker> {
    let growing = match settings.table("growing") {
        Some(growing) => Some((growing.number("factor")?, growing.duration("max_open_for")?)),
        None => None,
    };
    // For every kind of window the same, and the builders of each are its own.
    macro_rules! checked {
        ($breaker:expr) => {{
            let breaker = build!($breaker, settings: duration open_for, number jitter, count probes, duration probe_timeout);
            let breaker = match growing {
                Some((factor, longest)) => breaker.growing(factor, longest),
                None => breaker,
            };
            reader.accept(breaker.check(), &[("breaker growing max_open_for", "growing.max-open-for")])
        }};
    }
    if let Some(failures) = settings.count("failures") {
        let breaker = checked!(Breaker::consecutive_failures(failures));
        return shared::breaker(breaker?, settings, reader).map(Either::One);
    }
    let slow = match settings.table("slow_calls") {
        Some(slow) => Some((slow.number("rate")?, slow.duration("longer_than")?)),
        None => None,
    };
    let rate = Breaker::failure_rate(settings.number("failure_rate")?);
    // For both kinds of window the same, and the builders of each are its own.
    macro_rules! over {
        ($breaker:expr) => {{
            let breaker = build!($breaker, settings: count minimum_calls);
            match slow {
                Some((rate, longer_than)) => checked!(breaker.slow_calls(rate, longer_than)),
                None => checked!(breaker),
            }
        }};
    }
    if let Some(calls) = settings.count("over_calls") {
        over!(rate.over_calls(calls)).map(|breaker| Either::Other(Either::One(breaker)))
    } else {
        over!(rate.over_time(settings.duration("over_time")?)).map(|breaker| Either::Other(Either::Other(breaker)))
    }
}

fn bulkhead(settings: Settings<'_>, reader: &mut Reader) -> Option<Bulkhead> {
    let bulkhead = Bulkhead::concurrent(settings.count("concurrent")?);
    reader.accept(build!(bulkhead, settings: count waiting).check(), &[])
}

fn concurrency(
    settings: Settings<'_>,
    reader: &mut Reader,
) -> Option<Either<Concurrency<Aimd>, Concurrency<Gradient>>> {
    if let Some(aimd) = settings.table("aimd") {
        let limit = build!(Concurrency::aimd(), aimd: count min, count max, count start, number decrease);
        return reader.within("aimd", |reader| reader.accept(limit.check(), &[])).map(Either::One);
    }
    let gradient = settings.table("gradient")?;
    let limit = build!(Concurrency::gradient(), gradient: count min, count max, count start, number tolerance,
        number smoothing, count queue, duration window, count long_window);
    reader.within("gradient", |reader| reader.accept(limit.check(), &[])).map(Either::Other)
}

fn rate_limit(settings: Settings<'_>, reader: &mut Reader) -> Option<Either<AnyTokens, RateLimit<SlidingWindow>>> {
    if let Some(calls) = settings.count("window") {
        let limit = RateLimit::window(calls, settings.duration("period")?);
        return reader.accept(build!(limit, settings: duration wait_up_to).check(), &[]).map(Either::Other);
    }
    let (limit, calls) = match settings.count("per_second") {
        Some(calls) => (RateLimit::per_second(calls), "per-second"),
        None => (RateLimit::tokens(settings.count("tokens")?), "tokens"),
    };
    let limit = build!(limit, settings: duration every, count burst, duration wait_up_to);
    // Where no burst is given, it is the number of calls.
    let burst = if settings.said("burst").is_some() { "burst" } else { calls };
    let limit = reader.accept(limit.check(), &[("rate limit burst", burst)])?;
    shared::rate_limit(limit, settings, reader).map(Either::One)
}

fn throttle(settings: Settings<'_>, reader: &mut Reader) -> Option<Throttle> {
    let throttle = build!(Throttle::new(), settings: number multiplier, duration window, count padding,
        number max_probability);
    reader.accept(throttle.check(), &[])
}

fn hedge(settings: Settings<'_>, reader: &mut Reader) -> Option<AnyHedge> {
    if let Some(after) = settings.duration("after") {
        return reader.accept(build!(Hedge::after(after), settings: count max_hedges).check(), &[]).map(Either::One);
    }
    let hedge = Hedge::after_quantile(settings.number("after_quantile")?);
    let hedge = build!(hedge, settings: duration initial_delay, count min_observations, count max_hedges);
    reader.accept(hedge.check(), &[]).map(Either::Other)
}
