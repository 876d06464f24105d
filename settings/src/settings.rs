//! The settings themselves: a table for each part, a row for each setting.

use crate::cause::CAUSES;
use crate::table::Kind::{Budget, Count, Duration, Jitter, Name, Number, Share, Store};
use crate::table::{Choice, Kind, Range, Setting, Table, kind, row};

const MOST: f64 = u32::MAX as f64;
const LONGEST: f64 = f64::MAX;

const ANY: Range = Range::from_to(0.0, f64::MAX, "");
const FROM_0: Range = Range::from_to(0.0, MOST, "0 or more");
const FROM_1: Range = Range::from_to(1.0, MOST, "1 or more");
const TO_16: Range = Range::from_to(1.0, 16.0, "from 1 to 16");
const TO_255: Range = Range::from_to(1.0, 255.0, "from 1 to 255");
const TO_512: Range = Range::from_to(1.0, 512.0, "from 1 to 512");
const TO_1024: Range = Range::from_to(1.0, 1024.0, "from 1 to 1024");
const TO_A_MILLION: Range = Range::from_to(1.0, 1_000_000.0, "from 1 to 1000000");
const HEDGES: Range = Range::from_to(1.0, 4.0, "from 1 to 4");

const ANY_TIME: Range = Range::from_to(0.0, LONGEST, "zero or longer");
const SOME_TIME: Range = Range::from_to(1.0, LONGEST, "longer than zero");
const TEN_NANOS: Range = Range::from_to(10.0, LONGEST, "10 ns or longer");
const A_MILLI: Range = Range::from_to(1_000_000.0, LONGEST, "1 ms or longer");

const FACTOR: Range = Range::from_to(1.0, f64::MAX, "1 or more");
const TOLERANCE: Range = Range::from_to(1.0, 100.0, "from 1 to 100");
const SHARE: Range = Range::above_to(0.0, 1.0, "above 0 and at most 1");
const SHARE_BELOW_1: Range = Range::above_below(0.0, 1.0, "above 0 and below 1");
const SHARE_FROM_0: Range = Range::from_to(0.0, 1.0, "from 0 to 1");
const RATIO: Range = Range::from_to(0.000_001, 1.0, "from 0.000001 to 1");
const REWARD: Range = Range::from_to(0.000_001, 1_000.0, "from 0.000001 to 1000");
const REFILL: Range = Range::from_to(0.000_001, 10_000.0, "from 0.000001 to 10000");

const fn table(name: &'static str, table: &'static Table, about: &'static str) -> Setting {
    row(name, Kind::Table(table), &ANY, about)
}

/// The parts of a policy.
///
/// ```
/// assert!(steadfast_settings::POLICY.setting("attempt_timeout").is_some());
/// ```
pub const POLICY: Table = Table::new(
    "Policy",
    "How calls are made: each part may be absent, and \"never\" switches off what the code has.",
    &[
        row("deadline", Duration, &SOME_TIME, "The longest a call may take, waits included.").or_never(),
        table("retry", &RETRY, "How failed attempts are repeated.").or_never(),
        table("hedge", &HEDGE, "When a further attempt starts beside a slow one, in hedged calls.").or_never(),
        table("breaker", &BREAKER, "When calls to a failing target are rejected.").or_never(),
        table("bulkhead", &BULKHEAD, "How many calls may be in flight at a time.").or_never(),
        table("concurrency", &CONCURRENCY, "The same, by a limit that adapts.").or_never(),
        table("rate_limit", &RATE_LIMIT, "How many calls may be made in a time.").or_never(),
        table("throttle", &THROTTLE, "Which share of the calls is rejected while the target refuses.").or_never(),
        row("attempt_timeout", Duration, &SOME_TIME, "The longest one attempt may take.").or_never(),
    ],
)
.choices(&[
    Choice::maybe(&[kind("bulkhead", &[], &[]), kind("concurrency", &[], &[])]),
    Choice::maybe(&[kind("rate_limit", &[], &[]), kind("throttle", &[], &[])]),
]);

