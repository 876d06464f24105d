//! One attempt and no more: for operations that use up what they are given.

use super::asynchronous::{before, ready, scoped};
use super::core::Core;
use super::run::Wait;
use super::{Call, Judge};
use crate::failure::Failed;
use crate::platform::clock::{AsyncClock, Clock};
use crate::platform::rng::Rng;
use crate::policy::Parts;

impl<P: Parts, C: Clock + Rng, J> Call<'_, P, C, J> {
    /// Makes a blocking call that cannot be made twice, since its operation uses up what it is given: an owned
    /// resource, say. All parts of the policy apply but the retry.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy, RpcError, testing::TestClock};
    ///
    /// static STORE: Policy<(Breaker,)> = Policy::new().breaker(Breaker::consecutive_failures(5));
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
        let (attempt, mut core) = match run.first(false) {
            Ok(attempt) => (attempt, Core::new(1)),
            Err(refused) => {
                let mut core = Core::new(0);
                let admitted = core.refused(&mut run, refused, false);
                match self.ready(&mut run, &mut core, admitted) {
                    Ok(attempt) => (attempt, core),
                    Err(end) => return core.end(&mut run, end),
                }
            }
        };
        match run.within(attempt.number, operation) {
            Ok(value) if J::OK_IS_SUCCESS => {
                run.succeeded(attempt, 0);
                Ok(value)
            }
            result => core.finished_once(&mut run, attempt, Some(result)),
        }
    }
}

impl<P: Parts, C: AsyncClock + Rng, J> Call<'_, P, C, J> {
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
        let (attempt, mut core) = match run.first(false) {
            Ok(attempt) => (attempt, Core::new(1)),
            Err(refused) => {
                let mut core = Core::new(0);
                match ready(&mut run, &mut core, Wait::Refused(refused)).await {
                    Ok(attempt) => (attempt, core),
                    Err(end) => return core.end(&mut run, end),
                }
            }
        };
        let work = scoped(run.attempt_scope(attempt.number), operation());
        match before(&self.clock, attempt.ends, work).await {
            Some(Ok(value)) if J::OK_IS_SUCCESS => {
                run.succeeded(attempt, 0);
                Ok(value)
            }
            result => core.finished_once(&mut run, attempt, result),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::platform::clock::AsyncClock;
    use crate::testing::{ManualClock, Recorder, TestClock, block_on};
    use crate::{
        Breaker, Cause, Deadline, Delivery, Event, Failure, Policy, RateLimit, Reason, Retry, RpcError, Verdict,
    };

    fn down() -> Result<u32, RpcError> {
        Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
    }

    #[test]
    fn the_wait_before_the_attempt_is_part_of_the_elapsed_time() {
        let wait = Duration::from_secs(1);
        for awaited in [false, true] {
            let policy = Policy::new().rate_limit(RateLimit::per_second(1).wait_up_to(wait));
            let clock = TestClock::new();
            let call = policy.with(&clock);
            call.call_once(down).unwrap_err();
            let failed = match awaited {
                false => call.call_once(down),
                true => block_on(call.call_once_async(async || down())),
            };
            let failed = failed.unwrap_err();
            assert_eq!((failed.attempts(), failed.elapsed()), (1, wait), "awaited: {awaited}");
        }
    }

    #[test]
    fn there_is_one_attempt_whatever_the_retry_says() {
        static SEEN: Recorder = Recorder::new();
        let policy = Policy::new().retry(Retry::attempts(5)).observer(&SEEN);
        let clock = TestClock::new();
        let failed = policy.with(&clock).call_once(down).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), failed.into_last()), (Reason::Attempts, 1, down().err()));
        assert_eq!(clock.slept(), []);
        assert_eq!(
            SEEN.take(),
            [
                Event::AttemptStarted { attempt: 1 },
                Event::AttemptFailed { attempt: 1, cause: Cause::NoTarget, delivery: Delivery::NotSent },
                Event::GaveUp { reason: Reason::Attempts, attempts: 1 },
            ]
        );
        let failed = block_on(policy.with(&clock).call_once_async(async || down())).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 1));
    }

    #[test]
    fn the_other_parts_apply() {
        let policy = Policy::new().breaker(Breaker::consecutive_failures(2).open_for(Duration::from_secs(1)));
        let clock = TestClock::new();
        policy.with(&clock).call_once(down).unwrap_err();
        block_on(policy.with(&clock).call_once_async(async || down())).unwrap_err();
        let rejected = policy.with(&clock).call_once(|| Ok::<_, RpcError>(7)).unwrap_err();
        assert_eq!((rejected.reason(), rejected.attempts()), (Reason::BreakerOpen, 0));
        let rejected = block_on(policy.with(&clock).call_once_async(async || Ok::<_, RpcError>(7))).unwrap_err();
        assert_eq!(rejected.reason(), Reason::BreakerOpen);
        clock.advance(Duration::from_secs(1));
        assert_eq!(policy.with(&clock).call_once(|| Ok::<_, RpcError>(7)), Ok(7), "the probe");
        assert_eq!(policy.with(&clock).call_once(|| Ok::<_, RpcError>(8)), Ok(8), "it is closed");
    }

    #[test]
    fn an_awaited_one_is_cancelled_at_the_deadline() {
        let policy = Policy::new().deadline(Deadline::after(Duration::from_secs(1)));
        let clock = ManualClock::new();
        let slow = async || {
            clock.sleep_async(Duration::from_secs(60)).await;
            down()
        };
        let failed = clock.run(policy.with(&clock).call_once_async(slow)).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), clock.passed()), (Reason::Deadline, 1, Duration::from_secs(1)));
        assert_eq!((failed.cause(), failed.delivery()), (Cause::Timeout, Delivery::Unknown));
    }

    #[test]
    fn a_judge_of_the_callers_own_decides() {
        let policy = Policy::new().breaker(Breaker::consecutive_failures(1));
        let clock = TestClock::new();
        let judged = |verdict| policy.with(&clock).judge(move |_: &Result<u32, RpcError>| verdict);
        assert_eq!(judged(Verdict::Ignored).call_once(down).unwrap_err().reason(), Reason::NotRetryable);
        assert_eq!(judged(Verdict::Success).call_once(down).unwrap_err().reason(), Reason::NotRetryable);
        let failure = Verdict::failure(Cause::Overloaded, Delivery::NotSent);
        assert_eq!(judged(failure).call_once(|| Ok(503)), Ok(503), "the last real result");
        assert_eq!(policy.with(&clock).call_once(|| Ok::<_, RpcError>(7)).unwrap_err().reason(), Reason::BreakerOpen);
    }
}
