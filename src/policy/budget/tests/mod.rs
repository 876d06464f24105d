//! What budgets allow, and what they cost.

mod in_flight;
mod in_store;
mod model;
mod optional;
mod slots;
mod vectors;
mod waiting;

use super::part::Debt;
use super::*;
use crate::testing::{Script, SplitMix, TestClock, Then, block_on};
use crate::{Backoff, Breaker, Deadline, Delivery, Jitter, Policy, Reason, Retry, RpcError};

/// Waits of 1 s, 2 s, 4 s and so on, at most 20 s: that of the AWS SDKs.
const REGULAR: Backoff =
    Backoff::exponential(Duration::from_secs(1)).max_delay(Duration::from_secs(20)).jitter(Jitter::None);

const SECOND: u64 = 1_000_000_000;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A test of its own needs a budget of its own, for as long as the program.
fn shared(budget: Budget) -> &'static Budget {
    Box::leak(Box::new(budget.check().unwrap()))
}

fn policy(attempts: u32, budget: &'static Budget) -> Policy<(Retry<&'static Budget>,)> {
    Policy::new().retry(Retry::attempts(attempts).backoff(REGULAR).budget(budget))
}

fn error<T>(cause: Cause) -> Result<T, RpcError> {
    Err(RpcError::new(cause, Delivery::NotSent))
}

fn no_target<T>() -> Result<T, RpcError> {
    error(Cause::NoTarget)
}

#[test]
fn a_windowed_budget_is_bounded_by_time_and_not_by_an_amount() {
    let budget = shared(Budget::windowed(1.0, u32::MAX, secs(1)));
    let reserve = budget.millionths();
    assert_eq!(reserve, u64::from(u32::MAX) * 1_000_000);
    policy(2, budget).with(&TestClock::new()).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(budget.millionths(), reserve + 1_000_000, "what a call gives is on top of the highest reserve");
}

// case 17
#[test]
fn exactly_the_fraction_that_a_ratio_names_is_repeated() {
    for (ratio, expected) in
        [(0.1, 1_000), (0.25, 2_500), (0.4, 4_000), (0.6, 6_000), (0.75, 7_500), (0.9, 9_000), (0.99, 9_900)]
    {
        // Every call fails.
        let policy = policy(2, shared(Budget::ratio(ratio)));
        let clock = TestClock::new();
        let attempts: u32 =
            (0..10_000).map(|_| policy.with(&clock).call(no_target::<()>).unwrap_err().attempts()).sum();
        assert_eq!(attempts - 10_000, expected, "{ratio}, one by one");

        // All calls begin before the first fails.
        let budget = shared(Budget::ratio(ratio));
        for _ in 0..10_000 {
            budget.called(&Then(0));
        }
        let mut allowed = 0;
        while take(budget, Cause::NoTarget, 0).is_some() {
            allowed += 1;
        }
        assert_eq!(allowed, expected, "{ratio}, saved up");

        // Some calls fail, some with several retries.
        let budget = shared(Budget::ratio(ratio));
        let mut rng = SplitMix::new(17);
        let mut wanted = 0;
        let mut allowed = 0;
        for _ in 0..10_000 {
            budget.called(&Then(0));
            for _ in 0..rng.next() % 4 {
                wanted += 1;
                allowed += u32::from(take(budget, Cause::NoTarget, 0).is_some());
            }
        }
        assert!(wanted > 14_000 && allowed.abs_diff(expected) <= 1, "{ratio}, mixed: {allowed}");
    }
}

#[test]
fn a_ratio_of_one_and_a_ratio_of_a_millionth_are_exact_too() {
    let every = shared(Budget::ratio(1.0));
    let rare = shared(Budget::ratio(0.000_001));
    for _ in 0..999_999 {
        rare.called(&Then(0));
    }
    assert!(take(rare, Cause::Other, 0).is_none());
    rare.called(&Then(0));
    assert!(take(rare, Cause::Other, 0).is_some());
    assert!(take(every, Cause::Other, 0).is_none());
    every.called(&Then(0));
    assert!(take(every, Cause::Other, 0).is_some());
}

