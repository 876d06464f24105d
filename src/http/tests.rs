//! Requests through policies, over a transport that follows a script.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::VecDeque;

use wstd::http::error::ErrorCode;
use wstd::http::{Body, HeaderValue, Request, Response, StatusCode};

use super::Error;
use super::body::{Outgoing, RequestBody};
use super::client::{Client, exchange};
use super::response;
use super::transport::{self, Timeouts};
use crate::call::Call;
use crate::platform::clock::AsyncClock;
use crate::policy::Parts;
use crate::testing::{ManualClock, TestClock, block_on};
use crate::{
    AttemptTimeout, Breaker, Cause, Deadline, Delivery, Failed, Failure, Hedge, Policy, Reason, Retry, handler,
};

type Answer = Result<Response<Body>, Error>;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn status(status: u16) -> Answer {
    let mut response = Response::new(Body::from(format!("body of {status}")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

fn later(code: u16, retry_after: &'static str) -> Answer {
    let mut response = status(code).unwrap();
    response.headers_mut().insert("retry-after", HeaderValue::from_static(retry_after));
    response.headers_mut().insert("date", HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
    Ok(response)
}

fn code(code: ErrorCode) -> Answer {
    Err(Error::transport(code.into()))
}

/// A server that answers as scripted, and writes down what it was sent.
#[derive(Default)]
struct Server {
    answers: RefCell<VecDeque<Answer>>,
    seen: RefCell<Vec<String>>,
}

impl Server {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Server { answers: RefCell::new(answers.into_iter().collect()), ..Server::default() }
    }

    async fn answer(&self, request: &Request<Outgoing>) -> Answer {
        let content = request.body().next();
        let mut body = content.stream.map_or(Body::from(content.bytes), Body::from_http_body);
        let body = body.str_contents().await.unwrap().to_owned();
        self.seen.borrow_mut().push(format!("{} {} {body}", request.method(), request.uri().path()));
        self.answers.borrow_mut().pop_front().expect("one answer for each request")
    }

    fn requests(&self) -> usize {
        assert!(self.answers.borrow().is_empty(), "all answers were asked for");
        self.seen.borrow().len()
    }
}

static THRICE: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));

fn request<B>(method: &str, body: B) -> Request<B> {
    Request::builder().method(method).uri("http://example.com/page").body(body).unwrap()
}

async fn send<P: Parts>(
    policy: &Policy<P>,
    clock: &TestClock,
    server: &Server,
    request: Request<impl RequestBody>,
    refusals: &[u16],
) -> Result<Response<Body>, Failed<Error>> {
    let request = request.map(RequestBody::into_outgoing);
    let call = Call::new(policy, clock).within(handler::bound());
    exchange(call, refusals, &request, async |request| server.answer(request).await, unread).await
}

/// For a caller that reads the body by itself.
async fn unread(response: Response<Body>) -> Answer {
    Ok(response)
}

/// What comes of a request with that policy, and how many were made.
fn ask<P: Parts>(
    policy: &Policy<P>,
    request: Request<impl RequestBody>,
    answers: impl IntoIterator<Item = Answer>,
) -> (Result<Response<Body>, Failed<Error>>, usize) {
    let server = Server::new(answers);
    let result = block_on(send(policy, &TestClock::new(), &server, request, &[]));
    (result, server.requests())
}

fn text(response: Response<Body>) -> String {
    block_on(async { response.into_body().str_contents().await.unwrap().to_owned() })
}

#[test]
fn a_request_arrives_as_it_was_made_at_every_attempt() {
    let server = Server::new([status(503), code(ErrorCode::ConnectionTerminated), status(201)]);
    let response = block_on(send(&THRICE, &TestClock::new(), &server, request("PUT", "Ada"), &[])).unwrap();
    assert_eq!((response.status().as_u16(), text(response).as_str()), (201, "body of 201"));
    assert_eq!(*server.seen.borrow(), ["PUT /page Ada"; 3]);
}

#[test]
fn what_the_method_says_does_no_harm_twice_is_repeated_also_when_it_may_have_happened() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        let (result, requests) = ask(&THRICE, request(method, ()), [status(504), status(200)]);
        assert_eq!((result.unwrap().status().as_u16(), requests), (200, 2), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "get", "LINK"] {
        let (result, requests) = ask(&THRICE, request(method, ()), [status(504)]);
        assert_eq!((result.unwrap_err().reason(), requests), (Reason::NotIdempotent, 1), "{method}");
    }
}

