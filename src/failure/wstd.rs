//! The errors of `wstd`, which can be any error of the code on the way.

use core::any::Any;
use core::time::Duration;

use ::wstd::http::error::ErrorCode;

use super::problem::Problem;
use super::{CallerError, Cause, Delivery, Failed, Failure, RpcError};

/// What is known of an error is what it was made of: an [`ErrorCode`], an [`RpcError`], a call that was given up.
/// All else is [`Cause::Other`] and [`Delivery::Unknown`], and where it leaves a handler, a fault of the service itself:
/// status 500.
impl Failure for ::wstd::http::Error {
    fn cause(&self) -> Cause {
        known(self).map_or(Cause::Other, Failure::cause)
    }
    fn delivery(&self) -> Delivery {
        known(self).map_or(Delivery::Unknown, Failure::delivery)
    }
    fn retry_after(&self) -> Option<Duration> {
        known(self)?.retry_after()
    }
    fn caller_error(&self) -> Option<CallerError<'_>> {
        known(self)?.caller_error()
    }
    fn repeatable(&self) -> bool {
        known(self).is_none_or(Failure::repeatable)
    }
    fn problem(&self, instance: &str) -> Problem {
        match known(self) {
            Some(failure) => failure.problem(instance),
            None => Problem::new(500, "Internal Server Error").instance(instance),
        }
    }
}

fn known(error: &::wstd::http::Error) -> Option<&dyn Failure> {
    fn one<F: Failure + Any + core::fmt::Debug + core::fmt::Display + Send + Sync>(
        error: &::wstd::http::Error,
    ) -> Option<&dyn Failure> {
        error.downcast_ref::<F>().map(|failure| failure as &dyn Failure)
    }
    let failure = one::<ErrorCode>(error)
        .or_else(|| one::<RpcError>(error))
        .or_else(|| one::<Failed<RpcError>>(error))
        .or_else(|| one::<Failed<ErrorCode>>(error));
    #[cfg(feature = "http")]
    let failure =
        failure.or_else(|| one::<Failed<super::http::Error>>(error)).or_else(|| one::<super::http::Error>(error));
    failure
}

/// Whether nothing is known of it: then only the log can tell.
pub(crate) fn is_unknown(error: &::wstd::http::Error) -> bool {
    known(error).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn no_target() -> RpcError {
        RpcError { retry_after: Some(7_000_000_000), ..RpcError::new(Cause::NoTarget, Delivery::NotSent) }
    }

    #[test]
    fn what_an_error_was_made_of_is_what_is_known_of_it() {
        let failed = Policy::new().call(|| Err::<(), _>(no_target())).unwrap_err();
        let coded = Policy::new().call(|| Err::<(), _>(ErrorCode::ConnectionRefused)).unwrap_err();
        for error in [
            ErrorCode::ConnectionRefused.into(),
            ::wstd::http::Error::from(ErrorCode::ConnectionRefused).context("asking for the page"),
            no_target().into(),
            failed.into(),
            coded.into(),
        ] {
            let error: ::wstd::http::Error = error;
            assert_eq!((error.cause(), error.delivery()), (Cause::NoTarget, Delivery::NotSent), "{error:?}");
            assert_eq!(error.problem("/").status(), 503);
        }
        let error = ::wstd::http::Error::from(no_target());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(error.problem("/").retry_after(), Some(7));
    }

    #[test]
    fn all_else_may_have_run_and_is_a_fault_of_the_service_itself() {
        let error = ::wstd::http::Error::msg("no database at 10.0.0.7");
        assert_eq!((error.cause(), error.delivery(), error.retry_after()), (Cause::Other, Delivery::Unknown, None));
        let problem = error.problem("/hello/Ada");
        assert_eq!(problem.body(), r#"{"title":"Internal Server Error","status":500,"instance":"/hello/Ada"}"#);
        assert!(is_unknown(&error) && !is_unknown(&no_target().into()));
    }
}
