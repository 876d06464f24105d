//! The state as bytes, there and back.

use super::*;
use crate::policy::breaker::wire::checksum;
use crate::policy::breaker::{BadSnapshot, TimeWindow};
use crate::testing::SplitMix;

const BREAKER: Breaker = Breaker::consecutive_failures(3).open_for(Duration::from_secs(10)).probes(3);

fn carried<W: Window>(from: &Subject<W>, then: u64, now: u64) -> Subject<W> {
    let to = Subject::new(from.breaker);
    to.control(now).restore(from.control(then).snapshot().as_bytes()).expect("a sound snapshot");
    to
}

// case 23
#[test]
fn an_open_breaker_stays_open_for_the_rest_of_its_time() {
    let target = Subject::new(BREAKER);
    for _ in 0..3 {
        target.fail(1_000);
    }
    let other = carried(&target, 4_000, 500);
    assert_eq!(other.ask(500).unwrap_err(), rejected(Cause::NoTarget, 7 * SECOND));
    assert!(other.ask(7_499).is_err());
    assert!(other.ask(7_500).is_ok());
}

// case 16, case 23
#[test]
fn on_a_clock_that_stepped_back_no_more_is_left_than_a_break() {
    let target = Subject::new(BREAKER);
    target.control(60_000).trip();
    let other = carried(&target, 0, 0);
    assert_eq!(other.rejects_for(0), 10 * SECOND);
}

// case 23
#[test]
fn the_count_goes_on() {
    let target = Subject::new(BREAKER);
    target.fail(0);
    target.fail(0);
    let other = carried(&target, 0, 9_000);
    assert!(other.fail(9_000).is_some());
    let growing = Subject::opened(BREAKER.growing(2.0, 60 * SECOND));
    let other = carried(&growing, 10_000, 10_000);
    other.fail(10_000);
    assert_eq!(other.rejects_for(10_000), 20 * SECOND);
}

// case 23
#[test]
fn a_half_open_breaker_keeps_its_outcomes_and_has_no_probe_under_way() {
    let target = Subject::opened(BREAKER);
    target.succeed(10_000);
    let _under_way = target.ask(10_000).unwrap();
    let other = carried(&target, 10_000, 10_000);
    assert_eq!(other.state(), BreakerState::HalfOpen);
    assert_eq!(other.ask(10_000).unwrap().begin(true), None, "observers were told before");
    assert_eq!(other.succeed(10_000), None);
    assert_eq!(other.succeed(10_000), Some(Change::Closed));
}

// case 23
#[test]
fn windows_slide_on() {
    let count = Subject::new(Breaker::failure_rate(1.0).over_calls(100).slow_calls(1.0, SECOND));
    for call in 0..130 {
        if call % 3 == 0 {
            count.fail(0);
        } else {
            count.ask(0).unwrap().settle(Outcome::Success, &At(0, call * 10));
        }
        let other = carried(&count, 0, 0);
        assert_eq!(other.counts(0), count.counts(0));
        for more in 0..100 {
            other.succeed(0);
            if more == 49 {
                let again = carried(&other, 0, 0);
                assert_eq!(again.control(0).snapshot(), other.control(0).snapshot());
            }
        }
        assert_eq!(other.counts(0), (100, 0, 0));
    }
    let time: Subject<TimeWindow> = Subject::new(Breaker::failure_rate(1.0).over_time(10 * SECOND).minimum_calls(100));
    for second in 0..12 {
        time.fail(second * 1_000);
    }
    let other = carried(&time, 13_000, 50_000);
    for later in [0, 1_000, 5_000, 9_000, 20_000] {
        assert_eq!(other.counts(50_000 + later), time.counts(13_000 + later), "{later} ms later");
    }
}

// case 23
#[test]
fn what_is_forced_stays_forced() {
    let target = Subject::new(BREAKER);
    target.control(0).force_open();
    assert_eq!(carried(&target, 0, 0).state(), BreakerState::ForcedOpen);
    target.control(0).force_closed();
    assert_eq!(carried(&target, 0, 0).state(), BreakerState::ForcedClosed);
    target.control(0).observe_only();
    assert!(carried(&target, 0, 0).control(0).observes_only());
}