// case 24
#[test]
fn a_post_is_repeated_only_when_it_was_certainly_not_sent() {
    let refused = || code(ErrorCode::ConnectionRefused);
    let (result, requests) = ask(&THRICE, request("POST", "Ada"), [refused(), status(425), status(200)]);
    assert_eq!((result.unwrap().status().as_u16(), requests), (200, 3));
    for answer in [status(429), status(503), status(408), status(502), code(ErrorCode::HttpProtocolError)] {
        let (result, requests) = ask(&THRICE, request("POST", "Ada"), [answer]);
        assert_eq!((result.unwrap_err().reason(), requests), (Reason::NotIdempotent, 1));
    }
}

#[test]
fn a_post_with_an_idempotency_key_is_repeated_and_keeps_its_key() {
    let mut post = request("POST", "Ada");
    post.headers_mut().insert("Idempotency-Key", HeaderValue::from_static("7"));
    let (result, requests) = ask(&THRICE, post, [status(503), status(200)]);
    assert_eq!((result.unwrap().status().as_u16(), requests), (200, 2));
}

#[test]
fn a_key_that_identifies_nothing_does_not_make_a_post_idempotent() {
    for (keys, requests) in [
        (vec![], 1),
        (vec![""], 1),
        (vec!["  \t"], 1),
        (vec!["\"\""], 1),
        (vec!["", ""], 1),
        (vec!["", "7"], 1),
        (vec!["7", "8"], 1),
        (vec!["7", "7"], 2),
        (vec!["\"7\""], 2),
    ] {
        let mut post = request("POST", "Ada");
        for key in &keys {
            post.headers_mut().append("Idempotency-Key", HeaderValue::from_static(key));
        }
        let server = Server::new([status(503), status(200)]);
        let _ = block_on(send(&THRICE, &TestClock::new(), &server, post, &[]));
        assert_eq!(server.seen.borrow().len(), requests, "{keys:?}");
    }
}

#[test]
fn of_a_setting_given_twice_the_last_counts() {
    let twice = Client::new(&THRICE)
        .connect_timeout(ms(1))
        .connect_timeout(ms(2))
        .first_byte_timeout(ms(1))
        .first_byte_timeout(ms(3))
        .between_bytes_timeout(ms(1))
        .between_bytes_timeout(ms(4))
        .refusals(&[429])
        .refusals(&[503]);
    let once = Client::new(&THRICE)
        .connect_timeout(ms(2))
        .first_byte_timeout(ms(3))
        .between_bytes_timeout(ms(4))
        .refusals(&[503]);
    let shown = |client: &Client<'_, _>| format!("{:?}", (client.timeouts, client.refusals));
    assert_eq!(shown(&twice), shown(&once));
}

#[test]
fn what_a_server_promises_to_have_refused_is_repeated() {
    let server = Server::new([status(429), status(200)]);
    let result = block_on(send(&THRICE, &TestClock::new(), &server, request("POST", "Ada"), &[429]));
    assert_eq!((result.unwrap().status().as_u16(), server.requests()), (200, 2));
    let server = Server::new([status(503)]);
    let result = block_on(send(&THRICE, &TestClock::new(), &server, request("POST", "Ada"), &[429]));
    assert_eq!(result.unwrap_err().delivery(), Delivery::Unknown);
}

#[test]
fn a_body_that_is_used_up_is_sent_once_and_the_reason_says_so() {
    let stream = || Body::from_http_body(wstd::http::body::util::Full::new(wstd::http::body::Bytes::from("Ada")));
    for request in [request("PUT", stream()), request("POST", stream())] {
        let server = Server::new([code(ErrorCode::ConnectionRefused)]);
        let failed = block_on(send(&THRICE, &TestClock::new(), &server, request, &[])).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), failed.cause()), (Reason::NotReplayable, 1, Cause::NoTarget));
        assert!(server.seen.borrow()[0].ends_with("/page Ada"));
        assert!(failed.to_string().ends_with("gave up after 1 attempt: what it was given is used up"), "{failed}");
    }
    // Without a retry there is nothing to say about it.
    static ONCE: Policy = Policy::new();
    let (result, _) = ask(&ONCE, request("PUT", stream()), [status(503)]);
    assert_eq!(result.unwrap_err().reason(), Reason::Attempts);
}

