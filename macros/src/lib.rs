//! The macros of the `steadfast` crate, which re-exports them: Rust wants procedural macros in a crate
//! of their own. Use them as `steadfast::…`; what they expand to names that crate.

mod bindgen;
mod crate_path;
mod failure;
mod grammar;
mod policy;
mod resilient;

use std::path::PathBuf;

use proc_macro::TokenStream;

/// Generates bindings for a WIT world whose interfaces may use `steadfast:rpc/types`.
///
/// This is [`wit_bindgen::generate!`], taking exactly what that takes: nothing, the name of a world
/// (`"greeter"`, `"greeter" in "wit"`), or its options in braces. What a component imports and exports is the same as
/// with it. It adds six things:
///
/// * **The WIT package `steadfast:rpc`.** WIT that uses it needs no copy in `wit/deps`. If there is a
///   copy, the copy is used.
/// * **One Rust type for the error.** `rpc-error` and the other types of `steadfast:rpc/types@0.1.0`
///   become those of `steadfast::wit::types` instead of new ones for every world, so that the crate can
///   judge a failure from any binding. An entry of your own in `with` takes precedence.
/// * **`generate_all`.** Interfaces of other packages are generated unless `with` says where they are.
/// * **`runtime_path`.** The generated code finds its support library in `steadfast`, also for asynchronous functions,
///   streams and futures; your crate does not depend on `wit-bindgen`. A `runtime_path` of your own takes precedence.
/// * **A client for every imported interface** that has functions which return a result, and for every
///   imported resource with such methods: `api::client(&POLICY).greet("world")` calls through a policy, and
///   has the documentation of the function in the WIT. What is not used adds nothing to a component. See
///   `steadfast::client`.
/// * **`Failure` for the errors of the field.** Errors of wRPC, wasmCloud, `wasi:keyvalue` and
///   `wasmcloud:postgres` mean something to a policy, where the feature of that name is on.
///
/// # Example
///
/// With this in `wit/world.wit`, and nothing else in `wit`:
///
/// ```wit
/// package example:greeter;
///
/// interface api {
///     use steadfast:rpc/types@0.1.0.{rpc-error};
///     greet: func(name: string) -> result<string, rpc-error>;
/// }
///
/// world greeter {
///     import api;
/// }
/// ```
///
/// this is all that is needed to call it:
///
/// ```text
/// steadfast::bindgen!();
///
/// use example::greeter::api as greeter;
/// use steadfast::Failed;
///
/// steadfast::policy! {
///     static GREETER = retry(attempts = 4);
/// }
///
/// fn hello() -> Result<String, Failed> {
///     greeter::client(&GREETER).greet("hello")
/// }
/// ```
///
/// Options go where `generate!` has them:
///
/// ```text
/// steadfast::bindgen!({
///     path: ["wit/shared", "wit/greeter"],
///     world: "example:greeter/greeter",
///     additional_derives: [PartialEq],
/// });
/// ```
///
/// One option is not of `generate!`: `crate: "sf"` is the path of this crate, for where `Cargo.toml` calls it by
/// another name. It is seen from every module, so it begins with a crate, or with `crate`.
///
/// # Errors
///
/// Mistakes in an option or in the WIT are reported as `generate!` reports them. Paths must be
/// string literals for this macro to find your WIT: with anything else (`concat!(…)`, which
/// `wit-bindgen` reads with its feature `macro-string`) it adds `generate_all` and `runtime_path` only. With
/// `debug: true`, which puts the bindings into a file to be looked at, there are no clients.
///
/// [`wit_bindgen::generate!`]: https://docs.rs/wit-bindgen/0.61/wit_bindgen/macro.generate.html
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    // Cargo always sets it. `generate!` says so if something else runs the compiler.
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    bindgen::expand(input.into(), &crate_dir).into()
}

