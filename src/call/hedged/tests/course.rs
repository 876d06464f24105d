//! How hedged calls run: what starts when, what wins, and what it comes to.

use super::*;

#[test]
fn a_call_that_is_fast_enough_is_not_hedged_and_looks_at_no_clock() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(0, Ok("now")), (100, Ok("just in time"))]);
    let call = policy.with(&clock).idempotent();
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("now"));
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("just in time"));
    assert_eq!((target.started(), clock.reads(), clock.sleepers()), (vec![0, 0], 0, 0));
    let without = Policy::new();
    let call = without.with(&clock).idempotent();
    assert_eq!(clock.run(call.call_hedged(async || Ok::<_, RpcError>("without"))), Ok("without"));
    assert_eq!(clock.reads(), 0);
}

#[test]
fn the_first_success_wins_and_the_loser_is_cancelled() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().hedge(Hedge::after(millis(100))).observer(&SEEN);
    for (script, winner, took) in [
        ([(900, Ok("first")), (50, Ok("hedge"))], "hedge", 150),
        ([(200, Ok("first")), (900, Ok("hedge"))], "first", 200),
        // Ready at the same moment: the one that was there first.
        ([(200, Ok("first")), (100, Ok("hedge"))], "first", 200),
    ] {
        let clock = ManualClock::new();
        let target = scripted(&clock, script);
        let call = policy.with(&clock).idempotent();
        assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok(winner));
        assert_eq!((clock.passed(), target.started()), (millis(took), vec![0, 100]));
        assert_eq!((target.under_way.get(), clock.sleepers()), (0, 0), "nothing is left");
        let attempt = if winner == "hedge" { 2 } else { 1 };
        assert_eq!(
            SEEN.take(),
            [
                Event::AttemptStarted { attempt: 1 },
                Event::HedgeFired { attempt: 2 },
                Event::AttemptStarted { attempt: 2 },
                Event::AttemptSucceeded { attempt, failures: 0 },
            ]
        );
    }
}

#[test]
fn hedges_come_one_delay_after_the_other_and_no_more_than_allowed() {
    for most in 1..=4 {
        let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(most));
        let clock = ManualClock::new();
        let target = scripted(&clock, (0..=most).map(|_| (1_000, Ok("slow"))));
        let call = policy.with(&clock).idempotent();
        assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("slow"));
        let expected: Vec<u128> = (0..=u128::from(most)).map(|number| number * 100).collect();
        assert_eq!((target.started(), target.most_under_way.get()), (expected, most + 1));
    }
}

#[test]
fn without_a_hedge_it_is_a_plain_call() {
    let clock = ManualClock::new();
    for retry in [None, Some(Retry::attempts(2))] {
        let policy = Policy::new().optional(retry).unwrap();
        let target = scripted(&clock, [(500, error(Cause::NoTarget)), (500, Ok("second"))]);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        assert_eq!(outcome.is_ok(), retry.is_some());
    }
}

#[test]
fn through_the_other_drivers_a_policy_with_a_hedge_does_not_hedge() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("alone"))]);
    assert_eq!(clock.run(policy.with(&clock).idempotent().call_async(async || target.ask().await)), Ok("alone"));
    assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>("blocking")), Ok("blocking"));
}

// case 18
#[test]
fn when_all_fail_the_last_real_failure_counts() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(2));
    let clock = ManualClock::new();
    let script = [(900, error(Cause::Disconnected)), (300, error(Cause::Timeout)), (300, error(Cause::Overloaded))];
    let target = scripted(&clock, script);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 3));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Disconnected, Delivery::Unknown));
    assert_eq!(failed.into_last(), error(Cause::Disconnected).err());
    assert_eq!(clock.passed(), millis(900));
}

// case 24
#[test]
fn a_call_that_is_not_marked_idempotent_is_not_hedged() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(4));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("alone"))]);
    assert_eq!(clock.run(policy.with(&clock).call_hedged(async || target.ask().await)), Ok("alone"));
    assert_eq!((target.started(), clock.passed()), (vec![0], millis(900)));
}

// case 30
#[test]
fn what_fails_starts_no_hedge_and_stops_none() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)).max_hedges(4));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(50, error(Cause::NoTarget))]);
    let failed = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.attempts(), clock.passed()), (1, millis(50)));

    let busy = || (10, error(Cause::Overloaded));
    let target = scripted(&clock, [(900, Ok("slow")), busy(), busy(), busy(), busy()]);
    assert_eq!(clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)), Ok("slow"));
    assert_eq!(target.started(), [50, 150, 250, 350, 450]);
}

