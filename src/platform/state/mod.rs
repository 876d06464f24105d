//! Where a policy's memory lives: in this instance, or in a store that all instances share.
//!
//! Policies keep their state as a plain value behind this cell and decide with pure functions on it, so a
//! snapshot is a copy. No caller's code ever runs while the cell is borrowed.

#[cfg(feature = "keyvalue-state")]
mod keyvalue;
mod store;

#[cfg(feature = "keyvalue-state")]
pub use keyvalue::KeyValue;
use spin::mutex::SpinMutex;
pub use store::{Store, StoreFailed};

/// State shared by all calls that go through one policy. A component has one thread, where the lock is a flag
/// that is never found taken; and unlike the standard library's mutex, this one has no way to panic, which
/// would bring 30 kB of messages into a component that has none.
#[derive(Debug)]
pub(crate) struct Local<S>(SpinMutex<S>);

impl<S> Local<S> {
    pub const fn new(state: S) -> Self {
        Local(SpinMutex::new(state))
    }

    #[inline]
    pub fn with<T>(&self, decide: impl FnOnce(&mut S) -> T) -> T {
        // By trying, and not `lock`, whose second loop for waiting politely would be in the component at each place.
        let mut state = loop {
            if let Some(state) = self.0.try_lock() {
                break state;
            }
            core::hint::spin_loop();
        };
        decide(&mut state)
    }
}
