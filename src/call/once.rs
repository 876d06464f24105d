//! One attempt and no more: for operations that use up what they are given.

use super::run::{PermitOf, Run};
use super::{Call, Judge, Marking, Verdict};
use crate::Failed;
use crate::clock::{AsyncClock, Clock};
use crate::failure::Facts;
use crate::policy::{Pipeline, Reason};
use crate::rng::Rng;
use crate::scope::CallScope;

impl<P: Pipeline, C: Clock + Rng, J, I: Marking> Call<'_, P, C, J, I> {
    /// Makes a blocking call that cannot be made twice, since its operation uses up what it is given: an owned
    /// resource, say. All parts of the policy apply but the retry.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(), (), Breaker> = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// let clock = TestClock::new();
    /// let blob = vec![1, 2, 3];
    /// assert_eq!(STORE.with(&clock).call_once(|| Ok::<_, RpcError>(blob)).unwrap(), [1, 2, 3]);
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the error, or why there was no attempt.
    #[inline]
    pub fn call_once<T, E>(&self, operation: impl FnOnce() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let mut run = self.run();
        if run.is_over() {
            return run.end_without_time();
        }
        let permit = match run.try_admit() {
            Ok(permit) => permit,
            Err(refused) => return run.end_before_it_began(refused),
        };
        let permit = match self.ready(&mut run, permit) {
            Ok(permit) => permit,
            Err(reason) => return run.end(None, reason),
        };
        run.begin();
        let result = run.within(operation);
        self.conclude(run, permit, result)
    }

    #[inline]
    fn conclude<'s, T, E>(
        &'s self,
        mut run: Run<'s, P, C, J, I, impl CallScope>,
        permit: PermitOf<'s, P>,
        result: Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        match result {
            Ok(value) if J::OK_IS_SUCCESS => {
                run.succeeded(permit);
                Ok(value)
            }
            result => match self.judge.judge(&result) {
                Verdict::Failure { cause, delivery, retry_after } => {
                    run.present.forget();
                    run.note(permit, &Facts::new(cause, delivery, retry_after));
                    run.end(Some(result), Reason::Attempts)
                }
                verdict => {
                    if verdict == Verdict::Success {
                        run.recovered(permit);
                    }
                    run.hand_over(result)
                }
            },
        }
    }
}

impl<P: Pipeline, C: AsyncClock + Rng, J, I: Marking> Call<'_, P, C, J, I> {
    /// The same for a call that is awaited. At the deadline it is cancelled: its future is dropped.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static STORE: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let blob = vec![1, 2, 3];
    /// let stored = block_on(STORE.with(&clock).call_once_async(async || Ok::<_, RpcError>(blob)));
    /// assert_eq!(stored.unwrap(), [1, 2, 3]);
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the error, or why there was no attempt.
    pub async fn call_once_async<T, E>(&self, operation: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let mut run = self.run();
        if run.is_over() {
            return run.end_without_time();
        }
        let permit = match self.admit_async(&mut run).await {
            Ok(permit) => permit,
            Err(reason) => return run.end(None, reason),
        };
        let outcome = match run.begin() {
            Some(ends) => self.before(ends, run.around(operation())).await,
            None => Some(run.around(operation()).await),
        };
        match outcome {
            Some(result) => self.conclude(run, permit, result),
            None => match run.cut_short(permit) {
                Ok(_) => run.end(None, Reason::Attempts),
                Err(reason) => run.end(None, reason),
            },
        }
    }
}
