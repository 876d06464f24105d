//! Budgets, and retries that have one, that are decided at run time.

use core::cell::Cell;

use super::*;
use crate::platform::clock::AsyncClock;
use crate::policy::Parts;
use crate::testing::ManualClock;
use crate::{Call, Hedge};

#[test]
fn a_budget_may_be_decided_at_run_time() {
    let clock = TestClock::new();
    for (budget, attempts) in [(None, 2), (Some(shared(Budget::ratio(0.1))), 1)] {
        let policy = Policy::new().retry(Retry::attempts(2).optional_budget(budget).unwrap());
        assert_eq!(policy.with(&clock).call(no_target::<()>).unwrap_err().attempts(), attempts);
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
    }
    let refused = Retry::attempts(2).optional_budget(Some(Box::leak(Box::new(Budget::ratio(7.0)))));
    assert_eq!(refused.unwrap_err().field(), "budget ratio");
}

/// What `budget` holds, in halves of a token, within each attempt and after each call: of a call that is repeated, of
/// one that fails to the end, and of one that succeeds at once.
fn play<P: Parts>(policy: Policy<P>, budget: &Budget) -> Vec<u64> {
    let clock = TestClock::new();
    let mut target = Script::new([no_target(), Ok(()), no_target(), no_target(), Ok(())]);
    let mut halves = Vec::new();
    for _ in 0..3 {
        let _ = Call::new(&policy, &clock).call(|| {
            halves.push(budget.millionths() / 500_000);
            target.next()
        });
        halves.push(budget.millionths() / 500_000);
    }
    halves
}

#[test]
fn a_budget_that_is_decided_at_run_time_moves_as_one_that_always_was() {
    let rows: [(fn() -> Budget, _); 3] = [
        (|| Budget::ratio(0.5).initial(2), [5, 3, 3, 4, 2, 2, 3, 3]),
        (|| Budget::throttle(10, 0.5), [20, 18, 19, 19, 17, 15, 15, 16]),
        (|| Budget::quota(20).initial(15), [30, 20, 30, 30, 20, 20, 20, 22]),
    ];
    for (make, expected) in rows {
        let [always, optional, in_optional] = [make(), make(), make()].map(shared);
        let retry = Retry::attempts(2);
        let new = || Policy::new();
        assert_eq!(play(new().retry(retry.budget(always)), always), expected, "{always:?}");
        assert_eq!(
            play(new().retry(retry.optional_budget(Some(optional)).unwrap()), optional),
            expected,
            "{optional:?}"
        );
        assert_eq!(
            play(new().optional(Some(retry.budget(in_optional))).unwrap(), in_optional),
            expected,
            "{in_optional:?}"
        );
    }
}

#[test]
fn a_hedge_is_paid_from_an_optional_budget_too() {
    for (budget, expected) in [(None, [2, 2]), (Some(shared(Budget::ratio(0.1).initial(1))), [2, 1])] {
        let retry = Retry::attempts(2).optional_budget(budget).unwrap();
        let policy = Policy::new().retry(retry).hedge(Hedge::after(Duration::from_millis(100)));
        let clock = ManualClock::new();
        let attempts = expected.map(|_| {
            let attempts = Cell::new(0);
            let slow = async || {
                attempts.set(attempts.get() + 1);
                clock.sleep_async(Duration::from_secs(1)).await;
                Ok::<_, RpcError>(())
            };
            clock.run(policy.with(&clock).idempotent().call_hedged(slow)).unwrap();
            attempts.get()
        });
        assert_eq!(attempts, expected, "{budget:?}");
    }
}
