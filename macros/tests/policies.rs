//! What `policy!` spells is what a person would write with the builders.

use std::time::Duration;

use steadfast::{
    Aimd, AttemptTimeout, Backoff, Breaker, Budget, Bulkhead, Cause, Concurrency, CountWindow, Deadline, Event,
    Gradient, Hedge, InFlightBudget, Jitter, KeyValue, Policy, Quantile, RateLimit, Retry, Rule, SharedBudget,
    SlidingWindow, Throttle, TimeWindow, Upcoming, handler::WatchAs,
};

static BUDGET: Budget = Budget::ratio(0.1);
static SHARE: InFlightBudget = InFlightBudget::new(0.2, 3);
static OF_ALL: SharedBudget<KeyValue> =
    Budget::windowed(0.2, 10, secs(10)).shared("acme/greeter", KeyValue::bucket("default"));
const FIVE: u32 = 5;
const THREE_SECONDS: Duration = Duration::from_secs(3);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn schedule(_: u32) -> Duration {
    Duration::ZERO
}

fn hasty(upcoming: &Upcoming) -> bool {
    upcoming.attempt < 3
}

fn log(_: &Event) {}

steadfast::policy! {
    /// How we talk to the greeter.
    static EXAMPLE = deadline("3s") + retry(attempts = 4, backoff = exponential("50ms", max = "2s"))
                   + breaker(failures = 5, open_for = "10s");

    /// All at once.
    pub static ALL = observer(log) + attempt_timeout("500ms") + rate_limit(per_second = 100, burst = 20, wait_up_to = "0s")
        + bulkhead(concurrent = 10, waiting = 20)
        + breaker(failures = 5, open_for = "10s", growing(factor = 2, max_open_for = "1m"), jitter = 0, probes = 2, probe_timeout = "2s")
        + retry(attempts = FIVE, retry_after_cap = "1m", before_retry = hasty, budget = BUDGET,
                never(trapped, timeout), on(overloaded, attempts = 2, backoff = constant("1s")), never(other))
        + hedge(after = "100ms", max_hedges = 2) + deadline(THREE_SECONDS);

    pub(crate) static RATES = breaker(failure_rate = "50%", over_calls = 100, minimum_calls = 20)
        + concurrency(aimd(min = 2, max = 50, start = 10, decrease = 0.8)) + throttle
        + hedge(after_quantile = "95%", min_observations = 100, initial_delay = "200ms");

    #[allow(dead_code)]
    static TIMES = breaker(failure_rate = 0.25, over_time = "1m30s", slow_calls(rate = "80%", longer_than = "1.5s"))
        + concurrency(gradient(tolerance = 2, smoothing = 0.3, queue = 3, window = "1s", long_window = 500))
        + rate_limit(window = 100, period = "1m");

    static MINUTES = rate_limit(tokens = 5, every = "1m") + concurrency(gradient);

    static THROTTLED = throttle(multiplier = 1.1, window = "30s", padding = 8, max_probability = "90%");

    static SHARED = breaker(failures = 5, probes = 2, shared = "keyvalue", name = "acme/greeter", jitter = 0)
        + deadline("1s");

    static BUCKET = breaker(failures = 5, shared = "keyvalue", name = "acme/greeter", bucket = "state",
        cached_for = "1s");

    static QUOTA = rate_limit(tokens = 5, every = "1m", wait_up_to = "1s", shared = "keyvalue", name = "acme/greeter")
        + breaker(failures = 5, shared = "keyvalue", name = "acme/greeter");

    static SLOW = breaker(failure_rate = 1, over_calls = 10, slow_calls(rate = 1, longer_than = "1s"));

    static LINEAR = retry(attempts = 2, backoff = linear("1s", jitter = none));
    static EXPONENTIAL = retry(attempts = 2, backoff = exponential("1s", factor = 1.5, max = "1h", jitter = "20%"));
    static FIBONACCI = retry(attempts = 2, backoff = fibonacci("1s", jitter = equal));
    static DECORRELATED = retry(attempts = 2, backoff = decorrelated("1s"));
    static CONSTANT = retry(attempts = 2, backoff = constant("1m", jitter = full));
    static CUSTOM = retry(attempts = 2, backoff = custom(schedule, max = "1m"));
    static DEFAULT = retry(attempts = 2, backoff = Backoff::DEFAULT);
    static IN_FLIGHT = retry(attempts = 2, in_flight_budget = SHARE);
    static OF_ALL_INSTANCES = retry(attempts = 2, shared_budget = OF_ALL);
}

#[track_caller]
fn same(spelt: &dyn std::fmt::Debug, built: &dyn std::fmt::Debug) {
    assert_eq!(format!("{spelt:?}"), format!("{built:?}"));
}

