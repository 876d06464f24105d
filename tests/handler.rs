//! The flagship example against every failure of a lattice, in simulated time.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::time::Duration;

use stage::{Answer, component, manifest, simulate};
use steadfast_host::{Cause, Delivery};

const GREETER: (&str, &str) = ("acme:greeter/api", "greeter");
const NO_TARGET: Result<(), (Cause, Delivery)> = Err((Cause::NoTarget, Delivery::NotSent));

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One request to http-hello, linked to the greeter, with `rest` in the manifest.
fn ask(path: &str, rest: &str) -> Answer {
    simulate(&manifest(component("http-hello"), &[GREETER], rest), async |stage| stage.get(path).await)
}

#[test]
fn a_healthy_lattice_carries_the_call() {
    for path in ["/strict/Ada", "/hello/Ada"] {
        let answer = ask(path, "");
        assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, Ada!"));
        assert_eq!((answer.calls, answer.took), (vec![Ok(())], Duration::ZERO));
    }
}

#[test]
fn without_a_link_the_strict_route_names_the_fault_of_the_deployment_and_does_not_retry() {
    simulate(&manifest(component("http-hello"), &[], ""), async |stage| {
        let answer = stage.get("/strict/Ada").await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.calls, [Err((Cause::NoLink, Delivery::NotSent))]);
        assert_eq!(answer.member("type"), "urn:problem-type:steadfast:no-link");
        assert_eq!(answer.member("cause"), "no-link");
        assert_eq!(answer.member("attempts"), 1);
        assert_eq!(answer.member("status"), 500);
        assert_eq!(answer.member("instance"), "/strict/Ada");
        let detail = answer.member("detail");
        assert!(detail.as_str().unwrap().starts_with("acme:greeter/api#greet: "), "{detail}");
        assert!(answer.member("title").is_string());

        let answer = stage.get("/hello/Ada").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, stranger!"));
        assert_eq!(answer.calls.len(), 1);
    });
}

#[test]
fn a_target_that_stays_down_is_tried_four_times_and_the_client_is_told_to_come_back() {
    let answer = ask("/strict/Ada", "[[faults]]\nkind = 'no-target'");
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("1")));
    assert_eq!(answer.calls, [NO_TARGET; 4]);
    assert_eq!((answer.member("cause"), answer.member("attempts")), ("no-target".into(), 4.into()));
    assert!(answer.took <= ms(100 + 200 + 400), "{:?}", answer.took);
    let detail = format!("acme:greeter/api#greet: gave up after 4 attempts in {} ms", answer.took.as_millis());
    assert_eq!(answer.member("detail"), detail);

    let answer = ask("/hello/Ada", "[[faults]]\nkind = 'no-target'");
    assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "Hello, stranger!", 4));
}

#[test]
fn a_target_that_comes_back_while_the_guest_retries_is_found() {
    let answer = ask("/strict/Ada", "[[faults]]\nkind = 'no-target'\nuntil = '120ms'");
    assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, Ada!"));
    assert!(answer.calls.len() > 1 && answer.calls.ends_with(&[NO_TARGET, Ok(())]), "{:?}", answer.calls);
    assert!(answer.took >= ms(120), "{:?}", answer.took);
}

#[test]
fn a_target_that_fails_twice_and_then_works_costs_three_calls() {
    for kind in ["no-target", "disconnected", "overloaded"] {
        let answer = ask("/strict/Ada", &format!("[[faults]]\nkind = '{kind}'\nfirst = 2"));
        assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "Hello, Ada!", 3), "{kind}");
    }
}

#[test]
fn a_lattice_that_swallows_calls_is_a_timeout_after_a_second_and_not_repeated() {
    let rest = "[[faults]]\nkind = 'blackhole'\nfrom = '5s'\nuntil = '10s'";
    simulate(&manifest(component("http-hello"), &[GREETER], rest), async |stage| {
        assert_eq!(stage.get("/strict/Ada").await.status, 200);
        tokio::time::advance(ms(5_000)).await;
        let answer = stage.get("/strict/Ada").await;
        assert_eq!((answer.status, answer.retry_after), (504, None));
        assert_eq!(answer.took, ms(1_000));
        assert_eq!(answer.calls, [Err((Cause::Timeout, Delivery::Unknown))]);
        tokio::time::advance(ms(4_000)).await;
        assert_eq!(stage.get("/strict/Ada").await.status, 200);
    });
}

