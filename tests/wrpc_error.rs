//! Components that are built against the error of wRPC, a resource, are told of failures by it, and pass it on.
#![cfg(not(target_family = "wasm"))]

mod stage;

use stage::{Answer, overhear, simulate, whole};
use steadfast_host::{Cause, Delivery};

/// The answer of a component whose handler is `target`, and what went over the lattice.
fn ask(target: &str, faults: &str) -> (Answer, Vec<String>) {
    let text = format!("component = '<wrpc-hello>'\n{target}\n{faults}");
    overhear(|| simulate(&whole(&text), async |stage| stage.get("/").await))
}

const PLAIN: &str = "[links]\n'wrpc-examples:hello/handler' = { component = '<wrpc-greeting>' }";
const MIDDLE: &str = "[links]\n'wrpc-examples:hello/handler' = { component = '<wrpc-hello>' }";

#[test]
fn a_call_that_succeeds_needs_no_error() {
    let (answer, _) = ask(PLAIN, "");
    assert_eq!((answer.status, answer.body.as_str(), answer.calls), (200, "hello", vec![Ok(())]));
}

#[test]
fn cause_and_delivery_reach_the_policy() {
    for (kind, status, cause, delivery, calls) in [
        ("no-link", 500, "no-link", Delivery::NotSent, 1),
        ("no-target", 503, "no-target", Delivery::NotSent, 3),
        ("disconnected", 502, "disconnected", Delivery::NotSent, 3),
        ("drop", 502, "disconnected", Delivery::Unknown, 1),
        ("blackhole", 504, "timeout", Delivery::Unknown, 1),
        ("trap", 502, "trapped", Delivery::Delivered, 1),
        ("overloaded", 503, "overloaded", Delivery::NotSent, 3),
    ] {
        let (answer, log) = ask(PLAIN, &format!("[[faults]]\nkind = '{kind}'"));
        assert_eq!((answer.status, answer.member("cause")), (status, cause.into()), "{kind}");
        let seen = answer.calls.iter().map(|call| call.unwrap_err().1).collect::<Vec<_>>();
        assert_eq!(seen, vec![delivery; calls], "{kind}");
        let facts = format!("{cause} ({delivery}): wrpc-examples:hello/handler#hello: ");
        assert!(log.iter().any(|line| line.contains(&facts)), "{kind}: {log:?}");
    }
}

#[test]
fn a_target_that_comes_back_is_tried_again() {
    let (answer, _) = ask(PLAIN, "[[faults]]\nkind = 'no-target'\nfirst = 2");
    assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "hello", 3));
}

#[test]
fn the_wait_that_a_callee_asks_for_reaches_the_client() {
    let (answer, _) = ask(PLAIN, "[[faults]]\nkind = 'overloaded'\nretry-after = '31s'");
    assert_eq!((answer.status, answer.retry_after.as_deref(), answer.calls.len()), (503, Some("31"), 1));
}

#[test]
fn without_a_link_there_is_no_retry() {
    let (answer, _) = ask("", "");
    assert_eq!((answer.status, answer.member("cause"), answer.member("attempts")), (500, "no-link".into(), 1.into()));
}

#[test]
fn an_error_that_is_passed_on_is_the_same_at_the_other_end() {
    // Each calls the next, which is itself, until the host says that this is a circle.
    let (answer, log) = ask(MIDDLE, "");
    assert_eq!((answer.status, answer.member("cause")), (502, "protocol".into()));
    assert_eq!(answer.calls, [Err((Cause::Protocol, Delivery::NotSent)); 17]);
    let passed_on = log.iter().filter(|line| line.contains("passed on: Cause::Protocol")).count();
    assert_eq!(passed_on, 16, "{log:?}");
    assert!(log.iter().any(|line| line.contains("in a circle")), "{log:?}");
}
