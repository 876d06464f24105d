//! Makes the parts of a policy of what a configuration says, each checked by the part itself.

use super::Configured;
use super::either::Either;
use super::reader::{Factor, Part, Reader, Share, Time};
use super::settings::{
    BackoffSettings, BreakerSettings, BudgetOf, BudgetSettings, BulkheadSettings, ConcurrencySettings, CostOfSettings,
    HedgeSettings, OnSettings, PolicySettings, RateLimitSettings, RetrySettings, RuleSettings, ThrottleSettings,
};
use crate::failure::{CAUSES, Cause};
use crate::observe::Observer;
use crate::policy::parts::{Observed, fills};
use crate::policy::{
    Aimd, AttemptTimeout, Backoff, Breaker, Budget, Bulkhead, Concurrency, Consecutive, CountWindow, Deadline,
    Gradient, Hedge, Policy, Quantile, RateLimit, Retry, Rule, SlidingWindow, Throttle, TimeWindow, TokenBucket,
};

/// A breaker of any kind.
pub(super) type AnyBreaker = Either<Breaker<Consecutive>, Either<Breaker<CountWindow>, Breaker<TimeWindow>>>;
/// What bounds the calls under way.
pub(super) type AnyBulkhead = Either<Bulkhead, Either<Concurrency<Aimd>, Concurrency<Gradient>>>;
/// What bounds the calls in a time.
pub(super) type AnyLimit = Either<Either<RateLimit<TokenBucket>, RateLimit<SlidingWindow>>, Throttle>;
/// A hedge of any kind.
pub(super) type AnyHedge = Either<Hedge, Hedge<Quantile>>;

/// Budgets by their names; none in the place of one that is a mistake. They are shared for as long as the component
/// lives.
pub(super) type Budgets = [(String, Option<&'static Budget>)];

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
    pub retry: Option<Retry<Option<&'static Budget>>>,
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

    /// The parts that `settings` describe. Where some of them are mistakes, the reader has taken note of it.
    pub fn of(settings: &PolicySettings, budgets: &Budgets, reader: &mut Reader) -> Self {
        let mut make = |key: &str, make: &mut dyn FnMut(&mut Reader)| reader.within(key, |reader| make(reader));
        let mut parts = Parts::NONE;
        if let Some(Time(after)) = Part::given(&settings.deadline) {
            make("deadline", &mut |reader| parts.deadline = reader.accept(Deadline::after(*after).check(), HERE));
        }
        if let Some(settings) = Part::given(&settings.retry) {
            make("retry", &mut |reader| parts.retry = retry(settings, budgets, reader));
        }
        if let Some(settings) = Part::given(&settings.breaker) {
            make("breaker", &mut |reader| parts.breaker = breaker(settings, reader));
        }
        if let Some(settings) = Part::given(&settings.bulkhead) {
            make("bulkhead", &mut |reader| parts.bulkhead = bulkhead(settings, reader).map(Either::One));
        }
        if let Some(settings) = Part::given(&settings.concurrency) {
            make("concurrency", &mut |reader| parts.bulkhead = concurrency(settings, reader).map(Either::Other));
        }
        if let Some(settings) = Part::given(&settings.rate_limit) {
            make("rate-limit", &mut |reader| parts.limit = rate_limit(settings, reader).map(Either::One));
        }
        if let Some(settings) = Part::given(&settings.throttle) {
            make("throttle", &mut |reader| parts.limit = throttle(settings, reader).map(Either::Other));
        }
        if let Some(Time(after)) = Part::given(&settings.attempt_timeout) {
            let timeout = AttemptTimeout::after(*after);
            make("attempt-timeout", &mut |reader| parts.timeout = reader.accept(timeout.check(), HERE));
        }
        if let Some(settings) = Part::given(&settings.hedge) {
            make("hedge", &mut |reader| parts.hedge = hedge(settings, reader));
        }
        parts
    }
}

/// The setting is not in a table: what is wrong with it is wrong here.
const HERE: &[(&str, &str)] = &[("deadline", ""), ("attempt timeout", "")];

/// `part` as `change` makes it, where there is something to change.
fn with<P, T: Copy>(part: P, setting: Option<T>, change: impl FnOnce(P, T) -> P) -> P {
    match setting {
        Some(setting) => change(part, setting),
        None => part,
    }
}

fn retry(settings: &RetrySettings, budgets: &Budgets, reader: &mut Reader) -> Option<Retry<Option<&'static Budget>>> {
    let attempts = reader.need(settings.attempts, "attempts");
    let backoff = match &settings.backoff {
        Some(settings) => reader.within("backoff", |reader| backoff(settings, reader)),
        None => Some(Backoff::DEFAULT),
    };
    let rules = settings.on.as_ref().map(|on| reader.within("on", |reader| rules(on, reader)));
    let budget = match Part::given(&settings.budget) {
        Some(budget) => reader.within("budget", |reader| budget_of(budget, budgets, reader)).map(Some),
        None => Some(None),
    };
    let retry = Retry::attempts(attempts?).backoff(backoff?);
    let retry = with(retry, settings.retry_after_cap, |retry, Time(cap)| retry.retry_after_cap(cap));
    let retry = match rules {
        Some(rules) => retry.rules(rules?.leak()),
        None => retry,
    };
    let retry = reader.accept(retry.check(), &[])?;
    reader.accept(retry.optional_budget(budget?), &[])
}

