//! The blocking driver: for imports that return when they are done.

use super::Call;
use super::run::Run;
use crate::clock::Clock;
use crate::failure::Facts;
use crate::policy::{BreakerPart, DeadlinePart, Permit, RetryPart, Span};
use crate::rng::Rng;
use crate::{Failed, Failure};

impl<D: DeadlinePart, R: RetryPart, B: BreakerPart, C: Clock + Rng> Call<'_, D, R, B, C> {
    /// Makes a blocking call, such as one of a generated import. The waits between attempts block the
    /// component too.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::TestClock};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// assert_eq!(GREETER.with(&clock).call(|| Ok::<_, RpcError>("hi")).unwrap(), "hi");
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    // The first attempt stands apart from the others, so that a call that succeeds runs straight through.
    #[inline]
    pub fn call<T, E: Failure>(&self, mut operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>> {
        let span = self.policy.deadline.start(&self.clock);
        let permit = match self.policy.breaker.admit(&self.policy.memory, &self.clock) {
            Ok(permit) => permit,
            Err(rejected) => return Err(self.rejected(rejected)),
        };
        match operation() {
            Ok(value) => {
                permit.succeeded();
                Ok(value)
            }
            Err(error) => self.recover(span, permit, error, operation),
        }
    }

    #[cold]
    fn recover<'s, T, E: Failure>(
        &'s self,
        span: Option<Span>,
        mut permit: B::Permit<'s>,
        mut error: E,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        let mut now = self.clock.now();
        let mut run = Run::new(span, now);
        loop {
            let reason = match run.failed(self, permit, Facts::of(&error), now) {
                Ok(delay) => {
                    self.clock.sleep(delay);
                    match run.admit(self) {
                        Ok(next) => {
                            permit = next;
                            match operation() {
                                Ok(value) => {
                                    permit.succeeded();
                                    return Ok(value);
                                }
                                Err(next) => error = next,
                            }
                            now = self.clock.now();
                            continue;
                        }
                        Err(reason) => reason,
                    }
                }
                Err(reason) => reason,
            };
            return Err(run.give_up(Some(error), reason, self.clock.now()));
        }
    }
}