#[test]
fn calls_that_were_under_way_come_too_late_for_a_restored_state() {
    let target = Subject::new(BREAKER);
    let kept = target.control(0).snapshot();
    let call = target.ask(0).unwrap();
    target.control(0).restore(kept.as_bytes()).unwrap();
    assert_eq!(call.settle(Outcome::Failure(Cause::Timeout), &At(0, 0)), Some(Change::Late));
}

/// With a sum that fits: what a forger would make.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&body);
    body.extend(sum.to_le_bytes());
    body
}

fn body(snapshot: &[u8]) -> Vec<u8> {
    snapshot[..snapshot.len() - 4].to_vec()
}

fn refused<W: Window>(breaker: Breaker<W>, snapshot: &[u8]) -> Option<BadSnapshot> {
    let target = Subject::new(breaker);
    target.fail(0);
    let before = target.control(0).snapshot();
    let refused = target.control(0).restore(snapshot).err();
    if refused.is_some() {
        assert_eq!(target.control(0).snapshot(), before, "a snapshot that was refused changed something");
    }
    refused
}

const SLOW: Breaker<crate::CountWindow> =
    Breaker::failure_rate(0.5).over_calls(100).slow_calls(0.5, Duration::from_secs(1)).probes(3);

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let target = Subject::new(SLOW);
    for _ in 0..5 {
        target.fail(0);
    }
    let sound = target.control(0).snapshot().as_bytes().to_vec();
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refused(SLOW, &damaged), Some(BadSnapshot::Damaged), "bit {bit}");
    }
    for length in 0..sound.len() {
        assert_eq!(refused(SLOW, &sound[..length]), Some(BadSnapshot::Damaged), "{length} bytes");
    }
    for length in 0..sound.len() - 4 {
        assert!(refused(SLOW, &sealed(sound[..length].to_vec())).is_some(), "{length} bytes, sealed");
    }
    assert_eq!(refused(SLOW, &sealed([&body(&sound)[..], &[0]].concat())), Some(BadSnapshot::OtherSettings));
    assert_eq!(refused(SLOW, &sound), None);
}

#[test]
fn a_snapshot_of_another_version_or_kind_or_other_settings_is_refused() {
    let mut other = body(Subject::new(BREAKER).control(0).snapshot().as_bytes());
    other[0] = 1;
    assert_eq!(refused(BREAKER, &sealed(other)), Some(BadSnapshot::OtherVersion));
    assert_eq!(refused(BREAKER, &sealed(vec![])), Some(BadSnapshot::OtherVersion));

    let calls = Breaker::failure_rate(0.5).over_calls(100);
    let time = Breaker::failure_rate(0.5).over_time(SECOND);
    let of_calls = Subject::new(calls).control(0).snapshot();
    let of_time = Subject::new(time).control(0).snapshot();
    let other_settings = Some(BadSnapshot::OtherSettings);
    assert_eq!(refused(BREAKER, of_calls.as_bytes()), other_settings);
    assert_eq!(refused(calls, of_time.as_bytes()), other_settings);
    assert_eq!(refused(time, of_calls.as_bytes()), other_settings);
    assert_eq!(refused(SLOW, of_calls.as_bytes()), other_settings);
    assert_eq!(refused(time.slow_calls(0.5, SECOND), of_time.as_bytes()), other_settings);
    assert_eq!(refused(Breaker::failure_rate(0.5).over_calls(99), of_calls.as_bytes()), other_settings);
    assert_eq!(refused(Breaker::failure_rate(0.5).over_time(2 * SECOND), of_time.as_bytes()), other_settings);
    assert_eq!(refused(Breaker::failure_rate(0.9).over_calls(100), of_calls.as_bytes()), None);

    // Only a closed breaker's snapshot holds what it counts in.
    let forced = Subject::new(calls);
    forced.control(0).force_open();
    let forced = forced.control(0).snapshot();
    assert_eq!(refused(time, forced.as_bytes()), other_settings);
    assert_eq!(refused(calls, forced.as_bytes()), None);

    let open = Subject::opened(BREAKER).control(0).snapshot();
    assert_eq!(refused(BREAKER.open_for(SECOND), open.as_bytes()), other_settings, "no break is so long");
    let failing = Subject::new(BREAKER);
    failing.fail(0);
    failing.fail(0);
    let failing = failing.control(0).snapshot();
    let sooner = Breaker::consecutive_failures(2);
    assert_eq!(refused(sooner, failing.as_bytes()), other_settings, "it would have been open long since");
}

