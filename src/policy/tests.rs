//! How what a person may hold shows itself.

use core::time::Duration;

use crate::testing::TestClock;
use crate::{Breaker, Deadline, Failed, LastGood, Policy, Retry, RpcError};

#[test]
fn policies_and_what_is_made_from_them_show_what_they_are_and_what_is_set() {
    let policy = Policy::new()
        .deadline(Deadline::after(Duration::from_secs(3)))
        .retry(Retry::attempts(4))
        .breaker(Breaker::consecutive_failures(5));
    let last = LastGood::<u32>::new(Duration::from_secs(60));
    let clock = TestClock::new();
    let call = || policy.with(&clock);
    let snapshot = policy.breaker_control().snapshot();
    for (shown, expected) in [
        (format!("{policy:?}"), &["Policy {", "deadline: Deadline", "3s", "attempts: 4", "memory: ", "hedge: ()"][..]),
        (format!("{:?}", call().fallback(|_: Failed<RpcError>| 7)), &["WithFallback {"]),
        (format!("{:?}", call().fallback_call(|_: Failed<RpcError>| Ok::<_, RpcError>(7))), &["WithFallback {"]),
        (format!("{:?}", call().stale_if_error(&last)), &["WithFallback {"]),
        (format!("{last:?}"), &["LastGood {", "max_age: 60s", "None"]),
        (format!("{snapshot:?}"), &["BreakerSnapshot([2, 1, 0, "]),
    ] {
        for part in expected {
            assert!(shown.contains(part), "{part} is missing: {shown}");
        }
    }
}
