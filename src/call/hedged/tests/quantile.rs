//! Hedges whose delay is a quantile of what was observed.

use super::*;
use crate::policy::HedgePart;

#[test]
fn the_delay_can_be_the_quantile_that_the_policy_observed() {
    let policy = Policy::new().hedge(Hedge::after_quantile(0.95).initial_delay(millis(700)));
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    let target = scripted(&clock, [(900, Ok("first")), (900, Ok("hedge"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert_eq!(target.started(), [0, 700], "nothing is known yet");
    let reads = clock.reads();
    for _ in 0..20 {
        let target = scripted(&clock, [(40, Ok("usual"))]);
        clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    }
    assert_eq!(clock.reads() - reads, 2 * 20);
    let before = clock.passed();
    let target = scripted(&clock, [(900, Ok("slow")), (40, Ok("hedge"))]);
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("hedge"));
    let delay = clock.passed() - before - millis(40);
    assert!(delay >= millis(40) && delay <= millis(45), "{delay:?}");
}

#[test]
fn latencies_that_hedges_cut_short_keep_the_quantile_right() {
    // Nine in ten take 10 ms, the others for ever. Were those forgotten that a hedge replaced, or counted with the
    // time that the hedge took, everything would look fast, and the delay would shrink to 10 ms.
    let policy = Policy::new().hedge(Hedge::after_quantile(0.95).initial_delay(millis(200)));
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    for number in 0..500 {
        let slow = number % 10 == 0;
        let script = if slow { [(99_999, Ok("slow")), (10, Ok("hedge"))] } else { [(10, Ok("usual")), (0, Ok(""))] };
        let target = scripted(&clock, script);
        clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    }
    let (hedge, latencies) = (policy.hedge, &policy.latencies);
    assert!(hedge.delay(latencies) >= millis(200), "{:?}", hedge.delay(latencies));
}

#[test]
fn failures_and_what_the_deadline_ends_tell_no_latency() {
    let hedge = Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(100));
    let policy = Policy::new().deadline(Deadline::after(millis(300))).hedge(hedge);
    let clock = ManualClock::new();
    let call = policy.with(&clock).idempotent();
    let scripts = [
        vec![(5, error(Cause::NoTarget))],
        vec![(999, Ok("")), (999, Ok(""))],
        // The first fails while the hedge is under way, and the hedge succeeds.
        vec![(150, error(Cause::NoTarget)), (100, Ok("hedge"))],
    ];
    for script in scripts {
        let target = scripted(&clock, script);
        let _ = clock.run(call.call_hedged(async || target.ask().await));
    }
    assert_eq!(hedge.delay(&policy.latencies), millis(100));
    let target = scripted(&clock, [(8, Ok("8 ms"))]);
    clock.run(call.call_hedged(async || target.ask().await)).unwrap();
    assert!(hedge.delay(&policy.latencies) < millis(10));
}

#[test]
fn a_hedge_that_fails_does_not_hide_how_long_the_first_attempt_takes() {
    let hedge = Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(100));
    let policy = Policy::new().hedge(hedge);
    let clock = ManualClock::new();
    let target = scripted(&clock, [(400, Ok("first")), (5, error(Cause::NoTarget))]);
    let call = policy.with(&clock).idempotent();
    assert_eq!(clock.run(call.call_hedged(async || target.ask().await)), Ok("first"));
    assert!(hedge.delay(&policy.latencies) >= millis(400), "{:?}", hedge.delay(&policy.latencies));
}

// case 16
#[test]
fn a_clock_that_steps_back_observes_no_time_and_panics_nowhere() {
    struct Back(ManualClock, Cell<u64>);
    impl crate::platform::clock::Clock for Back {
        fn now(&self) -> Instant {
            self.1.set(self.1.get() / 2);
            Instant::from_nanos(self.1.get())
        }
        fn sleep(&self, duration: Duration) {
            self.0.advance(duration);
        }
    }
    impl AsyncClock for Back {
        async fn sleep_async(&self, duration: Duration) {
            self.0.sleep_async(duration).await;
        }
    }
    impl crate::platform::rng::Rng for Back {
        fn draw(&self) -> u64 {
            0
        }
    }
    let clock = Back(ManualClock::new(), Cell::new(u64::MAX));
    let policy = Policy::new()
        .deadline(Deadline::after(millis(1_000)))
        .attempt_timeout(AttemptTimeout::after(millis(500)))
        .hedge(Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(100)));
    for _ in 0..100 {
        let target = scripted(&clock.0, [(300, Ok("first")), (300, Ok("hedge"))]);
        let call = policy.with(&clock).idempotent();
        assert!(clock.0.run(call.call_hedged(async || target.ask().await)).is_ok());
    }
}

#[test]
fn what_the_attempt_timeout_ends_counts_with_the_time_it_had() {
    let hedge = Hedge::after_quantile(0.5).min_observations(1).initial_delay(millis(400));
    let policy = Policy::new().attempt_timeout(AttemptTimeout::after(millis(200))).hedge(hedge);
    let clock = ManualClock::new();
    let target = scripted(&clock, [(900, Ok("too slow"))]);
    let outcome = clock.run(policy.with(&clock).idempotent().call_hedged(async || target.ask().await));
    assert_eq!(outcome.unwrap_err().cause(), Cause::Timeout);
    let delay = hedge.delay(&policy.latencies);
    assert!(delay >= millis(200) && delay <= millis(225), "{delay:?}");
}