/// How failed attempts are repeated.
///
/// ```
/// assert!(steadfast_settings::RETRY.setting("attempts").unwrap().needed);
/// ```
pub const RETRY: Table = Table::new(
    "Retry",
    "How failed attempts are repeated.",
    &[
        row("attempts", Count, &FROM_1, "How many attempts there are, the first included.").needed(),
        table("backoff", &BACKOFF, "The waits between attempts.").default("`exponential = \"50ms\"`"),
        row("budget", Budget(&BUDGET), &ANY, "What all retries together may cost.").or_never().default("none"),
        row("retry_after_cap", Duration, &ANY_TIME, "The longest `retry-after` that is honoured.").default("30s"),
        table("on", &ON, "What is different for failures with a certain cause.")
            .default("`no-link` and `protocol` are not repeated"),
    ],
);

/// What is different for failures with a certain cause.
///
/// ```
/// assert!(steadfast_settings::ON.setting("no_link").unwrap().optional);
/// ```
pub const ON: Table = Table::new(
    "On",
    "What is different for failures with a certain cause: a rule, or \"never\" for one that is not repeated.",
    &[rule(0), rule(1), rule(2), rule(3), rule(4), rule(5), rule(6), rule(7)],
);

const fn rule(cause: usize) -> Setting {
    let (name, about) = CAUSES[cause];
    table(name, &RULE, about).or_never()
}

/// What is different for failures with one cause.
///
/// ```
/// assert!(steadfast_settings::RULE.setting("backoff").is_some());
/// ```
pub const RULE: Table = Table::new(
    "Rule",
    "What is different for failures with one cause.",
    &[
        row("attempts", Count, &TO_255, "How many attempts may fail with this cause.").default("those of the retry"),
        table("backoff", &BACKOFF, "The waits after such failures.").default("those of the retry"),
    ],
);

/// The waits between attempts.
///
/// ```
/// assert_eq!(steadfast_settings::BACKOFF.choices[0].kinds.len(), 5);
/// ```
pub const BACKOFF: Table = Table::new(
    "Backoff",
    "The waits between attempts: one of `constant`, `linear`, `exponential`, `fibonacci` and `decorrelated`, each with \
     the first wait.",
    &[
        row("constant", Duration, &ANY_TIME, "The same wait each time."),
        row("linear", Duration, &ANY_TIME, "Waits that grow by the first each time."),
        row("exponential", Duration, &ANY_TIME, "Waits that double, or grow by the `factor`."),
        row("fibonacci", Duration, &ANY_TIME, "Waits of which each is the sum of the two before."),
        row("decorrelated", Duration, &ANY_TIME, "Waits that are drawn from up to three times the one before."),
        row("max", Duration, &ANY_TIME, "The longest delay, jitter included.").default("2s"),
        row("factor", Number, &FACTOR, "What each exponential wait is multiplied with.").default("2"),
        row("jitter", Jitter, &SHARE, "How delays are spread; a share is one of the wait.").default("full"),
    ],
)
.choices(&[Choice::always(&[
    kind("constant", &[], &[]),
    kind("linear", &[], &[]),
    kind("exponential", &[], &["factor"]),
    kind("fibonacci", &[], &[]),
    kind("decorrelated", &[], &[]),
])]);