/// Says what to do about the failures of a function that makes a call, of the methods of an `impl` block, or of a
/// handler.
///
/// ```
/// use steadfast::{Failed, RpcError, resilient};
/// # mod greeter {
/// #     pub fn greet(name: &str) -> Result<String, steadfast::RpcError> { Ok(format!("Hello, {name}!")) }
/// # }
///
/// #[resilient(retry(attempts = 4), breaker(failures = 5, open_for = "10s"), deadline = "3s")]
/// fn greet(name: &str) -> Result<String, RpcError> {
///     greeter::greet(name)
/// }
///
/// #[resilient(retry(attempts = 2), idempotent, fallback = stranger)]
/// fn greet_anybody(name: &str) -> Result<String, Failed> {
///     greeter::greet(name)
/// }
///
/// /// Takes the same arguments and the failure, and returns what `Ok` holds.
/// fn stranger(_name: &str, _failed: Failed) -> String {
///     "Hello, stranger!".into()
/// }
/// assert_eq!(greet("Ada")?, greet_anybody("Ada")?);
/// # Ok::<(), Failed>(())
/// ```
///
/// The body is what is called, and may be called again. It is written against the error `E` of the call, which is a
/// [`Failure`](https://docs.rs/steadfast/latest/steadfast/trait.Failure.html). Callers get
/// - `Failed<E>`, with all that is known, where the function declares that (`Failed` alone is `Failed<RpcError>`);
/// - `E` otherwise, made of it by `From<Failed<E>>`, which `RpcError` has. So a function that returns the error of an
///   interface passes on the original cause.
///
/// Types decide which of the two it is, so the result and its error may have any name.
///
/// All calls of the function share one policy, whose state is in a `static`; an invalid value in it is a compile error.
/// Each call ends within the deadline of the
/// [handler](https://docs.rs/steadfast/latest/steadfast/handler/index.html) around it, if there is one, and the handler
/// notes what goes wrong with it.
///
/// # Settings
///
/// A setting is `name = value` or `name(value)`. Durations are strings, `"250ms"`, `"3s"`, `"1m30s"` (units `ns`, `us`,
/// `ms`, `s`, `m`, `h`, `d`), shares are `0.5` or `"50%"`; a constant of the caller's (a `u32`, an `f64`, a `Duration`)
/// may stand in the place of each. Their meaning is that of the builders, which have the same names. They apply in one
/// order, whichever order they are written in.
///
/// | setting | values | when left out |
/// | --- | --- | --- |
/// | `deadline = "3s"` | a duration, for the whole call | none |
/// | `retry(attempts = 4, …)` | 1 or more, the first included | no retries |
/// | – `backoff = exponential("50ms", max = "2s", factor = 2, jitter = full)` | also `constant`, `linear`, `fibonacci`, `decorrelated`, each with its first wait, and `custom(f)`; `max`: a duration; `factor`: 1 or more, of `exponential` only; `jitter`: `none`, `full`, `equal`, or a share | `exponential("50ms")`, `max = "2s"`, `factor = 2`, `jitter = full` |
/// | – `budget = BUDGET` | the path of a `static` of type `Budget` | none |
/// | – `in_flight_budget = BUDGET` | the path of a `static` of type `InFlightBudget`, in place of `budget` | none |
/// | – `shared_budget = BUDGET` | the path of a `static` of type `SharedBudget<KeyValue>`, in place of `budget` | none |
/// | – `retry_after_cap = "1m"` | a duration; `"0s"` ignores every `retry-after` | `"30s"` |
/// | – `never(trapped, …)` | causes: `no_link`, `no_target`, `timeout`, `disconnected`, `overloaded`, `trapped`, `protocol`, `other` | `no_link` and `protocol` are never repeated |
/// | – `on(overloaded, attempts = 2, backoff = …)` | what is different about one cause; `attempts` from 1 to 255 | nothing |
/// | – `before_retry = f` | a function from `&Upcoming` to `bool` | every retry is made |
/// | `breaker(failures = 5, …)` | failures in a row: 1 or more | none |
/// | `breaker(failures = 5, shared = "keyvalue", name = "acme/greeter", …)` | one state for all instances, in the bucket `default`, or `bucket = "…"`, read again after `cached_for = "…"`; feature `keyvalue-state` | each its own |
/// | `breaker(failure_rate = "50%", over_calls = 100, …)` | a share, of 1 to 1024 calls, or `over_time = "10s"` | none |
/// | – `minimum_calls = 10` | of a rate: 1 or more | 10, or all of a shorter window |
/// | – `slow_calls(rate = "80%", longer_than = "1s")` | of a rate: a share and a duration | slow calls do not count |
/// | – `open_for = "10s"` | a duration | 5 s |
/// | – `growing(factor = 2, max_open_for = "1m")` | 1 or more, and a duration | all breaks are of one length |
/// | – `jitter = "20%"` | a share, or 0: each break is longer by up to so much, at random | 10 %, so that instances that opened together do not probe together |
/// | – `probes = 1`, `probe_timeout = "10s"` | 1 to 16; a duration | 1; 10 s |
/// | `bulkhead(concurrent = 10, waiting = 20)` | 1 or more; any | none; no call waits |
/// | `concurrency = aimd(min = 1, max = 200, start = 20, decrease = 0.9)` | counts; a share below 1 | none; as shown |
/// | `concurrency = gradient(min, max, start, tolerance = 1.25, queue = 4, smoothing = 0.2, window = "1s", long_window = 60)` | counts; 1 or more; a share; a duration | none; as shown |
/// | `rate_limit(per_second = 100, burst = 20)` | 1 or more | none; a burst as large as the number |
/// | `rate_limit(tokens = 5, every = "1m", burst = 5)` | the same in another time | none; 1 s |
/// | `rate_limit(window = 100, period = "1m")` | never more in any such time | none |
/// | – `wait_up_to = "1s"` | a duration | a call over the limit is turned away |
/// | `throttle(multiplier = 2, window = "2m", padding = 1, max_probability = 1)`, `throttle` | 1 or more; a duration; 1 or more; a share | none; as shown |
/// | `attempt_timeout = "500ms"` | a duration, of one attempt; `async` functions only | none |
/// | `hedge(after = "100ms", max_hedges = 1)` | a duration; 1 to 4; `async` and `idempotent` only | none; 1 |
/// | `hedge(after_quantile = "95%", min_observations = 20, initial_delay = "1s")` | a share below 1; 1 to 512; a duration | none; as shown |
/// | `observer = log` | a function of `&Event`, a unit struct that is an `Observer`, or `&STATIC` | only a handler is told |
/// | `idempotent` | the call does no harm when it happens twice | only what was certainly not sent is repeated |
/// | `fallback = f` | the path of a function: the same arguments (a method's `self` first) and the `Failed`, to the value; of an `async` function also an `async` one | the failure is returned |
/// | `clock = &self.clock` | an expression that gives a `Clock`; it may use the arguments | the system's clock |
/// | `crate = sf` | the path of this crate, for where `Cargo.toml` calls it by another name | `::steadfast` |
///
/// `bulkhead` and `concurrency` exclude each other, as do `rate_limit` and `throttle`. A blocking call cannot be
/// interrupted, so an `attempt_timeout` and a `hedge` need an `async` function, and a `deadline` needs retries or a
/// wait that can end at it: without them, it is a compile error.
///
/// # A policy from elsewhere
///
/// ```
/// use steadfast::{RpcError, resilient};
/// # mod store {
/// #     pub fn put(key: &str) -> Result<(), steadfast::RpcError> { Ok(()) }
/// # }
///
/// steadfast::policy! {
///     static STORE = retry(attempts = 4) + breaker(failures = 5);
/// }
///
/// #[resilient(STORE, idempotent)]
/// fn put(key: &str) -> Result<(), RpcError> {
///     store::put(key)
/// }
/// # put("key")?;
/// # Ok::<(), RpcError>(())
/// ```
///
/// Instead of settings, `#[resilient(STORE)]` takes the path of a `static` policy, which functions can share, a field
/// (`self.policy`), or a reference to one (`&STORE`). The name of a static in lower case is written as a path
/// (`self::store`), since `store` alone could be a misspelt setting. `#[resilient(policy = "store", deadline = "3s")]`
/// takes the policy of that name from the configuration that the component runs with, and the settings beside it are
/// its defaults (feature `config`); those are literals then. Beside either, `idempotent`, `fallback` and `clock` may
/// stand, and `hedge` alone, which makes it a hedged call, as the policy says.
///
/// # Arguments
///
/// Where a call can be repeated (`retry`, `hedge`, a policy from elsewhere) or has a fallback, references are passed to
/// each attempt as they are, and what is owned is cloned for each: it has to be `Clone`. An owned resource is not, and
/// the compiler says what to do. Otherwise arguments are moved. Generic arguments, `impl Trait`, patterns and `self` in
/// all its forms are fine.
///
/// # On an `impl` block
///
/// ```
/// use steadfast::{RpcError, resilient};
/// # mod store {
/// #     pub fn get(key: &str) -> Result<u32, steadfast::RpcError> { Ok(7) }
/// #     pub fn put(key: &str, value: u32) -> Result<(), steadfast::RpcError> { Ok(()) }
/// # }
/// struct Store;
///
/// #[resilient(retry(attempts = 4), breaker(failures = 5))]
/// impl Store {
///     fn put(&self, key: &str, value: u32) -> Result<(), RpcError> {
///         store::put(key, value)
///     }
///
///     /// This one has a policy of its own.
///     #[resilient(retry(attempts = 10), idempotent)]
///     fn get(&self, key: &str) -> Result<u32, RpcError> {
///         store::get(key)
///     }
///
///     /// This one has none.
///     #[resilient(skip)]
///     fn check(&self) -> Result<(), RpcError> {
///         Ok(())
///     }
/// }
/// # Store.put("key", 7)?;
/// # assert_eq!(Store.get("key")?, 7);
/// # Store.check()?;
/// # Ok::<(), RpcError>(())
/// ```
///
/// All methods share one policy whose return type is called `Result`, or has a name that ends so, or is a future of
/// one. A `Result` by another name is a compile error that says what to do. `impl Guest for Component` is no different;
/// there, `#[resilient]` without settings leaves the methods as they are, in which `?` turns what a policy gave up with
/// into the error of the interface.
///
/// # Beside other attributes
///
/// What stands above `#[resilient]` is expanded first, and so is part of each attempt: `#[tracing::instrument]` above
/// it makes a span for each attempt, and below it one for the call. `#[async_trait]` may stand above or below, on a
/// block or around its methods.
///
/// A function may be an `async fn`, or return `impl Future<Output = Result<…>>` or `Pin<Box<dyn Future<Output =
/// Result<…>>>>`, written out: then the whole body is run for each attempt, once the future is awaited, and it is
/// written against the declared error. The same holds where an attribute above has put the declared type into the body.
/// There, `?` makes a `Failed<E>` of an `E`, and `Err(…)` alone takes a `Failed<E>`.
///
/// # On a handler
///
/// ```
/// use steadfast::{Failed, resilient};
/// use wstd::http::{Body, Request, Response};
/// # #[resilient(retry(attempts = 4))]
/// # fn greet(name: &str) -> Result<String, Failed> { Ok(format!("Hello, {name}!")) }
/// # mod server {
/// # use super::*;
///
/// // Beside `#[wstd::http_server]`, before it or after it.
/// #[resilient(deadline = "5s")]
/// async fn main(request: Request<Body>) -> Result<Response<Body>, Failed> {
///     Ok(Response::new(greet(request.uri().path())?.into()))
/// }
/// # }
/// # fn main() {}
/// ```
///
/// A function with one argument that is named `main`, or has `#[wstd::http_server]`, is a handler: a failure that it
/// returns becomes the HTTP answer that says what happened. Its one setting is a `deadline`, within which all calls in
/// it end. In an `impl Guest for Component` that exports `wasi:http/incoming-handler`, `fn handle(request:
/// IncomingRequest) -> Result<impl Into<Reply>, Failed>` is one too.
///
/// # Testing
///
/// With `clock`, a function is tested without waiting:
///
/// ```
/// use core::time::Duration;
/// use steadfast::clock::Clock;
/// use steadfast::rng::Rng;
/// use steadfast::testing::TestClock;
/// use steadfast::{Cause, Delivery, RpcError, resilient};
///
/// struct Greeter<C> {
///     clock: C,
/// }
///
/// impl<C: Clock + Rng> Greeter<C> {
///     #[resilient(retry(attempts = 3), clock = &self.clock)]
///     fn greet(&self) -> Result<String, RpcError> {
///         Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
///     }
/// }
///
/// let greeter = Greeter { clock: TestClock::new() };
/// assert!(greeter.greet().is_err());
/// assert_eq!(greeter.clock.slept(), [Duration::from_millis(50), Duration::from_millis(100)]);
/// ```
///
/// A call with a clock of its own does not know of a handler's deadline, which is on the system's clock.
#[proc_macro_attribute]
pub fn resilient(settings: TokenStream, item: TokenStream) -> TokenStream {
    resilient::expand(settings.into(), item.into()).into()
}

