//! The async driver that starts a further attempt beside one that is slow.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::asynchronous::{before, ready, scoped};
use super::core::{Core, End};
use super::run::{Attempt, Run, Wait};
use super::{Call, Judge, Repeats};
use crate::failure::{Cause, Failed};
use crate::observe::span::CallScope;
use crate::platform::clock::AsyncClock;
use crate::platform::rng::Rng;
use crate::policy::{HedgePart, MAX_HEDGES, Parts};

/// A hedge in flight. Dropped, its future goes before its permit: the place is free once the call is over.
struct Hedge<'p, F, P: Parts> {
    future: Pin<Box<F>>,
    attempt: Attempt<'p, P>,
}

/// What happens next while attempts are in flight.
enum Next<'p, R, P: Parts> {
    /// The first attempt is over.
    First(R),
    /// A hedge is over.
    Hedge(R, Attempt<'p, P>),
    /// The delay is over.
    Fire,
}

impl<'p, P: Parts, C: AsyncClock + Rng, J> Call<'p, P, C, J> {
    /// Makes a call that is awaited, with the policy's [`Hedge`](crate::Hedge): when an attempt is slow, another is
    /// started beside it; the first success wins, and the others are cancelled: their futures are dropped.
    ///
    /// Only a call that is marked [`idempotent`](Self::idempotent) is hedged, as only such a call is repeated when it
    /// may have happened: otherwise, and with a policy that has no hedge, this is [`call_async`](Self::call_async). The
    /// operation is an `AsyncFn`, not an `AsyncFnMut`: several of its futures are alive at once.
    ///
    /// ```
    /// use core::time::Duration;
    /// use std::cell::Cell;
    /// use steadfast::clock::AsyncClock;
    /// use steadfast::{Hedge, Policy, RpcError, testing::ManualClock};
    ///
    /// static PAGES: Policy<(Hedge,)> = Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    ///
    /// let clock = ManualClock::new();
    /// let asked = Cell::new(0);
    /// let call = PAGES.with(&clock).idempotent();
    /// let page = clock.run(call.call_hedged(async || {
    ///     asked.set(asked.get() + 1);
    ///     if asked.get() == 1 {
    ///         clock.sleep_async(Duration::from_secs(60)).await; // the slow one in a hundred
    ///     }
    ///     Ok::<_, RpcError>("page")
    /// }));
    /// assert_eq!((page, asked.get()), (Ok("page"), 2));
    /// assert_eq!(clock.passed(), Duration::from_millis(100));
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    pub async fn call_hedged<T, E>(&self, operation: impl AsyncFn() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        // Of the whole call, its retries included.
        let mut hedges = match self.repeats {
            Repeats::Always => self.policy.hedge.most().min(MAX_HEDGES as u32),
            _ => 0,
        };
        let mut run = self.run();
        let observes = self.policy.hedge.observes();
        let mut next = run.first(observes).map_err(Wait::Refused);
        let mut core = Core::new(u32::from(next.is_ok()));
        if observes {
            core.time_attempts(next.as_ref().ok().map(|attempt| attempt.began));
        }
        loop {
            let first = match next {
                Ok(first) => first,
                Err(wait) => match ready(&mut run, &mut core, wait).await {
                    Ok(attempt) => attempt,
                    Err(end) => return core.end(&mut run, end),
                },
            };
            match self.race(&mut run, &mut core, first, &mut hedges, &operation).await {
                Ok(delay) => next = Err(Wait::Retry(delay)),
                Err(end) => return core.end(&mut run, end),
            }
        }
    }

    /// One attempt and the hedges beside it, until one succeeds or all have failed: how many nanoseconds to sleep before
    /// the next, or how the call ends. What is still in flight is dropped then, futures before permits.
    async fn race<'c, T, E>(
        &'c self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        core: &mut Core<T, E>,
        first: Attempt<'c, P>,
        hedges: &mut u32,
        operation: &impl AsyncFn() -> Result<T, E>,
    ) -> Result<u64, End>
    where
        J: Judge<T, E>,
    {
        let (hedge, latencies) = (&self.policy.hedge, &self.policy.latencies);
        let start = |run: &Run<'c, P, C, J, _>, attempt: &Attempt<'c, P>| {
            let (number, ends) = (attempt.number, attempt.ends);
            scoped(run.attempt_scope(number), before(&self.clock, ends, operation()))
        };
        let delay = (*hedges > 0).then(|| hedge.delay(latencies));
        let mut future = pin!(Some(start(run, &first)));
        let mut first = Some(first);
        let mut beside: [Option<Hedge<'c, _, P>>; MAX_HEDGES] = [const { None }; MAX_HEDGES];
        let mut places = 0..MAX_HEDGES;
        let mut timer = pin!(delay.map(|delay| self.clock.sleep_async(delay)));
        loop {
            let next = poll_fn(|context| {
                if let Some(future) = future.as_mut().as_pin_mut()
                    && let Poll::Ready(result) = future.poll(context)
                {
                    return Poll::Ready(Next::First(result));
                }
                if let Some(next) = poll_hedges(&mut beside, context) {
                    return Poll::Ready(next);
                }
                match timer.as_mut().as_pin_mut() {
                    Some(timer) => timer.poll(context).map(|()| Next::Fire),
                    None => Poll::Pending,
                }
            })
            .await;
            let (result, attempt) = match next {
                Next::First(result) => {
                    future.set(None);
                    (result, first.take())
                }
                Next::Hedge(result, attempt) => (result, Some(attempt)),
                Next::Fire => {
                    *hedges = hedges.saturating_sub(1);
                    // In the order in which they start, so that the earlier wins where two are over at once.
                    if let Some(place) = places.next()
                        && let Some(attempt) = core.hedge(run)
                    {
                        beside[place] = Some(Hedge { future: Box::pin(start(run, &attempt)), attempt });
                    }
                    timer.set(delay.filter(|_| *hedges > 0).map(|delay| self.clock.sleep_async(delay)));
                    continue;
                }
            };
            // It is there as long as its future is.
            let Some(attempt) = attempt else { continue };
            let in_flight = first.is_some() || beside.iter().any(Option::is_some);
            if !in_flight {
                return core.finished(run, attempt, result);
            }
            // While another attempt is in flight, it may still win, and hedging goes on (gRFC A6).
            match core.failed(run, attempt, result) {
                Err(end) => return Err(end),
                // Waiting for the others does not help.
                Ok(facts) if matches!(facts.cause, Cause::NoLink | Cause::Protocol) => {
                    core.abandoned();
                    return core.retry(run, &facts);
                }
                Ok(_) => {}
            }
        }
    }
}

/// The first hedge that is over, taken from its place.
fn poll_hedges<'p, F: Future, P: Parts>(
    beside: &mut [Option<Hedge<'p, F, P>>],
    context: &mut Context<'_>,
) -> Option<Next<'p, F::Output, P>> {
    for place in beside {
        if let Some(hedge) = place
            && let Poll::Ready(result) = hedge.future.as_mut().poll(context)
            && let Some(Hedge { future, attempt }) = place.take()
        {
            drop(future);
            return Some(Next::Hedge(result, attempt));
        }
    }
    None
}

#[cfg(test)]
mod tests;
