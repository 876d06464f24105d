//! Calls through policies that share a breaker, each policy that of a fresh instance.

use core::time::Duration;

use crate::platform::state::Store;
use crate::testing::{MemoryStore, Recorder, TestClock};
use crate::{
    Breaker, BreakerState, Cause, Change, Delivery, Event, Failed, Failure, Policy, Reason, Retry, RpcError,
    SharedBreaker, Tripped,
};

const BREAKER: Breaker = Breaker::consecutive_failures(5).open_for(Duration::from_secs(10));

/// Makes one call in a fresh instance, of a target that is there or not.
fn call(store: &'static MemoryStore, up: bool) -> Result<(), Failed> {
    let policy: Policy<(SharedBreaker<_>,)> = Policy::new().shared_breaker(BREAKER.shared("it", store));
    policy.with(TestClock::new()).call(|| if up { Ok(()) } else { Err(no_target()) })
}

fn no_target() -> RpcError {
    RpcError::new(Cause::NoTarget, Delivery::NotSent)
}

/// How many operations of the store that took.
fn cost(store: &'static MemoryStore, up: bool) -> u64 {
    let before = store.asked();
    let _ = call(store, up);
    store.asked() - before
}

#[test]
fn of_200_fresh_instances_five_and_the_probes_reach_a_target_that_is_down() {
    static STORES: [MemoryStore; 2] = [MemoryStore::new(), MemoryStore::that_swaps()];
    STORES.iter().for_each(five_and_the_probes_reach_it);
}

fn five_and_the_probes_reach_it(store: &'static MemoryStore) {
    let mut reached = 0;
    for number in 0..200 {
        let failed = call(store, false).unwrap_err();
        match failed.reason() {
            Reason::BreakerOpen => assert!(failed.retry_after().is_some_and(|wait| wait <= Duration::from_secs(10))),
            _ => reached += 1,
        }
        if number >= 5 {
            // 20.475 s in all.
            store.advance(Duration::from_millis(105));
        }
    }
    assert_eq!(reached, 5 + 2, "the threshold, and a probe after each break");
    store.advance(Duration::from_secs(10));
    for _ in 0..20 {
        call(store, true).unwrap();
    }
}

/// The target is down until the breaker is open, and there for the probe.
fn outage(store: &'static MemoryStore) {
    for _ in 0..5 {
        call(store, false).unwrap_err();
    }
    store.advance(Duration::from_secs(10));
    call(store, true).unwrap();
}

#[test]
fn what_a_call_costs_in_operations_is_as_documented() {
    static STORE: MemoryStore = MemoryStore::new();
    assert_eq!(cost(&STORE, true), 1, "a success reads");
    assert_eq!(cost(&STORE, false), 5, "the first failure counts, says that it was seen, and looks for news");
    assert_eq!(cost(&STORE, false), 2, "each further one counts");
    assert_eq!(cost(&STORE, true), 5, "a success after failures forgets them");
    assert_eq!(cost(&STORE, true), 1);
    for _ in 0..4 {
        call(&STORE, false).unwrap_err();
    }
    assert_eq!(cost(&STORE, false), 8, "the failure that opens it");
    assert_eq!(cost(&STORE, true), 1, "a rejection reads");
    STORE.advance(Duration::from_secs(10));
    assert_eq!(cost(&STORE, true), 11, "a probe that closes it");
    assert_eq!(cost(&STORE, true), 1);
    for _ in 0..4 {
        outage(&STORE);
    }
    for _ in 0..4 {
        call(&STORE, false).unwrap_err();
    }
    assert_eq!(cost(&STORE, false), 8 + 6, "and deletes the keys of an old state");
    STORE.advance(Duration::from_secs(10));
    assert_eq!(cost(&STORE, true), 11 + 6, "the same");
}

#[test]
fn a_store_that_swaps_is_asked_for_less() {
    static STORE: MemoryStore = MemoryStore::that_swaps();
    assert_eq!(cost(&STORE, true), 1, "a success reads");
    for _ in 0..4 {
        assert_eq!(cost(&STORE, false), 3, "a failure reads, and swaps");
    }
    assert_eq!(cost(&STORE, true), 3, "a success after failures forgets them");
    for _ in 0..5 {
        assert_eq!(cost(&STORE, false), 3, "also the failure that opens it");
    }
    assert_eq!(cost(&STORE, true), 1, "a rejection reads");
    STORE.advance(Duration::from_secs(10));
    assert_eq!(cost(&STORE, true), 5, "a probe that closes it");
    assert_eq!((cost(&STORE, true), STORE.len()), (1, 1), "and it has one key");
}

