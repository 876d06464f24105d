//! One run of a handler: within its scope, with its time taken.

use core::time::Duration;

use super::{IntoProblem, Settings, bound, timing};
use crate::call::Bound;
use crate::call::handler_scope::Scope;
use crate::failure::Cause;
use crate::failure::problem::Problem;
use crate::platform::clock::{Clock, Instant};

pub(super) struct Run<C> {
    pub clock: C,
    pub scope: Scope,
    settings: Settings,
    began: Option<Instant>,
    /// The client waits no longer, so nothing is begun.
    too_late: bool,
}

impl<C: Clock> Run<C> {
    /// `left` says how long the client of the request still waits, where that is known.
    pub fn new(clock: C, settings: Settings, left: impl FnOnce() -> Option<Duration>) -> Self {
        let left = if settings.caller_deadline { left() } else { None };
        let deadline = settings.deadline.into_iter().chain(left).min();
        let timed = settings.server_timing || deadline.is_some();
        let began = timed.then(|| clock.now());
        let own = began.zip(deadline).map(|(began, deadline)| began + deadline);
        // One handler may call another, which then has no longer than its caller.
        let ends = Bound::of(own).min(bound());
        Run { clock, settings, began, scope: Scope::until(ends), too_late: left == Some(Duration::ZERO) }
    }

    /// The answer of a `handler` that blocks, and so cannot be interrupted.
    pub fn answer<T, E: IntoProblem>(
        &self,
        instance: &str,
        handler: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Problem> {
        self.begin(instance)?;
        self.scope.enter(handler).map_err(|error| error.into_problem(instance))
    }

    /// The answer of a handler that its client no longer waits for, and that is not begun.
    pub fn begin(&self, instance: &str) -> Result<(), Problem> {
        let detail = "its client had no time left when the request came, so it was not begun";
        if self.too_late { Err(out_of_time(detail, instance)) } else { Ok(()) }
    }

    /// The value of the `Server-Timing` header, where there is one.
    pub fn server_timing(&self) -> Option<String> {
        let began = self.began.filter(|_| self.settings.server_timing)?;
        Some(timing::header(self.clock.now().since(began), self.scope.notes()))
    }
}

#[cold]
pub(super) fn out_of_time(detail: &str, instance: &str) -> Problem {
    let title = "This service did not answer in time";
    Problem::of_kind("deadline", 504, title, Some(detail), instance).cause(Cause::Timeout)
}
