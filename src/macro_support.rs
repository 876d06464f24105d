//! What the expansions of the macros name, beside the public items. Not for use by hand.

use core::future::{Future, ready};
use core::marker::PhantomData;

pub use wit_bindgen;
#[cfg(feature = "wstd")]
pub use wstd;

pub use crate::failure::{RetryAfter, Text};
#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
pub use crate::failure::{facts_of_text, retry_after_of_text};
pub use crate::observe::span::CallScope;

use crate::call::{Call, Replay};
use crate::failure::problem::{self, Problem};
use crate::failure::{Failed, Failure};
use crate::observe::{Event, Observer};
use crate::policy::Parts;

/// The WIT of the error, for tools.
pub const RPC_WIT: &str = include_str!("../wit/rpc.wit");

/// Another one for the next attempt.
#[inline]
pub fn replay<T: Replay>(argument: &T) -> T {
    argument.replay()
}

/// What a function with `#[resilient]` returns, whatever name it has.
#[diagnostic::on_unimplemented(
    message = "`#[resilient]` needs a function that returns a `Result`, and `{Self}` is not one",
    label = "not a `Result`",
    note = "its error says what failed, and whether the call may be repeated",
    note = "write a future of a `Result` out: `impl Future<Output = …>` or `Pin<Box<dyn Future<Output = …>>>`"
)]
pub trait Outcome {
    type Value;
    type Error: Declared;
    /// What one attempt returns.
    type Attempt;

    fn of(result: Result<Self::Value, Self::Error>) -> Self;
}

impl<T, E: Declared> Outcome for Result<T, E> {
    type Value = T;
    type Error = E;
    type Attempt = Result<T, E::OfAttempt>;

    #[inline]
    fn of(result: Self) -> Self {
        result
    }
}

/// The error that a function declares: a [`Failed`], or one that is made of a `Failed`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made of what a policy gave up with",
    label = "the policy gives up with a `Failed<{Self}>`",
    note = "declare `Failed<{Self}>` instead, or implement `From<Failed<{Self}>>` for `{Self}`"
)]
pub trait Declared: Sized {
    /// The error of one attempt.
    type OfAttempt;

    fn declared(failed: Failed<Self::OfAttempt>) -> Self;

    /// Where the body returns the declared error itself: what the attempts came to.
    fn of_attempts(failed: Failed<Self>) -> Failed<Self::OfAttempt>;
}

impl<E> Declared for Failed<E> {
    type OfAttempt = E;

    #[inline]
    fn declared(failed: Failed<E>) -> Self {
        failed
    }

    #[inline]
    fn of_attempts(failed: Failed<Failed<E>>) -> Failed<E> {
        failed.flatten()
    }
}

#[diagnostic::do_not_recommend]
impl<E: FromFailed> Declared for E {
    type OfAttempt = E;

    #[inline]
    fn declared(failed: Failed<E>) -> E {
        E::from_failed(failed)
    }

    #[inline]
    fn of_attempts(failed: Failed<E>) -> Failed<E> {
        failed
    }
}

/// `From<Failed<Self>>`, with a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made of what a policy gave up with",
    label = "the policy gives up with a `Failed<{Self}>`",
    note = "declare `Failed<{Self}>` instead, or implement `From<Failed<{Self}>>` for `{Self}`"
)]
pub trait FromFailed: Sized {
    fn from_failed(failed: Failed<Self>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Failed<E>>> FromFailed for E {
    #[inline]
    fn from_failed(failed: Failed<E>) -> E {
        failed.into()
    }
}

type OfAttempts<R> = Result<<R as Outcome>::Value, Failed<<<R as Outcome>::Error as Declared>::OfAttempt>>;

#[inline]
pub fn declared<R: Outcome>(result: OfAttempts<R>) -> R {
    R::of(result.map_err(R::Error::declared))
}

#[inline]
pub fn of_attempts<R: Outcome>(result: Result<R::Value, Failed<R::Error>>) -> OfAttempts<R> {
    result.map_err(R::Error::of_attempts)
}

/// The future that the body of a function makes, which comes to an `R`.
#[inline]
pub fn future<R, F: Future<Output = R>>(body: impl FnOnce() -> F) -> F {
    body()
}

/// What a method returns that a resilient block leaves as it is.
pub struct Returned<R>(PhantomData<R>);

impl<R> Returned<R> {
    pub const NEW: Self = Returned(PhantomData);
}

/// No `Result` returns it.
#[diagnostic::on_unimplemented(
    message = "this method returns a `Result` under another name, so it is not clear whether the policy of the block \
               is for it",
    label = "a `Result`",
    note = "put `#[resilient(…)]` on the method, or `#[resilient(skip)]`, or use a name that ends in `Result`"
)]
pub trait NoResult {}

// This one has precedence over the trait's.
impl<T, E> Returned<Result<T, E>> {
    pub fn left_out(self)
    where
        Self: NoResult,
    {
    }
}

pub trait LeftOut: Sized {
    #[inline]
    fn left_out(self) {}
}

impl<R> LeftOut for Returned<R> {}

/// The fallback of a function that takes the arguments `A`.
#[diagnostic::on_unimplemented(
    message = "this fallback does not take what it is given",
    label = "it is given `{A}`",
    note = "a fallback takes the arguments of the function, of a method `self` first, and then the `Failed`, each with \
            the same type"
)]
pub trait Fallback<A> {
    type Answer;

    fn answer(self, arguments: A) -> Self::Answer;
}

