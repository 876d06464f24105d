//! What went over the lattice: every invocation, how long it took and what became of it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::excerpt::excerpt;
use crate::failure::{Cause, Delivery, Failure};

/// How many invocations are remembered one by one; older ones are only counted.
const REMEMBERED: usize = 10_000;

/// The record of a lattice.
#[derive(Debug)]
pub struct Journal {
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    total: u64,
    entries: VecDeque<Entry>,
}

/// One invocation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// When it began, since the host was made.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The function, as `acme:greeter/api#greet`, or the request, as `GET http://quotes.test/today`; of one that is
    /// longer than 200 bytes, the beginning and a `…`.
    pub target: String,
    /// Where it failed and how far it got, or that it did not fail.
    pub outcome: Result<(), (Cause, Delivery)>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Journal { started: Instant::now(), inner: Mutex::default() }
    }

    /// How many invocations reached the lattice so far.
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// The last invocations that are over, the oldest first; at most 10,000.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// Records that an invocation begins.
    pub(crate) fn begin<'j>(&'j self, target: &'j str) -> Recording<'j> {
        self.lock().total += 1;
        Recording { journal: self, target: excerpt(target), began: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Recording<'j> {
    journal: &'j Journal,
    target: Cow<'j, str>,
    began: Instant,
}

impl Recording<'_> {
    /// Records how an invocation ended. One whose caller went away is only counted.
    pub fn end(self, failure: Option<&Failure>) {
        let took = self.began.elapsed();
        match failure {
            None => tracing::debug!(target: "steadfast::lattice", call = &*self.target, ?took, "ok"),
            Some(failure) => {
                tracing::info!(target: "steadfast::lattice", call = &*self.target, ?took, "failed: {failure}");
            }
        }
        let entry = Entry {
            at: self.began - self.journal.started,
            took,
            target: self.target.into_owned(),
            outcome: failure.map_or(Ok(()), |failure| Err((failure.cause, failure.delivery))),
        };
        let mut inner = self.journal.lock();
        if inner.entries.len() == REMEMBERED {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry);
    }
}
