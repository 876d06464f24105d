//! How many retries all calls together may make.

mod in_flight;
mod ledger;
mod part;
mod shared;
#[cfg(test)]
mod tests;
#[cfg(feature = "config")]
mod worst_case;

pub use in_flight::InFlightBudget;
pub use part::BudgetPart;
pub use shared::SharedBudget;

use core::time::Duration;

use super::Moment;
use crate::failure::Cause;
use crate::platform::clock::nanos;
use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};
use ledger::{Ledger, MOST, TOKEN, Tariff, expire, refill};

/// For how many calls an unused [`Budget::ratio`] is saved up, until [`Budget::max_tokens`] says otherwise: ten
/// seconds (the time to live of Finagle and tower) of a busy target's thousand calls.
const SAVED_CALLS: i64 = 10_000;

/// How many retries all calls together may make, so that retries cannot multiply the load on a target that is
/// down already.
///
/// It holds tokens. Retries take some, calls and successes and time give some, and which is the choice of the
/// constructor: [`ratio`](Self::ratio), [`windowed`](Self::windowed), [`throttle`](Self::throttle), [`quota`](Self::quota) and
/// [`quota_2026`](Self::quota_2026). An [`InFlightBudget`] holds no tokens.
///
/// ```compile_fail
/// use steadfast::{Budget, Policy, Retry};
///
/// static BUDGET: Budget = Budget::ratio(1.5);
/// static READS: Policy<(Retry<&Budget>,)> = Policy::new().retry(Retry::attempts(4).budget(&BUDGET));
/// ```
#[doc = include_str!("../../../docs/policies/budget.md")]
#[derive(Debug)]
pub struct Budget {
    tariff: Tariff,
    given: Given,
    ledger: Local<Ledger>,
}

/// Settings as they were given, for nothing but their check. What was not given has a value that is allowed: 24 bytes
/// less of each budget in a component than with options.
#[derive(Clone, Copy, Debug)]
struct Given {
    ratio: f64,
    reward: f64,
    refill: f64,
    tokens: Option<u32>,
}

/// Whole millionths of a token; zero for what is no number.
const fn millionths(tokens: f64) -> i64 {
    (tokens * TOKEN as f64 + 0.5).clamp(0.0, MOST as f64) as i64
}

const fn whole(tokens: u32) -> i64 {
    tokens as i64 * TOKEN
}

impl Budget {
    /// Exactly the fraction `ratio` of all calls may be repeated: with 0.1, every ten calls earn one retry.
    ///
    /// It begins with nothing and saves up what 10,000 calls earn ([`max_tokens`](Self::max_tokens)). It needs
    /// no clock. `ratio` is from 0.000001 to 1 and counted in millionths.
    ///
    /// ```
    /// use steadfast::{Budget, Policy, Reason, Retry, RpcError, Cause, Delivery, testing::TestClock};
    ///
    /// static BUDGET: Budget = Budget::ratio(0.5);
    /// static GREETER: Policy<(Retry<&Budget>,)> = Policy::new().retry(Retry::attempts(2).budget(&BUDGET));
    ///
    /// let clock = TestClock::new();
    /// let attempts = || {
    ///     let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
    ///     GREETER.with(&clock).call(no_target).unwrap_err().attempts()
    /// };
    /// assert_eq!([attempts(), attempts(), attempts(), attempts()], [1, 2, 1, 2]);
    /// ```
    pub const fn ratio(ratio: f64) -> Self {
        let per_call = millionths(ratio);
        let saved = per_call.saturating_mul(SAVED_CALLS);
        // A ratio that saves up less than one retry would allow none.
        let capacity = if saved < TOKEN { TOKEN } else { saved };
        Budget::of(Tariff { capacity, per_call, ..Budget::NOTHING }, Given { ratio, ..Budget::NOT_GIVEN })
    }

