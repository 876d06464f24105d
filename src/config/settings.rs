//! What a policy can say, as data: the same names as the builders have, with hyphens.
//!
//! Everything may be left out here. What has to be there is asked for when a policy is made of it, after the defaults
//! were filled in.

use super::kinds::{self, Kinds};
use super::reader::{Factor, Part, Read, Reader, Share, Time};
use super::value::Value;

/// A table of settings: how it is read, and, with the feature `schema`, what it looks like.
macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident $(($($kinds:expr),*))? {
        $($(#[doc = $field_doc:literal])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(rename_all = "kebab-case", deny_unknown_fields)
        )]
        pub(super) struct $name {
            $($(#[doc = $field_doc])* pub $field: Option<$type>,)*
        }

        impl $name {
            pub const FIELDS: &[&str] = &[$(stringify!($field)),*];
            #[allow(dead_code, reason = "of the tables that have none")]
            pub const KINDS: &[Kinds] = &[$($($kinds),*)?];
        }

        impl Read for $name {
            #[inline(never)]
            fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
                let table = reader.table(value)?;
                let read = $name { $($field: reader.field(table, stringify!($field)),)* };
                reader.all_known(table, Self::FIELDS);
                kinds::check(Self::KINDS, table, reader);
                Some(read)
            }
        }
    )*};
}

