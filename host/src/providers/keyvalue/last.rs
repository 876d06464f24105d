//! How the last operation of a store ended, for people who watch the host.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::failure::Failure;
use crate::health::StoreState;

#[derive(Default)]
pub(super) struct Last(Mutex<Option<Ended>>);

struct Ended {
    /// Since when operations have ended so.
    since: Instant,
    /// None for one that was answered.
    error: Option<String>,
}

/// Notes an operation whose caller gives up before it ends: a server that hangs is one that fails.
struct Running<'l>(Option<&'l Last>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(last) = self.0 {
            last.ended(Some("an operation was given up before it was answered".into()));
        }
    }
}

impl Last {
    /// Does an operation, and notes how it ends.
    pub async fn note<T>(&self, operation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut running = Running(Some(self));
        let outcome = operation.await;
        running.0 = None;
        self.ended(outcome.as_ref().err().map(Failure::to_string));
        outcome
    }

    fn ended(&self, error: Option<String>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.take().filter(|before| before.error.is_some() == error.is_some());
        *last = Some(Ended { since: before.map_or_else(Instant::now, |before| before.since), error });
    }

    pub fn state(&self, store: &'static str) -> StoreState {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            None => StoreState { store, state: "not-asked", seconds: 0, last_error: None },
            Some(Ended { since, error }) => StoreState {
                store,
                state: if error.is_none() { "answering" } else { "failing" },
                seconds: since.elapsed().as_secs(),
                last_error: error.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;
    use crate::failure::{Cause, Delivery};

    #[test]
    fn what_the_last_operation_came_to_is_the_state() {
        let last = Last::default();
        let said = || {
            let StoreState { state, last_error, .. } = last.state("redis");
            (state, last_error)
        };
        assert_eq!(said(), ("not-asked", None));
        assert!(last.note(ready(Ok(()))).now_or_never().is_some());
        assert_eq!(said(), ("answering", None));
        let lost = Failure::new(Cause::Disconnected, Delivery::Unknown, "gone");
        let text = lost.to_string();
        assert!(last.note(ready(Err::<(), _>(lost))).now_or_never().is_some());
        assert_eq!(said(), ("failing", Some(text)));
        assert!(last.note(ready(Ok(()))).now_or_never().is_some());
        assert!(last.note(pending::<Result<(), Failure>>()).now_or_never().is_none());
        assert_eq!(said(), ("failing", Some("an operation was given up before it was answered".into())));
    }
}