#[test]
fn what_is_not_a_state_is_replaced_by_a_swap() {
    static STORE: MemoryStore = MemoryStore::that_swaps();
    for bytes in [&b""[..], b"?", &[0; 39], &[255; 39]] {
        (&STORE).set("steadfast/it/0/state", bytes).unwrap();
        call(&STORE, true).unwrap();
    }
    for _ in 0..5 {
        call(&STORE, false).unwrap_err();
    }
    assert_eq!(call(&STORE, true).unwrap_err().reason(), Reason::BreakerOpen);
}

#[test]
fn the_two_kinds_of_state_do_not_meet_in_one_store() {
    static STORE: MemoryStore = MemoryStore::new();
    static SWAPS: MemoryStore = MemoryStore::that_swaps();
    for _ in 0..5 {
        call(&STORE, false).unwrap_err();
        call(&SWAPS, false).unwrap_err();
    }
    let keys = ["steadfast/it", "steadfast/it/0/state"];
    let found = |store: &'static MemoryStore| keys.map(|key| store.get(key).unwrap().is_some());
    assert_eq!([found(&STORE), found(&SWAPS)], [[true, false], [false, true]]);
}

#[test]
fn the_keys_do_not_grow_in_number() {
    static STORE: MemoryStore = MemoryStore::new();
    let mut most = 0;
    for _ in 0..100 {
        outage(&STORE);
        most = most.max(STORE.len());
    }
    assert_eq!(most, 20);
}

#[test]
fn a_call_goes_on_by_itself_where_the_store_fails() {
    static STORE: MemoryStore = MemoryStore::new();
    static SEEN: Recorder = Recorder::new();
    let clock = TestClock::new();
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE)).observer(&SEEN);
    let call = |up: bool| policy.with(&clock).call(|| if up { Ok(()) } else { Err(no_target()) });
    STORE.fail(true);
    call(true).unwrap();
    assert!(SEEN.take().contains(&Event::StoreFailed));
    for _ in 0..5 {
        assert_eq!(call(false).unwrap_err().last().map(|error| error.cause), Some(Cause::NoTarget));
    }
    assert_eq!(call(true).unwrap_err().reason(), Reason::BreakerOpen, "by what this instance has seen");
    STORE.fail(false);
    clock.advance(Duration::from_secs(1));
    call(true).unwrap();
}

#[test]
fn a_store_that_fails_is_left_alone_for_longer_each_time() {
    static STORE: MemoryStore = MemoryStore::new();
    static SEEN: Recorder = Recorder::new();
    let clock = TestClock::new();
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE)).observer(&SEEN);
    let call = || {
        let before = STORE.asked();
        policy.with(&clock).call(|| Ok::<_, RpcError>(())).unwrap();
        let told = SEEN.take().contains(&Event::StoreFailed);
        (STORE.asked() - before, told)
    };
    STORE.fail(true);
    for rest in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(call(), (1, true), "asked, and the observer is told");
        clock.advance(Duration::from_millis(rest * 1000 - 1));
        assert_eq!(call(), (0, false), "not asked for {rest} s");
        clock.advance(Duration::from_millis(1));
    }
    STORE.fail(false);
    assert_eq!(call(), (1, false));
    STORE.fail(true);
    assert_eq!(call(), (1, true));
    clock.advance(Duration::from_secs(1));
    assert_eq!(call(), (1, true), "after an answer, it begins with 1 s again");
}