settings! {
    /// How calls are made: each part may be absent, and "never" switches off what the defaults have.
    PolicySettings(kinds::PLACE_OF_THE_BULKHEAD, kinds::PLACE_OF_THE_RATE_LIMIT) {
        /// How long a whole call may take, attempts and waits included.
        deadline: Part<Time>,
        /// How failed attempts are repeated.
        retry: Part<RetrySettings>,
        /// When a further attempt is started beside one that is slow; only in calls that the code makes as hedged ones.
        hedge: Part<HedgeSettings>,
        /// When a target is left alone that keeps failing.
        breaker: Part<BreakerSettings>,
        /// How many calls may be under way at a time.
        bulkhead: Part<BulkheadSettings>,
        /// The same by a limit that finds itself, in the place of the bulkhead.
        concurrency: Part<ConcurrencySettings>,
        /// How many calls may be made in a time.
        rate_limit: Part<RateLimitSettings>,
        /// Which share of the calls is turned away while the target does not take them, in the place of the rate limit.
        throttle: Part<ThrottleSettings>,
        /// How long one attempt may take.
        attempt_timeout: Part<Time>,
    }

    /// How failed attempts are repeated.
    RetrySettings {
        /// How many attempts there are in all, the first included: 1 or more.
        attempts: u32,
        /// The waits between attempts: exponential from 50 ms to at most 2 s, if nothing is said.
        backoff: BackoffSettings,
        /// What all retries together may cost: the name of one of the `budgets`, or a budget of this policy's own.
        budget: Part<BudgetOf>,
        /// The longest `retry-after` of a callee that is honoured, "0s" ignores all: 30 s, if nothing is said.
        retry_after_cap: Time,
        /// What is different about failures with single causes.
        on: OnSettings,
    }

    /// What is different about failures with single causes: a rule, or "never" for one that is not repeated.
    OnSettings {
        /// The operator has not linked the import. Not repeated, if nothing is said.
        no_link: Part<RuleSettings>,
        /// Nothing serves the import now.
        no_target: Part<RuleSettings>,
        /// No answer came in time.
        timeout: Part<RuleSettings>,
        /// The transport is down, or was lost during the call.
        disconnected: Part<RuleSettings>,
        /// The callee refuses work for now.
        overloaded: Part<RuleSettings>,
        /// The callee started and died.
        trapped: Part<RuleSettings>,
        /// The two ends disagree. Not repeated, if nothing is said.
        protocol: Part<RuleSettings>,
        /// Anything else.
        other: Part<RuleSettings>,
    }

    /// What is different about failures with one cause.
    RuleSettings {
        /// How many attempts of one call may fail with it, from 1 to 255: without a limit of its own, if nothing is said.
        attempts: u32,
        /// The waits after such failures: those of the retry, if nothing is said.
        backoff: BackoffSettings,
    }

    /// The waits between attempts: one of `constant`, `linear`, `exponential`, `fibonacci` and `decorrelated`, each
    /// with the first wait.
    BackoffSettings(kinds::BACKOFF) {
        /// The same wait each time.
        constant: Time,
        /// Waits that grow by the first each time.
        linear: Time,
        /// Waits that double, or grow by the `factor`.
        exponential: Time,
        /// Waits of which each is the sum of the two before.
        fibonacci: Time,
        /// Waits that are drawn from up to three times the one before.
        decorrelated: Time,
        /// The longest delay, jitter included: 2 s, if nothing is said.
        max: Time,
        /// What each exponential wait is multiplied with, at least 1: 2, if nothing is said.
        factor: Factor,
        /// How delays are spread: "none", "full", "equal", or a share of the wait. "full", if nothing is said.
        jitter: JitterSetting,
    }

    /// How many retries all calls together may make: one of `ratio`, `windowed`, `throttle`, `quota` and
    /// `in-flight`.
    BudgetSettings(kinds::BUDGET) {
        /// This share of all calls may be repeated.
        ratio: Share,
        /// This share of the calls of the last `ttl`, and `min-per-second` on top, as in Finagle.
        windowed: Share,
        /// Of a windowed budget: how many retries a second are allowed in any case.
        min_per_second: u32,
        /// Of a windowed budget: how long what is not used is kept.
        ttl: Time,
        /// So many tokens, of which a failure takes one; repeated while more than half are left, as in gRPC.
        throttle: u32,
        /// Of a throttle: what a success adds, from 0.000001 to 1000.
        token_ratio: Factor,
        /// So many tokens, of which a retry costs 5, and 10 after a timeout, as in the AWS SDKs.
        quota: u32,
        /// At most this share of the calls in flight may be retries in flight, as in Envoy.
        in_flight: Share,
        /// With `in-flight`: how many retries may be in flight in any case: 3, if nothing is said.
        at_least: u32,
        /// The most tokens that are saved up.
        max_tokens: u32,
        /// How many tokens there are at first.
        initial: u32,
        /// What a retry costs, whatever made it necessary.
        cost: u32,
        /// What a retry costs after failures with single causes.
        cost_of: CostOfSettings,
        /// What a success adds, from 0.000001 to 1000.
        reward: Factor,
        /// What every second adds, from 0.000001 to 10000: nothing, if nothing is said.
        refill_per_second: Factor,
    }

    /// What a retry costs after failures with single causes.
    CostOfSettings {
        /// No link.
        no_link: u32,
        /// Nothing serves the import.
        no_target: u32,
        /// No answer in time.
        timeout: u32,
        /// The transport is down, or was lost.
        disconnected: u32,
        /// The callee refuses work.
        overloaded: u32,
        /// The callee died.
        trapped: u32,
        /// The two ends disagree.
        protocol: u32,
        /// Anything else.
        other: u32,
    }

    /// When a target is left alone: after `failures` in a row, or at a `failure-rate`.
    BreakerSettings(kinds::BREAKER, kinds::BREAKER_WINDOW) {
        /// It opens at so many failures in a row.
        failures: u32,
        /// It opens when this share of the calls fail.
        failure_rate: Share,
        /// Of a rate: over the last so many calls, from 1 to 1024.
        over_calls: u32,
        /// Of a rate: over the calls of the last so long.
        over_time: Time,
        /// Of a rate: how many calls there must have been before it counts; 10, or all of a shorter window, if nothing
        /// is said.
        minimum_calls: u32,
        /// Of a rate: it opens also when too many calls are slow.
        slow_calls: Part<SlowCallsSettings>,
        /// How long it stays open before it lets a probe through: 5 s, if nothing is said.
        open_for: Time,
        /// Each break lasts longer than the one before: all are of one length, if nothing is said.
        growing: Part<GrowingSettings>,
        /// Each break is longer by a random share of itself, up to this one, from 0 to 1: 0, if nothing is said.
        jitter: Share,
        /// How many calls may try while it is half-open, from 1 to 16: 1, if nothing is said.
        probes: u32,
        /// How long a probe may take before its place goes to another: 10 s, if nothing is said.
        probe_timeout: Time,
    }

    /// Which share of the calls may be slow.
    SlowCallsSettings {
        /// It opens when this share of the calls are slow.
        rate: Share,
        /// How long a call takes that is slow.
        longer_than: Time,
    }

    /// How breaks grow while the target is not back.
    GrowingSettings {
        /// Each lasts so many times as long as the one before, at least 1.
        factor: Factor,
        /// The longest break.
        max_open_for: Time,
    }

    /// How many calls may be under way at a time.
    BulkheadSettings {
        /// So many at a time: 1 or more.
        concurrent: u32,
        /// So many awaited calls may wait for their turn: none, if nothing is said.
        waiting: u32,
    }

    /// How many calls may be under way at a time, by a limit that finds itself.
    ConcurrencySettings(kinds::CONCURRENCY) {
        /// The limit grows by one while calls succeed, and shrinks when the target is overloaded.
        aimd: AimdSettings,
        /// The limit shrinks while calls wait at the target.
        gradient: GradientSettings,
    }

    /// Additive increase, multiplicative decrease.
    AimdSettings {
        /// The lowest limit: 1, if nothing is said.
        min: u32,
        /// The highest limit: 200, if nothing is said.
        max: u32,
        /// The limit before anything is known: 20, or the bound that is nearer, if nothing is said.
        start: u32,
        /// What remains of the limit at an overload, above 0 and below 1: 0.9, if nothing is said.
        decrease: Share,
    }

    /// By the gradient of the time that calls take.
    GradientSettings {
        /// The lowest limit: 1, if nothing is said.
        min: u32,
        /// The highest limit: 200, if nothing is said.
        max: u32,
        /// The limit before anything is known: 20, or the bound that is nearer, if nothing is said.
        start: u32,
        /// How many times as long as the base calls may take, from 1 to 100: 1.25, if nothing is said.
        tolerance: Factor,
        /// What the limit grows by while calls are fast, from 1 to 1000000: 4, if nothing is said.
        queue: u32,
        /// How much of a newly computed limit is taken over: 0.2, if nothing is said.
        smoothing: Share,
        /// How long calls are measured before the limit moves: 1 s, if nothing is said.
        window: Time,
        /// After how many windows the base is measured anew, from 1 to 1000000: 60, if nothing is said.
        long_window: u32,
    }

    /// How many calls may be made in a time: one of `per-second`, `tokens` and `window`.
    RateLimitSettings(kinds::RATE_LIMIT) {
        /// So many a second, evenly.
        per_second: u32,
        /// So many in each period, evenly.
        tokens: u32,
        /// With `tokens`: how long a period is; 1 s, if nothing is said.
        every: Time,
        /// How many may pass at once after a time of quiet: as many as pass in a period, if nothing is said.
        burst: u32,
        /// Never more than so many in any span as long as the `period`.
        window: u32,
        /// With `window`: how long the span is.
        period: Time,
        /// A call over the limit waits for its turn if that comes within this time: it is turned away, if nothing is
        /// said.
        wait_up_to: Time,
    }

    /// Which share of the calls is turned away while the target does not take them.
    ThrottleSettings {
        /// How many requests there may be for each that the target takes, at least 1: 2, if nothing is said.
        multiplier: Factor,
        /// How far back it counts, at least 1 ms: 2 min, if nothing is said.
        window: Time,
        /// What is added to the requests, at least 1: 1, if nothing is said.
        padding: u32,
        /// The highest probability that a call is turned away with: 1, if nothing is said.
        max_probability: Share,
    }

    /// When a further attempt is started beside one that is slow: `after` a time, or `after-quantile`.
    HedgeSettings(kinds::HEDGE) {
        /// After so long.
        after: Time,
        /// When an attempt is slower than this share of those observed.
        after_quantile: Share,
        /// Of a quantile: the delay until enough was observed; 1 s, if nothing is said.
        initial_delay: Time,
        /// Of a quantile: how many attempts must have been observed, from 1 to 512; 20, if nothing is said.
        min_observations: u32,
        /// How many hedges one call may start, from 1 to 4: 1, if nothing is said.
        max_hedges: u32,
    }
}

/// A budget that others share, by its name, or one of its own.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one for each policy, while a configuration is read")]
pub(super) enum BudgetOf {
    Shared(String),
    Own(BudgetSettings),
}

impl Read for BudgetOf {
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Text(name) => Some(BudgetOf::Shared(name.clone())),
            Value::Table(_) => BudgetSettings::read(value, reader).map(BudgetOf::Own),
            _ => {
                reader.refuse(value, "the name of a budget, a table of settings, or \"never\"");
                None
            }
        }
    }
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct JitterSetting(pub crate::policy::Jitter);

impl Read for JitterSetting {
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        use crate::policy::Jitter::{Equal, Full, None as Not, Proportional};
        let share = match value {
            Value::Text(text) => match text.as_str() {
                "none" => return Some(JitterSetting(Not)),
                "full" => return Some(JitterSetting(Full)),
                "equal" => return Some(JitterSetting(Equal)),
                text => super::words::percentage(text),
            },
            Value::Whole(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            _ => None,
        };
        if share.is_none() {
            reader.refuse(value, "\"none\", \"full\", \"equal\", a percentage, or a fraction");
        }
        share.map(|share| JitterSetting(Proportional(share)))
    }
}
