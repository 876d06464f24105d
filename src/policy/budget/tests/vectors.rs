//! What others published about their budgets.

use super::*;

// vector 1
#[test]
fn grpc_throttling() {
    let budget = shared(Budget::throttle(10, 0.5));
    let policy = policy(4, budget);
    let clock = TestClock::new();
    let mut index = -1;
    // Outcome, last index, tokens. The outcomes and indexes are what grpc-go's `TestRetryThrottling` asserts. Its
    // comments give the tokens too, and three of them (6 for 7, 5.5 for 6, 4.5 for 5) do not follow from its own
    // rule: after 8.5, two failures and a success leave 8.5 - 2 + 0.5 = 7, and only 7 gives the 5 that comes next.
    for (ok, last, tokens) in [
        (true, 0, 10.0),
        (true, 3, 8.5),
        (true, 6, 7.0),
        (false, 8, 5.0),
        (false, 9, 4.0),
        (true, 10, 4.5),
        (true, 11, 5.0),
        (true, 12, 5.5),
        (true, 13, 6.0),
        (true, 14, 6.5),
        (true, 16, 6.0),
        (false, 17, 5.0),
    ] {
        let outcome = policy.with(&clock).call(|| {
            index += 1;
            match index {
                0 | 3 | 6 | 10..=14 | 16 | 18 => Ok(()),
                _ => no_target(),
            }
        });
        let millionths = (tokens * 1e6) as u64;
        assert_eq!((outcome.is_ok(), index, budget.millionths()), (ok, last, millionths), "at index {index}");
    }
}

// vector 2
#[test]
fn grpc_attempts_with_a_throttle_that_never_refuses() {
    let policy = policy(4, shared(Budget::throttle(1_000, 0.5)));
    let clock = TestClock::new();
    let mut index = 0;
    let mut ends = Vec::new();
    while index < 16 {
        let _ = policy.with(&clock).call(|| {
            index += 1;
            match index - 1 {
                0 | 2 | 5 => Ok(()),
                6 | 8 | 11 => error(Cause::Protocol),
                _ => no_target(),
            }
        });
        ends.push(index - 1);
    }
    assert_eq!(ends, [0, 2, 5, 6, 8, 11, 15]);
}

// vector 4
#[test]
fn aws_standard_retry_quota() {
    let clock = TestClock::new();
    let budget = shared(Budget::quota(500));
    let mut quotas = Vec::new();
    let failed = policy(5, budget)
        .with(&clock)
        .call(|| {
            quotas.push(budget.tokens());
            no_target::<()>()
        })
        .unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 5));
    assert_eq!(clock.slept(), [1, 2, 4, 8].map(secs));
    assert_eq!(quotas, [500, 495, 490, 485, 480]);
    assert_eq!(budget.tokens(), 480);

    let budget = shared(Budget::quota(500));
    let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
    assert_eq!(policy(5, budget).with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(budget.tokens(), 495);
    // A success without retries adds 1.
    policy(5, budget).with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    assert_eq!(budget.tokens(), 496);

    let mut target = Script::new([error(Cause::Timeout), no_target(), error(Cause::Timeout), Ok("hi")]);
    assert_eq!(policy(5, budget).with(&clock).call(|| target.next()), Ok("hi"));
    assert_eq!(budget.tokens(), 496 - 10 - 5 - 10 + 10);
}

// vector 4
#[test]
fn an_aws_quota_that_is_used_up_ends_a_call() {
    let clock = TestClock::new();
    for (quota, attempts) in [(14, 2), (15, 3), (19, 3), (20, 3), (25, 4)] {
        let mut target = Script::<(), _>::new([error(Cause::Timeout), no_target(), error(Cause::Timeout), no_target()]);
        let failed = policy(4, shared(Budget::quota(quota))).with(&clock).call(|| target.next()).unwrap_err();
        let reason = if attempts == 4 { Reason::Attempts } else { Reason::Budget };
        assert_eq!((failed.reason(), failed.attempts()), (reason, attempts), "a quota of {quota}");
    }
}

// vector 5
#[test]
fn fractional_rewards_and_refills_add_up_exactly() {
    let budget = shared(Budget::quota(500).initial(100).reward(0.4));
    for (tokens, millionths) in [(100, 100_400_000), (100, 100_800_000), (101, 101_200_000)] {
        budget.succeeded(None);
        assert_eq!((budget.tokens(), budget.millionths()), (tokens, millionths));
    }

    let budget = shared(Budget::quota(500).cost(1).initial(0).refill_per_second(1.0));
    assert!(take(budget, Cause::Other, 0).is_none());
    for second in 1..=5 {
        look(budget, second * SECOND - 1);
        assert_eq!(budget.tokens(), second as u32 - 1, "a moment before second {second}");
        look(budget, second * SECOND);
        assert_eq!(budget.tokens(), second as u32);
    }
}

// The prices of 2026: 500 tokens, 14 for a retry, 5 after an overload; waits of 50 ms, and of 1 s after an overload.
#[test]
fn the_aws_prices_of_2026_are_those_published() {
    let budget = shared(Budget::quota_2026(500));
    for (cause, cost) in [(Cause::NoTarget, 14), (Cause::Timeout, 14), (Cause::Other, 14), (Cause::Overloaded, 5)] {
        let clock = TestClock::new();
        let before = budget.tokens();
        let mut target = Script::new([error(cause), error(cause), error::<()>(cause)]);
        let policy = Policy::new().retry(Retry::aws_2026().budget(budget));
        let failed = policy.with(&clock).call(|| target.next()).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 3), "{cause:?}");
        assert_eq!(before - budget.tokens(), 2 * cost, "{cause:?}");
        let base = if cause == Cause::Overloaded { 1_000 } else { 50 };
        assert_eq!(clock.slept(), [base, 2 * base].map(Duration::from_millis), "{cause:?}");
    }
    // A success gives back what the last retry cost; one without retries adds 1.
    let before = budget.tokens();
    let mut target = Script::new([error(Cause::Overloaded), no_target(), Ok("hi"), Ok("hi")]);
    let policy = Policy::new().retry(Retry::aws_2026().budget(budget));
    policy.with(TestClock::new()).call(|| target.next()).unwrap();
    assert_eq!(before - budget.tokens(), 5);
    policy.with(TestClock::new()).call(|| target.next()).unwrap();
    assert_eq!(before - budget.tokens(), 4);
    assert_eq!(Budget::quota(500).tokens(), 500, "the old prices stay");
}
