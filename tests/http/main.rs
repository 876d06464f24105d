//! Outgoing HTTP and handlers, in components, over real sockets.
#![cfg(not(target_family = "wasm"))]

mod broken;
mod network;
mod peers;

use std::sync::OnceLock;

use broken::Broken;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use network::{Answer, Host, Server, nowhere};
use steadfast_demo::guests::Guests;

/// A host with one of the two guests, built at first use.
fn host(guest: &str) -> Host {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    Host::new(GUESTS.get_or_init(|| Guests::build(&["requester", "replier"]).unwrap()).file(guest))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

/// Has the requester send such a request to `upstream`.
async fn send(host: &Host, method: &str, upstream: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [headers, &[("x-upstream", upstream)]].concat();
    host.ask(request(method, path, &headers, body)).await.unwrap()
}

#[tokio::test]
async fn a_get_is_repeated_until_the_server_is_well() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "GET", &server.authority, "/flaky", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.asked(), ["GET /flaky "; 3]);
    let timing = answer.header("server-timing");
    assert!(timing.starts_with("total;dur="), "{timing}");
    assert!(timing.ends_with(r#", upstream;desc="3 attempts, overloaded, recovered""#), "{timing}");
}

#[tokio::test]
async fn a_put_is_repeated_with_its_body() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "PUT", &server.authority, "/flaky", &[], "Ada").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ada"));
    assert_eq!(server.asked(), ["PUT /flaky Ada"; 3]);
}

