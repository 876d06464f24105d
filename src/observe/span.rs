//! What stands around a call and each of its attempts, for an observer that wants more than events.

use core::future::Future;

use super::{Event, Observer};

/// Made when a call begins, and dropped when it is over or abandoned. `()` is nothing, and costs that.
#[doc(hidden)]
pub trait CallScope {
    type Attempt: AttemptScope;

    /// Passes an event of this call on to the observer.
    fn observe(&self, observer: &impl Observer, event: &Event);

    /// An attempt begins, the so manieth, from 1.
    fn attempt(&self, number: u32) -> Self::Attempt;
}

/// What the caller's own code runs in, as long as it is that of one attempt.
#[doc(hidden)]
pub trait AttemptScope {
    type Future<F: Future>: Future<Output = F::Output>;

    /// Makes a blocking attempt.
    fn within<T>(self, attempt: impl FnOnce() -> T) -> T;

    /// The future of an attempt, which is left whenever it waits: other calls may run meanwhile.
    fn around<F: Future>(self, attempt: F) -> Self::Future<F>;
}

impl CallScope for () {
    type Attempt = ();

    #[inline]
    fn observe(&self, observer: &impl Observer, event: &Event) {
        observer.observe(event);
    }

    #[inline]
    fn attempt(&self, _: u32) {}
}

impl AttemptScope for () {
    type Future<F: Future> = F;

    #[inline]
    fn within<T>(self, attempt: impl FnOnce() -> T) -> T {
        attempt()
    }

    #[inline]
    fn around<F: Future>(self, attempt: F) -> F {
        attempt
    }
}