#[test]
fn a_body_that_fails_by_itself_says_nothing_of_how_far_the_request_got() {
    let broken = Err(Error::of_stream(ErrorCode::ConnectionRefused.into()));
    let (result, _) = ask(&THRICE, request("POST", "Ada"), [broken]);
    let failed = result.unwrap_err();
    assert_eq!((failed.cause(), failed.delivery(), failed.attempts()), (Cause::NoTarget, Delivery::Unknown, 1));
}

#[test]
fn an_empty_body_can_be_sent_again() {
    let (result, requests) = ask(&THRICE, request("GET", Body::empty()), [status(503), status(200)]);
    assert_eq!((result.unwrap().status().as_u16(), requests), (200, 2));
}

#[test]
fn every_kind_of_bytes_can_be_sent_again() {
    fn twice(body: impl RequestBody) {
        let server = Server::new([status(503), status(200)]);
        block_on(send(&THRICE, &TestClock::new(), &server, request("PUT", body), &[])).unwrap();
        assert_eq!(*server.seen.borrow(), ["PUT /page Ada"; 2]);
    }
    twice("Ada");
    twice(String::from("Ada"));
    twice(&b"Ada"[..]);
    twice(b"Ada".to_vec());
    twice(wstd::http::body::Bytes::from_static(b"Ada"));
}

#[test]
fn other_statuses_are_answers() {
    for code in [200, 204, 304, 400, 404, 409, 500, 501] {
        let (result, requests) = ask(&THRICE, request("GET", ()), [status(code)]);
        assert_eq!((result.unwrap().status().as_u16(), requests), (code, 1));
    }
}

#[test]
fn the_last_response_can_be_had_and_earlier_ones_are_dropped_before_the_next_attempt() {
    let (result, _) = ask(&THRICE, request("GET", ()), [status(502), status(504), later(503, "30")]);
    let failed = result.unwrap_err();
    assert_eq!((failed.cause(), failed.attempts()), (Cause::Overloaded, 3));
    assert_eq!(failed.retry_after(), Some(Duration::from_secs(30)));
    let last = failed.last().unwrap();
    assert_eq!((last.status(), last.code().is_none()), (Some(StatusCode::SERVICE_UNAVAILABLE), true));
    assert_eq!(last.to_string(), "the server answered with status 503");
    assert_eq!(text(last.take_response().unwrap()), "body of 503");
    assert!(last.take_response().is_none());

    let answers = [status(503), code(ErrorCode::ConnectionRefused), code(ErrorCode::DnsTimeout)];
    let (result, _) = ask(&THRICE, request("GET", ()), answers);
    let failed = result.unwrap_err();
    let last = failed.last().unwrap();
    assert!(last.take_response().is_none() && last.status().is_none());
    assert!(matches!(last.code(), Some(ErrorCode::DnsTimeout)));
}

// case 20
#[test]
fn a_retry_after_is_honoured_in_both_its_forms() {
    // The highest draw adds a quarter.
    for (asked, waited) in [
        ("1", ms(1_250)),
        ("Sun, 06 Nov 1994 08:49:38 GMT", ms(1_250)),
        ("30", ms(30_000)),
        ("0", ms(50)),
        ("-1", ms(50)),
        ("soon", ms(50)),
    ] {
        let (clock, server) = (TestClock::new(), Server::new([later(503, asked), status(200)]));
        block_on(send(&THRICE, &clock, &server, request("GET", ()), &[])).unwrap();
        assert_eq!(clock.slept(), [waited], "{asked}");
    }
}

// case 20
#[test]
fn a_retry_after_beyond_the_cap_is_passed_on_at_once() {
    let (clock, server) = (TestClock::new(), Server::new([later(503, "86400")]));
    let failed = block_on(send(&THRICE, &clock, &server, request("GET", ()), &[])).unwrap_err();
    assert_eq!((failed.reason(), server.requests(), clock.slept().len()), (Reason::RetryAfter, 1, 0));
    let problem = failed.problem("/");
    assert_eq!((problem.status(), problem.retry_after()), (503, Some(86_400)));
}

