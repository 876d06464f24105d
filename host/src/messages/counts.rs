//! What became of messages, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of the messages that a host took, since it was loaded. See [`Host::messages`](crate::Host::messages).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageCounts {
    /// How often one came, from a subject or from a stream.
    pub deliveries: u64,
    /// How many of these were of a message that had come to this host before: it was not taken, or it got lost that it was.
    /// Of a stream, the last 10,000 messages are known.
    pub redeliveries: u64,
    /// How often the component took one.
    pub taken: u64,
    /// How often a call of the component failed.
    pub failed: u64,
    /// How many were put away on a `dead-letter` subject.
    pub parked: u64,
    /// How many are lost: there was no room for them, or nowhere to put them away.
    pub lost: u64,
    /// How many are here and not over.
    pub under_way: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    pub deliveries: AtomicU64,
    pub redeliveries: AtomicU64,
    pub taken: AtomicU64,
    pub failed: AtomicU64,
    pub parked: AtomicU64,
    pub lost: AtomicU64,
    under_way: AtomicU64,
}

impl Counts {
    pub fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// One delivery.
    pub fn delivered(&self, again: bool) {
        Counts::add(&self.deliveries);
        if again {
            Counts::add(&self.redeliveries);
        }
    }

    /// One message more is here, until this is dropped.
    pub fn here(self: &std::sync::Arc<Self>) -> Here {
        Counts::add(&self.under_way);
        Here(self.clone())
    }

    pub fn get(&self) -> MessageCounts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        MessageCounts {
            deliveries: get(&self.deliveries),
            redeliveries: get(&self.redeliveries),
            taken: get(&self.taken),
            failed: get(&self.failed),
            parked: get(&self.parked),
            lost: get(&self.lost),
            under_way: get(&self.under_way),
        }
    }
}

/// A message that is here.
pub(super) struct Here(std::sync::Arc<Counts>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