#[test]
fn a_state_that_no_breaker_comes_to_is_refused() {
    let half_open = Subject::opened(SLOW);
    half_open.fail(5_000);
    let half_open = body(half_open.control(5_000).snapshot().as_bytes());
    let open = Subject::new(SLOW);
    open.control(0).trip();
    let open = body(open.control(0).snapshot().as_bytes());
    let window = Subject::new(SLOW);
    window.fail(0);
    window.fail(0);
    let window = body(window.control(0).snapshot().as_bytes());
    let time = Subject::new(Breaker::failure_rate(0.5).over_time(SECOND).slow_calls(0.5, SECOND));
    time.fail(0);
    let breaker_of_time = time.breaker;
    let time = body(time.control(0).snapshot().as_bytes());
    let with = |body: &[u8], changes: &[(usize, u8)]| {
        let mut body = body.to_vec();
        for (at, value) in changes {
            body[*at] = *value;
        }
        sealed(body)
    };
    let forced = Subject::new(SLOW);
    forced.control(0).force_open();
    let forced = body(forced.control(0).snapshot().as_bytes());
    // 2 observes only, 3 phase, 4 cause, 5 calls, 6 failures, 7 slow, 8 time left, 16 next break, 24 the window: its
    // length, 28 calls, 32 the next place, 36 two bits a call
    for (what, snapshot) in [
        ("neither observing only nor not", with(&half_open, &[(2, 2)])),
        ("no such phase", with(&half_open, &[(3, 5)])),
        ("no such cause", with(&half_open, &[(4, 8)])),
        ("as many outcomes as probes, and undecided", with(&half_open, &[(5, 3)])),
        ("more failures than outcomes", with(&half_open, &[(6, 2)])),
        ("more slow outcomes than outcomes", with(&half_open, &[(7, 2)])),
        ("a break too short", with(&half_open, &[(16, 1), (17, 0), (18, 0), (19, 0), (20, 0)])),
        ("a break too long", with(&half_open, &[(23, 1)])),
        ("open for longer than a break", with(&open, &[(8, 1)])),
        ("forced open and observing only", with(&forced, &[(2, 1)])),
        ("forced closed and observing only", with(&forced, &[(2, 1), (3, 4)])),
        ("more calls than places", with(&window, &[(28, 101)])),
        ("a next place beyond the ring", with(&window, &[(28, 100), (32, 100)])),
        ("a next place that is not behind the last call", with(&window, &[(32, 3)])),
        ("a failure in a place that no call had", with(&window, &[(36, 0b01_01_01)])),
        ("a slow call in a place that no call had", with(&window, &[(36, 0b10_01_01)])),
        ("a failure beyond the full ring", with(&window, &[(28, 100), (32, 0), (36 + 100 / 4, 1)])),
        ("a failure in the last place of all", with(&window, &[(28, 100), (32, 0), (36 + 255, 1 << 6)])),
    ] {
        assert_eq!(refused(SLOW, &snapshot), Some(BadSnapshot::OtherSettings), "{what}");
    }
    let calls = Breaker::failure_rate(0.5).over_calls(100);
    let counted = Subject::new(calls);
    counted.fail(0);
    let counted = body(counted.control(0).snapshot().as_bytes());
    let slow_call = with(&counted, &[(36, 0b11)]);
    assert_eq!(refused(calls, &slow_call), Some(BadSnapshot::OtherSettings), "slow calls do not count");
    assert_eq!(refused(calls, &sealed(counted)), None);
    // 40 the oldest bucket, 148 the newest, of calls, failures and slow calls
    for (what, snapshot) in [
        ("more failures than calls", with(&time, &[(152, 2)])),
        ("more slow calls than calls", with(&time, &[(156, 2)])),
        ("a failure in a bucket without calls", with(&time, &[(44, 1)])),
    ] {
        assert_eq!(refused(breaker_of_time, &snapshot), Some(BadSnapshot::OtherSettings), "{what}");
    }
    assert_eq!(refused(SLOW, &sealed(half_open)), None);
    assert_eq!(refused(SLOW, &sealed(open)), None);
    assert_eq!(refused(SLOW, &with(&window, &[(28, 100), (32, 7), (36 + 99 / 4, 1 << 6)])), None);
    assert_eq!(refused(SLOW, &sealed(window)), None);
    assert_eq!(refused(breaker_of_time, &sealed(time)), None);
}