/// Statics that are [policies](https://docs.rs/steadfast/latest/steadfast/struct.Policy.html), without writing their
/// types.
///
/// ```
/// steadfast::policy! {
///     /// How we talk to the greeter: at most 3 s, at most 4 tries, quiet for 10 s after 5 failures in a row.
///     pub static GREETER = deadline("3s") + retry(attempts = 4, backoff = exponential("50ms", max = "2s"))
///                        + breaker(failures = 5, open_for = "10s");
///
///     static READS = retry(attempts = 10) + bulkhead(concurrent = 10);
/// }
/// # fn greet(name: &str) -> Result<String, steadfast::RpcError> { Ok(format!("Hello, {name}!")) }
///
/// let text = GREETER.call(|| greet("Ada"))?;
/// let again = READS.idempotent().call(|| greet("Ada"))?;
/// # assert_eq!(text, again);
/// # Ok::<(), steadfast::Failed>(())
/// ```
///
/// The parts, in any order, are those of [`#[resilient]`](macro@resilient), from `deadline` to `observer`; what belongs
/// to a call and not to a policy (`idempotent`, `fallback`, `clock`) is given where the call is made. The parts are in
/// the type, so a part that a policy lacks costs nothing, and an invalid one is a compile error. A static may have
/// attributes; what `#[cfg]` leaves out leaves nothing behind.
///
/// Where `Cargo.toml` calls this crate by another name, the path of it is the first line: `crate = sf;`.
///
/// A [handler](https://docs.rs/steadfast/latest/steadfast/handler/index.html) notes what goes wrong with the calls,
/// under the name of the static in lower case.
#[proc_macro]
pub fn policy(input: TokenStream) -> TokenStream {
    policy::expand(input.into()).into()
}

