//! How much memory the messages of peers may take, those of all calls of one connection, or of one address, together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Val;

/// The most bytes, of messages and of the values in them, that calls hold at a time. One of them may have two thirds of
/// it: 16 MiB of message, and 4 Mi parts of 40 bytes. Values are counted once they are decoded, so there may be those of
/// one more call for each thread.
pub(super) const MEMORY: usize = 256 << 20;

/// What is left for further calls.
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub fn new() -> Self {
        Budget(Arc::new(Semaphore::new(MEMORY)))
    }

    /// The share of one call, nothing at first, given back when it is dropped.
    pub fn share(&self) -> Share {
        Share { budget: self.0.clone(), held: None }
    }
}

/// What one call holds.
pub(super) struct Share {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes room for a message, or for the next part of one.
    pub fn message(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let permits = u32::try_from(bytes).map_err(|_| Exhausted)?;
        let more = self.budget.clone().try_acquire_many_owned(permits).map_err(|_| Exhausted)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            held => *held = Some(more),
        }
        Ok(())
    }

    /// Takes room for so many values.
    pub fn values(&mut self, count: usize) -> Result<(), Exhausted> {
        self.message(count.saturating_mul(size_of::<Val>()))
    }
}

/// There is no room now.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calls at one place may hold {MEMORY} bytes, and others hold them now")]
pub(super) struct Exhausted;

#[cfg(test)]
mod tests {
    use super::super::MAX_BYTES;
    use super::super::codec::MAX_PARTS;
    use super::*;

    #[test]
    fn the_largest_call_has_room_if_it_is_alone() {
        let budget = Budget::new();
        let mut share = budget.share();
        assert_eq!((share.message(MAX_BYTES), share.values(MAX_PARTS)), (Ok(()), Ok(())));
        assert_eq!(budget.share().values(MAX_PARTS), Err(Exhausted));
    }

    #[test]
    fn what_a_call_held_is_there_again_when_it_is_over() {
        let budget = Budget::new();
        for _ in 0..3 {
            let mut share = budget.share();
            assert_eq!(
                (share.message(MEMORY - 1), share.message(2), share.message(1)),
                (Ok(()), Err(Exhausted), Ok(()))
            );
        }
        assert_eq!(budget.share().message(usize::MAX), Err(Exhausted));
    }
}
