//! How long a client waits, which travels with its request: nothing is done that it does not wait for.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::HeaderValue;
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};
use tokio::time::Instant;

use crate::outgoing::{ECHO, one_answer};
use crate::stage::{Stage, simulate, whole};

const CALLS: &str = "component = '<caller>'\nrequest-timeout = '60s'\ninvocation-timeout = '40s'\n\
                     [links]\n'test:guests/hostile' = { component = '<callee>' }\n[http]\n";

/// The status, the body and the time of an answer to a client that says how long it waits, once or several times.
async fn ask(stage: &Stage, path: &str, waits: &[&[u8]]) -> (u16, String, Duration) {
    let mut request = Request::get(path).header("host", "localhost");
    for value in waits {
        request = request.header("request-timeout", HeaderValue::from_bytes(value).expect("a value"));
    }
    let start = Instant::now();
    let response = stage.host.handle(request.body(Full::new(Bytes::new())).expect("a request")).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("a text"), start.elapsed())
}

fn with(manifest: &str, deadlines: &str, play: impl AsyncFnOnce(Stage)) {
    simulate(&whole(&format!("{manifest}deadlines = '{deadlines}'")), play);
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_component_works_no_longer_than_its_client_waits() {
    for (deadlines, expected) in [
        ("read", (504, "", ms(250))),
        ("both", (504, "", ms(250))),
        ("send", (200, "30000", ms(30_000))),
        ("neither", (200, "30000", ms(30_000))),
    ] {
        with(CALLS, deadlines, async |stage| {
            let (status, body, took) = ask(&stage, "/sleep", &[b"250"]).await;
            assert_eq!((status, body.as_str(), took), expected, "{deadlines}");
            let (status, body, _) = ask(&stage, "/sleep", &[]).await;
            assert_eq!((status, body.as_str()), (200, "30000"), "{deadlines}");
        });
    }
}

#[test]
fn a_request_whose_client_has_no_time_left_is_not_begun() {
    with(CALLS, "read", async |stage| {
        let (status, body, took) = ask(&stage, "/count", &[b"0"]).await;
        assert_eq!((status, body.as_str(), took), (504, "", Duration::ZERO));
        assert_eq!(stage.host.journal().total(), 0);
        assert_eq!(ask(&stage, "/count", &[b"1"]).await.0, 200);
        assert_eq!(stage.host.journal().total(), 1);
    });
}

#[test]
fn what_says_no_time_is_ignored_and_the_shortest_time_counts() {
    with(CALLS, "read", async |stage| {
        for value in [
            "",
            "soon",
            "-1",
            "+250",
            "2.5",
            "1e2",
            "0x10",
            "250ms",
            "100, 200",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999999999999999999",
        ] {
            assert_eq!(ask(&stage, "/sleep", &[value.as_bytes()]).await.0, 200, "{value}");
        }
        assert_eq!(ask(&stage, "/sleep", &[b"\xff\xfe"]).await.0, 200);
        let (status, _, took) = ask(&stage, "/sleep", &[b"soon", b"900", b"250", b"59000"]).await;
        assert_eq!((status, took), (504, ms(250)));
    });
}

#[test]
fn a_call_takes_no_longer_than_the_client_of_the_request_waits() {
    with(CALLS, "read", async |stage| {
        let (status, problem, took) = ask(&stage, "/spin", &[b"250"]).await;
        assert_eq!((status, took), (504, ms(250)));
        assert!(problem.contains(r#""cause":"timeout""#), "{problem}");
        assert_eq!(stage.calls_since(0), [Err((Cause::Timeout, Delivery::Unknown))]);
    });
}

#[test]
fn a_call_takes_no_longer_than_its_request_may() {
    let manifest = whole(&CALLS.replace("'40s'", "'90s'"));
    simulate(&manifest, async |stage| {
        let (status, _, took) = ask(&stage, "/spin", &[]).await;
        assert_eq!((status, took), (504, ms(60_000)));
        assert_eq!(stage.calls_since(0), [Err((Cause::Timeout, Delivery::Unknown))]);
    });
}

/// A front that asks a middle, which calls what is not there four times, with seconds in between.
const CHAIN: &str = "component = '<caller>'\nseed = 7\nrequest-timeout = '60s'\ninvocation-timeout = '500ms'\n\
                     [links]\n'test:guests/hostile' = { component = '<callee>' }\n\
                     [[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'\n\
                     [http]\nupstreams.'middle.test' = { component = '<caller>' }\n";

#[test]
fn an_upstream_makes_no_call_that_is_not_waited_for() {
    for (deadlines, waited_for) in [("both", true), ("neither", false)] {
        with(CHAIN, deadlines, async |stage| {
            let (_, body, took) = ask(&stage, "/fetch/http://middle.test/blocking", &[]).await;
            assert_eq!((body.as_str(), took), ("ErrorCode::HttpResponseTimeout", ms(500)), "{deadlines}");
            // As long as the middle would work by itself.
            tokio::time::sleep(Duration::from_secs(60)).await;
            let calls: Vec<_> = stage.host.journal().entries();
            let calls: Vec<_> = calls.iter().filter(|call| call.target.contains('#')).map(|call| call.at).collect();
            assert!(!calls.is_empty() && (calls.iter().all(|at| *at < ms(500)) == waited_for), "{calls:?}");
            assert!(waited_for || calls.len() == 4, "{calls:?}");
        });
    }
}

#[test]
fn a_request_of_a_client_that_waits_no_longer_is_not_sent_on() {
    with(CHAIN, "both", async |stage| {
        let two = "/fetch/http://middle.test/fetch/http://middle.test/blocking";
        let (status, _, took) = ask(&stage, two, &[b"200"]).await;
        assert_eq!((status, took), (504, ms(200)));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let entries = stage.host.journal().entries();
        assert!(entries.iter().all(|entry| entry.at < ms(200)), "{entries:?}");
    });
}

#[test]
fn a_component_ends_by_itself_when_its_client_waits_no_longer() {
    let manifest = "component = '<http-hello>'\nseed = 7\n[links]\n'acme:greeter/api' = { component = '<greeter>' }\n\
                    [[faults]]\nkind = 'no-target'";
    // The host looks at nothing here.
    simulate(&whole(manifest), async |stage| {
        let (status, problem, took) = ask(&stage, "/strict/Ada", &[b"20"]).await;
        assert!(status == 503 && problem.contains("the deadline is reached") && took <= ms(20), "{took:?}: {problem}");
        let made = stage.host.journal().total();
        let (status, problem, _) = ask(&stage, "/strict/Ada", &[b"0"]).await;
        assert!(status == 504 && problem.contains("it was not begun"), "{status}: {problem}");
        assert_eq!(stage.host.journal().total(), made);
        assert_eq!(ask(&stage, "/strict/Ada", &[b"60000"]).await.0, 503);
        assert_eq!(stage.host.journal().total(), made + 4);
    });
}

#[test]
fn a_request_over_a_socket_says_how_long_its_sender_waits() {
    for (deadlines, told) in [("send", true), ("read", false)] {
        let address = one_answer(ECHO);
        let manifest = whole(&format!(
            "component = '<caller>'\ninvocation-timeout = '20s'\n\
             http = {{ allow = ['{address}'], deadlines = '{deadlines}' }}"
        ));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage { host: Host::load(&manifest, Time::Real).unwrap() };
            let (_, sent, _) = ask(&stage, &format!("/fetch/http://{address}/"), &[b"60000"]).await;
            let left = sent.lines().find_map(|line| line.strip_prefix("request-timeout: "));
            let left = left.map(|left| left.parse::<u64>().expect("a number"));
            assert_eq!(left.is_some_and(|left| (1..=20_000).contains(&left)), told, "{deadlines}: {sent}");
        });
    }
}