#[test]
fn a_store_that_fails_after_the_call_is_left_alone_too() {
    static STORE: MemoryStore = MemoryStore::new();
    let clock = TestClock::new();
    let policy = Policy::new().shared_breaker(BREAKER.shared("it", &STORE));
    let call = |fails: bool| {
        let before = STORE.asked();
        let attempt = || {
            STORE.fail(fails);
            Err::<(), _>(no_target())
        };
        let _ = policy.with(&clock).call(attempt);
        STORE.asked() - before
    };
    assert_eq!(call(true), 2, "it is asked before the call, and fails after it");
    STORE.fail(false);
    assert_eq!(call(false), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(call(false), 5, "a first failure that is counted");
}

#[test]
fn what_is_not_a_state_is_ignored_and_replaced() {
    static STORE: MemoryStore = MemoryStore::new();
    for bytes in [&b""[..], b"?", &[0; 31], &[255; 31]] {
        (&STORE).set("steadfast/it", bytes).unwrap();
        (&STORE).set("steadfast/it/1/open", bytes).unwrap();
        call(&STORE, true).unwrap();
    }
    for _ in 0..5 {
        call(&STORE, false).unwrap_err();
    }
    assert_eq!(call(&STORE, true).unwrap_err().reason(), Reason::BreakerOpen);
}

#[test]
fn observers_of_each_instance_see_what_it_changed() {
    static STORES: [MemoryStore; 2] = [MemoryStore::new(), MemoryStore::that_swaps()];
    STORES.iter().for_each(observers_see_what_changed);
}

fn observers_see_what_changed(store: &'static MemoryStore) {
    static SEEN: Recorder = Recorder::new();
    let call = |up: bool| {
        let policy = Policy::new().shared_breaker(BREAKER.shared("it", store)).observer(&SEEN);
        let _ = policy.with(TestClock::new()).call(|| if up { Ok(()) } else { Err(no_target()) });
        let changes = SEEN.take();
        let changes = changes.into_iter().filter_map(|event| match event {
            Event::BreakerChanged(change) => Some(change),
            _ => None,
        });
        changes.collect::<Vec<_>>()
    };
    for _ in 0..4 {
        assert_eq!(call(false), []);
    }
    assert_eq!(call(false), [Change::Opened { why: Tripped::Failures, cause: Cause::NoTarget }]);
    assert_eq!(call(true), []);
    store.advance(Duration::from_secs(10));
    assert_eq!(call(false), [Change::HalfOpened, Change::Opened { why: Tripped::Probe, cause: Cause::NoTarget }]);
    store.advance(Duration::from_secs(10));
    assert_eq!(call(true), [Change::HalfOpened, Change::Closed]);
}

#[test]
fn a_probe_that_says_nothing_makes_room_for_the_next() {
    static STORES: [MemoryStore; 2] = [MemoryStore::new(), MemoryStore::that_swaps()];
    for store in &STORES {
        for _ in 0..5 {
            call(store, false).unwrap_err();
        }
        store.advance(Duration::from_secs(10));
        let policy = Policy::new().shared_breaker(BREAKER.shared("it", store));
        let no_link = || Err::<(), _>(RpcError::new(Cause::NoLink, Delivery::NotSent));
        assert_eq!(policy.with(TestClock::new()).call(no_link).unwrap_err().attempts(), 1);
        call(store, true).unwrap();
        assert_eq!(cost(store, true), 1, "it is closed");
    }
}

#[test]
fn retries_end_at_the_failure_that_opens_it() {
    static STORE: MemoryStore = MemoryStore::new();
    let policy = Policy::new().retry(Retry::attempts(10)).shared_breaker(BREAKER.shared("it", &STORE));
    let failed = policy.with(&TestClock::new()).call(|| Err::<(), _>(no_target())).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::BreakerOpen, 5));
    assert_eq!(failed.retry_after(), Some(Duration::from_secs(10)));
}

#[test]
fn breakers_of_two_names_are_two_breakers() {
    static STORE: MemoryStore = MemoryStore::new();
    for _ in 0..5 {
        call(&STORE, false).unwrap_err();
    }
    let other = Policy::new().shared_breaker(BREAKER.shared("it/too", &STORE));
    other.with(&TestClock::new()).call(|| Ok::<_, RpcError>(())).unwrap();
}

#[test]
fn a_breaker_that_is_reset_ignores_what_was_under_way() {
    static STORES: [MemoryStore; 2] = [MemoryStore::new(), MemoryStore::that_swaps()];
    STORES.iter().for_each(what_was_under_way_is_ignored);
}

fn what_was_under_way_is_ignored(store: &'static MemoryStore) {
    let breaker = BREAKER.shared("it", store);
    for _ in 0..5 {
        call(store, false).unwrap_err();
    }
    let open = breaker.state().unwrap();
    assert_eq!((open.state, open.retry_after), (BreakerState::Open, Duration::from_secs(10)));
    store.advance(Duration::from_secs(10));
    assert_eq!(breaker.state().unwrap().state, BreakerState::HalfOpen);
    let policy: Policy<(SharedBreaker<_>,)> = Policy::new().shared_breaker(breaker);
    let probe = policy.with(TestClock::new()).call(|| {
        assert_eq!(breaker.reset(), Ok(true));
        Err::<(), _>(no_target())
    });
    probe.unwrap_err();
    let state = breaker.state().unwrap();
    assert_eq!((state.state, state.failing, state.generation), (BreakerState::Closed, false, open.generation + 1));
    call(store, true).unwrap();
    // A failure that was only seen is forgotten too.
    call(store, false).unwrap_err();
    assert!(breaker.state().unwrap().failing);
    assert_eq!((breaker.reset(), breaker.reset()), (Ok(true), Ok(false)));
    for _ in 0..4 {
        call(store, false).unwrap_err();
    }
    call(store, true).unwrap();
}