#[test]
fn what_is_saved_up_is_bounded() {
    for (budget, most) in [
        (Budget::ratio(0.1), 1_000),
        (Budget::ratio(0.1).max_tokens(20), 20),
        (Budget::quota(500), 500),
        (Budget::throttle(10, 0.7), 10),
    ] {
        let budget = shared(budget);
        for _ in 0..20_000 {
            budget.called(&Then(0));
            budget.succeeded(None);
        }
        assert_eq!(budget.tokens(), most, "{budget:?}");
    }
}

// case 18
#[test]
fn a_budget_refuses_before_the_wait_and_keeps_the_last_real_error() {
    let policy = policy(4, shared(Budget::ratio(0.1).initial(1)));
    let clock = TestClock::new();
    let mut target = Script::<(), _>::new([no_target(), error(Cause::Disconnected)]);
    let failed = policy.with(&clock).call(|| target.next()).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Budget, 2));
    assert_eq!(
        failed.to_string(),
        "disconnected; gave up after 2 attempts, 1000 ms after the first failed: the retry budget is used up"
    );
    assert_eq!(failed.into_last(), error::<()>(Cause::Disconnected).err());
    assert_eq!(clock.slept(), [secs(1)]);
}

// case 18, case 25
#[test]
fn what_something_else_forbids_costs_nothing() {
    let clock = TestClock::new();
    let full = |budget: &Budget| assert_eq!(budget.tokens(), 500);

    let budget = shared(Budget::quota(500));
    let open = policy(4, budget).breaker(Breaker::consecutive_failures(1).open_for(secs(30)));
    let failed = open.with(&clock).call(no_target::<()>).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 1));
    full(budget);
    let rejected = open.with(&clock).call(no_target::<()>).unwrap_err();
    assert_eq!((rejected.reason(), rejected.attempts()), (Reason::BreakerOpen, 0));
    full(budget);

    let late = policy(4, budget).deadline(Deadline::after(secs(1)));
    assert_eq!(late.with(&clock).call(no_target::<()>).unwrap_err().reason(), Reason::Deadline);
    full(budget);

    let vetoed = Policy::new().retry(Retry::attempts(4).budget(budget).before_retry(|_| false));
    assert_eq!(vetoed.with(&clock).call(no_target::<()>).unwrap_err().reason(), Reason::Vetoed);
    full(budget);

    let once = policy(1, budget);
    assert_eq!(once.with(&clock).call(no_target::<()>).unwrap_err().reason(), Reason::Attempts);
    assert_eq!(once.with(&clock).call(|| error::<()>(Cause::NoLink)).unwrap_err().reason(), Reason::NotRetryable);
    full(budget);
    assert!(clock.slept().is_empty());
}

// case 25
#[test]
fn a_call_that_an_open_breaker_turns_away_earns_nothing_and_costs_nothing() {
    let earning = shared(Budget::ratio(0.5));
    let failing = shared(Budget::throttle(10, 0.5));
    let clock = TestClock::new();
    let breaker = Breaker::consecutive_failures(1).open_for(secs(30));
    for (budget, tokens) in [(earning, 500_000), (failing, 9_000_000)] {
        let policy = policy(4, budget).breaker(breaker);
        for _ in 0..10 {
            assert!(policy.with(&clock).call(no_target::<()>).is_err());
            assert_eq!(budget.millionths(), tokens, "only the first call reached the target");
        }
    }
}

#[test]
fn a_throttle_counts_failures_that_are_not_repeated_for_another_reason() {
    let budget = shared(Budget::throttle(10, 0.5));
    let clock = TestClock::new();
    // The last attempt, and a call that may have run: the target fails all the same.
    assert_eq!(policy(1, budget).with(&clock).call(no_target::<()>).unwrap_err().reason(), Reason::Attempts);
    assert_eq!(budget.tokens(), 9);
    let timeout = || Err::<(), _>(RpcError::new(Cause::Timeout, Delivery::Unknown));
    assert_eq!(policy(4, budget).with(&clock).call(timeout).unwrap_err().reason(), Reason::NotIdempotent);
    assert_eq!(budget.tokens(), 8);
    // A cause that is permanent says nothing about how busy the target is.
    assert!(policy(4, budget).with(&clock).call(|| error::<()>(Cause::NoLink)).is_err());
    assert_eq!(budget.tokens(), 8);
    for _ in 0..20 {
        assert!(policy(1, budget).with(&clock).call(no_target::<()>).is_err());
    }
    assert_eq!(budget.tokens(), 0, "never below zero");
}