#[test]
fn a_permanent_failure_is_not_waited_out() {
    for cause in [Cause::NoLink, Cause::Protocol] {
        let policy = Policy::new().retry(Retry::attempts(3)).hedge(Hedge::after(millis(100)));
        let clock = ManualClock::new();
        let target = scripted(&clock, [(900, Ok("never heard")), (10, error(cause))]);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        let failed = outcome.unwrap_err();
        assert_eq!((failed.reason(), failed.cause(), failed.attempts()), (Reason::NotRetryable, cause, 2));
        assert_eq!(failed.delivery(), Delivery::Unknown, "the other was under way");
        assert_eq!((clock.passed(), target.under_way.get()), (millis(110), 0));
    }
}

#[test]
fn hedges_are_beside_the_retries_and_counted_for_the_whole_call() {
    let backoff = Backoff::exponential(millis(1_000)).max_delay(millis(8_000)).jitter(Jitter::None);
    let policy = Policy::new().retry(Retry::attempts(3).backoff(backoff)).hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let slow = || (200, error(Cause::NoTarget));
    let target = scripted(&clock, [slow(), slow(), slow(), slow()]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 4));
    // The backoff grows with the retries, not with the hedges.
    assert_eq!(target.started(), [0, 100, 1_300, 3_500]);
}

// case 5
#[test]
fn the_deadline_ends_all_attempts_and_starts_none() {
    let policy = Policy::new().deadline(Deadline::after(millis(250))).hedge(Hedge::after(millis(100)).max_hedges(4));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("a")), (900, Ok("b")), (900, Ok("c"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    let failed = outcome.unwrap_err();
    assert_eq!((failed.reason(), failed.attempts(), failed.elapsed()), (Reason::Deadline, 3, millis(250)));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::Unknown));
    assert_eq!((target.started(), target.under_way.get()), (vec![0, 100, 200], 0));

    let policy = Policy::new().deadline(Deadline::after(millis(100))).hedge(Hedge::after(millis(100)));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("a"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!(outcome.unwrap_err().attempts(), 1);
}

#[test]
fn each_attempt_has_the_attempt_timeout_for_itself() {
    let policy = Policy::new()
        .attempt_timeout(AttemptTimeout::after(millis(150)))
        .hedge(Hedge::after(millis(100)).max_hedges(2));
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("first")), (140, Ok("hedge")), (900, Ok("another"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!((outcome, clock.passed()), (Ok("hedge"), millis(240)));

    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge")), (900, Ok("another"))]);
    let failed = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.reason(), failed.cause(), failed.attempts()), (Reason::Attempts, Cause::Timeout, 3));
    assert_eq!((clock.passed(), failed.last()), (millis(350), None));
}

#[test]
fn the_judge_says_what_wins() {
    let policy = Policy::new().hedge(Hedge::after(millis(100)));
    let judge = |result: &Result<u16, RpcError>| match result {
        Ok(503) => Verdict::failure(Cause::Overloaded, Delivery::NotSent),
        Ok(404) => Verdict::Ignored,
        result => Verdict::of(result),
    };
    for (script, expected, took) in [
        ([(900, Ok(200)), (50, Ok(503))], 200, 900),
        ([(900, Ok(503)), (900, Ok(200))], 200, 1_000),
        ([(900, Ok(200)), (50, Ok(404))], 404, 150),
        ([(900, Ok(503)), (950, Ok(503))], 503, 1_050),
    ] {
        let clock = ManualClock::new();
        let target = Target::new(&clock, script);
        let call = policy.with(&clock).judge(judge).idempotent();
        let status = clock.run(call.call_hedged(async || target.ask().await));
        assert_eq!((status.unwrap(), clock.passed()), (expected, millis(took)));
    }
    let clock = ManualClock::new();
    let target = Target::new(&clock, [(900, Ok(1)), (10, Err(RpcError::new(Cause::Other, Delivery::Unknown)))]);
    let call = policy.with(&clock).judge(|_: &Result<i32, RpcError>| Verdict::Ignored).idempotent();
    let failed = clock.run(call.call_hedged(async || target.ask().await)).unwrap_err();
    assert_eq!((failed.attempts(), failed.reason()), (2, Reason::NotRetryable));
}

