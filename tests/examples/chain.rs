//! The client of the first component is told what the last one met.

use crate::stage::{Answer, simulate, whole};

fn ask(rest: &str) -> Answer {
    let manifest = format!(
        "component = '<chain>'\n[links]\n'acme:letters/letters' = {{ component = '<chain-letters>' }}\n\
         'acme:greeter/api' = {{ component = '<greeter>' }}\n{rest}"
    );
    simulate(&whole(&manifest), async |stage| stage.get("/Ada").await)
}

#[test]
fn a_letter_takes_two_calls() {
    let answer = ask("");
    assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, Ada! Yours, the post office."));
    assert_eq!(answer.calls, [Ok(()), Ok(())]);
}

#[test]
fn the_cause_and_the_function_of_the_last_call_reach_the_client() {
    for (kind, status, cause, calls) in [
        ("no-link", 500, "no-link", 2),
        ("no-target", 503, "no-target", 4),
        ("disconnected", 502, "disconnected", 4),
        ("drop", 502, "disconnected", 2),
        ("trap", 502, "trapped", 2),
        ("overloaded'\nretry-after = '30s", 503, "overloaded", 2),
    ] {
        let answer = ask(&format!("[[faults]]\non = 'acme:greeter/api'\nkind = '{kind}'"));
        assert_eq!((answer.status, answer.member("cause")), (status, cause.into()), "{kind}");
        let detail = answer.member("detail");
        assert!(detail.as_str().unwrap().starts_with("acme:greeter/api#greet: "), "{kind}: {detail}");
        assert_eq!(answer.calls.len(), calls, "{kind}");
        assert_eq!(answer.calls[calls - 1], answer.calls[0], "the failure is passed on as it was");
        // What the second's policy did is its own business: the first called once.
        assert_eq!(answer.member("attempts"), 1, "{kind}");
        let after = kind.starts_with("overloaded").then_some("30").or((status == 503).then_some("1"));
        assert_eq!(answer.retry_after.as_deref(), after, "{kind}");
    }
}

#[test]
fn the_second_finds_a_last_one_that_comes_back() {
    let answer = ask("[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nfirst = 2");
    assert_eq!((answer.status, answer.calls.len()), (200, 4));
}

#[test]
fn a_failure_of_the_second_is_the_seconds() {
    let answer = ask("[[faults]]\non = 'acme:letters/letters'\nkind = 'no-target'");
    assert_eq!((answer.status, answer.calls.len()), (503, 1));
    let detail = answer.member("detail");
    assert!(detail.as_str().unwrap().starts_with("acme:letters/letters#write: "), "{detail}");
}
