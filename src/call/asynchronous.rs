//! The async driver: for anything that is awaited, on any executor.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use super::Call;
use super::run::Run;
use crate::clock::{AsyncClock, Instant};
use crate::failure::Facts;
use crate::policy::{BreakerPart, DeadlinePart, Permit, Reason, RetryPart};
use crate::rng::Rng;
use crate::{Failed, Failure};

impl<D: DeadlinePart, R: RetryPart, B: BreakerPart, C: AsyncClock + Rng> Call<'_, D, R, B, C> {
    /// Makes a call that is awaited. At the deadline, the attempt in flight is cancelled: its future is
    /// dropped.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let text = block_on(GREETER.with(&clock).call_async(async || Ok::<_, RpcError>("hi")));
    /// assert_eq!(text.unwrap(), "hi");
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    pub async fn call_async<T, E: Failure>(
        &self,
        mut operation: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failed<E>> {
        let span = self.policy.deadline.start(&self.clock);
        let mut permit = match self.policy.breaker.admit(&self.policy.memory, &self.clock) {
            Ok(permit) => permit,
            Err(rejected) => return Err(self.rejected(rejected)),
        };
        let mut last = None;
        let mut run: Option<Run> = None;
        loop {
            let outcome = match span {
                Some(span) => self.before(span.ends, operation()).await,
                None => Some(operation().await),
            };
            match outcome {
                Some(Ok(value)) => {
                    permit.succeeded();
                    return Ok(value);
                }
                Some(Err(error)) => {
                    let now = self.clock.now();
                    let run = run.get_or_insert_with(|| Run::new(span, now));
                    let facts = Facts::of(&error);
                    last = Some(error);
                    let next = match run.failed(self, permit, facts, now) {
                        Ok(delay) => {
                            self.clock.sleep_async(delay).await;
                            run.admit(self)
                        }
                        Err(reason) => Err(reason),
                    };
                    match next {
                        Ok(next) => permit = next,
                        Err(reason) => break Err(self.give_up(run, last, reason)),
                    }
                }
                None => {
                    // Cut short by its own caller, the attempt says nothing about the target.
                    drop(permit);
                    let now = self.clock.now();
                    let run = run.get_or_insert_with(|| Run::new(span, now));
                    run.cancelled();
                    break Err(self.give_up(run, last, Reason::Deadline));
                }
            }
        }
    }

    #[cold]
    fn give_up<E>(&self, run: &mut Run, last: Option<E>, reason: Reason) -> Failed<E> {
        run.give_up(last, reason, self.clock.now())
    }

    /// What `operation` comes to before `ends`. The operation is asked first: done at the last moment is
    /// done. Its timer is made only if it has to wait.
    async fn before<T>(&self, ends: Instant, operation: impl Future<Output = T>) -> Option<T> {
        let mut operation = pin!(operation);
        let mut timer = pin!(async {
            self.clock.sleep_async(ends.since(self.clock.now())).await;
        });
        poll_fn(|context| match operation.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => timer.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}