/// How many retries all calls together may make.
///
/// ```
/// assert!(steadfast_settings::BUDGET.setting("quota").is_some());
/// ```
pub const BUDGET: Table = Table::new(
    "Budget",
    "How many retries all calls together may make: one of `ratio`, `windowed`, `throttle`, `quota` and `in-flight`.",
    &[
        row("ratio", Share, &RATIO, "This share of all calls may be repeated."),
        row("windowed", Share, &RATIO, "This share of the calls of the last `ttl`, as in Finagle."),
        row("min_per_second", Count, &FROM_0, "How many retries a second are always allowed."),
        row("ttl", Duration, &TEN_NANOS, "How long unused retries are kept."),
        row("throttle", Count, &FROM_1, "So many tokens, of which a failure takes one, as in gRPC."),
        row("token_ratio", Number, &REWARD, "Of a throttle: what a success adds."),
        row("quota", Count, &FROM_1, "So many tokens, of which a retry costs 5, as in the AWS SDKs."),
        row("in_flight", Share, &SHARE, "At most this share of the calls in flight may be retries, as in Envoy."),
        row("at_least", Count, &FROM_0, "With `in-flight`: so many retries in flight are always allowed.").default("3"),
        row("max_tokens", Count, &FROM_1, "The most tokens that are saved up.").default("the share of 10000 calls"),
        row("initial", Count, &FROM_0, "How many tokens there are at first.").default("none of a ratio, else all"),
        row("cost", Count, &FROM_1, "What a retry costs, whatever the cause.").default("1, or as a quota has it"),
        table("cost_of", &COST_OF, "What a retry costs after failures with a certain cause.").default("the `cost`"),
        row("reward", Number, &REWARD, "What a success without retries adds.").default("1"),
        row("refill_per_second", Number, &REFILL, "What every second adds.").default("nothing"),
        SHARED,
        NAME,
        BUCKET,
        row("batch", Count, &FROM_1, "Of a shared state: how many calls an instance counts before it tells the store.")
            .default("1"),
    ],
)
.choices(&[
    Choice::always(&[
        kind("ratio", &[], &["max_tokens", "initial", "refill_per_second", "cost", "cost_of"]),
        kind("windowed", &["min_per_second", "ttl"], &["cost", "cost_of", "shared", "name", "bucket", "batch"]),
        kind("throttle", &["token_ratio"], &["initial", "refill_per_second"]),
        kind("quota", &[], &["initial", "refill_per_second", "cost", "cost_of", "reward"]),
        kind("in_flight", &[], &["at_least"]),
    ]),
    Choice::maybe(&[kind("shared", &["name"], &["bucket", "batch"])]),
]);

/// What a retry costs after failures with a certain cause.
///
/// ```
/// assert!(steadfast_settings::COST_OF.setting("timeout").is_some());
/// ```
pub const COST_OF: Table = Table::new(
    "CostOf",
    "What a retry costs after failures with a certain cause.",
    &[cost(0), cost(1), cost(2), cost(3), cost(4), cost(5), cost(6), cost(7)],
);

const fn cost(cause: usize) -> Setting {
    let (name, about) = CAUSES[cause];
    row(name, Count, &FROM_1, about)
}

const SHARED: Setting = row("shared", Store, &ANY, "Where its state is, which all instances share.")
    .or_never()
    .default("each instance has its own");
const NAME: Setting = row("name", Name, &ANY, "Of a shared state: whose it is, component and target.");
const BUCKET: Setting =
    row("bucket", Name, &ANY, "Of a shared state: the bucket that it is in.").default("`\"default\"`");

/// When calls to a failing target are rejected.
///
/// ```
/// assert!(steadfast_settings::BREAKER.setting("open_for").is_some());
/// ```
pub const BREAKER: Table = Table::new(
    "Breaker",
    "When calls to a failing target are rejected: after `failures` in a row, or at a `failure-rate`.",
    &[
        row("failures", Count, &FROM_1, "It opens at so many failures in a row."),
        row("failure_rate", Share, &SHARE, "It opens when this share of the calls fail."),
        row("over_calls", Count, &TO_1024, "Of a rate: over the last so many calls."),
        row("over_time", Duration, &TEN_NANOS, "Of a rate: over the calls of the last so long."),
        row("minimum_calls", Count, &FROM_1, "Of a rate: so many calls before it counts.")
            .default("10, or all of a shorter window"),
        table("slow_calls", &SLOW_CALLS, "Of a rate: it opens at slow calls too.").or_never().default("none"),
        row("open_for", Duration, &SOME_TIME, "How long it stays open before a probe.").default("5s"),
        table("growing", &GROWING, "Each break lasts longer than the one before.")
            .or_never()
            .default("all of one length"),
        row("jitter", Share, &SHARE_FROM_0, "Each break is longer by a random share of itself, up to this.")
            .default("0"),
        row("probes", Count, &TO_16, "How many calls may try while half-open.").default("1"),
        row("probe_timeout", Duration, &SOME_TIME, "How long a probe keeps its place.").default("10s"),
        SHARED,
        NAME,
        BUCKET,
        row("cached_for", Duration, &ANY_TIME, "Of a shared state: how long an instance trusts what it has read.")
            .default("not at all"),
    ],
)
.choices(&[
    Choice::always(&[
        kind("failures", &[], &["shared", "name", "bucket", "cached_for"]),
        kind("failure_rate", &[], &["over_calls", "over_time", "minimum_calls", "slow_calls"]),
    ]),
    Choice::with("failure_rate", &[kind("over_calls", &[], &[]), kind("over_time", &[], &[])]),
    Choice::maybe(&[kind("shared", &["name"], &["bucket", "cached_for"])]),
]);

