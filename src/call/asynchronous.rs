//! The async driver: for anything that is awaited, on any executor.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use super::core::{PermitOf, Run};
use super::{Bound, Call, Judge, Marking, Verdict};
use crate::failure::Failed;
use crate::failure::{Facts, Reason};
use crate::observe::span::CallScope;
use crate::platform::clock::{AsyncClock, Instant, nanos};
use crate::platform::rng::Rng;
use crate::policy::{Permit, Pipeline};

impl<P: Pipeline, C: AsyncClock + Rng, J, I: Marking> Call<'_, P, C, J, I> {
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
    pub async fn call_async<T, E>(&self, mut operation: impl AsyncFnMut() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        self.call_async_bounded(async |_| operation().await).await
    }

    /// The same for an operation that wants to know how much time its attempt has, to hand it on; see [`Bound`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy, RpcError, clock::Instant, testing::{TestClock, block_on}};
    ///
    /// static PAGE: Policy<Deadline> = Policy::new().deadline(Deadline::after(Duration::from_nanos(7)));
    /// let clock = TestClock::new();
    /// let ends = block_on(PAGE.with(&clock).call_async_bounded(async |bound| Ok::<_, RpcError>(bound.ends())));
    /// assert_eq!(ends.unwrap(), Some(Instant::from_nanos(7)));
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call_async`](Self::call_async).
    pub async fn call_async_bounded<T, E>(
        &self,
        mut operation: impl AsyncFnMut(Bound) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let mut run = self.run();
        if run.is_over() {
            return run.end_without_time();
        }
        let mut last = None;
        let mut admitted = self.admit_async(&mut run).await;
        loop {
            let permit = match admitted {
                Ok(permit) => permit,
                Err(reason) => return run.end(last, reason),
            };
            let outcome = match run.begin() {
                Some(ends) => self.before(ends, run.around(operation(Bound::until(ends)))).await,
                None => Some(run.around(operation(Bound::NONE)).await),
            };
            let next = match outcome {
                Some(Ok(value)) if J::OK_IS_SUCCESS => {
                    run.succeeded(permit);
                    return Ok(value);
                }
                Some(result) => match self.judge.judge(&result) {
                    Verdict::Failure { cause, delivery, retry_after } => {
                        last = Some(result);
                        run.failed(permit, &Facts::new(cause, delivery, retry_after))
                    }
                    verdict => {
                        if verdict == Verdict::Success {
                            run.recovered(permit);
                        }
                        return run.hand_over(result);
                    }
                },
                None => run.cut_short(permit),
            };
            admitted = match next {
                Ok(delay) => {
                    self.wait_async(&run, delay).await;
                    match run.woke() {
                        Ok(()) => self.admit_async(&mut run).await,
                        Err(reason) => Err(reason),
                    }
                }
                Err(reason) => Err(reason),
            };
        }
    }

    /// Waits for admission, and as long as the permit says, but not past the deadline. After that, the attempt
    /// begins.
    pub(super) async fn admit_async<'s>(
        &'s self,
        run: &mut Run<'s, P, C, J, I, impl CallScope>,
    ) -> Result<PermitOf<'s, P>, Reason> {
        let mut permit = match run.ends {
            Some(ends) => self.before(ends, run.admit_async()).await.unwrap_or(Err(Reason::Deadline))?,
            None => run.admit_async().await?,
        };
        let delay = permit.delay();
        if !delay.is_zero() {
            self.wait_async(run, nanos(delay)).await;
            run.renew(&mut permit)?;
        }
        permit.begin();
        Ok(permit)
    }

    pub(super) async fn wait_async(&self, run: &Run<'_, P, C, J, I, impl CallScope>, nanos: u64) {
        if nanos != 0 {
            self.clock.sleep_async(Duration::from_nanos(nanos)).await;
            run.present.forget();
        }
    }

    /// What `operation` comes to before `ends`. The operation is asked first: done at the last moment is
    /// done. Its timer is made only if it has to wait.
    pub(super) async fn before<T>(&self, ends: Instant, operation: impl Future<Output = T>) -> Option<T> {
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
