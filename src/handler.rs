//! What holds around the calls of one handler: its deadline, who is told what went wrong, and its answer.

use core::time::Duration;

use crate::{Bound, Event, Observer};

/// What remains of the deadline of the handler that is running; [`Bound::NONE`] outside of one.
///
/// ```
/// assert_eq!(steadfast::handler::bound(), steadfast::Bound::NONE);
/// ```
#[inline]
pub fn bound() -> Bound {
    Bound::NONE
}

/// Notes for the handler that is running what went wrong with its calls.
///
/// ```
/// use steadfast::{Policy, handler::Watch};
///
/// static GREETER: Policy<(), (), (), (), (), (), Watch> = Policy::new().observer(Watch);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Watch;

impl Observer for Watch {
    const WATCHES: bool = false;

    #[inline]
    fn observe(&self, _: &Event) {}
}

/// The same under a name.
///
/// ```
/// use steadfast::{Policy, handler::WatchAs};
///
/// static GREETER: Policy<(), (), (), (), (), (), WatchAs> = Policy::new().observer(WatchAs("greet"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WatchAs(pub &'static str);

impl Observer for WatchAs {
    const WATCHES: bool = false;

    #[inline]
    fn observe(&self, _: &Event) {}
}

/// The settings of a handler.
///
/// ```
/// use core::time::Duration;
/// use steadfast::handler::Settings;
///
/// const QUICK: Settings = Settings::new().deadline(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    #[allow(dead_code, reason = "read with `wstd` only")]
    deadline: Option<Duration>,
}

impl Settings {
    /// No deadline.
    ///
    /// ```
    /// let settings = steadfast::handler::Settings::new();
    /// ```
    #[allow(clippy::new_without_default, reason = "one way to make them")]
    pub const fn new() -> Self {
        Settings { deadline: None }
    }

    /// How long the handler may take.
    ///
    /// ```
    /// let settings = steadfast::handler::Settings::new().deadline(core::time::Duration::from_secs(5));
    /// ```
    pub const fn deadline(self, deadline: Duration) -> Self {
        Settings { deadline: Some(deadline) }
    }
}

#[cfg(feature = "wstd")]
pub use answering::{IntoProblem, answer, answer_sync};

#[cfg(feature = "wstd")]
mod answering {
    use wstd::http::{Body, Error, Request, Response};

    use super::Settings;
    use crate::{Failed, Failure};

    /// What a handler may fail with.
    pub trait IntoProblem {
        #[doc(hidden)]
        fn into_problem(self, instance: &str) -> crate::respond::Problem;
    }

    impl<E: Failure> IntoProblem for Failed<E> {
        fn into_problem(self, instance: &str) -> crate::respond::Problem {
            self.problem(instance)
        }
    }

    /// Has `handler` answer `request`; a failure becomes a problem.
    ///
    /// # Errors
    /// None.
    pub async fn answer<B: Into<Body>, E: IntoProblem>(
        settings: Settings,
        request: Request<Body>,
        handler: impl AsyncFnOnce(Request<Body>) -> Result<Response<B>, E>,
    ) -> Result<Response<Body>, Error> {
        let path = request.uri().path().to_string();
        let _ = settings.deadline;
        Ok(match handler(request).await {
            Ok(response) => response.map(Into::into),
            Err(error) => error.into_problem(&path).into(),
        })
    }

    /// The same for a handler that is not async.
    ///
    /// # Errors
    /// None.
    pub fn answer_sync<B: Into<Body>, E: IntoProblem>(
        settings: Settings,
        request: Request<Body>,
        handler: impl FnOnce(Request<Body>) -> Result<Response<B>, E>,
    ) -> Result<Response<Body>, Error> {
        let path = request.uri().path().to_string();
        let _ = settings.deadline;
        Ok(match handler(request) {
            Ok(response) => response.map(Into::into),
            Err(error) => error.into_problem(&path).into(),
        })
    }
}
