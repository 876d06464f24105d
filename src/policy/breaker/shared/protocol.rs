//! What a breaker asks of a store, in the form that the store can do: by increments, or by swaps.

use super::super::settings::Settings;
use super::by_increment::ByIncrement;
use super::by_swap::BySwap;
use super::record::Record;
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::Rejected;

/// The breaker of one name in a store.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'p, S> {
    pub store: S,
    pub name: &'p str,
    pub settings: &'p Settings,
}

/// What a call that was let through brings back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// Of a closed breaker.
    Closed(Record),
    /// A probe, and when it began.
    Probe { record: Record, began: u64, first: bool },
}

/// Asks the store in its form.
macro_rules! ask {
    ($shared:ident, $method:ident($($argument:expr),*)) => {{
        let Shared { store, name, settings } = *$shared;
        if store.swaps() {
            BySwap { store, name, settings }.$method($($argument),*)
        } else {
            ByIncrement { store, name, settings }.$method($($argument),*)
        }
    }};
}

impl<S: Store> Shared<'_, S> {
    /// What it is now.
    pub fn newest(&self) -> Result<Record, StoreFailed> {
        ask!(self, newest())
    }

    /// Enters a closed generation, unless it is one in which no failure was seen. Whether it was not.
    pub fn reset(&self) -> Result<bool, StoreFailed> {
        ask!(self, reset())
    }

    /// Whether a call may be made, by what all instances know.
    pub fn admit(&self) -> Result<Result<Ticket, Rejected>, StoreFailed> {
        ask!(self, admit())
    }

    /// A call succeeded: what that changed.
    pub fn succeeded(&self, ticket: Ticket) -> Result<Option<Change>, StoreFailed> {
        ask!(self, succeeded(ticket))
    }

    /// A call failed: what that changed, and for how long the breaker is open by it.
    pub fn failed(&self, ticket: Ticket, cause: Cause, draw: u64) -> Result<(Option<Change>, u64), StoreFailed> {
        ask!(self, failed(ticket, cause, draw))
    }

    /// A call says nothing about the target: a probe makes room for another.
    pub fn ignored(&self, ticket: Ticket) -> Result<(), StoreFailed> {
        ask!(self, ignored(ticket))
    }
}

pub fn rejected(cause: Cause, retry_after: u64) -> Rejected {
    Rejected { reason: Reason::BreakerOpen, cause, retry_after }
}
