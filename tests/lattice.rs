//! The polyfill and the embedded lattice: every kind of value, and targets that behave badly.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::time::Duration;

use stage::{Answer, Stage, component, manifest, simulate, whole};
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};

const LINKS: [(&str, &str); 3] =
    [("test:guests/values", "callee"), ("test:guests/hostile", "callee"), ("test:guests/circle", "callee")];

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ask(path: &str, rest: &str) -> Answer {
    simulate(&manifest(component("caller"), &LINKS, rest), async |stage| stage.get(path).await)
}

#[test]
fn every_kind_of_value_comes_back_as_it_went() {
    let answer = ask("/values", "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "every value came back"));
    assert_eq!(answer.calls, [Ok(()); 6]);
}

#[test]
fn every_call_runs_on_an_instance_of_its_own() {
    simulate(&manifest(component("caller"), &LINKS, "instances = 'reuse'"), async |stage| {
        for _ in 0..3 {
            assert_eq!(stage.get("/count").await.body, "1");
        }
    });
}

#[test]
fn calls_that_share_an_instance_share_its_memory_until_it_is_lost() {
    let text = "component = '<caller>'\n[links]\n\
                'test:guests/hostile' = { component = '<callee>', instances = 'reuse' }";
    simulate(&whole(text), async |stage| {
        let mut counts = Vec::new();
        for path in ["/count", "/count", "/trap", "/count", "/count", "/spin", "/count", "/count"] {
            counts.push(stage.get(path).await.body);
        }
        counts.retain(|body| body.len() == 1);
        assert_eq!(counts, ["1", "2", "1", "2", "1", "2"]);
    });
}

#[test]
fn a_trap_an_endless_loop_or_greed_ends_that_call_only() {
    simulate(&manifest(component("caller"), &LINKS, "instances = 'reuse'"), async |stage| {
        for (path, status, call, took) in [
            ("/trap", 502, (Cause::Trapped, Delivery::Delivered), 0),
            ("/spin", 504, (Cause::Timeout, Delivery::Unknown), 1),
            ("/hog", 502, (Cause::Trapped, Delivery::Delivered), 0),
        ] {
            let answer = stage.get(path).await;
            assert_eq!((answer.status, answer.calls.clone()), (status, vec![Err(call)]), "{path}");
            assert_eq!(answer.took, secs(took), "{path}");
            assert!(!answer.body.contains("callee"), "{path} tells of the inside: {}", answer.body);
            assert_eq!(stage.get("/count").await.body, "1");
        }
        assert_eq!(stage.get("/modest").await.body, "alive");
    });
}

#[test]
fn memory_is_bounded_as_the_manifest_says() {
    assert_eq!(ask("/modest", "memory-mib = 4").member("cause"), "trapped");
    assert_eq!(ask("/modest", "memory-mib = 16").body, "alive");
}

#[test]
fn a_failure_that_a_target_passes_on_reaches_the_caller_as_it_was() {
    let answer = ask("/overloaded", "");
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("7")));
    assert_eq!(answer.calls, [Err((Cause::Overloaded, Delivery::Unknown))]);
    let detail = answer.member("detail");
    assert!(detail.as_str().unwrap().starts_with("test:deeper/store#put: "), "{detail}");
}

#[test]
fn components_that_call_each_other_in_a_circle_come_to_an_end() {
    let answer = ask("/circle", "invocation-timeout = '60s'");
    assert_eq!((answer.status, answer.body.as_str()), (200, "16"));
}

#[test]
fn what_a_guest_prints_disturbs_nothing() {
    assert_eq!(ask("/print", "").body, "printed");
}

#[test]
fn a_fault_in_one_request_never_stops_the_server() {
    simulate(&manifest(component("caller"), &LINKS, "instances = 'reuse'\nrequest-timeout = '5s'"), async |stage| {
        for _ in 0..3 {
            let answer = stage.get("/panic-here").await;
            assert_eq!((answer.status, answer.body.as_str()), (500, ""));
            let answer = stage.get("/spin-here").await;
            assert_eq!((answer.status, answer.body.as_str(), answer.took), (504, "", secs(5)));
            assert_eq!(stage.get("/count").await.body, "1");
        }
    });
}

#[test]
fn a_guests_clocks_and_sleeps_are_simulated() {
    let answer = ask("/sleep", "request-timeout = '60s'");
    assert_eq!((answer.body.as_str(), answer.took), ("30000", secs(30)));
}

#[test]
fn short_sleeps_and_delays_are_exact_to_the_nanosecond() {
    let answer = ask("/sleeps", "");
    assert_eq!((answer.body.as_str(), answer.took), ("30000000", Duration::from_millis(30)));
    let delayed =
        ask("/count", "[[faults]]\nkind = 'latency'\ndelay = '1ns'\n[[faults]]\nkind = 'latency'\ndelay = '1700us'");
    assert_eq!((delayed.body.as_str(), delayed.took), ("1", Duration::from_nanos(1_700_001)));
}

#[test]
fn awaited_calls_retry_as_blocking_ones_do() {
    let rest = "[[faults]]\nkind = 'no-target'\nfirst = 3";
    let (blocking, awaited) = (ask("/blocking", rest), ask("/awaited", rest));
    assert_eq!((blocking.body.as_str(), blocking.calls.len()), ("1", 4));
    assert!(blocking.took > Duration::ZERO);
    assert_eq!(blocking, awaited);
}

#[test]
fn an_awaited_call_is_cancelled_at_its_deadline() {
    let answer = ask("/cancelled", "");
    assert_eq!((answer.status, answer.took), (504, secs(10)));
    assert_eq!((answer.member("cause"), answer.member("attempts")), ("timeout".into(), 1.into()));
}

#[test]
fn awaited_calls_go_on_side_by_side() {
    let answer = ask("/both", "");
    assert_eq!(answer.body.parse::<u64>().unwrap(), answer.took.as_secs());
    assert!(answer.took < secs(10), "one after the other: {:?}", answer.took);
}

/// In real time an endless loop is ended by the clock of the machine, so this one test has to wait for it.
#[test]
fn in_real_time_an_endless_loop_ends_at_the_invocation_timeout_too() {
    let manifest = manifest(component("caller"), &LINKS, "invocation-timeout = '500ms'");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answers = runtime.block_on(async {
        let stage = Stage { host: Host::load(&manifest, Time::Real).unwrap() };
        (stage.get("/spin").await, stage.get("/count").await)
    });
    assert_eq!(answers.0.calls, [Err((Cause::Timeout, Delivery::Unknown))]);
    assert_eq!((answers.0.status, answers.1.body.as_str()), (504, "1"));
}