#[test]
fn the_parts_are_those_of_the_builders() {
    let example: &Policy<(Deadline, Retry, Breaker, WatchAs)> = &EXAMPLE;
    let built = Policy::new()
        .deadline(Deadline::after(secs(3)))
        .retry(Retry::attempts(4).backoff(Backoff::exponential(millis(50)).max_delay(secs(2))))
        .breaker(Breaker::consecutive_failures(5).open_for(secs(10)).jitter(0.1));
    same(example, &built);

    const RULES: &[Rule] = &[
        Rule::never(Cause::Trapped),
        Rule::never(Cause::Timeout),
        Rule::never(Cause::Other),
        Rule::on(Cause::Overloaded).attempts(2).backoff(Backoff::constant(secs(1))),
    ];
    let built = Policy::new()
        .deadline(Deadline::after(secs(3)))
        .retry(Retry::attempts(5).retry_after_cap(secs(60)).before_retry(hasty).rules(RULES).budget(&BUDGET))
        .breaker(
            Breaker::consecutive_failures(5)
                .open_for(secs(10))
                .growing(2.0, secs(60))
                .jitter(0.0)
                .probes(2)
                .probe_timeout(secs(2)),
        )
        .bulkhead(Bulkhead::concurrent(10).waiting(20))
        .rate_limit(RateLimit::per_second(100).burst(20))
        .attempt_timeout(AttemptTimeout::after(millis(500)))
        .hedge(Hedge::after(millis(100)).max_hedges(2));
    same(&ALL, &built);

    type Rates = Policy<(Breaker<CountWindow>, Concurrency<Aimd>, Throttle, Hedge<Quantile>, WatchAs)>;
    let rates: &Rates = &RATES;
    let built = Policy::new()
        .breaker(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(20).jitter(0.1))
        .concurrency(Concurrency::aimd().min(2).max(50).start(10).decrease(0.8))
        .throttle(Throttle::new())
        .hedge(Hedge::after_quantile(0.95).min_observations(100).initial_delay(millis(200)));
    same(rates, &built);

    type Times = Policy<(Breaker<TimeWindow>, Concurrency<Gradient>, RateLimit<SlidingWindow>, WatchAs)>;
    let times: &Times = &TIMES;
    let gradient = Concurrency::gradient().tolerance(2.0).smoothing(0.3).queue(3).window(secs(1)).long_window(500);
    let built = Policy::new()
        .breaker(Breaker::failure_rate(0.25).over_time(secs(90)).slow_calls(0.8, millis(1_500)).jitter(0.1))
        .concurrency(gradient)
        .rate_limit(RateLimit::window(100, secs(60)));
    same(times, &built);

    let built = Policy::new().concurrency(Concurrency::gradient()).rate_limit(RateLimit::tokens(5).every(secs(60)));
    same(&MINUTES, &built);
    let throttle = Throttle::new().multiplier(1.1).window(secs(30)).padding(8).max_probability(0.9);
    same(&THROTTLED, &Policy::new().throttle(throttle));
    let bucket = KeyValue::bucket;
    let shared = Breaker::consecutive_failures(5).probes(2).jitter(0.0).shared("acme/greeter", bucket("default"));
    same(&SHARED, &Policy::new().shared_breaker(shared).deadline(Deadline::after(secs(1))));
    let shared =
        Breaker::consecutive_failures(5).jitter(0.1).shared("acme/greeter", bucket("state")).cached_for(secs(1));
    same(&BUCKET, &Policy::new().shared_breaker(shared));
    let limit = RateLimit::tokens(5).every(secs(60)).wait_up_to(secs(1)).shared("acme/greeter", bucket("default"));
    let shared = Breaker::consecutive_failures(5).jitter(0.1).shared("acme/greeter", bucket("default"));
    same(&QUOTA, &Policy::new().shared_breaker(shared).shared_rate_limit(limit));
    same(&SLOW, &Policy::new().breaker(Breaker::failure_rate(1.0).over_calls(10).slow_calls(1.0, secs(1)).jitter(0.1)));
}

#[test]
fn and_so_are_the_backoffs() {
    let retry = |backoff: Backoff| Policy::new().retry(Retry::attempts(2).backoff(backoff));
    same(&LINEAR, &retry(Backoff::linear(secs(1)).jitter(Jitter::None)));
    let exponential = Backoff::exponential(secs(1)).factor(1.5).max_delay(secs(3_600));
    same(&EXPONENTIAL, &retry(exponential.jitter(Jitter::Proportional(0.2))));
    same(&FIBONACCI, &retry(Backoff::fibonacci(secs(1)).jitter(Jitter::Equal)));
    same(&DECORRELATED, &retry(Backoff::decorrelated(secs(1))));
    same(&CONSTANT, &retry(Backoff::constant(secs(60)).jitter(Jitter::Full)));
    same(&CUSTOM, &retry(Backoff::custom(schedule).max_delay(secs(60))));
    same(&DEFAULT, &retry(Backoff::DEFAULT));
    let in_flight: &Policy<(Retry<&InFlightBudget>, WatchAs)> = &IN_FLIGHT;
    same(in_flight, &Policy::new().retry(Retry::attempts(2).in_flight_budget(&SHARE)));
    let of_all: &Policy<(Retry<&SharedBudget<KeyValue>>, WatchAs)> = &OF_ALL_INSTANCES;
    same(of_all, &Policy::new().retry(Retry::attempts(2).shared_budget(&OF_ALL)));
}
