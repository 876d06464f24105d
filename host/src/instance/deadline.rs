//! Until when somebody waits for what an instance works for.

use std::sync::{Arc, OnceLock};

use hyper::StatusCode;
use tokio::time::Instant;

use crate::deadline::earlier;

/// Until when somebody waits for a piece of work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline {
    /// For all of it.
    whole: Option<Instant>,
    /// For the head of an answer to a request, and whether there is one: then its body may take longer.
    head: Option<(Instant, Arc<OnceLock<StatusCode>>)>,
}

impl Deadline {
    /// For the whole of the work.
    pub fn of(whole: Option<Instant>) -> Self {
        Deadline { whole, head: None }
    }

    /// The same, and until `end` for the head of an answer, which is there when `status` is.
    pub fn with_head(self, end: Instant, status: Arc<OnceLock<StatusCode>>) -> Self {
        Deadline { head: Some((end, status)), ..self }
    }

    /// As it is now.
    pub fn now(&self) -> Option<Instant> {
        let head = self.head.as_ref().filter(|(_, status)| status.get().is_none());
        earlier(self.whole, head.map(|(end, _)| *end))
    }
}
