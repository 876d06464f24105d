//! A failed call as an HTTP answer that a client can act on.

use core::fmt::Write;
use core::time::Duration;

use super::failed::{Course, Failed};
use super::{CallerError, Cause, Failure, Reason, cause_name};
use crate::platform::clock::nanos;

/// The media type of a [`Problem`]'s body (RFC 9457).
///
/// ```
/// assert_eq!(steadfast::respond::CONTENT_TYPE, "application/problem+json");
/// ```
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A failure as an HTTP answer: "Problem Details for HTTP APIs" (RFC 9457).
///
/// | what happened | status | |
/// | --- | --- | --- |
/// | no target, overloaded, circuit breaker open | 503 | with `Retry-After` |
/// | timeout | 504 | |
/// | disconnected, trapped, protocol mismatch, other | 502 | |
/// | no link | 500 | a fault of the deployment, which `detail` names |
/// | the deadline of the [handler](crate::handler) is reached | 504 | |
/// | the [caller is wrong](crate::CallerError) | 400, or as the error says | without `cause` and `attempts` |
///
/// The body says what a client may know: `type` (`urn:problem-type:steadfast:` and the cause, `breaker-open`,
/// `deadline` or `caller-error`), `title`, `status`, `detail`, `instance`, and the members `cause` (as the WIT spells it)
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
    /// A problem that a service defines: `status` (400 to 599; another becomes 500) and `title`,
    /// which is the same for every problem of this kind.
    ///
    /// ```
    /// use steadfast::respond::Problem;
    ///
    /// let problem = Problem::new(404, "No such greeting").detail("There is none in Latin").instance("/hello/la");
    /// assert_eq!(
    ///     problem.body(),
    ///     r#"{"title":"No such greeting","status":404,"detail":"There is none in Latin","instance":"/hello/la"}"#
    /// );
    /// ```
    pub fn new(status: u16, title: &str) -> Self {
        let status = if matches!(status, 400..600) { status } else { 500 };
        let mut problem = Problem { status, retry_after: None, body: String::with_capacity(256) };
        problem.body.push_str(r#"{"title":"#);
        push_json(&mut problem.body, title);
        let _ = write!(problem.body, r#","status":{status}}}"#);
        problem
    }

    /// With what is special about this occurrence, for people. Given twice, the last counts.
    ///
    /// ```
    /// let problem = steadfast::respond::Problem::new(400, "Bad name").detail("It is empty");
    /// assert!(problem.body().contains(r#""detail":"It is empty""#));
    /// ```
    #[must_use]
    pub fn detail(self, detail: &str) -> Self {
        self.set("detail", detail)
    }

    /// With what identifies this occurrence: the path of the request, or a request id as a URI. Given twice, the last
    /// counts.
    ///
    /// ```
    /// let problem = steadfast::respond::Problem::new(400, "Bad name").instance("/hello/");
    /// assert!(problem.body().contains(r#""instance":"/hello/""#));
    /// ```
    #[must_use]
    pub fn instance(self, instance: &str) -> Self {
        self.set("instance", instance)
    }

    /// One of the kinds that this crate defines.
    pub(crate) fn of_kind(kind: &str, status: u16, title: &str, detail: Option<&str>, instance: &str) -> Self {
        let body = String::with_capacity(256) + r#"{"type":"urn:problem-type:steadfast:"# + kind + r#"","title":"#;
        let mut problem = Problem { status, retry_after: None, body };
        push_json(&mut problem.body, title);
        let _ = write!(problem.body, r#","status":{status}}}"#);
        match detail {
            Some(detail) => problem.member("detail", detail),
            None => problem,
        }
        .member("instance", instance)
    }

    /// With the cause of the failure.
    pub(crate) fn cause(self, cause: Cause) -> Self {
        self.member("cause", cause_name(cause))
    }

    /// In the place of a member with that name, if there is one.
    fn set(mut self, name: &str, value: &str) -> Self {
        // Within a string, a quote has a backslash before it, so this is found in front of a member only.
        let Some(start) = self.body.find(&format!(r#","{name}":""#)) else { return self.member(name, value) };
        let value_at = start + name.len() + 4;
        let mut escaped = false;
        let end = self.body[value_at + 1..].find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let end = end.map_or(self.body.len(), |length| value_at + 1 + length + 1);
        let mut json = String::new();
        push_json(&mut json, value);
        self.body.replace_range(value_at..end, &json);
        self
    }

    /// A member that is not there yet.
    fn member(mut self, name: &str, value: &str) -> Self {
        self.open();
        let _ = write!(self.body, r#","{name}":"#);
        push_json(&mut self.body, value);
        self.body.push('}');
        self
    }

    /// For a further member.
    fn open(&mut self) {
        self.body.pop();
    }

    /// The HTTP status code. Of a failed call it is 500, 502, 503 or 504, or from 400 to 499 where the caller is wrong.
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
        if let Some(error) = self.caller_error() {
            return of_caller(error, instance);
        }
        let course = Failed {
            last: None,
            reason: self.reason,
            attempts: self.attempts,
            elapsed: self.elapsed,
            from_start: self.from_start,
            cause: self.cause,
            delivery: self.delivery,
            retry_after: self.retry_after,
            ignored: self.ignored,
        };
        of_course(&course, self.target(), instance)
    }
}

/// An error that no policy handled: one attempt.
pub(crate) fn unhandled(failure: &(impl Failure + ?Sized), instance: &str) -> Problem {
    if let Some(error) = failure.caller_error() {
        return of_caller(error, instance);
    }
    let course = Failed {
        last: None,
        reason: Reason::Attempts,
        attempts: 1,
        elapsed: 0,
        from_start: false,
        cause: failure.cause(),
        delivery: failure.delivery(),
        retry_after: failure.retry_after().map(nanos),
        ignored: false,
    };
    of_course(&course, failure.target(), instance)
}

/// The caller is wrong: it is told what its error says, and nothing of the call.
fn of_caller(error: CallerError<'_>, instance: &str) -> Problem {
    Problem::of_kind("caller-error", error.status, "The request is wrong", error.detail, instance)
}

/// The same for every type of error, so that it is in a component once.
fn of_course(course: &Failed<()>, target: Option<&str>, instance: &str) -> Problem {
    let breaker_open = course.reason == Reason::BreakerOpen;
    let (status, title) = match course.cause {
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
    let kind = if breaker_open { "breaker-open" } else { cause_name(course.cause) };

    let mut detail = String::new();
    if let Some(target) = target.filter(|target| is_wit_name(target)) {
        detail.push_str(target);
        detail.push_str(": ");
    }
    // Writing to a string does not fail.
    let _ = write!(detail, "{}", Course(course));
    if course.cause == Cause::NoLink {
        detail.push_str("; the operator of this service has to link the import");
    }

    let mut problem = Problem::of_kind(kind, status, title, Some(&detail), instance).cause(course.cause);
    let attempts = course.attempts;
    problem.open();
    let _ = write!(problem.body, r#","attempts":{attempts}}}"#);
    problem.retry_after =
        (status == 503).then(|| whole_seconds(Duration::from_nanos(course.retry_after.unwrap_or_default())));
    problem
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
            && version.chars().all(|rest| rest.is_ascii_alphanumeric() || matches!(rest, '.' | '-' | '+'))
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
        // All codes that a problem may have are valid.
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
mod tests;
