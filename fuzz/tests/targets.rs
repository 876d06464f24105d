//! All that reads what others write.

use std::time::Duration;

use steadfast::config::Policies;
use steadfast::testing::ManualClock;
use steadfast::{Breaker, Cause, Delivery, Policy, RpcError};
use steadfast_fuzz::run;
use steadfast_host::{Manifest, fuzzing};

/// Dates of HTTP, which the crate keeps private.
#[path = "../../src/http/date.rs"]
mod date;

#[test]
fn a_value_of_any_type() {
    run("value", fuzzing::value);
}

#[test]
fn a_call_and_an_answer_over_tcp() {
    run("tcp", fuzzing::tcp);
}

#[test]
fn a_component() {
    run("component", fuzzing::component);
}

#[test]
fn a_manifest() {
    run("manifest", |bytes| match Manifest::parse(&String::from_utf8_lossy(bytes), "fuzz.toml") {
        Ok(_) => "a manifest".into(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn a_configuration_of_policies() {
    run("policies", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let read =
            if text.trim_start().starts_with('{') { Policies::from_json(&text) } else { Policies::from_toml(&text) };
        // What is laid over the code may lack what a whole configuration may not.
        let over = Policies::overriding(&text);
        match read {
            Ok(policies) => {
                assert!(over.is_ok(), "{text}");
                policies.targets().for_each(|(_, policy)| assert!(policies.names().any(|name| name == policy)));
                "policies".into()
            }
            Err(mistakes) => mistakes.to_string(),
        }
    });
}

#[test]
fn a_snapshot_of_a_breaker() {
    run("snapshot", |bytes| {
        // Most is not even looked at where the checksum is wrong: the last four bytes, FNV-1a.
        let mut bytes = bytes.to_vec();
        if let Some((body, sum)) = bytes.split_last_chunk_mut::<4>() {
            let hash =
                body.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
            *sum = hash.to_le_bytes();
        }
        let clock = ManualClock::new();
        let mut outcome = String::new();
        macro_rules! restore {
            ($($breaker:expr),*) => {$(
                let policy = Policy::new().breaker($breaker);
                let control = policy.breaker_control();
                outcome += &format!("{:?} ", control.restore(&bytes));
                for fails in [false, true, true, false] {
                    let _ = policy.with(&clock).call(|| match fails {
                        true => Err(RpcError::new(Cause::Timeout, Delivery::Unknown)),
                        false => Ok(()),
                    });
                }
                // What it has become can be carried on.
                assert_eq!(control.restore(control.snapshot().as_bytes()), Ok(()));
            )*};
        }
        restore!(
            Breaker::consecutive_failures(5),
            Breaker::failure_rate(0.5).over_calls(20).slow_calls(0.8, Duration::from_secs(1)).minimum_calls(5),
            Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)).growing(2.0, Duration::from_secs(60))
        );
        outcome
    });
}

#[test]
fn a_date_of_http() {
    run("date", |bytes| match date::parse(bytes, || 1_800_000_000) {
        // Four digits for a year.
        Some(seconds) => {
            assert!((-62_200_000_000..253_402_400_000).contains(&seconds), "{seconds}");
            "a date".into()
        }
        None => "none".into(),
    });
}