/// Which share of the calls may be slow.
///
/// ```
/// assert!(steadfast_settings::SLOW_CALLS.setting("rate").unwrap().needed);
/// ```
pub const SLOW_CALLS: Table = Table::new(
    "SlowCalls",
    "Which share of the calls may be slow.",
    &[
        row("rate", Share, &SHARE, "It opens when this share of the calls are slow.").needed(),
        row("longer_than", Duration, &SOME_TIME, "A call that takes longer is slow.").needed(),
    ],
);

/// How breaks grow while the target stays down.
///
/// ```
/// assert!(steadfast_settings::GROWING.setting("factor").unwrap().needed);
/// ```
pub const GROWING: Table = Table::new(
    "Growing",
    "How breaks grow while the target stays down.",
    &[
        row("factor", Number, &FACTOR, "Each lasts so many times as long as the one before.").needed(),
        row("max_open_for", Duration, &SOME_TIME, "The longest break; at least `open-for`.").needed(),
    ],
);

/// How many calls may be in flight at a time.
///
/// ```
/// assert!(steadfast_settings::BULKHEAD.setting("concurrent").unwrap().needed);
/// ```
pub const BULKHEAD: Table = Table::new(
    "Bulkhead",
    "How many calls may be in flight at a time.",
    &[
        row("concurrent", Count, &FROM_1, "So many at a time.").needed(),
        row("waiting", Count, &FROM_0, "So many awaited calls may wait for their turn.").default("0"),
    ],
);

/// How many calls may be in flight, by a limit that adapts.
///
/// ```
/// assert!(steadfast_settings::CONCURRENCY.setting("aimd").is_some());
/// ```
pub const CONCURRENCY: Table = Table::new(
    "Concurrency",
    "How many calls may be in flight, by a limit that adapts: `aimd` or `gradient`.",
    &[
        table("aimd", &AIMD, "The limit grows by one while calls succeed, and shrinks at an overload."),
        table("gradient", &GRADIENT, "The limit shrinks while calls wait at the target."),
    ],
)
.choices(&[Choice::always(&[kind("aimd", &[], &[]), kind("gradient", &[], &[])])]);

const MIN: Setting = row("min", Count, &TO_A_MILLION, "The lowest limit.").default("1");
const MAX: Setting = row("max", Count, &TO_A_MILLION, "The highest limit.").default("200");
const START: Setting =
    row("start", Count, &TO_A_MILLION, "The limit at first.").default("20, or the bound that is nearer");

/// A limit by additive increase and multiplicative decrease.
///
/// ```
/// assert!(steadfast_settings::AIMD.setting("decrease").is_some());
/// ```
pub const AIMD: Table = Table::new(
    "Aimd",
    "Additive increase, multiplicative decrease.",
    &[
        MIN,
        MAX,
        START,
        row("decrease", Share, &SHARE_BELOW_1, "What remains of the limit at an overload.").default("0.9"),
    ],
);