    /// The retry budget of Finagle: the fraction `ratio` of the calls of the last `ttl` may be repeated, and
    /// `min_per_second` retries per second on top, so that a caller who has just begun or is seldom called may
    /// retry as well.
    ///
    /// Finagle's own defaults are 0.2, 10 and 10 s. What is not used is gone after `ttl`, counted in tenths of it;
    /// therefore each call reads the clock once, as one with a deadline does anyway. `ratio` is from 0.000001 to 1.
    /// Source: `com.twitter.finagle.service.RetryBudget`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Budget;
    ///
    /// let budget = Budget::windowed(0.2, 10, Duration::from_secs(10));
    /// assert_eq!(budget.tokens(), 100);
    /// ```
    pub const fn windowed(ratio: f64, min_per_second: u32, ttl: Duration) -> Self {
        let reserve = whole(min_per_second) as u128 * nanos(ttl) as u128 / 1_000_000_000;
        Budget::of(
            Tariff {
                // Time bounds it: what is old is forgotten.
                capacity: i64::MAX / 2,
                initial: if reserve > MOST as u128 { MOST } else { reserve as i64 },
                per_call: millionths(ratio),
                ttl: Some(nanos(ttl)),
                passes: Some(expire),
                ..Budget::NOTHING
            },
            Given { ratio, ..Budget::NOT_GIVEN },
        )
    }

    /// The retry throttling of gRPC: every failure whose cause may be retried takes a token, every success adds
    /// `token_ratio`, and calls are repeated only while there are more than half of `max_tokens`.
    ///
    /// It begins full and needs no clock. A failure takes its token also when the call is not repeated for another
    /// reason. gRPC's example has 10 and 0.1. `token_ratio` is from 0.000001 to 1,000.
    /// Source: gRPC proposal A6, "Throttling Retry Attempts and Hedged RPCs".
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// assert_eq!(Budget::throttle(10, 0.1).tokens(), 10);
    /// ```
    pub const fn throttle(max_tokens: u32, token_ratio: f64) -> Self {
        let capacity = whole(max_tokens);
        Budget::of(
            Tariff {
                capacity,
                initial: capacity,
                per_success: millionths(token_ratio),
                per_failure: TOKEN,
                least: capacity / 2 + 1,
                costs: [0; 8],
                ..Budget::NOTHING
            },
            Given { reward: token_ratio, ..Budget::NOT_GIVEN },
        )
    }

    /// The retry quota of the AWS SDKs: a retry costs 5 tokens, after a timeout 10; a success after retries gives
    /// back what the last of them cost, and one without adds 1.
    ///
    /// It begins full and needs no clock. The SDKs have a `capacity` of 500.
    /// Source: the "standard" retry mode of the AWS SDKs and Tools Reference Guide.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// assert_eq!(Budget::quota(500).tokens(), 500);
    /// ```
    pub const fn quota(capacity: u32) -> Self {
        let capacity = whole(capacity);
        Budget::of(
            Tariff { capacity, initial: capacity, per_success: TOKEN, refunds: true, costs: [5; 8], ..Budget::NOTHING },
            Budget::NOT_GIVEN,
        )
        .cost_of(Cause::Timeout, 10)
    }

    /// The retry quota of the AWS SDKs from 2026 on: a retry costs 14 tokens, after an overload 5, of 500 in all; a
    /// success after retries gives back what the last of them cost, and one without adds 1.
    ///
    /// After an overload the SDKs wait longer, from 1 s on; [`Retry::aws_2026`](crate::Retry::aws_2026) does so too,
    /// and goes with this budget. It begins full and needs no clock.
    /// Source: "Announcing updated retry behavior for AWS SDKs and Tools" (AWS Developer Tools Blog, 2026).
    ///
    /// ```
    /// use steadfast::{Budget, Retry};
    ///
    /// static BUDGET: Budget = Budget::quota_2026(500);
    /// let policy = steadfast::Policy::new().retry(Retry::aws_2026().budget(&BUDGET));
    /// assert_eq!(BUDGET.tokens(), 500);
    /// ```
    pub const fn quota_2026(capacity: u32) -> Self {
        Budget::quota(capacity).cost(14).cost_of(Cause::Overloaded, 5)
    }