#[test]
fn a_failing_status_counts_for_the_breaker() {
    static CAREFUL: Policy<(Breaker,)> = Policy::new().breaker(Breaker::consecutive_failures(2));
    let (clock, server) = (TestClock::new(), Server::new([status(503), code(ErrorCode::ConnectionRefused)]));
    let reasons = [(); 3].map(|()| {
        let failed = block_on(send(&CAREFUL, &clock, &server, request("GET", ()), &[])).unwrap_err();
        (failed.reason(), failed.problem("/").status())
    });
    assert_eq!(reasons, [(Reason::Attempts, 503), (Reason::Attempts, 503), (Reason::BreakerOpen, 503)]);
    assert_eq!(server.requests(), 2);
}

#[test]
fn an_attempt_that_takes_too_long_is_dropped_and_another_is_made() {
    static QUICK: Policy<(Retry, AttemptTimeout)> =
        Policy::new().retry(Retry::attempts(2)).attempt_timeout(AttemptTimeout::after(Duration::from_millis(100)));
    let (clock, asked) = (ManualClock::new(), Cell::new(0));
    let request = request("GET", ()).map(RequestBody::into_outgoing);
    let transport = async |_: &Request<Outgoing>| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 {
            clock.sleep_async(ms(60_000)).await;
        }
        status(200)
    };
    let response = clock.run(exchange(Call::new(&QUICK, &clock), &[], &request, transport, unread)).unwrap();
    assert_eq!((response.status().as_u16(), asked.get(), clock.passed()), (200, 2, ms(150)));
}

#[test]
fn a_hedge_is_for_requests_that_do_no_harm_twice() {
    static PAGES: Policy<(Hedge,)> = Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    for (method, requests, took) in [("GET", 2, ms(100)), ("POST", 1, ms(60_000))] {
        let (clock, asked) = (ManualClock::new(), Cell::new(0));
        let request = request(method, ()).map(RequestBody::into_outgoing);
        let transport = async |_: &Request<Outgoing>| {
            asked.set(asked.get() + 1);
            if asked.get() == 1 {
                clock.sleep_async(ms(60_000)).await;
            }
            status(200)
        };
        clock.run(exchange(Call::new(&PAGES, &clock), &[], &request, transport, unread)).unwrap();
        assert_eq!((asked.get(), clock.passed()), (requests, took), "{method}");
    }
}

#[test]
fn the_deadline_ends_a_request_that_is_under_way() {
    static PAGES: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_millis(300)));
    let clock = ManualClock::new();
    let request = request("GET", ()).map(RequestBody::into_outgoing);
    let transport = async |_: &Request<Outgoing>| {
        clock.sleep_async(ms(60_000)).await;
        status(200)
    };
    let failed = clock.run(exchange(Call::new(&PAGES, &clock), &[], &request, transport, unread)).unwrap_err();
    assert_eq!((failed.reason(), failed.cause(), clock.passed()), (Reason::Deadline, Cause::Timeout, ms(300)));
    assert_eq!(failed.problem("/").status(), 504);
}

#[test]
fn its_failure_passes_through_other_errors_and_stays_what_it_is() {
    fn passed(result: Result<Response<Body>, Failed<Error>>) -> Result<Response<Body>, wstd::http::Error> {
        Ok(result?)
    }
    let (result, _) = ask(&THRICE, request("GET", ()), [later(503, "7"), later(503, "7"), later(503, "7")]);
    let error = passed(result).unwrap_err();
    assert_eq!((error.cause(), error.delivery()), (Cause::Overloaded, Delivery::Unknown));
    let problem = error.problem("/");
    assert_eq!((problem.status(), problem.retry_after()), (503, Some(7)));
    assert!(problem.body().contains("gave up after 3 attempts"), "{}", problem.body());
}

#[test]
fn what_a_request_is_made_of_is_send() {
    fn is_send<T: Send>(_: T) {}

    let _ = |request: &Request<Outgoing>| is_send(transport::send(request, Timeouts::default()));
    let _ = |response: Response<Body>| is_send(response::collect(response, 1));
    fn is_sync<T: Sync>() {}
    is_sync::<Client<'_, ()>>();
    is_send::<Option<Error>>(None);
}
