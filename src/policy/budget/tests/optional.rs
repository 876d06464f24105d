//! Budgets, and retries that have one, that are decided at run time.

use super::*;
use crate::Upcoming;
use crate::failure::Facts;
use crate::policy::RetryPart;

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

/// What the budget of a retry holds, in halves of a token, after each thing that happens: to a call that is
/// repeated, to one whose retry never begins, and to one that succeeds at once.
fn play<R: RetryPart>(retry: R, budget: &Budget) -> [u64; 9] {
    let facts = Facts { cause: Cause::NoTarget, delivery: Delivery::NotSent, retry_after: None };
    let upcoming = Upcoming { attempt: 2, cause: facts.cause, delivery: facts.delivery, delay: secs(1) };
    let now = Then(0);
    let mut halves = Vec::new();
    for begins in [true, false] {
        let mut course = R::Course::default();
        retry.began(&mut course, 0, &now);
        halves.push(budget.millionths() / 500_000);
        assert!(retry.decide(&mut course, 1, &facts, false, &now).is_ok());
        halves.push(budget.millionths() / 500_000);
        assert_eq!(retry.spend(&mut course, &upcoming, &now), Ok(()));
        halves.push(budget.millionths() / 500_000);
        if begins {
            retry.began(&mut course, 1, &now);
            retry.succeeded(&mut course, &now);
        }
        drop(course);
        halves.push(budget.millionths() / 500_000);
    }
    let mut course = R::Course::default();
    retry.began(&mut course, 0, &now);
    retry.succeeded(&mut course, &now);
    halves.push(budget.millionths() / 500_000);
    halves.try_into().unwrap()
}

#[test]
fn a_budget_that_is_decided_at_run_time_moves_as_one_that_always_was() {
    let rows: [(fn() -> Budget, _); 3] = [
        (|| Budget::ratio(0.5).initial(2), [5, 5, 3, 3, 4, 4, 2, 4, 5]),
        (|| Budget::throttle(10, 0.5), [20, 18, 18, 19, 19, 17, 17, 17, 18]),
        (|| Budget::quota(20).initial(15), [30, 30, 20, 30, 30, 30, 20, 30, 32]),
    ];
    for (make, expected) in rows {
        let [always, optional, in_optional] = [make(), make(), make()].map(shared);
        let retry = Retry::attempts(3);
        assert_eq!(play(retry.budget(always), always), expected, "{always:?}");
        assert_eq!(play(retry.optional_budget(Some(optional)).unwrap(), optional), expected, "{optional:?}");
        assert_eq!(play(Some(retry.budget(in_optional)), in_optional), expected, "{in_optional:?}");
    }
}
