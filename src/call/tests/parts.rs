//! Parts that are decided at run time.

use super::*;

#[test]
fn parts_may_be_decided_at_run_time() {
    let clock = TestClock::new();
    for attempts in [None, Some(3)] {
        let breaker = Some(Breaker::consecutive_failures(3));
        let policy = Policy::new().optional(attempts.map(regular)).unwrap().optional(breaker).unwrap();
        let failed = policy.with(&clock).call(no_target).unwrap_err();
        assert_eq!(failed.attempts(), attempts.unwrap_or(1));
    }
    let refused = Policy::new().optional(Some(Deadline::after(Duration::ZERO))).unwrap_err();
    assert_eq!(refused.to_string(), "deadline: 0ns is not allowed: it must be longer than zero");
}

/// Each part both as it is and as one that was decided on at run time: whatever happens, they do the same.
#[test]
fn a_part_that_is_decided_at_run_time_does_what_the_part_does() {
    use crate::observe::Event;
    use crate::testing::Recorder;
    use crate::{AttemptTimeout, Bulkhead, Hedge, RateLimit};

    let breaker = Breaker::consecutive_failures(10).open_for(secs(30));
    let rate = RateLimit::per_second(1).burst(2).wait_up_to(secs(2));
    let (bulkhead, timeout, hedge) = (Bulkhead::concurrent(2), AttemptTimeout::after(secs(5)), Hedge::after(secs(1)));
    let (deadline, retry) = (Deadline::after(secs(20)), regular(4));

    fn play<P: crate::Parts>(policy: &Policy<P>, seen: &Recorder) -> (Vec<String>, Vec<Duration>, Vec<Event>) {
        let clock = TestClock::new();
        let call = || -> crate::Call<'_, P, &TestClock> { crate::Call::new(policy, &clock) };
        let mut outcomes = Vec::new();
        let mut note = |outcome: Result<&'static str, Failed>| outcomes.push(format!("{outcome:?}"));
        note(call().call(|| Ok("first")));
        // There is place for two calls, and none for a third within both.
        let refused = |_: Failed| RpcError::new(Cause::Protocol, Delivery::NotSent);
        note(call().call(|| call().call(|| call().call(|| Ok("third")).map_err(refused)).map_err(refused)));
        let mut slow = Script::new([no_target(), Ok("slow")]);
        note(call().call(|| {
            clock.advance(secs(6));
            slow.next()
        }));
        note(block_on(call().call_async(async || core::future::pending::<Outcome>().await)));
        for _ in 0..3 {
            note(call().call(no_target));
        }
        note(block_on(call().call_async(async || no_target())));
        clock.advance(secs(30));
        note(block_on(call().idempotent().call_hedged(async || Ok("probe"))));
        (outcomes, clock.slept(), seen.take())
    }

    static SEEN: Recorder = Recorder::new();
    let plain = Policy::new()
        .deadline(deadline)
        .retry(retry)
        .breaker(breaker)
        .bulkhead(bulkhead)
        .rate_limit(rate)
        .attempt_timeout(timeout)
        .hedge(hedge)
        .observer(&SEEN);
    let expected = play(&plain, &SEEN);

    let optional = || -> Result<_, crate::Invalid> {
        let policy = Policy::new().optional(Some(deadline))?.optional(Some(retry))?.optional(Some(breaker))?;
        let policy = policy.optional(Some(bulkhead))?.optional(Some(rate))?.optional(Some(timeout))?;
        Ok(policy.optional(Some(hedge))?.observer(&SEEN))
    };
    let optional = optional().unwrap();
    assert_eq!(play(&optional, &SEEN), expected);

    // And all that the parts can do was seen.
    let (outcomes, slept, events) = expected;
    let said = format!("{outcomes:?} {events:?}");
    for what in ["BulkheadFull", "BreakerOpen", "HalfOpened", "Closed", "Opened", "Timeout", "Delayed"] {
        assert!(said.contains(what), "{what} is missing: {said}");
    }
    assert!(!slept.is_empty());
}
