//! `#[resilient]` in components: what clients get from a handler, and what it adds to the bytes.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use stage::{Answer, manifest, simulate};
use steadfast_demo::guests::Guests;

const GREETER: [(&str, &str); 1] = [("acme:greeter/api", "greeter")];

/// The handler with `#[resilient]` after `#[wstd::http_server]`, and before it.
fn handlers() -> &'static [PathBuf; 2] {
    // Once: what is built later replaces what was built before.
    static HANDLERS: OnceLock<[PathBuf; 2]> = OnceLock::new();
    HANDLERS.get_or_init(|| [&[][..], &["before"]].map(|order| Guests::variant("attributed", "guest", order).unwrap()))
}

fn ask(path: &str, faults: &str) -> [Answer; 2] {
    handlers().each_ref().map(|app| simulate(&manifest(app, &GREETER, faults), async |stage| stage.get(path).await))
}

#[test]
fn a_handler_in_either_order_answers_with_what_its_calls_did() {
    for answer in ask("/strict/Ada", "[[faults]]\nkind = 'no-target'\nfirst = 3") {
        assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "Hello, Ada!", 4));
        assert_eq!(answer.took, Duration::from_millis(300));
    }
    for answer in ask("/strict/Ada", "[[faults]]\nkind = 'no-target'") {
        assert_eq!((answer.status, answer.retry_after.as_deref(), answer.calls.len()), (503, Some("1"), 4));
        assert_eq!((answer.member("cause"), answer.member("attempts")), ("no-target".into(), 4.into()));
    }
}

#[test]
fn a_function_that_is_awaited_is_retried() {
    for answer in ask("/owned/Ada", "[[faults]]\nkind = 'no-target'\nfirst = 2") {
        assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "Hello, Ada!", 3));
    }
}

#[test]
fn a_call_ends_by_the_deadline_of_the_handler_it_is_made_in() {
    for path in ["/patient/Ada", "/client/Ada"] {
        for answer in ask(path, "[[faults]]\nkind = 'no-target'") {
            assert_eq!((answer.status, answer.member("cause")), (503, "no-target".into()), "{path}");
            // The next attempt would be 5 s after the first, when the handler has to have answered.
            assert_eq!((answer.calls.len(), answer.took), (5, Duration::from_secs(4)), "{path}");
            let detail = answer.member("detail");
            assert!(detail.as_str().unwrap().ends_with("in 4000 ms: the deadline is reached"), "{path}: {detail}");
        }
    }
}

#[test]
fn a_fallback_answers() {
    for answer in ask("/hello/Ada", "[[faults]]\nkind = 'no-target'") {
        assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, stranger! (2 attempts)"));
    }
}

#[test]
fn what_is_passed_on_keeps_its_cause() {
    for answer in ask("/chained/Ada", "[[faults]]\nkind = 'no-target'") {
        assert_eq!((answer.status, answer.member("cause")), (503, "no-target".into()));
    }
}

#[test]
fn the_attribute_adds_no_more_than_half_a_kilobyte_to_what_is_written_by_hand() {
    let bytes = |feature: &str| {
        let file = Guests::variant("bench-guest", "guest", &[feature]).unwrap();
        std::fs::metadata(file).unwrap().len()
    };
    let (hand, attribute) = (bytes("retry"), bytes("retry-attribute"));
    assert!(attribute <= hand + 512, "{attribute} bytes, and by hand {hand}");
}
