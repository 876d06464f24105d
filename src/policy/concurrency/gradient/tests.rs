//! The bounds of a measurement: when it is due, which calls count in it, and what it finds.

use super::*;

const SETTINGS: Concurrency<Gradient> = Concurrency::gradient();

fn whole(limit: u64) -> u64 {
    limit << POINT
}

#[test]
fn a_measurement_is_due_sooner_where_the_base_looks_wrong() {
    let due = |limit, short, age| {
        let state = State { limit, base: 1_000, measured_at: whole(100), age, ..Gradient::NEW };
        state.is_due(&SETTINGS, short)
    };
    for (limit, short, soon) in [
        (whole(100), 1_000, false),
        (whole(100), 2_000, false),
        // The limit has halved or doubled since.
        (whole(50), 1_000, false),
        (whole(50) - 1, 1_000, true),
        (whole(200), 1_000, false),
        (whole(200) + 2, 1_000, true),
        // Calls are faster than the base by more than a quarter.
        (whole(100), 750, false),
        (whole(100), 749, true),
    ] {
        let found = [SOON - 1, SOON, LONG_WINDOW - 1, LONG_WINDOW].map(|age| due(limit, short, age));
        assert_eq!(found, [false, soon, soon, true], "{limit}, {short}");
    }
    assert!(State { age: 1, ..Gradient::NEW }.is_due(&SETTINGS, 1_000), "no base is known");
}

#[test]
fn calls_that_got_faster_and_stay_slow_teach_no_base() {
    // So few are let through already that there is no further step.
    let measured = |slower, short| {
        let mut state = State { limit: whole(20), lowered: 5, base: 1_000, slower, age: 60, ..Gradient::NEW };
        state.measure(&SETTINGS, short, Instant::from_nanos(7));
        assert_eq!((state.lowered, state.measured_at), (0, whole(20)));
        (state.base, state.age)
    };
    let soon = LONG_WINDOW - SOON;
    assert_eq!(measured(3_200, 3_099), (1_000, soon), "faster by more than chance");
    assert_eq!(measured(3_200, 3_100), (1_062, soon), "no faster: the target became slower");
    assert_eq!(measured(3_200, 1_001), (1_000, soon));
    assert_eq!(measured(3_200, 1_000), (1_000, 0), "as fast as the base: it is confirmed");
}

#[test]
fn a_base_that_was_off_is_soon_measured_again() {
    let soon = LONG_WINDOW - SOON;
    for (found, age) in [(1_000, 0), (1_125, 0), (1_126, soon), (875, 0), (874, soon)] {
        let mut state = State { base: 1_000, age: 60, lowered: 5, ..Gradient::NEW };
        state.measured(&SETTINGS, found);
        assert_eq!(state.age, age, "{found}");
    }
}

#[test]
fn a_measurement_takes_more_calls_than_a_window() {
    // As many calls as it takes until a window is over, each of them after a second.
    let calls = |lowered| {
        let mut state = State { lowered, base: 1_000, ..Gradient::NEW };
        let ended = (1..100_u64).find(|call| {
            let began = call * 2_000_000_000;
            Gradient::learn(&SETTINGS, &mut state, began, Signal::Success, 1, Instant::from_nanos(began + 1_000));
            state.sample == EMPTY
        });
        ended.unwrap()
    };
    assert_eq!((calls(0), calls(5)), (10, 20));
}

#[test]
fn a_measurement_begins_anew_where_time_steps_back() {
    let sample = Sample { successes: 3, ..EMPTY };
    let clean = |began, in_flight, now| {
        let mut state = State { lowered: 5, since: Instant::from_nanos(100), sample, ..Gradient::NEW };
        let clean = state.is_clean(began, in_flight, Instant::from_nanos(now));
        (clean, state.since.as_nanos(), state.sample.successes)
    };
    assert_eq!(clean(100, 5, 100), (true, 100, 3));
    assert_eq!(clean(99, 5, 100), (false, 100, 3), "it began before");
    assert_eq!(clean(99, 5, 99), (false, 99, 0), "the clock stepped back");
    assert_eq!(clean(100, 6, 101), (false, 101, 0), "too many are in flight");
}

#[test]
fn the_highest_settings_are_allowed() {
    let highest = SETTINGS.tolerance(100.0).queue(1_000_000).smoothing(1.0).long_window(1_000_000);
    assert_eq!(highest.check(), Ok(highest));
}
