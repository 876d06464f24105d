//! Which statuses of a response are failures, and of what kind.

use core::time::Duration;

use wstd::http::{Response, StatusCode};

use super::retry_after;
use crate::call::{Judge, Verdict};
use crate::failure::{Cause, Delivery, Facts, Failure};

/// Says which responses are failures, for a call made by hand; [`Client`](super::Client) does so by itself.
///
/// | status | cause | delivery | source |
/// | --- | --- | --- | --- |
/// | 408 | timeout | unknown | RFC 9110, 15.5.9: the request was not complete in time; but servers in wide use say it of requests that they were at work on |
/// | 425 | overloaded | not-sent | RFC 8470, 5.2: the server is "unwilling to risk processing" the request |
/// | 429 | overloaded | unknown | RFC 6585, 4: too many requests; it does not say that this one was not processed |
/// | 502 | disconnected | unknown | RFC 9110, 15.6.3: a gateway had an invalid response, so there was a request |
/// | 503 | overloaded | unknown | RFC 9110, 15.6.4: unable to handle the request, which may be found out in the middle |
/// | 504 | timeout | unknown | RFC 9110, 15.6.5: a gateway had no response in time |
///
/// `Retry-After` counts with each of them. All other statuses are answers: the service did what it does, and what to
/// make of it is the caller's to say.
///
/// ```
/// use steadfast::{Failure, Judge, Policy, RpcError, Verdict, Cause, Delivery};
/// use steadfast::http::ByStatus;
/// use wstd::http::Response;
///
/// let mut busy = Response::new(());
/// *busy.status_mut() = wstd::http::StatusCode::TOO_MANY_REQUESTS;
/// let verdict = ByStatus.judge(&Ok::<_, wstd::http::Error>(busy));
/// assert_eq!(verdict, Verdict::failure(Cause::Overloaded, Delivery::Unknown));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByStatus;

impl<B, E: Failure> Judge<Response<B>, E> for ByStatus {
    fn judge(&self, result: &Result<Response<B>, E>) -> Verdict {
        match result {
            Ok(response) => of(response).map_or(Verdict::Success, |facts| {
                let retry_after = facts.retry_after.map(Duration::from_nanos);
                Verdict::Failure { cause: facts.cause, delivery: facts.delivery, retry_after, repeatable: true }
            }),
            Err(_) => Verdict::of(result),
        }
    }
}

/// The facts of a response that is a failure.
pub(super) fn of<B>(response: &Response<B>) -> Option<Facts> {
    let (cause, delivery) = match response.status() {
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => (Cause::Timeout, Delivery::Unknown),
        StatusCode::TOO_EARLY => (Cause::Overloaded, Delivery::NotSent),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => (Cause::Overloaded, Delivery::Unknown),
        StatusCode::BAD_GATEWAY => (Cause::Disconnected, Delivery::Unknown),
        _ => return None,
    };
    Some(Facts::new(cause, delivery, retry_after::of(response.headers())))
}

#[cfg(test)]
mod tests {
    use wstd::http::HeaderValue;

    use super::*;
    use crate::RpcError;

    fn response(status: u16) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    #[test]
    fn six_statuses_are_failures_and_all_others_are_answers() {
        use Cause::{Disconnected, Overloaded, Timeout};
        for status in 100..1000 {
            let expected = match status {
                408 | 504 => Verdict::failure(Timeout, Delivery::Unknown),
                425 => Verdict::failure(Overloaded, Delivery::NotSent),
                429 | 503 => Verdict::failure(Overloaded, Delivery::Unknown),
                502 => Verdict::failure(Disconnected, Delivery::Unknown),
                _ => Verdict::Success,
            };
            assert_eq!(ByStatus.judge(&Ok::<_, RpcError>(response(status))), expected, "{status}");
        }
    }

    #[test]
    fn each_of_them_may_say_when_to_come_back() {
        for status in [408, 425, 429, 502, 503, 504] {
            let mut response = response(status);
            response.headers_mut().insert("retry-after", HeaderValue::from_static("7"));
            let verdict = ByStatus.judge(&Ok::<_, RpcError>(response));
            let seven = Duration::from_secs(7);
            assert!(matches!(verdict, Verdict::Failure { retry_after: Some(after), .. } if after == seven), "{status}");
        }
    }

    #[test]
    fn an_error_is_what_it_is_without_a_status() {
        let error = RpcError::new(Cause::NoTarget, Delivery::NotSent);
        assert_eq!(
            ByStatus.judge(&Err::<Response<()>, _>(error)),
            Verdict::failure(Cause::NoTarget, Delivery::NotSent)
        );
    }
}