/// Says what an error of your own means, variant by variant.
///
/// It implements `steadfast::Failure` for an enum or a struct. What is said in `#[failure(…)]`:
///
/// | word | means |
/// | --- | --- |
/// | `no_link`, `no_target`, `timeout`, `disconnected`, `overloaded`, `trapped`, `protocol`, `other` | the cause; also `cause = timeout` |
/// | `not_sent`, `unknown`, `delivered` | how far the call got; also `delivery = not_sent` |
/// | `retry_after = FIELD` | how long the callee asks to be left alone is in that field, a `Duration` or an `Option<Duration>` |
/// | `target = FIELD` | the function that was called is in that field, a string or an `Option` of one |
/// | `transparent` | everything, the HTTP answer too, is as the one error in the variant says, which is a `Failure` itself |
///
/// A field is named, or numbered from 0 in a tuple. Before the enum, a cause and a delivery hold for the variants that
/// do not say theirs. Without either, they are `other` and `unknown`: such a call is not repeated unless it is
/// idempotent. Say `not_sent` only of what the callee certainly never saw. `#[failure(crate = sf)]` before the enum is
/// the path of this crate, where `Cargo.toml` calls it by another name.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{Cause, Delivery, Failure, RpcError};
///
/// #[derive(Failure)]
/// enum StoreError {
///     #[failure(overloaded, not_sent, retry_after = after)]
///     Busy { after: Duration },
///     #[failure(protocol)]
///     BadKey(String),
///     #[failure(transparent)]
///     Rpc(RpcError),
///     Lost,
/// }
///
/// let busy = StoreError::Busy { after: Duration::from_secs(1) };
/// assert_eq!((busy.cause(), busy.delivery()), (Cause::Overloaded, Delivery::NotSent));
/// assert_eq!(busy.retry_after(), Some(Duration::from_secs(1)));
/// assert_eq!((StoreError::Lost.cause(), StoreError::Lost.delivery()), (Cause::Other, Delivery::Unknown));
/// ```
///
/// # Errors
///
/// Words and fields that are not known are compile errors that say which there are.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(input: TokenStream) -> TokenStream {
    failure::expand(input.into()).into()
}
