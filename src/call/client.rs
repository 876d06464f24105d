//! What the clients that [`bindgen!`](crate::bindgen) generates call through.
//!
//! Every imported interface with functions that return a result has a function `client`, which takes a policy, and
//! what that returns has those functions as methods. They return [`Failed`] where the policy gave up.
//!
//! ```
//! # mod bindings {
//! steadfast::bindgen!({
//!     inline: "
//!         package acme:greeter@0.1.0;
//!         interface api {
//!             use steadfast:rpc/types@0.1.0.{rpc-error};
//!             greet: func(name: string) -> result<string, rpc-error>;
//!         }
//!         world hello { import api; }
//!     ",
//! });
//! # }
//! # use bindings::acme;
//! use acme::greeter::api as greeter;
//! use steadfast::{Failed, Policy, Retry};
//!
//! static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(4));
//!
//! fn greet(name: &str) -> Result<String, Failed> {
//!     greeter::client(&GREETER).greet(name)
//! }
//! # #[cfg(feature = "wstd")]
//! async fn greet_while_others_go_on(name: &str) -> Result<String, Failed> {
//!     greeter::client(&GREETER).greet_async(name).await
//! }
//! fn greet_perhaps_twice(name: &str) -> Result<String, Failed> {
//!     greeter::client(GREETER.idempotent()).greet(name)
//! }
//! # fn main() {}
//! ```
//!
//! - For every `func` there are two methods: one that blocks between attempts, and one, `…_async`, that awaits the
//!   waits. The import itself blocks in either. An `async func` has the second only.
//! - A resource has its fallible methods in a client of its own: `bucket.client(&STORE).get("key")`.
//! - A function that returns no result has nothing to tell a failure by, and is not among them. Neither is one
//!   that takes a resource, a stream or a future by value, since that is gone after the first attempt. Constructors,
//!   static functions and functions that the world imports itself have no client: give them to
//!   [`Policy::call`](crate::Policy::call).
//! - With a plain `&POLICY`, a call made within a [handler](crate::handler) ends by the handler's deadline. One that
//!   is put together by hand, as `POLICY.with(&clock)`, has the bounds that it was given:
//!   `POLICY.within(handler::bound())`.
//! - A method needs an error that is a [`Failure`], or a policy with a [`judge`](crate::Policy::judge).
//! - Where an interface has a function `client` of its own, the client is made by `resilient_client`.

use core::future::Future;

use super::{Call, Judge};
use crate::failure::Failed;
use crate::failure::Failure;
use crate::platform::clock::{AsyncClock, Clock, System};
use crate::platform::rng::Rng;
use crate::policy::{Parts, Policy};

mod sealed {
    pub trait Sealed {}
    impl<P: crate::policy::Parts> Sealed for &crate::policy::Policy<P> {}
    impl<P: crate::policy::Parts, C, J> Sealed for crate::call::Call<'_, P, C, J> {}
}

/// What a client takes: `&POLICY`, or the [`Call`] that `POLICY.idempotent()` and its like make. The former is bound by
/// the deadline of the [handler](crate::handler) that is running, if there is one, and the latter as it says itself.
///
/// ```
/// use steadfast::{Policy, client::Through};
///
/// static STORE: Policy = Policy::new();
/// fn client(_policy: impl Through) {}
/// client(&STORE);
/// client(STORE.idempotent());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a client can call through",
    label = "not `&POLICY`",
    note = "give `&POLICY`, or `POLICY.idempotent()` for calls that may be repeated"
)]
pub trait Through: sealed::Sealed {}

impl<P: Parts> Through for &Policy<P> {}
impl<P: Parts, C, J> Through for Call<'_, P, C, J> {}

/// [`Through`] for blocking calls that return a `Result<T, E>`.
///
/// ```
/// use steadfast::{Policy, RpcError, client::Calls};
///
/// static STORE: Policy = Policy::new();
/// assert_eq!(Calls::call(&&STORE, || Ok::<_, RpcError>(7)).unwrap(), 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "a policy cannot tell what the error `{E}` means",
    note = "if `{E}` is a type of yours that says how a call failed: implement or derive `steadfast::Failure`",
    note = "if it is not a type of yours, such as the `String` of wasmcloud:messaging and wasi:blobstore: give the policy \
            a rule, `POLICY.judge(…)`",
    note = "if it is an error of your interface, `result<T, {E}>`: the host traps when the transport fails, whatever you \
            implement; return `result<result<T, {E}>, rpc-error>` (docs/own-errors.md)",
    note = "for errors of wasi:http, wasi:keyvalue, wRPC and wasmCloud, `steadfast` has features"
)]
pub trait Calls<T, E>: Through {
    /// Makes the call.
    ///
    /// # Errors
    /// [`Failed`], as [`Policy::call`](crate::Policy::call).
    fn call(&self, operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>>;
}

impl<P: Parts, T, E: Failure> Calls<T, E> for &Policy<P> {
    #[inline]
    fn call(&self, operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        within_the_handler(self).call(operation)
    }
}

impl<P: Parts, C: Clock + Rng, J: Judge<T, E>, T, E> Calls<T, E> for Call<'_, P, C, J> {
    #[inline]
    fn call(&self, operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        Call::call(self, operation)
    }
}

/// [`Through`] for awaited calls that return a `Result<T, E>`. `&POLICY` has it with the feature `wstd`; elsewhere,
/// bring a clock: `POLICY.with(&clock)`.
///
/// ```
/// use steadfast::{Policy, RpcError, client::CallsAsync, testing::{TestClock, block_on}};
///
/// static STORE: Policy = Policy::new();
/// let clock = TestClock::new();
/// let store = STORE.with(&clock);
/// assert_eq!(block_on(CallsAsync::call_async(&store, async || Ok::<_, RpcError>(7))).unwrap(), 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "a policy cannot await a call, or cannot tell what its error `{E}` means",
    note = "turn on the feature `wstd` of `steadfast`, or bring a clock: `POLICY.with(&clock)`",
    note = "if `{E}` is a type of yours that says how a call failed: implement or derive `steadfast::Failure`",
    note = "if it is not a type of yours, such as `String`: give the policy a rule, `POLICY.judge(…)`",
    note = "if it is an error of your interface, `result<T, {E}>`: the host traps when the transport fails, whatever you \
            implement; return `result<result<T, {E}>, rpc-error>` (docs/own-errors.md)"
)]
pub trait CallsAsync<T, E>: Through {
    /// Makes the call.
    ///
    /// # Errors
    /// [`Failed`], as [`Policy::call`](crate::Policy::call).
    fn call_async(&self, operation: impl AsyncFnMut() -> Result<T, E>) -> impl Future<Output = Result<T, Failed<E>>>;
}

#[cfg(feature = "wstd")]
impl<P: Parts, T, E: Failure> CallsAsync<T, E> for &Policy<P> {
    async fn call_async(&self, operation: impl AsyncFnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        within_the_handler(self).call_async(operation).await
    }
}

impl<P: Parts, C: AsyncClock + Rng, J: Judge<T, E>, T, E> CallsAsync<T, E> for Call<'_, P, C, J> {
    async fn call_async(&self, operation: impl AsyncFnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        Call::call_async(self, operation).await
    }
}

/// The policy's call on the clock of the component, which is the one that the handler's deadline is on.
#[inline]
fn within_the_handler<P: Parts>(policy: &Policy<P>) -> Call<'_, P> {
    Call::new(policy, System).within(super::handler_scope::bound())
}

/// The types in a `Result` that goes by another name.
#[doc(hidden)]
pub trait Fallible {
    type Value;
    type Error;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;
}