#[test]
fn whatever_is_restored_the_breaker_goes_on() {
    fn survives<W: Window>(breaker: Breaker<W>, draws: &mut SplitMix) {
        let target = Subject::new(breaker);
        for _ in 0..draws.next() % 5 {
            if let Ok(permit) = target.ask(0) {
                permit.settle(Outcome::Failure(Cause::Timeout), &At(0, 0));
            }
        }
        if draws.next().is_multiple_of(2) {
            target.control(0).trip();
            drop(target.ask(draws.next() % 8_000));
        }
        let mut bytes = body(target.control(0).snapshot().as_bytes());
        for _ in 0..draws.next() % 4 {
            let at = 2 + draws.next() as usize % (bytes.len() - 2);
            bytes[at] = draws.next() as u8;
        }
        let _ = target.control(0).restore(&sealed(bytes));
        for call in 0..40 {
            let now = call * 1_000;
            let outcome =
                if draws.next().is_multiple_of(2) { Outcome::Success } else { Outcome::Failure(Cause::Timeout) };
            if let Ok(permit) = target.ask(now) {
                permit.settle(outcome, &At(now, now));
            }
            let (calls, failures, slow) = target.counts(now);
            assert!(failures <= calls && slow <= calls);
        }
    }
    let mut draws = SplitMix::new(23);
    for _ in 0..2_500 {
        survives(BREAKER, &mut draws);
        survives(SLOW, &mut draws);
        survives(Breaker::failure_rate(0.5).over_calls(33), &mut draws);
        survives(Breaker::failure_rate(0.5).over_time(SECOND).slow_calls(0.5, SECOND), &mut draws);
    }
}

#[test]
fn snapshots_are_the_bytes_that_they_hold() {
    let (failed, other) = (Subject::new(BREAKER), Subject::new(BREAKER));
    failed.fail(0);
    let (failed, other) = (failed.control(0).snapshot(), other.control(0).snapshot());
    assert_eq!(failed.as_ref(), failed.as_bytes());
    assert_ne!(failed.as_bytes(), other.as_bytes());
    assert_ne!(failed, other);
}

#[test]
fn a_snapshot_fits_its_place() {
    let largest = Subject::new(SLOW).control(0).snapshot();
    assert_eq!(largest.as_bytes().len(), 296);
    // Its length, and what aligns it.
    assert!(size_of_val(&largest) < 296 + 2 * size_of::<usize>(), "{}", size_of_val(&largest));
    assert_eq!(
        BadSnapshot::OtherSettings.to_string(),
        "the snapshot was made by a breaker with other settings: start without it"
    );
    for (bad, word) in [(BadSnapshot::Damaged, "damaged"), (BadSnapshot::OtherVersion, "another version")] {
        assert!(bad.to_string().contains(word));
    }
}

#[test]
fn the_second_byte_says_what_a_breaker_counts_in() {
    fn kind<W: Window>(breaker: Breaker<W>) -> u8 {
        Subject::new(breaker).control(0).snapshot().as_bytes()[1]
    }
    let (calls, time) = (Breaker::failure_rate(0.5).over_calls(100), Breaker::failure_rate(0.5).over_time(SECOND));
    assert_eq!(
        [kind(BREAKER), kind(calls), kind(SLOW), kind(time), kind(time.slow_calls(0.5, SECOND))],
        [1, 2, 3, 4, 5]
    );
    let snapshot = Subject::new(BREAKER).control(0).snapshot();
    assert_eq!(format!("{snapshot:?}"), format!("BreakerSnapshot({:?})", snapshot.as_bytes()));
}