#[tokio::test]
async fn a_post_is_repeated_only_with_an_idempotency_key() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "POST", &server.authority, "/flaky", &[], "Ada").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!((answer.member("cause"), answer.member("attempts")), ("overloaded".into(), 1.into()));
    assert_eq!(server.asked(), ["POST /flaky Ada"]);

    let answer = send(&host, "POST", &server.authority, "/flaky", &[("idempotency-key", "7")], "Ada").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ada"));
    assert_eq!(server.asked(), ["POST /flaky Ada"; 3]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_target_and_may_be_asked_again_by_any_method() {
    let (host, nowhere) = (host("requester"), nowhere().await);
    for (method, body) in [("GET", String::new()), ("POST", "Ada".into()), ("POST", "x".repeat(1_000_000))] {
        let answer = send(&host, method, &nowhere, "/", &[], &body).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{method}");
        assert_eq!((answer.member("cause"), answer.member("attempts")), ("no-target".into(), 3.into()), "{method}");
        assert!(!answer.body.contains("127.0.0.1"), "{}", answer.body);
        assert!(answer.header("server-timing").ends_with(r#", upstream;desc="3 attempts, no-target""#));
    }
}

#[tokio::test]
async fn a_body_that_is_streamed_is_sent_once() {
    let (host, nowhere) = (host("requester"), nowhere().await);
    let answer = send(&host, "PUT", &nowhere, "/", &[("x-stream", "yes")], "Ada").await;
    assert_eq!((answer.member("cause"), answer.member("attempts")), ("no-target".into(), 1.into()));
    assert!(answer.header("server-timing").ends_with(r#""1 attempt, no-target, not-replayable""#));

    let server = Server::start().await;
    let answer = send(&host, "PUT", &server.authority, "/", &[("x-stream", "yes")], "Ada").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ada"));
}

#[tokio::test]
async fn a_refusal_is_told_also_when_the_host_gave_up_the_body_before() {
    let host = host("requester");
    let bodies = || ["".to_owned(), "Ada".to_owned(), "x".repeat(1 << 20)];
    for (method, upstream, body) in ["GET", "POST"].iter().flat_map(|method| {
        ["refused.test", "refused-midway.test"]
            .into_iter()
            .flat_map(move |upstream| bodies().map(|body| (*method, upstream, body)))
    }) {
        for stream in ["no", "yes"] {
            let about = format!("{method} {upstream}, {} bytes, stream: {stream}", body.len());
            let answer = send(&host, method, upstream, "/", &[("x-stream", stream)], &body).await;
            let attempts = if stream == "yes" { 1 } else { 3 };
            assert_eq!((answer.status, answer.member("cause")), (503, "no-target".into()), "{about}");
            assert_eq!(answer.member("attempts"), attempts, "{about}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_body_was_sent_is_the_answer() {
    let (host, upload) = (host("requester"), "x".repeat(1 << 20));
    for (upstream, text) in [("closed.test", "busy"), ("full.test", "full")] {
        for stream in ["no", "yes"] {
            let headers = [("x-stream", stream), ("x-last", "yes")];
            let answer = send(&host, "POST", upstream, "/", &headers, &upload).await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, "7"), "{upstream} {stream}");
            assert_eq!(answer.body, text, "{upstream}, stream: {stream}");
        }
    }
}

#[tokio::test]
async fn a_success_that_comes_early_does_not_cut_the_body_short() {
    let (host, upload) = (host("requester"), "x".repeat(1 << 20));
    for stream in ["no", "yes"] {
        let answer = send(&host, "POST", "streamed.test", "/", &[("x-stream", stream)], &upload).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "1048576"), "stream: {stream}");
    }
}

#[tokio::test]
async fn a_connection_that_is_dropped_may_have_had_its_effect() {
    let (host, server) = (host("requester"), Server::start().await);
    for (method, times) in [("GET", 3), ("POST", 1)] {
        let answer = send(&host, method, &server.authority, "/drop", &[], "").await;
        assert_eq!((answer.status, answer.member("cause")), (502, "disconnected".into()), "{method}");
        assert_eq!(server.asked().len(), times, "{method}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_known_where_the_handler_reads_it() {
    let (host, server) = (host("requester"), Broken::start().await);
    for (method, path) in
        [("GET", "/short"), ("POST", "/short"), ("GET", "/chunked"), ("GET", "/trailer"), ("GET", "/reset")]
    {
        let answer = send(&host, method, &server.authority, path, &[("x-read", "yes")], "").await;
        assert_eq!((answer.status, answer.member("cause")), (502, "disconnected".into()), "{path}: {}", answer.body);
        assert_eq!(server.asked(), 1, "{path}");
    }
    let answer = send(&host, "GET", "slow-body.test", "/", &[("x-read", "yes")], "").await;
    assert_eq!((answer.status, answer.member("cause")), (504, "timeout".into()), "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_is_read_within_the_attempt_is_asked_for_again() {
    let (host, server) = (host("requester"), Broken::start().await);
    let answer = send(&host, "GET", &server.authority, "/short-once", &[("x-limit", "10")], "").await;
    assert_eq!((answer.status, answer.body.as_str(), server.asked()), (200, "0123456789", 2));

    for (method, path, asked) in
        [("GET", "/short", 3), ("GET", "/chunked", 3), ("GET", "/reset", 3), ("POST", "/short", 1)]
    {
        let answer = send(&host, method, &server.authority, path, &[("x-limit", "1000")], "").await;
        assert_eq!((answer.status, answer.member("cause")), (502, "disconnected".into()), "{path}: {}", answer.body);
        assert_eq!((answer.member("attempts"), server.asked()), (asked.into(), asked), "{method} {path}");
    }
    let answer = send(&host, "GET", "slow-body.test", "/", &[("x-limit", "10")], "").await;
    assert_eq!((answer.status, answer.member("attempts")), (504, 3.into()), "{}", answer.body);
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_asked_for_again() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "PUT", &server.authority, "/", &[("x-limit", "3")], "Ada!").await;
    assert_eq!((answer.status, answer.member("cause")), (502, "protocol".into()), "{}", answer.body);
    assert_eq!(server.asked().len(), 1);
    let answer = send(&host, "PUT", &server.authority, "/", &[("x-limit", "4")], "Ada!").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ada!"));
    let answer = send(&host, "HEAD", &server.authority, "/long", &[("x-limit", "4")], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

// case 20
#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_passes_that_on_from_a_date_too() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "GET", &server.authority, "/busy", &[], "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "120"));
    assert_eq!(server.asked().len(), 1, "two minutes are beyond the cap");
}

#[tokio::test]
async fn an_attempt_that_hangs_is_cut_short_and_another_is_made() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "GET", &server.authority, "/hang-once", &[("x-quick", "yes")], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.asked(), ["GET /hang-once "; 2]);
}

#[tokio::test]
async fn the_deadline_of_the_handler_ends_a_request_that_hangs() {
    let (host, server) = (host("requester"), Server::start().await);
    let answer = send(&host, "GET", &server.authority, "/hang", &[], "").await;
    assert_eq!((answer.status, answer.member("cause")), (504, "timeout".into()));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_handler_that_waits_for_anything_else_is_stopped_at_its_deadline() {
    let host = host("requester");
    let answer = host.ask(request("GET", "/sleep", &[], "")).await.unwrap();
    assert_eq!((answer.status, answer.member("type")), (504, "urn:problem-type:steadfast:deadline".into()));
    assert_eq!(answer.member("instance"), "/sleep");
}

#[tokio::test]
async fn a_fault_of_the_handler_itself_is_a_500_that_tells_the_client_nothing() {
    let answer = host("requester").ask(request("GET", "/bug", &[], "")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (500, "application/problem+json"));
    assert_eq!(answer.body, r#"{"title":"Internal Server Error","status":500,"instance":"/bug"}"#);
}

#[tokio::test]
async fn a_handler_without_wstd_replies_and_fails_with_a_problem() {
    let host = host("replier");
    let answer = host.ask(request("GET", "/hello", &[], "")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type"), answer.body.as_str()), (201, "text/plain", "Hello!"));
    assert!(answer.header("server-timing").starts_with("total;dur="));

    let answer = host.ask(request("GET", "/full?token=secret", &[], "")).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, "7"));
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!((answer.member("cause"), answer.member("instance")), ("overloaded".into(), "/full".into()));
    assert!(!answer.body.contains("10.0.0.7") && !answer.body.contains("secret"), "{}", answer.body);
}

#[tokio::test]
async fn a_reply_may_be_large() {
    let answer = host("replier").ask(request("GET", "/large", &[], "")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 300_000));
}

#[tokio::test]
async fn a_reply_that_is_no_answer_of_http_is_told_to_the_host() {
    let host = host("replier");
    for (path, wrong) in [("/bad-status", "status 1000"), ("/bad-header", "header `bad header`")] {
        let code = host.ask(request("GET", path, &[], "")).await.unwrap_err();
        assert!(format!("{code:?}").contains(wrong), "{code:?}");
    }
}