#[test]
fn a_refill_is_the_same_in_however_many_pieces() {
    // A third of a token per second, in steps of 7 ns: nothing is lost between the steps.
    let budget = shared(Budget::quota(500).cost(1).initial(0).refill_per_second(0.333_333));
    let whole = shared(Budget::quota(500).cost(1).initial(0).refill_per_second(0.333_333));
    let mut now = 0;
    for _ in 0..10_000 {
        look(budget, now);
        now += 7_000_003;
    }
    look(budget, now);
    look(whole, 0);
    look(whole, now);
    assert_eq!(budget.millionths(), whole.millionths());
    assert_eq!(whole.millionths(), (u128::from(now) * 333_333 / u128::from(SECOND)) as u64);
}

// case 3, case 16
#[test]
fn time_that_stands_still_steps_back_or_leaps_unlocks_nothing_early_and_panics_nowhere() {
    let refilled = shared(Budget::quota(500).cost(1).initial(0).refill_per_second(10_000.0));
    let windowed = shared(Budget::windowed(1.0, 1, secs(10)));
    let hour = 3_600 * SECOND;
    for now in [hour, hour, 0, hour - 1, hour] {
        assert!(take(refilled, Cause::Other, now).is_none(), "at {now}");
    }
    assert!(take(refilled, Cause::Other, u64::MAX).is_some());
    assert_eq!(refilled.tokens(), 499);

    windowed.called(&Then(hour));
    assert_eq!(windowed.tokens(), 11);
    for now in [0, hour - 1, hour] {
        look(windowed, now);
        assert_eq!(windowed.tokens(), 11, "at {now}");
    }
    look(windowed, u64::MAX);
    assert_eq!(windowed.tokens(), 10);
}

#[test]
fn a_windowed_budget_allows_its_minimum_and_its_ratio_and_forgets_what_is_old() {
    let budget = shared(Budget::windowed(0.5, 1, secs(10)));
    let drain = |now: u64| (0..1_000).take_while(|_| take(budget, Cause::Other, now * SECOND).is_some()).count();
    assert_eq!(drain(0), 10, "1 per second for 10 s");
    assert_eq!(drain(9), 0);
    assert_eq!(drain(10), 10, "and again in the next 10 s");
    for _ in 0..8 {
        budget.called(&Then(15 * SECOND));
    }
    assert_eq!(drain(19), 4, "half of 8 calls");
    assert_eq!(drain(20), 10, "the 10 of second 10 are forgotten");
    assert_eq!(drain(25), 0, "and so is what was earned in second 15, but not what it was spent on in second 19");
    assert_eq!(drain(29), 0);
    assert_eq!(drain(30), 10);
    for _ in 0..100 {
        budget.called(&Then(40 * SECOND));
    }
    look(budget, 60 * SECOND);
    assert_eq!(budget.tokens(), 10, "deposits live for 10 s");
}

#[test]
fn a_success_reads_no_clock_unless_deposits_expire() {
    for (budget, reads) in [
        (Budget::ratio(0.1), 0),
        (Budget::throttle(10, 0.1), 0),
        (Budget::quota(500), 0),
        (Budget::quota(500).refill_per_second(1.0), 0),
        (Budget::windowed(0.2, 10, secs(10)), 1),
    ] {
        let policy = policy(4, shared(budget));
        let clock = TestClock::new();
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        assert_eq!(clock.reads(), reads);
        block_on(policy.with(&clock).call_async(async || Ok::<_, RpcError>(()))).unwrap();
        assert_eq!(clock.reads(), 2 * reads);
        let bounded = policy.deadline(Deadline::after(secs(3)));
        bounded.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        assert_eq!(clock.reads(), 2 * reads + 1, "the deadline and the budget share one look");
    }
}

#[test]
fn a_budget_is_shared_by_all_policies_that_have_it() {
    let budget = shared(Budget::ratio(0.5).initial(1));
    let clock = TestClock::new();
    let (reads, writes) = (policy(2, budget), policy(2, budget));
    assert_eq!(reads.with(&clock).call(no_target::<()>).unwrap_err().attempts(), 2);
    assert_eq!(writes.with(&clock).call(no_target::<()>).unwrap_err().attempts(), 2);
    assert_eq!(reads.with(&clock).call(no_target::<()>).unwrap_err().attempts(), 1);
}