#[test]
fn fallbacks_answer_hedged_calls_too() {
    static SEEN: Recorder = Recorder::new();
    let policy = Policy::new().hedge(Hedge::after(millis(100))).observer(&SEEN);
    let clock = ManualClock::new();
    let down = || scripted(&clock, [(5, error(Cause::NoTarget))]);
    let target = down();
    let call = policy.with(&clock).idempotent().fallback(|_| "plain");
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), "plain");
    let target = down();
    let other = async |failed: Failed| if failed.attempts() == 1 { Ok("other") } else { Err(failed) };
    let call = policy.with(&clock).idempotent().fallback_async(other);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("other"));
    let used = SEEN.take().iter().filter(|event| **event == Event::FallbackUsed).count();
    assert_eq!(used, 2);
}

/// What has to come out, written down as slowly and plainly as can be: the winner or nothing, when, and how many
/// attempts were started.
fn expected(script: &[(u64, bool)], delay: u64, most: usize) -> (Option<usize>, u64, usize) {
    let mut under_way = vec![(script[0].0, 0)];
    let (mut started, mut now) = (1, 0);
    loop {
        let over = under_way.iter().copied().min();
        let fires = (started <= most).then_some(started as u64 * delay);
        match (over, fires) {
            (Some((at, _)), Some(fires)) if fires < at => {
                under_way.push((fires + script[started].0, started));
                started += 1;
                now = fires;
            }
            (Some((at, attempt)), _) => {
                now = at;
                if script[attempt].1 {
                    return (Some(attempt), now, started);
                }
                under_way.retain(|(_, other)| *other != attempt);
            }
            (None, _) => return (None, now, started),
        }
    }
}

#[test]
fn ten_thousand_random_calls_come_out_as_they_should() {
    const NAMES: [&str; 5] = ["0", "1", "2", "3", "4"];
    let mut draws = SplitMix::new(11);
    for case in 0..10_000 {
        let most = 1 + below(draws.next(), 3) as usize;
        let delay = 1 + below(draws.next(), 9);
        let script: Vec<_> = (0..5).map(|_| (1 + below(draws.next(), 39), below(draws.next(), 2) > 0)).collect();
        let policy = hedging(Hedge::after(millis(delay)).max_hedges(most as u32), ROOMY);
        let clock = ManualClock::new();
        let replies = script.iter().zip(NAMES).map(|((latency, succeeds), name)| match succeeds {
            true => (*latency, Ok(name)),
            false => (*latency, error(Cause::Timeout)),
        });
        let target = scripted(&clock, replies);
        let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
        let (winner, took, started) = expected(&script, delay, most);
        let context = format!("case {case}: {script:?}, every {delay} ms, at most {most}");
        assert_eq!(outcome.as_ref().ok(), winner.map(|winner| &NAMES[winner]), "{context}");
        assert_eq!((clock.passed(), target.started().len()), (millis(took), started), "{context}");
        if let Err(failed) = outcome {
            assert_eq!(failed.attempts() as usize, started, "{context}");
        }
        assert_eq!(
            (policy.bulkhead.memory.now.get(), target.under_way.get(), clock.sleepers()),
            (0, 0, 0),
            "{context}"
        );
    }
}

// case 5
#[test]
fn a_hedge_whose_timer_is_late_does_not_start_after_the_deadline() {
    /// Every timer takes 60 ms more than it should, and those for the deadline three times as long.
    struct Late(ManualClock);
    impl crate::platform::clock::Clock for Late {
        fn now(&self) -> Instant {
            self.0.now()
        }
        fn sleep(&self, duration: Duration) {
            self.0.advance(duration);
        }
    }
    impl AsyncClock for Late {
        async fn sleep_async(&self, duration: Duration) {
            let late = if duration > millis(100) { duration * 3 } else { duration + millis(60) };
            self.0.sleep_async(late).await;
        }
    }
    impl crate::platform::rng::Rng for Late {
        fn draw(&self) -> u64 {
            0
        }
    }
    let policy = Policy::new().deadline(Deadline::after(millis(150))).hedge(Hedge::after(millis(100)));
    let clock = Late(ManualClock::new());
    let target = scripted(&clock.0, [(900, Ok("slow"))]);
    let outcome = clock.0.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!((outcome.unwrap_err().reason(), target.started()), (Reason::Deadline, vec![0]));
}
