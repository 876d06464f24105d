//! Handlers of `wstd`'s HTTP server.

use core::any::Any;

use wstd::http::{Body, Error, HeaderValue, Request, Response};

use super::request_timeout::{REQUEST_TIMEOUT, left};
use super::run::Run;
use super::{IntoProblem, Settings};
use crate::failure::is_unknown;
use crate::failure::problem::Problem;
use crate::platform::clock::System;

/// The name of the header that says what happened.
const SERVER_TIMING: &str = "server-timing";

/// Has `handler` answer `request`; see [the module](super).
///
/// ```
/// use steadfast::handler::{Settings, answer};
/// use steadfast::{Cause, Delivery, RpcError};
/// use wstd::http::{Body, Request, Response};
///
/// # steadfast::testing::block_on(async {
/// let request = Request::get("/hello/Ada").body(Body::empty()).unwrap();
/// let response = answer(Settings::new(), request, async |_request| -> Result<Response<String>, RpcError> {
///     Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
/// });
/// assert_eq!(response.await.unwrap().status(), 503);
/// # });
/// ```
///
/// # Errors
/// None: a failure becomes an answer. The type is the one that `#[wstd::http_server]` asks for.
pub async fn answer<B: Into<Body>, E: IntoProblem + 'static>(
    settings: Settings,
    request: Request<Body>,
    handler: impl AsyncFnOnce(Request<Body>) -> Result<Response<B>, E>,
) -> Result<Response<Body>, Error> {
    let uri = request.uri().clone();
    let run = Run::new(System, settings, || left(request.headers().get_all(REQUEST_TIMEOUT)));
    let result = run
        .answer_async(uri.path(), async { handler(request).await.map(|ok| ok.map(Into::into)).inspect_err(log) })
        .await;
    Ok(finish(&run, result))
}

/// The same for a handler that blocks. Its deadline bounds the calls within it, but nothing interrupts it.
///
/// ```
/// use steadfast::handler::{Settings, answer_sync};
/// use steadfast::RpcError;
/// use wstd::http::{Body, Request, Response};
///
/// let request = Request::get("/hello/Ada").body(Body::empty()).unwrap();
/// let response = answer_sync(Settings::new(), request, |_request| Ok::<_, RpcError>(Response::new("Hello!")));
/// assert_eq!(response.unwrap().status(), 200);
/// ```
///
/// # Errors
/// None, as [`answer`].
pub fn answer_sync<B: Into<Body>, E: IntoProblem + 'static>(
    settings: Settings,
    request: Request<Body>,
    handler: impl FnOnce(Request<Body>) -> Result<Response<B>, E>,
) -> Result<Response<Body>, Error> {
    let uri = request.uri().clone();
    let run = Run::new(System, settings, || left(request.headers().get_all(REQUEST_TIMEOUT)));
    let result = run.answer(uri.path(), || handler(request).map(|ok| ok.map(Into::into)).inspect_err(log));
    Ok(finish(&run, result))
}

/// Writes down an error of which nothing is known: the client is not told what it is, and the server of `wstd` does not
/// pass it on to the host.
fn log<E: 'static>(error: &E) {
    if let Some(error) = (error as &dyn Any).downcast_ref::<Error>()
        && is_unknown(error)
    {
        eprintln!("the handler failed: {error:?}");
    }
}

fn finish(run: &Run<System>, result: Result<Response<Body>, Problem>) -> Response<Body> {
    let mut response = result.unwrap_or_else(Into::into);
    if let Some(timing) = run.server_timing() {
        let headers = response.headers_mut();
        // Joined with what the handler said, and not appended as a header: the code for that is large.
        let mut all = Vec::new();
        for own in headers.get_all(SERVER_TIMING) {
            all.extend_from_slice(own.as_bytes());
            all.extend_from_slice(b", ");
        }
        all.extend_from_slice(timing.as_bytes());
        // The text is made of visible ASCII, so it is a value.
        if let Ok(value) = HeaderValue::from_bytes(&all) {
            headers.insert(SERVER_TIMING, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use wstd::http::{Body, Request, Response};

    use super::*;
    use crate::testing::block_on;
    use crate::{Cause, Delivery, Failed, Policy, RpcError};

    fn request() -> Request<Body> {
        Request::get("http://localhost/hello/Ada?token=secret").body(Body::empty()).unwrap()
    }

    fn header<'r>(response: &'r Response<Body>, name: &str) -> &'r str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn body(response: Response<Body>) -> String {
        block_on(async { response.into_body().str_contents().await.unwrap().to_owned() })
    }

    #[test]
    fn an_answer_is_the_handlers_own_with_the_time_it_took() {
        let handler = async |request: Request<Body>| {
            let mut response = Response::new(request.uri().path().to_owned());
            response.headers_mut().insert(SERVER_TIMING, HeaderValue::from_static("db;dur=7"));
            response.headers_mut().append(SERVER_TIMING, HeaderValue::from_static("cache;dur=1"));
            Ok::<_, RpcError>(response)
        };
        let response = block_on(answer(Settings::new(), request(), handler)).unwrap();
        let timing = header(&response, SERVER_TIMING);
        assert!(timing.starts_with("db;dur=7, cache;dur=1, total;dur="), "{timing}");
        assert_eq!((response.status().as_u16(), response.headers().len()), (200, 1));
        assert_eq!(body(response), "/hello/Ada");
    }

    #[test]
    fn a_handler_ends_when_the_client_of_its_request_waits_no_longer() {
        let waiting = |left: &str, settings| {
            let request = Request::get("http://localhost/").header("request-timeout", left).body(Body::empty());
            let handler = async |_| Ok::<_, RpcError>(Response::new(format!("{:?}", crate::handler::bound().ends())));
            let response = block_on(answer(settings, request.unwrap(), handler)).unwrap();
            (response.status().as_u16(), body(response))
        };
        assert!(waiting("60000", Settings::new()).1.starts_with("Some("));
        assert_eq!(waiting("soon", Settings::new()), (200, "None".into()));
        assert_eq!(waiting("0", Settings::new().caller_deadline(false)), (200, "None".into()));
        let (status, problem) = waiting("0", Settings::new());
        assert!(status == 504 && problem.contains("steadfast:deadline"), "{status}: {problem}");
    }

    #[test]
    fn a_failure_becomes_a_problem_that_names_the_path_and_not_the_query() {
        let no_target = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
        let handler = |_| Ok::<_, Failed>(Response::new(Policy::new().call(no_target)?));
        let response: Response<Body> =
            answer_sync::<String, _>(Settings::new().server_timing(false), request(), handler).unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(header(&response, "content-type"), "application/problem+json");
        assert_eq!((header(&response, "retry-after"), header(&response, SERVER_TIMING)), ("1", ""));
        let body = body(response);
        assert!(body.contains(r#""instance":"/hello/Ada""#) && !body.contains("secret"), "{body}");
    }
}