#[test]
fn the_invocation_timeout_is_the_manifests() {
    let answer = ask("/strict/Ada", "invocation-timeout = '2500ms'\n[[faults]]\nkind = 'blackhole'");
    assert_eq!((answer.status, answer.took), (504, ms(2_500)));
}

#[test]
fn a_transport_that_is_down_between_two_times_is_a_502_between_them() {
    let rest = "[[faults]]\nkind = 'disconnected'\nfrom = '10s'\nuntil = '20s'";
    simulate(&manifest(component("http-hello"), &[GREETER], rest), async |stage| {
        assert_eq!(stage.get("/strict/Ada").await.status, 200);
        tokio::time::advance(ms(10_000)).await;
        let answer = stage.get("/strict/Ada").await;
        assert_eq!((answer.status, answer.calls.len()), (502, 4));
        assert_eq!(answer.member("cause"), "disconnected");
        tokio::time::advance(ms(10_000)).await;
        assert_eq!(stage.get("/strict/Ada").await.status, 200);
    });
}

#[test]
fn a_connection_that_drops_mid_call_or_a_target_that_traps_is_not_tried_again() {
    for (kind, cause, delivery, name) in [
        ("drop", Cause::Disconnected, Delivery::Unknown, "disconnected"),
        ("trap", Cause::Trapped, Delivery::Delivered, "trapped"),
    ] {
        let answer = ask("/strict/Ada", &format!("[[faults]]\nkind = '{kind}'"));
        assert_eq!((answer.status, answer.calls.clone()), (502, vec![Err((cause, delivery))]), "{kind}");
        assert_eq!(answer.member("cause"), name);
    }
}

#[test]
fn an_idempotent_call_is_tried_again_whatever_became_of_it() {
    for (kind, failed) in [
        ("drop", (Cause::Disconnected, Delivery::Unknown)),
        ("blackhole", (Cause::Timeout, Delivery::Unknown)),
        ("trap", (Cause::Trapped, Delivery::Delivered)),
    ] {
        let answer = ask("/again/Ada", &format!("[[faults]]\nkind = '{kind}'\nfirst = 1"));
        assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, Ada!"), "{kind}");
        assert_eq!(answer.calls, [Err(failed), Ok(())], "{kind}");
    }
}

#[test]
fn latency_is_waited_for_up_to_the_invocation_timeout() {
    let answer = ask("/strict/Ada", "[[faults]]\nkind = 'latency'\ndelay = '300ms'");
    assert_eq!((answer.status, answer.took), (200, ms(300)));
    let answer = ask("/strict/Ada", "[[faults]]\nkind = 'latency'\ndelay = '1001ms'");
    assert_eq!((answer.status, answer.took), (504, ms(1_000)));
}

// case 20
#[test]
fn an_overloaded_target_is_left_alone_as_long_as_it_asks() {
    let answer = ask("/strict/Ada", "[[faults]]\nkind = 'overloaded'\nretry-after = '1s'\nfirst = 1");
    assert_eq!(answer.status, 200);
    // The wait has up to a quarter of it as jitter.
    assert!((ms(1_000)..=ms(1_250)).contains(&answer.took), "{:?}", answer.took);
    assert_eq!(answer.calls, [Err((Cause::Overloaded, Delivery::NotSent)), Ok(())]);

    // Within the cap and beyond the deadline, and beyond the cap.
    for (asked, told) in [("29500ms", "30"), ("31s", "31"), ("1h", "3600")] {
        let answer = ask("/strict/Ada", &format!("[[faults]]\nkind = 'overloaded'\nretry-after = '{asked}'"));
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some(told)), "{asked}");
        assert_eq!((answer.calls.len(), answer.took), (1, Duration::ZERO), "{asked}");
    }
}

