//! Where a policy's memory lives: in this instance.
//!
//! Policies keep their state as a plain value behind this cell and decide with pure functions on it, so a
//! snapshot is a copy. No caller's code ever runs while the cell is borrowed.

use std::sync::{Mutex, PoisonError};

/// State shared by all calls that go through one policy. A component has one thread: there the lock is a
/// flag.
#[derive(Debug)]
pub(crate) struct Local<S>(Mutex<S>);

impl<S> Local<S> {
    pub const fn new(state: S) -> Self {
        Local(Mutex::new(state))
    }

    #[inline]
    pub fn with<T>(&self, decide: impl FnOnce(&mut S) -> T) -> T {
        // Only the policies' own functions run inside, and they do not panic.
        decide(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
