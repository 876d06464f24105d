//! One run of a handler: within its scope, with its time taken.

use super::{IntoProblem, Settings, bound, timing};
use crate::call::Bound;
use crate::call::handler_scope::Scope;
use crate::failure::problem::Problem;
use crate::platform::clock::{Clock, Instant};

pub(super) struct Run<C> {
    pub clock: C,
    pub scope: Scope,
    settings: Settings,
    began: Option<Instant>,
}

impl<C: Clock> Run<C> {
    pub fn new(clock: C, settings: Settings) -> Self {
        let timed = settings.server_timing || settings.deadline.is_some();
        let began = timed.then(|| clock.now());
        let own = began.zip(settings.deadline).map(|(began, deadline)| began + deadline);
        // One handler may call another, which then has no longer than its caller.
        let ends = Bound::of(own).min(bound());
        Run { clock, settings, began, scope: Scope::until(ends) }
    }

    /// The answer of a `handler` that blocks, and so cannot be interrupted.
    pub fn answer<T, E: IntoProblem>(
        &self,
        instance: &str,
        handler: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Problem> {
        self.scope.enter(handler).map_err(|error| error.into_problem(instance))
    }

    /// The value of the `Server-Timing` header, where there is one.
    pub fn server_timing(&self) -> Option<String> {
        let began = self.began.filter(|_| self.settings.server_timing)?;
        Some(timing::header(self.clock.now().since(began), self.scope.notes()))
    }
}