#[test]
fn the_breaker_of_a_reused_instance_opens_and_recovers() {
    let rest = "instances = 'reuse'\n[[faults]]\nkind = 'no-target'\nfirst = 8";
    simulate(&manifest(component("http-hello"), &[GREETER], rest), async |stage| {
        for _ in 0..2 {
            let answer = stage.get("/strict/Ada").await;
            assert_eq!((answer.member("cause"), answer.calls.len()), ("no-target".into(), 4));
        }
        let answer = stage.get("/strict/Ada").await;
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("2")));
        assert_eq!(answer.member("type"), "urn:problem-type:steadfast:breaker-open");
        assert_eq!((answer.calls, answer.took), (vec![], Duration::ZERO));
        assert_eq!(stage.get("/hello/Ada").await.body, "Hello, stranger!");

        tokio::time::advance(ms(1_999)).await;
        assert_eq!(stage.get("/strict/Ada").await.calls, []);
        tokio::time::advance(ms(1)).await;
        let probe = stage.get("/strict/Ada").await;
        assert_eq!((probe.status, probe.calls), (200, vec![Ok(())]));
        assert_eq!(stage.get("/strict/Ada").await.status, 200);
    });
}

#[test]
fn a_fresh_instance_for_every_request_remembers_no_breaker() {
    simulate(&manifest(component("http-hello"), &[GREETER], "[[faults]]\nkind = 'no-target'"), async |stage| {
        for _ in 0..5 {
            assert_eq!(stage.get("/strict/Ada").await.calls.len(), 4);
        }
    });
}

#[test]
fn one_seed_has_one_outcome_and_another_has_another() {
    let run = |seed: u64| ask("/strict/Ada", &format!("seed = {seed}\n[[faults]]\nkind = 'no-target'"));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).took, run(2).took);
}

#[test]
fn faults_may_lie_on_a_function_and_add_up() {
    let rest = "
        [[faults]]
        on = 'acme:greeter/api#greet'
        kind = 'latency'
        delay = '200ms'
        [[faults]]
        on = 'acme:greeter/api'
        kind = 'no-target'
        first = 1
        [[faults]]
        kind = 'trap'";
    let answer = ask("/strict/Ada", rest);
    assert_eq!(answer.calls, [NO_TARGET, Err((Cause::Trapped, Delivery::Delivered))]);
    assert!(answer.took >= ms(400), "{:?}", answer.took);
}

#[test]
fn the_control_without_the_error_type_traps_and_its_client_gets_a_bare_500() {
    for kind in ["no-link", "no-target", "disconnected", "blackhole", "drop", "trap", "overloaded"] {
        let rest = format!("instances = 'reuse'\n[[faults]]\nkind = '{kind}'\nfirst = 1");
        simulate(&manifest(component("http-hello-plain"), &[GREETER], &rest), async |stage| {
            let answer = stage.get("/strict/Ada").await;
            assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (500, "", 1), "{kind}");
            let answer = stage.get("/strict/Ada").await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, Ada!"), "the server goes on");
        });
    }
}

#[test]
fn composed_the_same_bytes_need_no_link_and_meet_no_failure() {
    let (app, provider) = (component("http-hello"), component("greeter"));
    let composed = steadfast_host::compose(app, provider).unwrap();
    let bytes = std::fs::read(app).unwrap();
    assert!(composed.windows(bytes.len()).any(|window| window == bytes), "the handler is in it, unchanged");

    let file = app.with_file_name(format!("composed-{}.wasm", std::process::id()));
    std::fs::write(&file, composed).unwrap();
    simulate(&manifest(&file, &[], "[[faults]]\nkind = 'no-target'"), async |stage| {
        let answer = stage.get("/strict/Ada").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.calls), (200, "Hello, Ada!", vec![]));
    });
    std::fs::remove_file(file).unwrap();
}
