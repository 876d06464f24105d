//! What holds around the calls of one handler: its deadline, who notes what went wrong, and its answer.
//!
//! A handler is what a host calls for each request. Around it, `answer` (with the feature `wstd`) or
//! `answer_incoming` (with `wasi-http`) does three things, whatever the handler does:
//!
//! - A failure that leaves it becomes the HTTP answer that says what happened: a [`Problem`].
//! - It has a [deadline](Settings::deadline). Calls made within it find out by [`bound`] how much time they have. At
//!   the deadline, an async handler is dropped where it waits and the client is answered; a blocking call cannot be
//!   interrupted, and the handler goes on when it returns. Where the request says how long its client
//!   [still waits](Settings::caller_deadline), the handler has no longer than that.
//! - The answer says in a `Server-Timing` header (W3C) how long it took, and which calls had to be repeated or failed:
//!   `total;dur=812, greet;desc="4 attempts, no-target"`. Calls tell by having [`Watch`] or [`WatchAs`] as their
//!   observer. Browsers and proxies show the header; it names no more than a [`Problem`]
//!   does.
//!
//! `#[resilient]` on a handler expands to all of this. By hand, it is:
//!
//! ```
//! # #[cfg(feature = "wstd")] mod with_wstd {
//! use core::time::Duration;
//! use steadfast::handler::{Settings, WatchAs, answer, bound};
//! use steadfast::{Failed, Policy, Retry, RpcError};
//! use wstd::http::{Body, Error, Request, Response};
//! # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
//!
//! const SETTINGS: Settings = Settings::new().deadline(Duration::from_secs(2));
//! static GREETER: Policy<(Retry, WatchAs)> =
//!     Policy::new().retry(Retry::attempts(4)).observer(WatchAs("greet"));
//!
//! // #[wstd::http_server]
//! async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
//!     answer(SETTINGS, request, async |_request| -> Result<_, Failed> {
//!         Ok(Response::new(GREETER.within(bound()).call(|| greet("Ada"))?))
//!     })
//!     .await
//! }
//! # }
//! ```
//!
//! The scope is that of the handler's own future, also where several are interleaved in one component, and where one
//! calls another. A task that is spawned and a body that is streamed after the answer are outside of it.

#[cfg(feature = "wstd")]
mod answer;
#[cfg(any(feature = "wstd", test))]
mod deadline;
#[cfg(feature = "wasi-http")]
mod incoming;
mod notes;
#[cfg(any(feature = "wasi-http", test))]
mod request_timeout;
#[cfg(any(feature = "wasi-http", test))]
mod run;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "wasi-http", test))]
mod timing;

pub use crate::call::handler_scope::bound;
#[cfg(feature = "wstd")]
pub use answer::{answer, answer_sync};
#[cfg(feature = "wasi-http")]
pub use incoming::{IncomingRequest, Reply, ResponseOutparam, answer_incoming};
pub use notes::{Watch, WatchAs};
pub use settings::Settings;

use crate::failure::Failure;
use crate::failure::problem::Problem;

/// What may leave a handler: an error that becomes an HTTP answer. Every [`Failure`] does, among them
/// [`Failed`](crate::Failed) and [`RpcError`](crate::RpcError); a service implements it for its own errors.
///
/// ```
/// use steadfast::handler::IntoProblem;
/// use steadfast::{Failed, respond::Problem};
///
/// enum Error {
///     NoSuchGreeting,
///     Call(Failed),
/// }
///
/// impl IntoProblem for Error {
///     fn into_problem(self, instance: &str) -> Problem {
///         match self {
///             Error::NoSuchGreeting => Problem::new(404, "No such greeting").instance(instance),
///             Error::Call(failed) => failed.problem(instance),
///         }
///     }
/// }
/// assert_eq!(Error::NoSuchGreeting.into_problem("/hello/la").status(), 404);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become an HTTP answer",
    note = "a handler fails with `steadfast::Failed`, with an error that implements `steadfast::Failure`, or with one \
            that implements `steadfast::handler::IntoProblem`"
)]
pub trait IntoProblem {
    /// The answer. `instance` identifies the occurrence to the client: the path of its request.
    fn into_problem(self, instance: &str) -> Problem;
}

#[diagnostic::do_not_recommend]
impl<E: Failure> IntoProblem for E {
    fn into_problem(self, instance: &str) -> Problem {
        self.problem(instance)
    }
}