#[test]
fn a_reset_begins_anew() {
    for budget in [Budget::quota(500), Budget::throttle(10, 0.5), Budget::windowed(0.5, 3, secs(10))] {
        let budget = shared(budget);
        let before = budget.ledger.with(|ledger| *ledger);
        budget.called(&Then(SECOND));
        budget.failed(&Then(SECOND));
        let mut debt = Debt::default();
        budget.withdraw(&mut debt, Cause::Other, &Then(2 * SECOND));
        budget.used(&mut debt);
        assert_ne!(budget.ledger.with(|ledger| *ledger), before);
        budget.reset();
        assert_eq!(budget.ledger.with(|ledger| *ledger), before);
    }
}

// case 4
#[test]
fn nonsense_is_refused_with_field_value_and_range() {
    let ratio = "from 0.000001 to 1";
    let reward = "from 0.000001 to 1,000";
    let refill = "from 0.000001 to 10,000";
    let ten_seconds = secs(10);
    for (budget, field, value, allowed) in [
        (Budget::ratio(0.0), "ratio", "0", ratio),
        (Budget::ratio(-0.1), "ratio", "-0.1", ratio),
        (Budget::ratio(1.01), "ratio", "1.01", ratio),
        (Budget::ratio(f64::NAN), "ratio", "NaN", ratio),
        (Budget::ratio(0.000_000_9), "ratio", "0.0000009", ratio),
        (Budget::windowed(f64::INFINITY, 1, ten_seconds), "ratio", "inf", ratio),
        (Budget::windowed(0.1, 1, Duration::from_nanos(9)), "ttl", "9ns", "10 ns or more"),
        (
            Budget::windowed(0.1, 1, ten_seconds).refill_per_second(1.0),
            "refill_per_second",
            "1",
            "absent from a windowed budget",
        ),
        (
            Budget::windowed(0.1, 1, ten_seconds).max_tokens(7),
            "max_tokens or initial",
            "7",
            "absent from a windowed budget",
        ),
        (
            Budget::windowed(0.1, 1, ten_seconds).initial(3),
            "max_tokens or initial",
            "3",
            "absent from a windowed budget",
        ),
        (Budget::throttle(10, 0.0), "reward for a success", "0", reward),
        (Budget::throttle(10, 1_000.1), "reward for a success", "1000.1", reward),
        (Budget::throttle(0, 0.5), "max_tokens", "0", "1 or more"),
        (Budget::quota(500).reward(-1.0), "reward for a success", "-1", reward),
        (Budget::quota(500).refill_per_second(0.0), "refill_per_second", "0", refill),
        (Budget::quota(500).refill_per_second(10_001.0), "refill_per_second", "10001", refill),
        (Budget::quota(500).initial(501), "initial", "501", "at most max_tokens"),
        (Budget::quota(500).cost(0), "cost of a retry", "0", "1 or more"),
        (Budget::quota(500).cost_of(Cause::Other, 0), "cost of a retry", "0", "1 or more"),
        (Budget::quota(9), "cost of a retry", "10", "at most max_tokens"),
        (Budget::ratio(0.1).max_tokens(0), "max_tokens", "0", "1 or more"),
    ] {
        let message = format!("budget {field}: {value} is not allowed: it must be {allowed}");
        assert_eq!(budget.check().unwrap_err().to_string(), message);
    }
    for budget in [
        Budget::ratio(1.0),
        Budget::ratio(0.000_001),
        Budget::windowed(1.0, u32::MAX, Duration::from_nanos(10)),
        Budget::throttle(1, 1_000.0),
        Budget::quota(10),
        Budget::quota(u32::MAX).cost(u32::MAX).reward(0.000_001).refill_per_second(10_000.0),
    ] {
        assert!(budget.check().is_ok());
    }
    let absurd = Budget::windowed(1.0, u32::MAX, Duration::MAX);
    assert!(absurd.check().is_ok());
}

/// Takes a retry's cost, and begins that retry.
fn take(budget: &'static Budget, cause: Cause, now: u64) -> Option<Debt> {
    let mut debt = Debt::default();
    let paid = budget.withdraw(&mut debt, cause, &Then(now));
    budget.used(&mut debt);
    paid.then_some(debt)
}

/// Lets a budget account for the time that has passed.
fn look(budget: &'static Budget, now: u64) {
    budget.at(&Then(now), |_| ());
}
