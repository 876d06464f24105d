//! How much memory the messages of peers may take, those of all calls of one connection, or of one address, together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes, of messages and of the values in them, that calls hold at a time. One of them may have three quarters
/// of it: 16 MiB of message, once more while it is decoded, and 160 MiB of values.
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

    /// How much all calls hold.
    #[cfg(feature = "fuzzing")]
    pub fn held(&self) -> usize {
        MEMORY - self.0.available_permits()
    }
}

/// What one call holds.
pub(super) struct Share {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes room for so many bytes more.
    pub fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let permits = u32::try_from(bytes).map_err(|_| Exhausted)?;
        let more = self.budget.clone().try_acquire_many_owned(permits).map_err(|_| Exhausted)?;
        self.hold(more);
        Ok(())
    }

    /// A share of the same budget, nothing at first, for what may come to nothing.
    pub fn part(&self) -> Share {
        Share { budget: self.budget.clone(), held: None }
    }

    /// Takes over what a [`part`](Self::part) holds.
    pub fn join(&mut self, part: Share) {
        if let Some(more) = part.held {
            self.hold(more);
        }
    }

    fn hold(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(more),
            held => *held = Some(more),
        }
    }
}

/// There is no room now.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calls at one place may hold {MEMORY} bytes, and others hold them now")]
pub(super) struct Exhausted;

#[cfg(test)]
mod tests {
    use super::super::MAX_BYTES;
    use super::super::codec::MAX_DECODED;
    use super::*;

    #[test]
    fn the_largest_call_has_room_if_it_is_alone() {
        let budget = Budget::new();
        let mut share = budget.share();
        assert_eq!((share.take(MAX_BYTES), share.take(MAX_BYTES), share.take(MAX_DECODED)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(budget.share().take(MAX_DECODED), Err(Exhausted));
    }

    #[test]
    fn what_a_call_held_is_there_again_when_it_is_over() {
        let budget = Budget::new();
        for _ in 0..3 {
            let mut share = budget.share();
            assert_eq!((share.take(MEMORY - 1), share.take(2), share.take(1)), (Ok(()), Err(Exhausted), Ok(())));
        }
        assert_eq!(budget.share().take(usize::MAX), Err(Exhausted));
    }

    #[test]
    fn a_part_of_a_share_is_given_back_unless_it_joins() {
        let budget = Budget::new();
        let mut share = budget.share();
        let mut part = share.part();
        assert_eq!(part.take(MEMORY), Ok(()));
        drop(part);
        let mut part = share.part();
        assert_eq!(part.take(MEMORY), Ok(()));
        share.join(part);
        assert_eq!(budget.share().take(1), Err(Exhausted));
        drop(share);
        assert_eq!(budget.share().take(MEMORY), Ok(()));
    }
}
