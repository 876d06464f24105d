//! Bodies of responses, read within the attempt and by the caller.

use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;

use wstd::http::body::{Bytes, Frame, HttpBody};
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Request, Response, StatusCode};

use super::collect as collected;
use crate::call::Call;
use crate::http::Error;
use crate::http::body::{Outgoing, RequestBody};
use crate::http::client::exchange;
use crate::testing::{ManualClock, TestClock, block_on};
use crate::{AttemptTimeout, Cause, Delivery, Failed, Failure, Policy, Reason, Retry};

/// A body of these parts, after which it hangs if it is to.
struct Parts(VecDeque<Result<Bytes, Error>>, bool);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = wstd::http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, wstd::http::Error>>> {
        match self.0.pop_front() {
            None if self.1 => Poll::Pending,
            part => Poll::Ready(part.map(|part| part.map(Frame::data).map_err(Into::into))),
        }
    }
}

fn body(parts: impl IntoIterator<Item = Result<&'static str, ErrorCode>>) -> Response<Body> {
    let parts = parts.into_iter().map(|part| part.map(Bytes::from).map_err(|code| Error::of_body(code.into())));
    Response::new(Body::from_http_body(Parts(parts.collect(), false)))
}

/// What comes of such a request whose body may have 5 bytes, and how many were made.
fn collect<P: crate::Parts>(
    policy: &Policy<P>,
    method: &str,
    answers: impl IntoIterator<Item = Response<Body>>,
) -> (Result<String, Failed<Error>>, usize) {
    let answers = RefCell::new(answers.into_iter().collect::<VecDeque<_>>());
    let (clock, made) = (TestClock::new(), RefCell::new(0));
    let transport = async |_: &Request<Outgoing>| {
        *made.borrow_mut() += 1;
        Ok(answers.borrow_mut().pop_front().expect("one answer for each request"))
    };
    let request = Request::builder().method(method).uri("http://example.com/").body("".into_outgoing()).unwrap();
    let call = Call::new(policy, &clock);
    let read = async |whole| collected(whole, 5).await;
    let result = block_on(exchange(call, &[], &request, transport, read));
    (result.map(|whole| String::from_utf8(whole.into_body()).unwrap()), made.take())
}

#[test]
fn a_body_that_ends_early_is_a_failed_attempt() {
    let policy = Policy::new().retry(Retry::attempts(3));
    let broken = || body([Ok("ab"), Err(ErrorCode::HttpProtocolError)]);
    let whole = || body([Ok("ab"), Ok("cd")]);
    let (result, made) = collect(&policy, "GET", [broken(), broken(), whole()]);
    assert_eq!((result.unwrap().as_str(), made), ("abcd", 3));

    let (result, made) = collect(&policy, "GET", [broken(), broken(), broken()]);
    let failed = result.unwrap_err();
    assert_eq!((failed.cause(), failed.delivery(), made), (Cause::Disconnected, Delivery::Delivered, 3));
    assert!(matches!(failed.last().unwrap().code(), Some(ErrorCode::HttpProtocolError)));

    let (result, made) = collect(&policy, "POST", [broken()]);
    let failed = result.unwrap_err();
    assert_eq!((failed.reason(), failed.delivery(), made), (Reason::NotIdempotent, Delivery::Delivered, 1));
}

#[test]
fn a_body_with_more_than_the_limit_is_not_asked_for_again() {
    let policy = Policy::new().retry(Retry::attempts(3));
    for parts in [vec![Ok("abcdef")], vec![Ok("abc"), Ok("def")], vec![Ok("abcde"), Ok("f")]] {
        let (result, made) = collect(&policy, "GET", [body(parts)]);
        let failed = result.unwrap_err();
        assert_eq!((failed.cause(), failed.delivery(), made), (Cause::Protocol, Delivery::Delivered, 1));
        assert_eq!(failed.last().unwrap().to_string(), "the body of the response has more than 5 bytes");
    }
    for parts in [vec![], vec![Ok("abcde")], vec![Ok("abc"), Ok(""), Ok("de")]] {
        assert_eq!(collect(&policy, "GET", [body(parts)]).1, 1);
    }
}

#[test]
fn the_body_of_a_failing_status_is_left_to_the_caller() {
    let policy = Policy::new();
    let mut busy = body([Ok("longer than the limit")]);
    *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let failed = collect(&policy, "GET", [busy]).0.unwrap_err();
    let mut last = failed.last().and_then(Error::take_response).unwrap();
    assert_eq!(block_on(last.body_mut().str_contents()).unwrap(), "longer than the limit");
}

#[test]
fn a_timeout_of_the_attempt_bounds_the_reading() {
    let policy =
        Policy::new().retry(Retry::attempts(2)).attempt_timeout(AttemptTimeout::after(Duration::from_millis(100)));
    let (clock, made) = (ManualClock::new(), RefCell::new(0));
    let transport = async |_: &Request<Outgoing>| {
        *made.borrow_mut() += 1;
        let hangs = *made.borrow() == 1;
        Ok(Response::new(Body::from_http_body(Parts([Ok(Bytes::from("ab"))].into(), hangs))))
    };
    let request = Request::get("http://example.com/").body("".into_outgoing()).unwrap();
    let read = async |whole| collected(whole, 5).await;
    let whole = clock.run(exchange(Call::new(&policy, &clock), &[], &request, transport, read)).unwrap();
    assert_eq!((whole.into_body(), made.take()), (b"ab".to_vec(), 2));
}

#[test]
fn what_ended_a_body_is_known_when_the_caller_reads_it() {
    for (code, cause, status) in [
        (ErrorCode::HttpProtocolError, Cause::Disconnected, 502),
        (ErrorCode::ConnectionTerminated, Cause::Disconnected, 502),
        (ErrorCode::HttpResponseIncomplete, Cause::Disconnected, 502),
        (ErrorCode::InternalError(None), Cause::Disconnected, 502),
        (ErrorCode::ConnectionReadTimeout, Cause::Timeout, 504),
        (ErrorCode::HttpResponseTimeout, Cause::Timeout, 504),
        (ErrorCode::HttpResponseBodySize(None), Cause::Protocol, 502),
    ] {
        let mut response = body([Ok("ab"), Err(code)]);
        let error = block_on(response.body_mut().contents()).unwrap_err().context("reading the page");
        assert_eq!((error.cause(), error.delivery()), (cause, Delivery::Delivered));
        assert_eq!(error.problem("/").status(), status);
    }
}
