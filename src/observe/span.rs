//! What stands around a call and each of its attempts, for an observer that wants more than events.

use super::{Event, Observer};

/// Made when a call begins, and dropped when it is over or abandoned. `()` is nothing, and costs that.
#[doc(hidden)]
pub trait CallScope: Send {
    type Attempt: AttemptScope;

    /// Passes an event of this call on to the observer.
    fn observe(&self, observer: &impl Observer, event: &Event);

    /// The attempt with this number begins, from 1.
    fn attempt(&self, number: u32) -> Self::Attempt;
}

/// What the caller's own code runs in, as long as it is that of one attempt. It is left whenever an attempt waits: other
/// calls may run meanwhile.
#[doc(hidden)]
pub trait AttemptScope: Send + Sync {
    /// Runs the caller's code: a blocking attempt, or a poll of one that is awaited.
    fn within<T>(&self, attempt: impl FnOnce() -> T) -> T;
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
    #[inline]
    fn within<T>(&self, attempt: impl FnOnce() -> T) -> T {
        attempt()
    }
}