    /// The most tokens that are saved up. What a [`ratio`](Self::ratio) earns in 10,000 calls by default; the
    /// others are given it, and a [`windowed`](Self::windowed) budget is bounded by its time to live.
    ///
    /// Lower it to allow smaller bursts of retries after a long time without failures.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// static CALM: Budget = Budget::ratio(0.1).max_tokens(20);
    /// ```
    pub const fn max_tokens(self, tokens: u32) -> Self {
        Budget::of(Tariff { capacity: whole(tokens), ..self.tariff }, Given { tokens: Some(tokens), ..self.given })
    }

    /// How many tokens there are at first. A [`ratio`](Self::ratio) begins with none by default, the others with
    /// all; a [`windowed`](Self::windowed) budget has its minimum per second for that.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// assert_eq!(Budget::ratio(0.1).initial(3).tokens(), 3);
    /// ```
    pub const fn initial(self, tokens: u32) -> Self {
        Budget::of(Tariff { initial: whole(tokens), ..self.tariff }, Given { tokens: Some(tokens), ..self.given })
    }

    /// What a retry costs, whatever made it necessary. Replaces every earlier [`cost_of`](Self::cost_of).
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// static STRICT: Budget = Budget::quota(500).cost(50);
    /// ```
    pub const fn cost(self, tokens: u32) -> Self {
        Budget::of(Tariff { costs: [tokens; 8], ..self.tariff }, self.given)
    }

    /// What a retry after a failure with this cause costs.
    ///
    /// ```
    /// use steadfast::{Budget, Cause};
    ///
    /// static STRICT: Budget = Budget::quota(500).cost_of(Cause::Overloaded, 20);
    /// ```
    pub const fn cost_of(self, cause: Cause, tokens: u32) -> Self {
        let mut tariff = self.tariff;
        // Eight causes have eight places: the compiler sees that none is missing.
        tariff.costs[cause as usize] = tokens;
        Budget::of(tariff, self.given)
    }

    /// What a success adds: of a [`quota`](Self::quota), one without retries, and 1 by default. A fraction is
    /// counted in millionths; at most 1,000.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// static SLOW: Budget = Budget::quota(500).reward(0.4);
    /// ```
    pub const fn reward(self, tokens: f64) -> Self {
        Budget::of(Tariff { per_success: millionths(tokens), ..self.tariff }, Given { reward: tokens, ..self.given })
    }

    /// What every second adds; nothing by default, at most 10,000. A fraction is counted in millionths.
    ///
    /// The clock is read for it only after failures.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// static REFILLED: Budget = Budget::quota(500).refill_per_second(0.5);
    /// ```
    pub const fn refill_per_second(self, tokens: f64) -> Self {
        Budget::of(
            Tariff { refill: millionths(tokens) as u64, passes: Some(refill), ..self.tariff },
            Given { refill: tokens, ..self.given },
        )
    }

