//! What became of messages, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{self, Active};

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

pub(super) struct Counts {
    pub deliveries: Count,
    pub redeliveries: Count,
    pub taken: Count,
    pub failed: Count,
    pub parked: Count,
    pub lost: Count,
    under_way: AtomicU64,
}

/// How often something became of a message, and what, as metrics have it.
pub(super) struct Count(AtomicU64, &'static str);

impl Default for Counts {
    fn default() -> Self {
        let counts = metrics::MESSAGE_EVENTS.map(|event| Count(AtomicU64::new(0), event));
        let [deliveries, redeliveries, taken, failed, parked, lost] = counts;
        let under_way = AtomicU64::new(0);
        Counts { deliveries, redeliveries, taken, failed, parked, lost, under_way }
    }
}

impl Counts {
    pub fn add(Count(count, event): &Count) {
        count.fetch_add(1, Ordering::Relaxed);
        metrics::message(event);
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
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Here { counts: self.clone(), _active: metrics::message_here() }
    }

    pub fn get(&self) -> MessageCounts {
        let get = |Count(count, _): &Count| count.load(Ordering::Relaxed);
        MessageCounts {
            deliveries: get(&self.deliveries),
            redeliveries: get(&self.redeliveries),
            taken: get(&self.taken),
            failed: get(&self.failed),
            parked: get(&self.parked),
            lost: get(&self.lost),
            under_way: self.under_way.load(Ordering::Relaxed),
        }
    }
}

/// A message that is here.
pub(super) struct Here {
    counts: std::sync::Arc<Counts>,
    _active: Option<Active>,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.counts.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
