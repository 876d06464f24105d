//! A call or a request under way: how long it may take, and the one place that records its end.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::journal::Recording;
use crate::deadline;
use crate::failure::{Cause, Delivery, Failure};
use crate::metrics::Timed;
use crate::trace::Span;

/// How long a call may take.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    /// From when it began.
    pub length: Duration,
    /// None where a clock cannot show it.
    pub ends: Option<Instant>,
    /// As messages call it.
    pub name: &'static str,
}

impl Limit {
    /// So much from now on, or until `deadline`, where that is earlier.
    pub fn of((length, name): (Duration, &'static str), deadline: Option<Instant>) -> Self {
        let own = Limit { length, ends: Instant::now().checked_add(length), name };
        match deadline {
            Some(ends) if own.ends.is_none_or(|own| ends < own) => {
                Limit { length: deadline::left(ends), ends: Some(ends), name: "time that its caller had left" }
            }
            _ => own,
        }
    }

    fn is_over(self) -> bool {
        self.ends.is_some_and(|ends| ends <= Instant::now())
    }

    pub fn exceeded(self) -> Failure {
        let message = format!("no answer within the {} of {:?}", self.name, self.length);
        Failure::new(Cause::Timeout, Delivery::Unknown, message)
    }
}

/// A call or a request whose end goes to the journal, and to its metrics and span where it has them. Dropped before its
/// end, it was abandoned. Dropped after its limit, it timed out: its caller may have the same limit, and be first to notice.
pub(crate) struct UnderWay<'j> {
    pub(super) limit: Limit,
    pub(super) records: Option<(Recording<'j>, Option<Timed>, Option<Span>)>,
}

impl UnderWay<'_> {
    /// Ends it with the outcome of a call, or the failure of a request.
    pub fn end(&mut self, failure: Option<&Failure>) {
        let Some((recording, timed, span)) = self.records.take() else { return };
        recording.end(failure);
        timed.into_iter().for_each(|timed| timed.end(failure));
        span.into_iter().for_each(|span| span.end(failure));
    }

    /// Ends it with the answer to a request.
    pub fn answered(&mut self, status: StatusCode) {
        let Some((recording, timed, span)) = self.records.take() else { return };
        recording.end(None);
        timed.into_iter().for_each(|timed| timed.answered(status, 400));
        span.into_iter().for_each(|span| span.answered(status));
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.records.is_some() && self.limit.is_over() {
            self.end(Some(&self.limit.exceeded()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Journal;
    use crate::trace::SpanContext;

    #[tokio::test(start_paused = true)]
    async fn one_that_is_dropped_when_its_time_is_over_timed_out() {
        let journal = Journal::new();
        for (after, entries) in [(299, 0), (300, 1), (301, 2)] {
            let limit = Limit::of((Duration::from_millis(300), "timeout"), None);
            let recording = journal.begin("acme:greeter/api#greet", &SpanContext::NONE);
            let under_way = UnderWay { limit, records: Some((recording, None, None)) };
            tokio::time::advance(Duration::from_millis(after)).await;
            drop(under_way);
            let outcomes: Vec<_> = journal.entries().iter().map(|entry| entry.outcome).collect();
            assert_eq!(outcomes, vec![Err((Cause::Timeout, Delivery::Unknown)); entries], "{after} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_end_counts_and_has_its_name() {
        let of = |own: u64, caller: Option<u64>| {
            let deadline = caller.map(|caller| Instant::now() + Duration::from_millis(caller));
            let limit = Limit::of((Duration::from_millis(own), "timeout"), deadline);
            (limit.length, limit.exceeded().message)
        };
        let own = (Duration::from_millis(300), "no answer within the timeout of 300ms".to_string());
        assert_eq!(of(300, None), own);
        assert_eq!(of(300, Some(300)), own);
        assert_eq!(of(300, Some(301)), own);
        let left = "no answer within the time that its caller had left of 299ms".to_string();
        assert_eq!(of(300, Some(299)), (Duration::from_millis(299), left));
        let endless = Limit::of((Duration::MAX, "timeout"), None);
        assert!(endless.ends.is_none() && !endless.is_over());
    }
}