/// The settings of each cause, beside its name.
fn by_cause<T>(settings: [&Option<T>; 8]) -> impl Iterator<Item = (Cause, &T)> {
    CAUSES.into_iter().zip(settings).filter_map(|(cause, setting)| Some((cause, setting.as_ref()?)))
}

fn rules(on: &OnSettings, reader: &mut Reader) -> Option<Vec<Rule>> {
    let settings = [
        &on.no_link,
        &on.no_target,
        &on.timeout,
        &on.disconnected,
        &on.overloaded,
        &on.trapped,
        &on.protocol,
        &on.other,
    ];
    let mut rules = Vec::new();
    for (cause, setting) in by_cause(settings) {
        rules.push(match setting {
            Part::Never => Rule::never(cause),
            Part::Is(setting) => {
                reader.within(crate::failure::cause_name(cause), |reader| rule(cause, setting, reader))?
            }
        });
    }
    Some(rules)
}

fn rule(cause: Cause, settings: &RuleSettings, reader: &mut Reader) -> Option<Rule> {
    let rule = with(Rule::on(cause), settings.attempts, |rule, attempts| rule.attempts(attempts));
    let rule = match &settings.backoff {
        Some(settings) => rule.backoff(reader.within("backoff", |reader| backoff(settings, reader))?),
        None => rule,
    };
    reader.accept(rule.check(), &[])
}

fn backoff(settings: &BackoffSettings, reader: &mut Reader) -> Option<Backoff> {
    let (kind, base) = [
        ("constant", settings.constant.map(|Time(base)| Backoff::constant(base))),
        ("linear", settings.linear.map(|Time(base)| Backoff::linear(base))),
        ("exponential", settings.exponential.map(|Time(base)| Backoff::exponential(base))),
        ("fibonacci", settings.fibonacci.map(|Time(base)| Backoff::fibonacci(base))),
        ("decorrelated", settings.decorrelated.map(|Time(base)| Backoff::decorrelated(base))),
    ]
    .into_iter()
    // That there is none was noted when the table was read.
    .find_map(|(kind, backoff)| Some((kind, backoff?)))?;
    let backoff = with(base, settings.max, |backoff, Time(max)| backoff.max_delay(max));
    let backoff = with(backoff, settings.factor, |backoff, Factor(factor)| backoff.factor(factor));
    let backoff = with(backoff, settings.jitter, |backoff, jitter| backoff.jitter(jitter.0));
    reader.accept(backoff.check(), &[("backoff base", kind)])
}

fn budget_of(budget: &BudgetOf, shared: &Budgets, reader: &mut Reader) -> Option<&'static Budget> {
    match budget {
        BudgetOf::Own(settings) => self::budget(settings, reader).map(|budget| &*Box::leak(Box::new(budget))),
        BudgetOf::Shared(name) => {
            let found = shared.iter().find(|(other, _)| other == name).map(|(_, budget)| *budget);
            if found.is_none() {
                reader.unknown("budget", name, shared.iter().map(|(name, _)| name.as_str()));
            }
            found?
        }
    }
}