macro_rules! fallbacks {
    ($($argument:ident)*) => {
        fallbacks!(@ $($argument)*);
        fallbacks!(@@ $($argument)*);
    };
    (@@ $first:ident $($argument:ident)*) => { fallbacks!($($argument)*); };
    (@@) => {};
    (@ $($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F: FnOnce($($argument,)* Failed<E>) -> R, R, E, $($argument),*> Fallback<($($argument,)* Failed<E>,)> for F {
            type Answer = R;

            #[inline]
            #[allow(non_snake_case, reason = "an argument is named as its type")]
            fn answer(self, ($($argument,)* failed,): ($($argument,)* Failed<E>,)) -> R {
                self($($argument,)* failed)
            }
        }
    };
}

fallbacks!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);

/// What a fallback returns, in the place of a `T`.
#[diagnostic::on_unimplemented(
    message = "the fallback returns `{Self}`, and the function's `Ok` holds `{T}`",
    label = "it must return `{T}`",
    note = "a fallback cannot fail, and that of a function that blocks cannot be awaited"
)]
pub trait Answer<T> {
    fn value(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T> Answer<T> for T {
    #[inline]
    fn value(self) -> T {
        self
    }
}

/// What the fallback of an async function returns: a `T`, or a future of it. `M` says which.
#[diagnostic::on_unimplemented(
    message = "the fallback returns `{Self}`, and the function's `Ok` holds `{T}`",
    label = "it must return `{T}`, or be an `async fn` that does",
    note = "a fallback cannot fail"
)]
pub trait AnswerAsync<T, M> {
    fn value(self) -> impl Future<Output = T>;
}

pub struct AtOnce;
pub struct Awaited;

#[diagnostic::do_not_recommend]
impl<T> AnswerAsync<T, AtOnce> for T {
    #[inline]
    fn value(self) -> impl Future<Output = T> {
        ready(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future> AnswerAsync<F::Output, Awaited> for F {
    #[inline]
    fn value(self) -> impl Future<Output = F::Output> {
        self
    }
}

/// The type of the value, so that the compiler compares what a fallback returns with it.
#[inline]
pub fn value_of<T, E>(_: &Result<T, E>) -> PhantomData<T> {
    PhantomData
}

#[inline]
pub fn answer<A, F, T>(_: PhantomData<T>, arguments: A, fallback: F) -> T
where
    F: Fallback<A>,
    F::Answer: Answer<T>,
{
    Answer::value(fallback.answer(arguments))
}

#[inline]
pub fn answer_async<A, F, T, M>(_: PhantomData<T>, arguments: A, fallback: F) -> impl Future<Output = T>
where
    F: Fallback<A>,
    F::Answer: AnswerAsync<T, M>,
{
    AnswerAsync::value(fallback.answer(arguments))
}

/// What `observer = …` names: an [`Observer`], or else a function of an event.
pub struct Told<'o, O>(pub &'o O);

// These have precedence over those of the trait.
impl<O: Observer> Told<'_, O> {
    #[inline]
    pub fn observe(self, event: &Event) {
        self.0.observe(event);
    }

    #[inline]
    pub fn scope(self) -> impl CallScope {
        self.0.scope()
    }
}

pub trait ToldByFunction<O>: Sized {
    fn observe(self, event: &Event)
    where
        O: FunctionOfEvent;

    #[inline]
    fn scope(self) -> impl CallScope {}
}

impl<O> ToldByFunction<O> for Told<'_, O> {
    #[inline]
    fn observe(self, event: &Event)
    where
        O: FunctionOfEvent,
    {
        self.0.tell(event);
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be told of events",
    label = "not an observer",
    note = "name a function of `&Event`, a unit struct that is an `Observer`, or a reference to a `static`"
)]
pub trait FunctionOfEvent {
    fn tell(&self, event: &Event);
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&Event)> FunctionOfEvent for F {
    #[inline]
    fn tell(&self, event: &Event) {
        self(event);
    }
}

/// In the body of a method that a resilient block has made resilient.
pub trait InBlock {}

/// The fallback of a call answers now.
#[cold]
pub fn fallback<P: Parts, C, J>(call: &Call<'_, P, C, J>) {
    call.tell_fallback();
}

/// What [`Failure::problem`] is where an error does not say: of a variant that has its own facts, beside one that
/// wraps an error.
pub fn unhandled(failure: &impl Failure, instance: &str) -> Problem {
    problem::unhandled(failure, instance)
}

/// What `bindgen!` calls for the error types that it knows: the adapter, or nothing where its feature is off.
macro_rules! adapters {
    ($($feature:literal: $($adapter:ident),*;)*) => {$($(
        #[cfg(feature = $feature)]
        pub use crate::$adapter;
        #[cfg(not(feature = $feature))]
        pub use crate::__no_adapter as $adapter;
    )*)*};
}

adapters! {
    "keyvalue": keyvalue_failure, wasmcloud_keyvalue_failure;
    "postgres": postgres_failure, postgres_query_failure, postgres_prepare_failure, postgres_exec_failure;
    "wasi-http": wasi_http_failure;
    "wasmcloud": wasmcloud_lattice_failure, wasmcloud_call_failure, wasmcloud_messaging_failure,
        wasmcloud_blobstore_failure, wasmcloud_secrets_failure;
    "wrpc": wrpc_failure;
}
#[cfg(not(feature = "wasmcloud"))]
pub use crate::__no_adapter as wasmcloud_bus_failure;
#[cfg(feature = "wasmcloud")]
pub use crate::wrpc_failure as wasmcloud_bus_failure;