/// A limit by the gradient of the time that calls take.
///
/// ```
/// assert!(steadfast_settings::GRADIENT.setting("long_window").is_some());
/// ```
pub const GRADIENT: Table = Table::new(
    "Gradient",
    "By the gradient of the time that calls take.",
    &[
        MIN,
        MAX,
        START,
        row("tolerance", Number, &TOLERANCE, "How many times as long as the base calls may take.").default("1.25"),
        row("smoothing", Share, &SHARE, "How much of a new limit is taken over.").default("0.2"),
        row("queue", Count, &TO_A_MILLION, "What the limit grows by while calls are fast.").default("4"),
        row("window", Duration, &SOME_TIME, "How long calls are measured at a time.").default("1s"),
        row("long_window", Count, &TO_A_MILLION, "After how many windows the base is measured anew.").default("60"),
    ],
);

/// How many calls may be made in a time.
///
/// ```
/// assert_eq!(steadfast_settings::RATE_LIMIT.choices[0].kinds.len(), 3);
/// ```
pub const RATE_LIMIT: Table = Table::new(
    "RateLimit",
    "How many calls may be made in a time: one of `per-second`, `tokens` and `window`.",
    &[
        row("per_second", Count, &FROM_1, "So many a second, evenly."),
        row("tokens", Count, &FROM_1, "So many in each period, evenly."),
        row("every", Duration, &SOME_TIME, "With `tokens`: how long a period is.").default("1s"),
        row("window", Count, &FROM_1, "Never more than so many in any span as long as the `period`."),
        row("period", Duration, &SOME_TIME, "With `window`: how long the span is."),
        row("burst", Count, &FROM_1, "How many may pass at once after a quiet time.").default("as many as in a period"),
        row("wait_up_to", Duration, &ANY_TIME, "A call over the limit waits at most so long.").default("no wait"),
        SHARED,
        NAME,
        BUCKET,
    ],
)
.choices(&[
    Choice::always(&[
        kind("per_second", &[], &["burst", "shared", "name", "bucket"]),
        kind("tokens", &[], &["every", "burst", "shared", "name", "bucket"]),
        kind("window", &["period"], &[]),
    ]),
    // Slots of time have no burst.
    Choice::maybe(&[kind("shared", &["name"], &["bucket"]), kind("burst", &[], &[])]),
]);

/// Which share of the calls is rejected while the target refuses.
///
/// ```
/// assert!(steadfast_settings::THROTTLE.setting("padding").is_some());
/// ```
pub const THROTTLE: Table = Table::new(
    "Throttle",
    "Which share of the calls is rejected while the target refuses.",
    &[
        row("multiplier", Number, &FACTOR, "How many requests there may be for each accepted one.").default("2"),
        row("window", Duration, &A_MILLI, "How far back it counts.").default("2m"),
        row("padding", Count, &FROM_1, "What is added to the requests.").default("1"),
        row("max_probability", Share, &SHARE, "The highest probability of a rejection.").default("1"),
    ],
);

/// When a further attempt starts beside a slow one.
///
/// ```
/// assert!(steadfast_settings::HEDGE.setting("max_hedges").is_some());
/// ```
pub const HEDGE: Table = Table::new(
    "Hedge",
    "When a further attempt starts beside a slow one: `after` a time, or `after-quantile`.",
    &[
        row("after", Duration, &SOME_TIME, "After so long."),
        row("after_quantile", Share, &SHARE_BELOW_1, "When it is slower than this share of those observed."),
        row("initial_delay", Duration, &SOME_TIME, "Of a quantile: the delay at first.").default("1s"),
        row("min_observations", Count, &TO_512, "Of a quantile: so many attempts are observed first.").default("20"),
        row("max_hedges", Count, &HEDGES, "How many hedges one call may start.").default("1"),
    ],
)
.choices(&[Choice::always(&[
    kind("after", &[], &[]),
    kind("after_quantile", &[], &["initial_delay", "min_observations"]),
])]);