pub(super) fn budget(settings: &BudgetSettings, reader: &mut Reader) -> Option<Budget> {
    let (budget, key) = if let Some(Share(ratio)) = settings.ratio {
        (Budget::ratio(ratio), "ratio")
    } else if let Some(Share(ratio)) = settings.windowed {
        let min_per_second = reader.need(settings.min_per_second, "min-per-second");
        let ttl = reader.need(settings.ttl, "ttl");
        (Budget::windowed(ratio, min_per_second?, ttl?.0), "windowed")
    } else if let Some(tokens) = settings.throttle {
        (Budget::throttle(tokens, reader.need(settings.token_ratio, "token-ratio")?.0), "throttle")
    } else if let Some(Share(share)) = settings.in_flight {
        // As many as in Envoy, where nothing is said.
        (Budget::in_flight(share, settings.at_least.unwrap_or(3)), "in-flight")
    } else {
        (Budget::quota(settings.quota?), "quota")
    };
    let budget = with(budget, settings.max_tokens, Budget::max_tokens);
    let budget = with(budget, settings.initial, Budget::initial);
    let budget = with(budget, settings.reward, |budget, Factor(reward)| budget.reward(reward));
    let budget = with(budget, settings.refill_per_second, |budget, Factor(tokens)| budget.refill_per_second(tokens));
    let mut budget = with(budget, settings.cost, Budget::cost);
    if let Some(CostOfSettings { no_link, no_target, timeout, disconnected, overloaded, trapped, protocol, other }) =
        &settings.cost_of
    {
        let costs = [no_link, no_target, timeout, disconnected, overloaded, trapped, protocol, other];
        for (cause, cost) in by_cause(costs) {
            budget = budget.cost_of(cause, *cost);
        }
    }
    let tokens = if settings.max_tokens.is_some() { "max-tokens" } else { key };
    let checked = budget.check();
    if let Err(invalid) = &checked
        && invalid.field() == "budget cost of a retry"
        && settings.cost.is_none()
        && settings.cost_of.is_none()
        && let Some(quota) = settings.quota
    {
        // Nobody gave the cost that is too high: it is what the constructor has.
        let text = format!("{quota} is not allowed: it must be {} or more, which is what a retry costs", invalid.value);
        reader.mistake_below("quota", text);
        return None;
    }
    let reward = if settings.token_ratio.is_some() { "token-ratio" } else { "reward" };
    reader.accept(
        checked,
        &[
            ("budget ratio", key),
            ("budget max_tokens", tokens),
            ("budget reward for a success", reward),
            ("budget cost of a retry", "cost"),
        ],
    )
}

fn breaker(settings: &BreakerSettings, reader: &mut Reader) -> Option<AnyBreaker> {
    let growing = match Part::given(&settings.growing) {
        Some(growing) => Some(reader.within("growing", |reader| {
            let factor = reader.need(growing.factor, "factor");
            let longest = reader.need(growing.max_open_for, "max-open-for");
            Some((factor?.0, longest?.0))
        })?),
        None => None,
    };
    let keys = &[
        ("breaker slow_calls", "slow-calls.rate"),
        ("breaker slow_calls longer_than", "slow-calls.longer-than"),
        ("breaker growing", "growing.factor"),
        ("breaker growing max_open_for", "growing.max-open-for"),
    ];
    // For every kind of window the same, and the builders of each are its own.
    macro_rules! checked {
        ($breaker:expr) => {{
            let breaker = with($breaker, settings.open_for, |breaker, Time(time)| breaker.open_for(time));
            let breaker = with(breaker, growing, |breaker, (factor, longest)| breaker.growing(factor, longest));
            let breaker = with(breaker, settings.jitter, |breaker, Share(share)| breaker.jitter(share));
            let breaker = with(breaker, settings.probes, |breaker, probes| breaker.probes(probes));
            let breaker = with(breaker, settings.probe_timeout, |breaker, Time(time)| breaker.probe_timeout(time));
            reader.accept(breaker.check(), keys)
        }};
    }
    if let Some(failures) = settings.failures {
        return checked!(Breaker::consecutive_failures(failures)).map(Either::One);
    }
    let slow = match Part::given(&settings.slow_calls) {
        Some(slow) => Some(reader.within("slow-calls", |reader| {
            let rate = reader.need(slow.rate, "rate");
            let longer_than = reader.need(slow.longer_than, "longer-than");
            Some((rate?.0, longer_than?.0))
        })?),
        None => None,
    };
    let rate = Breaker::failure_rate(settings.failure_rate?.0);
    if let Some(calls) = settings.over_calls {
        let breaker = with(rate.over_calls(calls), slow, |breaker, (rate, time)| breaker.slow_calls(rate, time));
        let breaker = with(breaker, settings.minimum_calls, |breaker, calls| breaker.minimum_calls(calls));
        checked!(breaker).map(|breaker| Either::Other(Either::One(breaker)))
    } else {
        let breaker =
            with(rate.over_time(settings.over_time?.0), slow, |breaker, (rate, time)| breaker.slow_calls(rate, time));
        let breaker = with(breaker, settings.minimum_calls, |breaker, calls| breaker.minimum_calls(calls));
        checked!(breaker).map(|breaker| Either::Other(Either::Other(breaker)))
    }
}

