//! A GET is repeated, a POST only when it was never sent, and an upstream is heard when it asks for time.

use std::time::Duration;

use crate::stage::{Answer, simulate, whole};

const QUOTE: &str = "Everything fails, all the time.";

fn both(fault: &str) -> (Answer, Answer) {
    let ask = |post| {
        let manifest = format!(
            "component = '<http-proxy>'\n[http.upstreams]\n'quotes.test' = {{ component = '<quotes>' }}\n{fault}"
        );
        simulate(&whole(&manifest), async |stage| match post {
            false => stage.get("/quote").await,
            true => stage.post("/quote", "All is well.").await,
        })
    };
    (ask(false), ask(true))
}

fn fault(rest: &str) -> String {
    format!("[[faults]]\non = 'http://quotes.test'\n{rest}")
}

#[test]
fn an_answer_is_passed_on() {
    let (get, post) = both("");
    assert_eq!((get.status, get.body.as_str(), get.calls.len()), (200, QUOTE, 1));
    assert_eq!((post.status, post.body.as_str(), post.calls.len()), (201, "Noted.", 1));
}

#[test]
fn what_was_never_sent_is_sent_again() {
    for kind in ["no-target", "disconnected"] {
        let (get, post) = both(&fault(&format!("kind = '{kind}'\nfirst = 2")));
        assert_eq!((get.status, get.calls.len()), (200, 3), "{kind}");
        assert_eq!((post.status, post.calls.len()), (201, 3), "{kind}");
    }
}

#[test]
fn what_may_have_arrived_is_sent_again_only_if_that_does_no_harm() {
    for (kind, status) in [("drop", 502), ("blackhole", 504)] {
        let (get, post) = both(&fault(&format!("kind = '{kind}'\nfirst = 1")));
        assert_eq!((get.status, get.body.as_str(), get.calls.len()), (200, QUOTE, 2), "{kind}");
        assert_eq!((post.status, post.calls.len()), (status, 1), "{kind}");
        let detail = post.member("detail");
        assert!(detail.as_str().unwrap().ends_with("it may have run, and is not idempotent"), "{detail}");
    }
}

#[test]
fn an_upstream_that_asks_for_time_gets_it() {
    let (get, _) = both(&fault("kind = 'status'\nstatus = 503\nretry-after = '1s'\nfirst = 1"));
    assert_eq!((get.status, get.calls.len()), (200, 2));
    assert!(get.took >= Duration::from_secs(1), "{:?}", get.took);
}

#[test]
fn an_upstream_that_is_away_or_not_granted_is_a_problem() {
    let (get, _) = both(&fault("kind = 'no-target'"));
    assert_eq!((get.status, get.retry_after.as_deref(), get.calls.len()), (503, Some("1"), 3));
    assert_eq!(get.member("cause"), "no-target");

    let answer = simulate(&whole("component = '<http-proxy>'"), async |stage| stage.get("/quote").await);
    assert_eq!((answer.status, answer.member("cause"), answer.calls.len()), (500, "no-link".into(), 1));
}

#[test]
fn any_other_status_is_the_upstreams_answer() {
    let (get, post) = both(&fault("kind = 'status'\nstatus = 404"));
    assert_eq!((get.status, get.calls.len(), post.status, post.calls.len()), (404, 1, 404, 1));
}
