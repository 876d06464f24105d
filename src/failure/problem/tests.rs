//! What a client may read, and what it may not.

use super::*;
use crate::{Delivery, RpcError};

fn failed(cause: Cause) -> Failed {
    Failed {
        last: Some(RpcError {
            target: "acme:greeter/api#greet".into(),
            message: "nats://10.0.0.7:4222 at /srv/app.rs:12".into(),
            ..RpcError::new(cause, Delivery::NotSent)
        }),
        reason: Reason::Attempts,
        attempts: 4,
        elapsed: 812_000_000,
        from_start: true,
        cause,
        delivery: Delivery::NotSent,
        retry_after: None,
        ignored: false,
    }
}

#[test]
fn every_cause_has_its_status_and_only_503_says_when_to_come_back() {
    for (cause, status) in [
        (Cause::NoLink, 500),
        (Cause::NoTarget, 503),
        (Cause::Timeout, 504),
        (Cause::Disconnected, 502),
        (Cause::Overloaded, 503),
        (Cause::Trapped, 502),
        (Cause::Protocol, 502),
        (Cause::Other, 502),
    ] {
        let problem = failed(cause).problem("/hello/Ada");
        assert_eq!(problem.status(), status, "{cause:?}");
        assert_eq!(problem.retry_after(), (status == 503).then_some(1), "{cause:?}");
        assert!(!problem.body().contains("10.0.0.7") && !problem.body().contains("srv"), "{problem:?}");
    }
}

#[test]
fn the_body_is_the_documented_one() {
    assert_eq!(
        failed(Cause::NoTarget).problem("/hello/Ada").body(),
        concat!(
            r#"{"type":"urn:problem-type:steadfast:no-target","title":"A service that this one needs is not running","#,
            r#""status":503,"detail":"acme:greeter/api#greet: gave up after 4 attempts in 812 ms","#,
            r#""instance":"/hello/Ada","cause":"no-target","attempts":4}"#
        )
    );
    let no_link = Failed { reason: Reason::NotRetryable, attempts: 1, ..failed(Cause::NoLink) };
    assert!(no_link.problem("/").body().contains(concat!(
        r#""detail":"acme:greeter/api#greet: gave up after 1 attempt in 812 ms: trying again would not help; "#,
        r#"the operator of this service has to link the import""#
    )));
}

#[test]
fn an_open_breaker_says_when_it_lets_a_call_through() {
    let open = Failed {
        last: None,
        reason: Reason::BreakerOpen,
        attempts: 0,
        retry_after: Some(9_001_000_000),
        ..failed(Cause::Timeout)
    };
    let problem = open.problem("/");
    assert_eq!((problem.status(), problem.retry_after()), (503, Some(10)));
    assert!(problem.body().contains(r#""type":"urn:problem-type:steadfast:breaker-open""#));
    assert!(problem.body().contains(r#""detail":"not called: the circuit breaker is open""#));
    assert!(problem.body().contains(r#""cause":"timeout","attempts":0"#));
}

#[test]
fn what_a_client_sends_cannot_break_the_json() {
    let problem = failed(Cause::Timeout).problem("/\"},\\\n\u{1}é");
    assert!(problem.body().contains(r#""instance":"/\"},\\\u000a\u0001é","#), "{}", problem.body());
}

#[test]
fn only_the_name_of_a_wit_function_passes_for_a_target() {
    for name in ["acme:greeter/api#greet", "acme:greeter/api@0.1.0-rc.1#greet-all", "a:b/C#d1"] {
        assert!(is_wit_name(name), "{name}");
    }
    for other in [
        "",
        "greet",
        "acme:greeter/api",
        "nats://127.0.0.1:4222#x",
        "host:4222/api#greet",
        "10.0.0.7:4222/api#greet",
        "acme:greeter/api@db.internal#greet",
        "acme:greeter/../etc/passwd#greet",
        "acme:greeter/api#greet at 10.0.0.7",
    ] {
        assert!(!is_wit_name(other), "{other}");
    }
}

#[test]
fn a_service_may_have_problems_of_its_own() {
    let problem = Problem::new(404, "No \"such\" greeting");
    assert_eq!((problem.status(), problem.retry_after()), (404, None));
    assert_eq!(problem.body(), r#"{"title":"No \"such\" greeting","status":404}"#);
    let detailed = problem.detail("in\nLatin").instance("/hello/la");
    assert!(detailed.body().ends_with(r#""status":404,"detail":"in\u000aLatin","instance":"/hello/la"}"#));
    for status in [0, 200, 399, 600, u16::MAX] {
        assert_eq!(Problem::new(status, "x").status(), 500, "{status}");
    }
}

#[test]
fn an_error_that_no_policy_handled_is_one_attempt() {
    let busy = RpcError { retry_after: Some(1), ..RpcError::new(Cause::Overloaded, Delivery::NotSent) };
    let problem = crate::Failure::problem(&busy, "/");
    assert_eq!((problem.status(), problem.retry_after()), (503, Some(1)));
    assert!(problem.body().contains(r#""detail":"gave up after 1 attempt","instance":"/""#), "{}", problem.body());
    // A policy's own error says what the policy did, also behind the trait and a reference.
    fn of(failure: &impl crate::Failure) -> Problem {
        (&failure).problem("/")
    }
    assert_eq!(of(&failed(Cause::NoTarget)), failed(Cause::NoTarget).problem("/"));
}

#[test]
fn of_a_member_given_twice_the_last_counts() {
    let twice = Problem::new(404, r#"a,"detail":"b\"#).detail("a").detail("b");
    assert_eq!(twice, Problem::new(404, r#"a,"detail":"b\"#).detail("b"));
    // However it is escaped, and whatever comes after it.
    for text in ["", "\"", "\\", "\\\"", r#"","detail":""#, "\n", "é"] {
        let twice = Problem::new(404, "x").detail(text).instance(text).detail(text).instance("/").detail("b");
        assert_eq!(twice, Problem::new(404, "x").detail("b").instance("/"), "{text}");
    }
    let moved = failed(Cause::Timeout).problem("/a").instance("/b");
    assert_eq!(moved, failed(Cause::Timeout).problem("/b"));
}
