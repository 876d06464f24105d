//! The async driver that starts a further attempt beside one that is slow.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::core::{Attempt, Run};
use super::{Call, Idempotent, Judge, Verdict};
use crate::failure::Failed;
use crate::failure::{Cause, Delivery, Facts, Reason};
use crate::observe::Event;
use crate::observe::span::CallScope;
use crate::platform::clock::{AsyncClock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{HedgePart, MAX_HEDGES, Moment, Permit, Pipeline};

/// A hedge that is under way. Dropped, its future goes before its permit: the place is free once the call is over.
struct Beside<F, P> {
    future: Pin<Box<F>>,
    permit: P,
    attempt: Attempt,
}

/// What happens next while attempts are under way.
enum Step<R, P> {
    /// The first attempt is over.
    First(R),
    /// A hedge is over.
    Beside(R, P, Attempt),
    /// The delay is over.
    Fire,
}

impl<P: Pipeline, C: AsyncClock + Rng, J> Call<'_, P, C, J, Idempotent> {
    /// Makes a call that is awaited, with the policy's [`Hedge`](crate::Hedge): when an attempt is slow, another is
    /// started beside it; the first success wins, and the others are cancelled: their futures are dropped. With a
    /// policy that has no hedge, it is [`call_async`](Self::call_async).
    ///
    /// Only a call that is marked [`idempotent`](Self::idempotent) has this method. The operation is an `AsyncFn`, not
    /// an `AsyncFnMut`: several of its futures are alive at once.
    ///
    /// ```
    /// use core::time::Duration;
    /// use std::cell::Cell;
    /// use steadfast::clock::AsyncClock;
    /// use steadfast::{Hedge, Policy, RpcError, testing::ManualClock};
    ///
    /// static PAGES: Policy<(), (), (), (), (), (), (), Hedge> =
    ///     Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
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
    /// ```compile_fail,E0599
    /// # use core::time::Duration;
    /// # use steadfast::{Hedge, Policy, RpcError, testing::ManualClock};
    /// # static PAGES: Policy<(), (), (), (), (), (), (), Hedge> =
    /// #     Policy::new().hedge(Hedge::after(Duration::from_millis(100)));
    /// # let clock = ManualClock::new();
    /// PAGES.with(&clock).call_hedged(async || Ok::<_, RpcError>("page")); // not marked: no such method
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    pub async fn call_hedged<T, E>(&self, operation: impl AsyncFn() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let (hedge, latencies) = self.policy.hedge_part();
        let observes = hedge.observes();
        let attempt = async |ends: Option<Instant>| match ends {
            Some(ends) => self.before(ends, operation()).await,
            None => Some(operation().await),
        };
        let mut run = self.run();
        if run.is_over() {
            return run.end_without_time();
        }
        let mut last = None;
        let mut hedges = hedge.most().min(MAX_HEDGES as u32);
        // How many attempts were started in all, and how many by the call and its retries.
        let mut started: u32 = 0;
        let mut rounds: u32 = 0;
        let mut admitted = self.admit_async(&mut run).await;
        loop {
            let permit = match admitted {
                Ok(permit) => permit,
                Err(reason) => return run.end(last, reason),
            };
            started = started.saturating_add(1);
            rounds = rounds.saturating_add(1);

            // One attempt and those beside it. What is still under way at the end of the block is dropped there,
            // futures before permits.
            let next = {
                let delay = (hedges > 0).then(|| hedge.delay(latencies));
                let (first, ends) = run.begin_beside(started, observes);
                let mut permit = Some(permit);
                let mut future = pin!(Some(run.around(attempt(ends))));
                let mut beside = [const { None }; MAX_HEDGES];
                let mut timer = pin!(delay.map(|delay| self.clock.sleep_async(delay)));
                loop {
                    let step = poll_fn(|context| {
                        if let Some(future) = future.as_mut().as_pin_mut()
                            && let Poll::Ready(outcome) = future.poll(context)
                        {
                            return Poll::Ready(Step::First(outcome));
                        }
                        if let Some(step) = poll_beside(&mut beside, context) {
                            return Poll::Ready(step);
                        }
                        match timer.as_mut().as_pin_mut() {
                            Some(timer) => timer.poll(context).map(|()| Step::Fire),
                            None => Poll::Pending,
                        }
                    })
                    .await;
                    let (outcome, settled, about) = match step {
                        Step::First(outcome) => {
                            future.set(None);
                            (outcome, permit.take(), first)
                        }
                        Step::Beside(outcome, permit, attempt) => (outcome, Some(permit), attempt),
                        Step::Fire => {
                            hedges = hedges.saturating_sub(1);
                            let place = beside.iter_mut().find(|place| place.is_none());
                            if let Some(place) = place
                                && let Some(mut permit) = run.admit_hedge()
                            {
                                permit.begin();
                                started = started.saturating_add(1);
                                run.tell(|| Event::HedgeFired { attempt: started });
                                let (about, ends) = run.begin_beside(started, false);
                                *place = Some(Beside {
                                    future: Box::pin(run.around(attempt(ends))),
                                    permit,
                                    attempt: about,
                                });
                            }
                            timer.set(delay.filter(|_| hedges > 0).map(|delay| self.clock.sleep_async(delay)));
                            continue;
                        }
                    };
                    // It is there as long as its attempt is under way.
                    let Some(settled) = settled else { continue };
                    run.turn_to(&about);
                    // The first attempt is over, or would be cancelled now, without having failed.
                    let tells_latency = observes && (permit.is_some() || about.number == first.number);
                    let facts = match outcome {
                        Some(Ok(value)) if J::OK_IS_SUCCESS => {
                            if tells_latency {
                                self.observe(&run, &first);
                            }
                            run.succeeded(settled);
                            return Ok(value);
                        }
                        Some(result) => match self.judge.judge(&result) {
                            Verdict::Failure { cause, delivery, retry_after } => {
                                last = Some(result);
                                Facts::new(cause, delivery, retry_after)
                            }
                            verdict => {
                                if let Verdict::Success = verdict {
                                    if tells_latency {
                                        self.observe(&run, &first);
                                    }
                                    run.succeeded(settled);
                                }
                                run.turn_to_all(started.saturating_sub(1));
                                return run.hand_over(result);
                            }
                        },
                        None if run.out_of_time() => break Err(Reason::Deadline),
                        None => {
                            if observes && about.number == first.number {
                                self.observe(&run, &first);
                            }
                            Facts::new(Cause::Timeout, Delivery::Unknown, None)
                        }
                    };
                    run.note(settled, &facts);
                    // Hedging is for what is slow; what to do about what fails is the retry's to say.
                    timer.set(None);
                    let under_way = permit.is_some() || beside.iter().any(Option::is_some);
                    let permanent = matches!(facts.cause, Cause::NoLink | Cause::Protocol);
                    if under_way && !permanent {
                        continue;
                    }
                    if under_way {
                        run.abandoned();
                    }
                    run.turn_to_all(started);
                    break run.decide(rounds, &facts);
                }
            };
            admitted = match next {
                Ok(delay) => {
                    self.wait_async(&run, delay).await;
                    match run.woke() {
                        Ok(()) => self.admit_async(&mut run).await,
                        Err(reason) => Err(reason),
                    }
                }
                Err(reason) => {
                    run.turn_to_all(started);
                    Err(reason)
                }
            };
        }
    }
}

impl<P: Pipeline, C: AsyncClock + Rng, J> Call<'_, P, C, J, Idempotent> {
    fn observe(&self, run: &Run<'_, P, C, J, Idempotent, impl CallScope>, first: &Attempt) {
        if let Some(began) = first.began {
            let (hedge, latencies) = self.policy.hedge_part();
            hedge.observe(latencies, run.present.now().since(began));
        }
    }
}

/// The first hedge that is over, taken from its place.
fn poll_beside<F: Future, P>(
    beside: &mut [Option<Beside<F, P>>],
    context: &mut Context<'_>,
) -> Option<Step<F::Output, P>> {
    for place in beside {
        if let Some(hedge) = place
            && let Poll::Ready(outcome) = hedge.future.as_mut().poll(context)
            && let Some(Beside { future, permit, attempt }) = place.take()
        {
            drop(future);
            return Some(Step::Beside(outcome, permit, attempt));
        }
    }
    None
}

#[cfg(test)]
mod tests;
