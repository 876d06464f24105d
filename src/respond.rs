//! A failed call as an HTTP answer that a client can act on.

use core::fmt::Write;
use core::time::Duration;

use crate::Failed;
use crate::failed::Course;
use crate::failure::{Cause, Failure, cause_name};
use crate::policy::Reason;

/// The media type of a [`Problem`]'s body (RFC 9457).
///
/// ```
/// assert_eq!(steadfast::respond::CONTENT_TYPE, "application/problem+json");
/// ```
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A failed call as an HTTP answer: "Problem Details for HTTP APIs" (RFC 9457).
///
/// | what happened | status | |
/// | --- | --- | --- |
/// | no target, overloaded, circuit breaker open | 503 | with `Retry-After` |
/// | timeout | 504 | |
/// | disconnected, trapped, protocol mismatch, other | 502 | |
/// | no link | 500 | a fault of the deployment, which `detail` names |
///
/// The body says what a client may know: `type` (`urn:problem-type:steadfast:` and the cause, or
/// `breaker-open`), `title`, `status`, `detail`, `instance`, and the members `cause` (as the WIT spells it)
/// and `attempts`. An error's message can name addresses and other internals, and is left out; so is a
/// target that does not look like the name of a WIT function.
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, RpcError};
///
/// let failed = Policy::new()
///     .call(|| {
///         Err::<(), _>(RpcError {
///             target: "acme:greeter/api#greet".into(),
///             message: "nats://10.0.0.7:4222: no responders".into(),
///             ..RpcError::new(Cause::NoTarget, Delivery::NotSent)
///         })
///     })
///     .unwrap_err();
/// let problem = failed.problem("/hello/Ada");
/// assert_eq!((problem.status(), problem.retry_after()), (503, Some(1)));
/// assert!(problem.body().contains(r#""cause":"no-target","attempts":1"#));
/// assert!(!problem.body().contains("10.0.0.7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    retry_after: Option<u64>,
    body: String,
}

impl Problem {
    /// The HTTP status code: 500, 502, 503 or 504.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// # let dropped = || Err::<(), _>(RpcError::new(Cause::Disconnected, Delivery::Unknown));
    /// let failed = Policy::new().call(dropped).unwrap_err();
    /// assert_eq!(failed.problem("/hello/Ada").status(), 502);
    /// ```
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The value of the `Retry-After` header, in seconds, rounded up and at least 1; only with status 503.
    /// It is what the callee asked for, or the time until the circuit breaker lets a call through, or 1.
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// let busy = || Err::<(), _>(RpcError {
    ///     retry_after: Some(1_500_000_000),
    ///     ..RpcError::new(Cause::Overloaded, Delivery::NotSent)
    /// });
    /// let failed = Policy::new().call(busy).unwrap_err();
    /// assert_eq!(failed.problem("/hello/Ada").retry_after(), Some(2));
    /// ```
    pub const fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The body, JSON of the type [`CONTENT_TYPE`].
    ///
    /// ```
    /// # use steadfast::{Cause, Delivery, Policy, RpcError};
    /// # let dropped = || Err::<(), _>(RpcError::new(Cause::Disconnected, Delivery::Unknown));
    /// let failed = Policy::new().call(dropped).unwrap_err();
    /// assert!(failed.problem("/hello/Ada").body().contains(r#""instance":"/hello/Ada""#));
    /// ```
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl<E: Failure> Failed<E> {
    /// This failure as an HTTP answer. `instance` identifies the occurrence to the client: the path of its
    /// request, or a request id as a URI.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError};
    ///
    /// let timeout = || Err::<(), _>(RpcError::new(Cause::Timeout, Delivery::Unknown));
    /// let failed = Policy::new().call(timeout).unwrap_err();
    /// assert_eq!(failed.problem("/hello/Ada").status(), 504);
    /// ```
    pub fn problem(&self, instance: &str) -> Problem {
        let breaker_open = self.reason() == Reason::BreakerOpen;
        let (status, title) = match self.cause() {
            Cause::NoLink => (500, "The deployment lacks a link that this service needs"),
            _ if breaker_open => (503, "A service that this one needs is failing, and is left alone for now"),
            Cause::NoTarget => (503, "A service that this one needs is not running"),
            Cause::Overloaded => (503, "A service that this one needs is overloaded"),
            Cause::Timeout => (504, "A service that this one needs did not answer in time"),
            Cause::Disconnected => (502, "The connection to a service that this one needs was lost"),
            Cause::Trapped => (502, "A service that this one needs failed"),
            Cause::Protocol => (502, "A service that this one needs speaks another version of the interface"),
            Cause::Other => (502, "A service that this one needs could not be called"),
        };
        let cause = cause_name(self.cause());
        let kind = if breaker_open { "breaker-open" } else { cause };

        let mut detail = String::new();
        if let Some(target) = self.target().filter(|target| is_wit_name(target)) {
            detail.push_str(target);
            detail.push_str(": ");
        }
        // Writing to a string does not fail.
        let _ = write!(detail, "{}", Course(self));
        if self.cause() == Cause::NoLink {
            detail.push_str("; the operator of this service has to link the import");
        }

        let mut body = String::with_capacity(256);
        let _ = write!(
            body,
            r#"{{"type":"urn:problem-type:steadfast:{kind}","title":"{title}","status":{status},"detail":"#
        );
        push_json(&mut body, &detail);
        body.push_str(r#","instance":"#);
        push_json(&mut body, instance);
        let _ = write!(body, r#","cause":"{cause}","attempts":{}}}"#, self.attempts());

        Problem {
            status,
            retry_after: (status == 503).then(|| whole_seconds(self.retry_after().unwrap_or_default())),
            body,
        }
    }
}

/// Rounded up, since an earlier retry would be turned away, and at least 1.
fn whole_seconds(duration: Duration) -> u64 {
    let partial = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(partial).max(1)
}

/// `text` as a JSON string (RFC 8259, section 7).
fn push_json(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control @ '\0'..' ' => {
                let _ = write!(json, "\\u{:04x}", control as u32);
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

/// Whether `text` has the form `namespace:package/interface#function`, perhaps with a version before the `#`,
/// which no address has: each word begins with a letter.
fn is_wit_name(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|rest| rest.is_ascii_alphanumeric() || rest == '-')
    };
    let version = |version: &str| {
        version.starts_with(|first: char| first.is_ascii_digit())
            && version.chars().all(|rest| rest.is_ascii_alphanumeric() || ".-+".contains(rest))
    };
    let Some((interface, function)) = text.split_once('#') else {
        return false;
    };
    let (interface, versioned) = match interface.split_once('@') {
        Some((interface, number)) => (interface, version(number)),
        None => (interface, true),
    };
    let Some((package, interface)) = interface.rsplit_once('/') else {
        return false;
    };
    let Some((namespace, package)) = package.split_once(':') else {
        return false;
    };
    versioned && [namespace, package, interface, function].into_iter().all(word)
}

#[cfg(feature = "wstd")]
impl From<Problem> for wstd::http::Response<wstd::http::Body> {
    fn from(problem: Problem) -> Self {
        use wstd::http::{HeaderValue, Response, StatusCode};

        let mut response = Response::new(problem.body.into());
        // All four codes that `problem` gives are valid.
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = problem.retry_after {
            headers.insert("retry-after", HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
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
}
