//! Calls through policies that share a budget in a store, each policy and each budget that of a fresh instance.

use super::*;
use crate::policy::SharedBudget;
use crate::testing::{MemoryStore, Recorder};
use crate::{Event, RateLimit, Upcoming};

type InStore = SharedBudget<&'static MemoryStore>;

/// Of every four calls, one is repeated.
fn quarter() -> Budget {
    Budget::windowed(0.25, 0, secs(10))
}

/// That of one instance.
fn fresh(budget: Budget, store: &'static MemoryStore) -> &'static InStore {
    Box::leak(Box::new(budget.shared("it", store).check().unwrap()))
}

fn attempts(budget: &'static InStore) -> u32 {
    let policy = Policy::new().retry(Retry::attempts(2).shared_budget(budget));
    policy.with(TestClock::new()).call(no_target::<()>).unwrap_err().attempts()
}

/// Makes one call in a fresh instance that fails: whether it was repeated, and what the store was asked for it.
fn failing(store: &'static MemoryStore) -> (bool, u64) {
    let before = store.asked();
    (attempts(fresh(quarter(), store)) == 2, store.asked() - before)
}

fn spent(store: &'static MemoryStore) -> [u64; 2] {
    let slot = crate::Store::wall_time(&store).as_secs() / 10;
    ["spent", "returned"]
        .map(|what| crate::Store::increment(&store, &format!("steadfast/it/{slot}/{what}"), 0).unwrap())
}

#[test]
fn of_200_fresh_instances_exactly_the_share_retries_in_a_slot() {
    static STORE: MemoryStore = MemoryStore::new();
    for slot in 0..5 {
        assert_eq!((0..40).filter(|_| failing(&STORE).0).count(), 10, "slot {slot}");
        assert_eq!(spent(&STORE), [10, 0], "the 30 that were refused do not count");
        STORE.advance(secs(10));
    }
}

#[test]
fn a_minimum_per_second_is_there_in_each_slot() {
    static STORE: MemoryStore = MemoryStore::new();
    let budget = || fresh(Budget::windowed(0.1, 1, secs(2)), &STORE);
    for slot in 0..3 {
        let retried = (0..20).filter(|_| attempts(budget()) == 2).count();
        assert_eq!(retried, 2 + 2, "slot {slot}");
        STORE.advance(secs(2));
    }
}

#[test]
fn a_call_is_one_operation_and_a_retry_three() {
    static STORE: MemoryStore = MemoryStore::new();
    let succeeding = || {
        let before = STORE.asked();
        let policy = Policy::new().retry(Retry::attempts(2).shared_budget(fresh(quarter(), &STORE)));
        policy.with(TestClock::new()).call(|| Ok::<_, RpcError>(())).unwrap();
        STORE.asked() - before
    };
    assert_eq!([succeeding(), succeeding(), succeeding()], [3, 1, 1], "there is nothing to delete yet");
    assert_eq!([failing(&STORE), failing(&STORE)], [(true, 4), (false, 3)]);
    for _ in 0..4 {
        STORE.advance(secs(10));
        succeeding();
    }
    STORE.advance(secs(10));
    assert_eq!([succeeding(), succeeding()], [6, 1]);
}

#[test]
fn slots_of_a_budget_that_are_over_are_deleted() {
    static STORE: MemoryStore = MemoryStore::new();
    let second = || fresh(Budget::windowed(1.0, 0, secs(1)), &STORE);
    let mut most = 0;
    for pause in (0..100).map(|number| if number % 10 == 9 { 500 } else { 1 }) {
        STORE.advance(secs(pause));
        assert_eq!(attempts(second()), 2);
        most = most.max(STORE.len());
    }
    assert_eq!(most, 3 * 7 + 1, "of this second and the six before, and where they begin and end");
}

#[test]
fn an_instance_that_is_kept_counts_many_calls_at_a_time() {
    static STORE: MemoryStore = MemoryStore::new();
    let budget: &InStore = Box::leak(Box::new(quarter().shared("it", &STORE).batch(20).check().unwrap()));
    let policy = Policy::new().retry(Retry::attempts(2).shared_budget(budget));
    let clock = TestClock::new();
    let succeeding = |calls: u32| {
        let before = STORE.asked();
        (0..calls).for_each(|_| policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap());
        STORE.asked() - before
    };
    assert_eq!([succeeding(19), succeeding(1), succeeding(19), succeeding(1)], [0, 3, 0, 1]);
    assert_eq!(succeeding(3), 0);
    let before = STORE.asked();
    assert_eq!(attempts(budget), 2);
    assert_eq!(STORE.asked() - before, 4, "before a retry, the store is told of the calls");
    assert_eq!((0..100).filter(|_| attempts(fresh(quarter(), &STORE)) == 2).count(), (44 + 100) / 4 - 1);
}

#[test]
fn a_retry_that_is_paid_and_not_made_is_given_back() {
    fn never(_: &Upcoming) -> bool {
        false
    }
    static STORE: MemoryStore = MemoryStore::new();
    let vetoed = || {
        let retry = Retry::attempts(2).before_retry(never).shared_budget(fresh(quarter(), &STORE));
        Policy::new().retry(retry).with(TestClock::new()).call(no_target::<()>).unwrap_err().reason()
    };
    assert_eq!([vetoed(), vetoed(), vetoed()], [Reason::Budget; 3]);
    assert_eq!([vetoed(), vetoed(), vetoed()], [Reason::Vetoed; 3], "one after the other has the same token");
    assert_eq!(spent(&STORE), [3, 3]);
    assert!(failing(&STORE).0);
    assert_eq!(spent(&STORE), [4, 3]);
}

#[test]
fn in_a_later_slot_nothing_is_given_back() {
    static STORE: MemoryStore = MemoryStore::new();
    let budget = fresh(Budget::windowed(1.0, 0, secs(10)), &STORE);
    let mut debt = Default::default();
    budget.called(&Then(0));
    assert!(budget.withdraw(&mut debt, Cause::NoTarget, &Then(0)));
    STORE.advance(secs(10));
    let asked = STORE.asked();
    drop(debt);
    assert_eq!(STORE.asked(), asked);
}

#[test]
fn a_retry_costs_what_its_cause_says() {
    static STORE: MemoryStore = MemoryStore::new();
    let budget = || fresh(Budget::windowed(1.0, 0, secs(10)).cost_of(Cause::Overloaded, 3), &STORE);
    let retried = |cause| {
        let policy = Policy::new().retry(Retry::attempts(2).shared_budget(budget()));
        policy.with(TestClock::new()).call(|| error::<()>(cause)).unwrap_err().attempts() == 2
    };
    assert_eq!([(); 5].map(|()| retried(Cause::Overloaded)), [false, false, true, false, false]);
    assert!(retried(Cause::NoTarget));
    assert_eq!(spent(&STORE), [4, 0]);
}

#[test]
fn a_retry_goes_on_by_itself_where_the_store_fails() {
    static STORE: MemoryStore = MemoryStore::new();
    static SEEN: Recorder = Recorder::new();
    let clock = TestClock::new();
    let budget = fresh(quarter(), &STORE);
    let policy = Policy::new().retry(Retry::attempts(2).shared_budget(budget)).observer(&SEEN);
    let retried = || policy.with(&clock).call(no_target::<()>).unwrap_err().attempts() == 2;
    let told = || SEEN.take().iter().filter(|event| **event == Event::StoreFailed).count();
    STORE.fail(true);
    assert!(!retried());
    assert_eq!(told(), 1);
    let asked = STORE.asked();
    assert_eq!([(); 7].map(|()| retried()), [false, false, true, false, false, false, true], "by its own count");
    assert_eq!((STORE.asked(), told()), (asked, 0), "it is left alone");
    STORE.fail(false);
    clock.advance(secs(1));
    assert!(!retried(), "the store knows of one call");
    // It fails between the call and its retry.
    let fails = || {
        STORE.fail(true);
        no_target::<()>()
    };
    policy.with(&clock).call(fails).unwrap_err();
    assert_eq!(told(), 1);
}

#[test]
fn breakers_limits_and_budgets_of_one_name_do_not_meet() {
    static STORE: MemoryStore = MemoryStore::new();
    let breaker = || Breaker::consecutive_failures(100).shared("it", &STORE);
    let policy = || {
        let policy = Policy::new().retry(Retry::attempts(2).shared_budget(fresh(quarter(), &STORE)));
        let policy = policy.shared_breaker(breaker());
        policy.shared_rate_limit(RateLimit::tokens(10).every(secs(10)).shared("it", &STORE))
    };
    let reasons: Vec<_> =
        (0..9).map(|_| policy().with(TestClock::new()).call(no_target::<()>).unwrap_err().reason()).collect();
    let expected: Vec<_> = (1..=9)
        .map(|call| match call {
            4 => Reason::Attempts,
            8 => Reason::Attempts,
            _ => Reason::Budget,
        })
        .collect();
    assert_eq!(reasons[..8], expected[..8]);
    assert_eq!(reasons[8], Reason::RateLimited, "ten attempts were made");
    assert_eq!(breaker().state().unwrap().generation, 0);
}

#[test]
fn what_is_no_span_of_slots_of_a_budget_is_replaced() {
    static STORE: MemoryStore = MemoryStore::new();
    for garbage in [&b"garbage"[..], &[0; 16], &[0xff; 16], &[0; 17]] {
        crate::Store::set(&&STORE, "steadfast/it/0/span", garbage).unwrap();
        attempts(fresh(Budget::windowed(1.0, 0, secs(10)), &STORE));
        STORE.advance(secs(10));
    }
    assert!(STORE.len() <= 3 * 4 + 1);
}

#[test]
fn budgets_that_slots_do_not_have_are_refused() {
    static STORE: MemoryStore = MemoryStore::new();
    let refused = |budget: Budget, name| budget.shared(name, &STORE).check().unwrap_err().to_string();
    assert_eq!(
        refused(Budget::ratio(0.2), "it"),
        "budget shared, ttl: 0ns is not allowed: it must be that of a windowed budget"
    );
    assert_eq!(
        refused(Budget::windowed(0.2, 10, Duration::from_millis(999)), "it"),
        "budget shared, ttl: 999ms is not allowed: it must be 1 s or longer"
    );
    assert_eq!(
        refused(quarter(), "a b"),
        "shared state, a byte of the name: 32 is not allowed: it must be a letter, a digit, or one of - _ . /"
    );
    assert_eq!(
        refused(Budget::windowed(0.0, 1, secs(10)), "it"),
        "budget ratio: 0 is not allowed: it must be from 0.000001 to 1"
    );
    let batch = quarter().shared("it", &STORE).batch(0).check().unwrap_err();
    assert_eq!(batch.to_string(), "budget shared, batch: 0 is not allowed: it must be 1 or more");
}
