//! What went over the lattice: every invocation, how long it took and what became of it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::excerpt::excerpt;
use crate::failure::{Cause, Delivery, Failure};
use crate::trace::{SpanContext, TraceId};

/// How many invocations are remembered one by one; older ones are only counted.
const REMEMBERED: usize = 10_000;

/// The record of a lattice.
#[derive(Debug)]
pub struct Journal {
    started: Instant,
    inner: Mutex<Inner>,
    /// Whether [`follow`](Self::follow) was called: most journals are read from time to time, if at all.
    followed: AtomicBool,
    /// Told of the end of each invocation that is followed.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    total: u64,
    entries: VecDeque<Entry>,
    followed: Followed,
}

/// All that happened since a journal is followed.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// In the order of their ends.
    pub calls: Vec<Call>,
    /// In the order of their beginnings.
    pub executions: Vec<Execution>,
    /// The keys of a store that were set or counted, and when.
    pub written: Vec<(Duration, String)>,
}

/// One invocation that is over, and for whom it was.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub trace: TraceId,
    pub at: Duration,
    pub took: Duration,
    pub target: String,
    /// None for one whose caller went away.
    pub outcome: Option<Result<(), (Cause, Delivery)>>,
}

/// An invocation that arrived: its target began to work.
#[derive(Debug)]
pub(crate) struct Execution {
    pub trace: TraceId,
    pub at: Duration,
    pub target: String,
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
        Journal {
            started: Instant::now(),
            inner: Mutex::default(),
            followed: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    /// How many invocations reached the lattice so far.
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// The last invocations that are over, the oldest first; at most 10,000.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// From now on, every invocation is kept, until [`take_followed`](Self::take_followed).
    pub(crate) fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    /// Waits for the end of an invocation of `target`, of those that are followed the one after so many others.
    pub(crate) async fn ended(&self, target: &str, before: usize) -> Call {
        loop {
            // First: what ends while this looks is not missed.
            let next = self.ended.notified();
            let known = self.lock().followed.calls.iter().filter(|call| call.target == target).nth(before).cloned();
            if let Some(call) = known {
                return call;
            }
            next.await;
        }
    }

    /// What happened since the last time.
    pub(crate) fn take_followed(&self) -> Followed {
        std::mem::take(&mut self.lock().followed)
    }

    /// Records that an invocation begins, as a part of what `trace` is of.
    pub(crate) fn begin<'j>(&'j self, target: &'j str, trace: &SpanContext) -> Recording<'j> {
        self.lock().total += 1;
        Recording {
            journal: self,
            target: excerpt(target),
            trace: trace.trace_id(),
            began: Instant::now(),
            over: false,
        }
    }

    /// Records that an invocation arrived, and its target begins to work.
    pub(crate) fn arrived(&self, trace: TraceId, target: &str) {
        if self.followed.load(Ordering::Relaxed) {
            let (at, target) = (self.started.elapsed(), excerpt(target).into_owned());
            self.lock().followed.executions.push(Execution { trace, at, target });
        }
    }

    /// Records that a key of a store was set or counted.
    pub(crate) fn wrote(&self, key: &str) {
        if self.followed.load(Ordering::Relaxed) {
            let at = self.started.elapsed();
            self.lock().followed.written.push((at, key.into()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Recording<'j> {
    journal: &'j Journal,
    target: Cow<'j, str>,
    trace: TraceId,
    began: Instant,
    over: bool,
}

impl Recording<'_> {
    /// Records how an invocation ended. One whose caller went away is only counted.
    pub fn end(mut self, failure: Option<&Failure>) {
        let took = self.began.elapsed();
        match failure {
            None => tracing::debug!(target: "steadfast::lattice", call = &*self.target, ?took, "ok"),
            Some(failure) => {
                tracing::info!(target: "steadfast::lattice", call = &*self.target, ?took, "failed: {failure}");
            }
        }
        let outcome = failure.map_or(Ok(()), |failure| Err((failure.cause, failure.delivery)));
        self.follow(Some(outcome));
        self.over = true;
        let target = std::mem::take(&mut self.target).into_owned();
        let entry = Entry { at: self.began - self.journal.started, took, target, outcome };
        let mut inner = self.journal.lock();
        if inner.entries.len() == REMEMBERED {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry);
    }

    fn follow(&self, outcome: Option<Result<(), (Cause, Delivery)>>) {
        if self.journal.followed.load(Ordering::Relaxed) {
            let at = self.began - self.journal.started;
            let (took, target) = (self.began.elapsed(), self.target.to_string());
            self.journal.lock().followed.calls.push(Call { trace: self.trace, at, took, target, outcome });
            self.journal.ended.notify_waiters();
        }
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.follow(None);
        }
    }
}
