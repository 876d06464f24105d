//! A call under way: how long it may take, and all that is told of its end.

use std::time::Duration;

use tokio::time::Instant;

use super::journal::Recording;
use crate::deadline;
use crate::failure::{Cause, Delivery, Failure};
use crate::metrics::Timed;
use crate::trace::Span;

/// How long a call may take.
#[derive(Clone, Copy)]
pub(super) struct Limit {
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

/// A call whose end goes to the journal, and to its metrics and span where it has them. Dropped without an end, it was
/// abandoned; unless its time is over, which whoever waits for it may notice first.
pub(super) struct UnderWay<'j> {
    pub limit: Limit,
    pub told: Option<(Recording<'j>, Option<Timed>, Option<Span>)>,
}

impl UnderWay<'_> {
    pub fn end(&mut self, failure: Option<&Failure>) {
        if let Some((recording, timed, span)) = self.told.take() {
            recording.end(failure);
            if let Some(timed) = timed {
                timed.end(failure);
            }
            if let Some(span) = span {
                span.end(failure);
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.limit.is_over() {
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
            let under_way = UnderWay { limit, told: Some((recording, None, None)) };
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
