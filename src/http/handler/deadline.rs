//! A handler that waits: it is dropped at its deadline.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use super::IntoProblem;
use super::run::{Run, out_of_time};
use crate::failure::problem::Problem;
use crate::platform::clock::AsyncClock;

impl<C: AsyncClock> Run<C> {
    /// The answer of a `handler` that is dropped where it still waits at the deadline.
    pub async fn answer_async<T, E: IntoProblem>(
        &self,
        instance: &str,
        handler: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Problem> {
        self.begin(instance)?;
        match self.in_time(handler).await {
            Some(result) => result.map_err(|error| error.into_problem(instance)),
            None => Err(out_of_time("it was stopped at its deadline", instance)),
        }
    }

    /// What `work` comes to before the deadline. It is asked first: done at the last moment is done.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // Made when the handler first waits, which may be long after it began.
        let mut timer = pin!(async {
            match self.scope.ends() {
                Some(ends) => self.clock.sleep_async(ends.since(self.clock.now())).await,
                None => core::future::pending().await,
            }
        });
        poll_fn(|context| match self.scope.enter(|| work.as_mut().poll(context)) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => timer.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}