    /// The budget itself, or why it makes no sense: a fraction out of its range, no tokens at all, a retry that
    /// costs nothing or more than there can ever be, a time to live of zero.
    ///
    /// ```
    /// use steadfast::Budget;
    ///
    /// let invalid = Budget::ratio(1.5).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "budget ratio: 1.5 is not allowed: it must be from 0.000001 to 1");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        match self.makes_sense() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    /// The same for a budget that is shared already.
    pub(super) const fn makes_sense(&self) -> Result<(), Invalid> {
        let tariff = &self.tariff;
        let Given { ratio, reward, refill, .. } = self.given;
        if !(ratio >= 0.000_001 && ratio <= 1.0) {
            refuse!("budget ratio", Value::Factor(ratio), "from 0.000001 to 1");
        }
        if !(reward >= 0.000_001 && reward <= 1_000.0) {
            refuse!("budget reward for a success", Value::Factor(reward), "from 0.000001 to 1,000");
        }
        if !(refill >= 0.000_001 && refill <= 10_000.0) {
            refuse!("budget refill_per_second", Value::Factor(refill), "from 0.000001 to 10,000");
        }
        if tariff.refill > 0 && tariff.ttl.is_some() {
            refuse!("budget refill_per_second", Value::Factor(refill), "absent from a windowed budget");
        }
        if let Some(ttl) = tariff.ttl {
            if tariff.slice() == 0 {
                refuse!("budget ttl", Value::Time(Duration::from_nanos(ttl)), "10 ns or more");
            }
            if let Some(tokens) = self.given.tokens {
                refuse!("budget max_tokens or initial", Value::Count(tokens), "absent from a windowed budget");
            }
        }
        if tariff.capacity == 0 {
            refuse!("budget max_tokens", Value::Count(0), "1 or more");
        }
        if tariff.initial > tariff.capacity {
            let initial = (tariff.initial / TOKEN) as u32;
            refuse!("budget initial", Value::Count(initial), "at most max_tokens");
        }
        let mut cause = 0;
        while cause < tariff.costs.len() {
            let cost = tariff.costs[cause];
            if cost == 0 && tariff.per_failure == 0 {
                refuse!("budget cost of a retry", Value::Count(0), "1 or more");
            }
            if whole(cost) > tariff.capacity {
                refuse!("budget cost of a retry", Value::Count(cost), "at most max_tokens");
            }
            cause += 1;
        }
        Ok(())
    }

    /// How many whole tokens there are. Where time moves them, as of the last failure
    /// ([`refill_per_second`](Self::refill_per_second)) or the last call ([`windowed`](Self::windowed)).
    ///
    /// ```
    /// assert_eq!(steadfast::Budget::quota(500).tokens(), 500);
    /// ```
    pub fn tokens(&self) -> u32 {
        u32::try_from(self.millionths() / TOKEN as u64).unwrap_or(u32::MAX)
    }

    /// The same in millionths of a token.
    ///
    /// ```
    /// assert_eq!(steadfast::Budget::throttle(10, 0.5).millionths(), 10_000_000);
    /// ```
    pub fn millionths(&self) -> u64 {
        u64::try_from(self.ledger.with(|ledger| ledger.balance)).unwrap_or(0)
    }

    /// Begins anew, with the tokens it had at first.
    ///
    /// ```
    /// let budget = steadfast::Budget::quota(500);
    /// budget.reset();
    /// assert_eq!(budget.tokens(), 500);
    /// ```
    pub fn reset(&self) {
        self.ledger.with(|ledger| *ledger = Ledger::new(&self.tariff));
    }

    const NOTHING: Tariff = Tariff {
        capacity: MOST,
        initial: 0,
        per_call: 0,
        per_success: 0,
        per_failure: 0,
        refunds: false,
        least: 0,
        costs: [1; 8],
        refill: 0,
        ttl: None,
        passes: None,
    };

    const NOT_GIVEN: Given = Given { ratio: 1.0, reward: 1.0, refill: 1.0, tokens: None };

    const fn of(tariff: Tariff, given: Given) -> Self {
        Budget { ledger: Local::new(Ledger::new(&tariff)), tariff, given }
    }

    fn cost_after(&self, cause: Cause) -> i64 {
        self.tariff.costs.get(cause as usize).map_or(0, |&tokens| whole(tokens))
    }

    /// Decides on the ledger as it is at this moment. The clock is asked before the lock is taken: it may be a
    /// caller's own.
    fn at<T>(&self, moment: &impl Moment, decide: impl FnOnce(&mut Ledger) -> T) -> T {
        let time = self.tariff.passes.map(|passes| (passes, moment.now()));
        self.ledger.with(|ledger| {
            if let Some((passes, now)) = time {
                passes(ledger, &self.tariff, now);
            }
            decide(ledger)
        })
    }
}
