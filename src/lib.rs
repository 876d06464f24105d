//! Calls of a WebAssembly component that survive a distributed system.
//!
//! A component that imports a custom WIT interface does not know whether the other end is composed into the
//! same binary or sits behind a network. Behind a network, a link can be missing, a target down, a
//! transport lost. A function that returns `result<T, rpc-error>` is told ([`RpcError`]); this crate is what
//! to do about it: [retry](Retry) with [backoff](Backoff), [circuit breaker](Breaker),
//! [deadline](Deadline), [fallback](Policy::fallback), and [an HTTP answer](respond::Problem) for when
//! nothing helped. Composed, the error never appears; the component is the same, byte for byte.
//!
//! ```
//! use steadfast::{Failed, resilient};
//! # mod greeter {
//! #     pub fn greet(name: &str) -> Result<String, steadfast::RpcError> { Ok(format!("Hello, {name}!")) }
//! # }
//!
//! #[resilient(retry(attempts = 4), breaker(failures = 5, open_for = "10s"), deadline = "3s")]
//! fn greet(name: &str) -> Result<String, Failed> {
//!     greeter::greet(name)
//! }
//!
//! let text = greet("Ada")?;
//! # assert_eq!(text, "Hello, Ada!");
//! # Ok::<(), Failed>(())
//! ```
//!
//! | to | there is |
//! | --- | --- |
//! | make a function resilient, or all methods of an `impl`, or answer a client when nothing helped | [`#[resilient]`](macro@resilient) |
//! | share one policy between calls | [`policy!`] |
//! | generate bindings from WIT, with a client for each interface | [`bindgen!`] |
//! | say what an error of your own means | [`#[derive(Failure)]`](derive@Failure) |
//! | make HTTP requests | `http::Client`, with the feature `http` |
//! | test without waiting | [`testing`] |
//!
//! Without macros, a policy is the same parts, as types:
//!
//! ```
//! use core::time::Duration;
//! use steadfast::{Breaker, Deadline, Policy, Retry};
//! # mod greeter {
//! #     pub fn greet(name: &str) -> Result<String, steadfast::RpcError> { Ok(format!("Hello, {name}!")) }
//! # }
//!
//! static GREETER: Policy<(Deadline, Retry, Breaker)> = Policy::new()
//!     .deadline(Deadline::after(Duration::from_secs(3)))
//!     .retry(Retry::attempts(4))
//!     .breaker(Breaker::consecutive_failures(5).open_for(Duration::from_secs(10)));
//!
//! let text = GREETER.call(|| greeter::greet("Ada"))?;
//! # assert_eq!(text, "Hello, Ada!");
//! # Ok::<(), steadfast::Failed>(())
//! ```
//!
//! The docs of each part say when to use it, when not, and what its defaults are: [`Deadline`], [`Retry`], [`Backoff`],
//! [`Budget`], [`Hedge`], [`Breaker`], [`Bulkhead`], [`Concurrency`], [`RateLimit`], [`Throttle`], [`AttemptTimeout`],
//! [`Fallback`].
//!
//! # Features
//! - `config`: policies as data (`config`), from a text or from the host at run time.
//! - `schema`: the JSON Schema of that data.
//! - `toml`: policies in TOML too.
//! - `keyvalue`, `postgres`, `wasmcloud`, `wrpc`: the errors of `wasi:keyvalue` and `wasmcloud:keyvalue`, of
//!   `wasmcloud:postgres`, of wasmCloud (its host, messages, objects and secrets) and of wRPC are [`Failure`]s in the
//!   bindings of [`bindgen!`].
//! - `keyvalue-state`: a breaker, a rate limit and a budget whose state all instances share in a store of
//!   `wasi:keyvalue` ([`SharedBreaker`], [`SharedRateLimit`], [`SharedBudget`]).
//! - `tracing`: an observer whose spans and events are those of the crate `tracing` (`Traced`).
//! - `http`: an HTTP client with a policy (`http::Client`). With `wstd`.
//! - `wasi-http`: a [handler] without `wstd` fails with an answer; the errors of `wasi:http` are [`Failure`]s.
//! - `wstd`: asynchronous calls sleep on `wstd`'s reactor, a [`Problem`](respond::Problem) becomes a `wstd` response, and
//!   a [handler] of its server fails with one. With `wasi-http`.

#[doc(hidden)]
#[path = "macro_support.rs"]
pub mod __private;
mod call;
#[cfg(feature = "config")]
pub mod config;
mod failure;
pub mod http;
mod observe;
#[cfg(doctest)]
mod pages;
mod platform;
mod policy;
pub mod testing;

pub use call::{
    Bound, ByError, Call, Fallback, FallbackAsync, FallbackCall, Judge, LastGood, MaybeStale, Replay, StaleIfError,
    Verdict, WithFallback, client,
};
pub use failure::{CallerError, Cause, Delivery, Failed, Failure, Reason, RpcError, problem as respond};
pub use http::handler;
#[cfg(feature = "tracing")]
pub use observe::Traced;
pub use observe::{BreakerState, ByCause, ByReason, Change, Counters, Event, Observer, OpenMetrics, Snapshot, Tripped};
#[cfg(feature = "keyvalue-state")]
pub use platform::state::KeyValue;
pub use platform::state::{Store, StoreFailed};
pub use platform::{clock, rng, wit};
pub use policy::{
    Aimd, AttemptTimeout, Backoff, BadSnapshot, Breaker, BreakerControl, BreakerCounts, BreakerSnapshot, Budget,
    BudgetPart, Bulkhead, Concurrency, Consecutive, CountWindow, Deadline, FailureRate, Gradient, Guard, Hedge,
    HedgeKind, HedgePart, InFlightBudget, Invalid, Jitter, LimitAlgorithm, Optional, Part, Parts, Plus, Policy,
    Quantile, RateLimit, RateLimitKind, Retry, RetryPart, Rule, SharedBreaker, SharedBudget, SharedRateLimit,
    SharedState, SlidingWindow, Throttle, TimeLimit, TimeWindow, TokenBucket, Upcoming, Window,
};
pub use steadfast_macros::Failure;
/// Generates bindings for a WIT world whose interfaces may use the well-known error.
///
/// It takes what [`wit_bindgen::generate!`](https://docs.rs/wit-bindgen) takes: nothing, the name of a world, or
/// options in braces. To those it adds where the WIT package `steadfast:rpc` is (nobody has to copy it), that its
/// error is this crate's [`RpcError`] in every binding, that interfaces of other packages are generated too, and a
/// [client] for every imported interface, whose methods call through a policy. What the component imports and exports is the same as with `generate!`.
///
/// ```
/// // As a rule the WIT stands in files, in the folder `wit`: then `steadfast::bindgen!("hello")` is all.
/// steadfast::bindgen!({
///     inline: "
///         package acme:greeter@0.1.0;
///
///         interface api {
///             use steadfast:rpc/types@0.1.0.{rpc-error};
///             greet: func(name: string) -> result<string, rpc-error>;
///         }
///
///         world hello {
///             import api;
///         }
///     ",
/// });
/// use acme::greeter::api as greeter;
///
/// use steadfast::{Failed, Policy, Retry};
///
/// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(4));
///
/// fn greet(name: &str) -> Result<String, Failed> {
///     greeter::client(&GREETER).greet(name)
/// }
/// # fn main() {}
/// ```
pub use steadfast_macros::bindgen;
pub use steadfast_macros::{policy, resilient};