fn bulkhead(settings: &BulkheadSettings, reader: &mut Reader) -> Option<Bulkhead> {
    let bulkhead = Bulkhead::concurrent(reader.need(settings.concurrent, "concurrent")?);
    reader.accept(with(bulkhead, settings.waiting, Bulkhead::waiting).check(), &[])
}

fn concurrency(
    settings: &ConcurrencySettings,
    reader: &mut Reader,
) -> Option<Either<Concurrency<Aimd>, Concurrency<Gradient>>> {
    macro_rules! checked {
        ($limit:expr, $settings:ident, $reader:ident) => {{
            let limit = with($limit, $settings.min, |limit, min| limit.min(min));
            let limit = with(limit, $settings.max, |limit, max| limit.max(max));
            let limit = with(limit, $settings.start, |limit, start| limit.start(start));
            $reader.accept(limit.check(), &[])
        }};
    }
    if let Some(aimd) = &settings.aimd {
        let limit = with(Concurrency::aimd(), aimd.decrease, |limit, Share(share)| limit.decrease(share));
        return reader.within("aimd", |reader| checked!(limit, aimd, reader)).map(Either::One);
    }
    let gradient = settings.gradient.as_ref()?;
    let limit = with(Concurrency::gradient(), gradient.tolerance, |limit, Factor(factor)| limit.tolerance(factor));
    let limit = with(limit, gradient.queue, |limit, queue| limit.queue(queue));
    let limit = with(limit, gradient.smoothing, |limit, Share(share)| limit.smoothing(share));
    let limit = with(limit, gradient.window, |limit, Time(window)| limit.window(window));
    let limit = with(limit, gradient.long_window, |limit, windows| limit.long_window(windows));
    reader.within("gradient", |reader| checked!(limit, gradient, reader)).map(Either::Other)
}

fn rate_limit(
    settings: &RateLimitSettings,
    reader: &mut Reader,
) -> Option<Either<RateLimit<TokenBucket>, RateLimit<SlidingWindow>>> {
    if let Some(calls) = settings.window {
        let Time(period) = reader.need(settings.period, "period")?;
        let limit = RateLimit::window(calls, period);
        let limit = with(limit, settings.wait_up_to, |limit, Time(time)| limit.wait_up_to(time));
        return reader.accept(limit.check(), &[("rate limit calls", "window")]).map(Either::Other);
    }
    let (limit, calls) = match (settings.per_second, settings.tokens) {
        (Some(calls), _) => (RateLimit::per_second(calls), "per-second"),
        (None, calls) => (RateLimit::tokens(calls?), "tokens"),
    };
    let limit = with(limit, settings.every, |limit, Time(period)| limit.every(period));
    let limit = with(limit, settings.burst, |limit, burst| limit.burst(burst));
    let limit = with(limit, settings.wait_up_to, |limit, Time(time)| limit.wait_up_to(time));
    reader.accept(limit.check(), &[("rate limit calls", calls), ("rate limit period", "every")]).map(Either::One)
}

fn throttle(settings: &ThrottleSettings, reader: &mut Reader) -> Option<Throttle> {
    let throttle = with(Throttle::new(), settings.multiplier, |throttle, Factor(k)| throttle.multiplier(k));
    let throttle = with(throttle, settings.window, |throttle, Time(window)| throttle.window(window));
    let throttle = with(throttle, settings.padding, |throttle, padding| throttle.padding(padding));
    let throttle = with(throttle, settings.max_probability, |throttle, Share(share)| throttle.max_probability(share));
    reader.accept(throttle.check(), &[])
}

fn hedge(settings: &HedgeSettings, reader: &mut Reader) -> Option<AnyHedge> {
    if let Some(Time(after)) = settings.after {
        let hedge = with(Hedge::after(after), settings.max_hedges, |hedge, most| hedge.max_hedges(most));
        return reader.accept(hedge.check(), &[("hedge delay", "after")]).map(Either::One);
    }
    let hedge = Hedge::after_quantile(settings.after_quantile?.0);
    let hedge = with(hedge, settings.initial_delay, |hedge, Time(delay)| hedge.initial_delay(delay));
    let hedge = with(hedge, settings.min_observations, |hedge, least| hedge.min_observations(least));
    let hedge = with(hedge, settings.max_hedges, |hedge, most| hedge.max_hedges(most));
    reader
        .accept(hedge.check(), &[("hedge delay", "initial-delay"), ("hedge quantile", "after-quantile")])
        .map(Either::Other)
}
