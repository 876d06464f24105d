//! The decision core: one call, without the calling and the sleeping.
//!
//! [`Run`] is all that a call needs while nothing failed, and [`Core`] decides from the first failure on. A driver
//! starts the attempts that they grant, sleeps as long as they say, and tells them how attempts ended. Every end of a
//! call but its success goes through [`Core::end`].
//!
//! Plain methods, and no one `step` that takes and returns enums of everything: that was tried, and packing and
//! unpacking them added 1,900 bytes to a component with a retry.

use core::time::Duration;

use super::run::{Attempt, Refused, Run};
use super::{Judge, Repeats, Verdict};
use crate::failure::{Cause, Delivery, Facts, Failed, Reason, worse};
use crate::observe::Event;
use crate::observe::span::CallScope;
use crate::platform::clock::{Clock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{
    BulkheadPermit, Guard, HedgePart, Moment, Outcome, Parts, Permit, Permits, Policy, Rejected, RetryPart, Upcoming,
};

/// Why there is no attempt now.
pub(super) enum Stop {
    /// It may wait in the line of the bulkhead.
    Line,
    End(Reason),
}

/// How a call ends that does not succeed at once.
pub(super) enum End {
    GaveUp(Reason),
    /// The judge says that the last result is no failure of the target: it is the caller's as it is.
    HandedOver,
}

impl From<Reason> for End {
    fn from(reason: Reason) -> Self {
        End::GaveUp(reason)
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::GaveUp(match stop {
            Stop::End(reason) => reason,
            // A call that blocks does not wait in line, and one that waited there does not wait again.
            Stop::Line => Reason::BulkheadFull,
        })
    }
}

/// One call from its first failure to its end.
pub(super) struct Core<T, E> {
    /// Attempts that began, hedges included.
    attempts: u32,
    /// Attempts that failed.
    failures: u32,
    hedges: u32,
    /// Whether the hedge wants to know how long attempts take.
    times_attempts: bool,
    /// When the attempt began that the hedges are beside, while its latency is not known yet.
    hedged: Option<Instant>,
    /// When the call first waited for a rate limit or failed, where it did not read the clock when it began.
    started: Option<Instant>,
    /// Why the call fails, as far as it is known: the last real failure, or why there was no attempt.
    cause: Cause,
    /// The worst of all attempts.
    delivery: Delivery,
    /// In nanoseconds.
    retry_after: Option<u64>,
    /// The last result that was a failure.
    last: Option<Result<T, E>>,
}

impl<T, E> Core<T, E> {
    /// The core of a call of which so many attempts began.
    #[inline]
    pub fn new(attempts: u32) -> Self {
        Core {
            attempts,
            failures: 0,
            hedges: 0,
            times_attempts: false,
            hedged: None,
            started: None,
            cause: Cause::Timeout,
            delivery: Delivery::NotSent,
            retry_after: None,
            last: None,
        }
    }

    /// For hedges that want to know how long attempts take, beside an attempt that began then.
    pub fn time_attempts(&mut self, began: Option<Instant>) {
        (self.times_attempts, self.hedged) = (true, began);
    }

    /// Asks the policy too: one without a hedge answers when it is compiled, and the rest is not there.
    #[inline]
    fn times_attempts<P: Parts, C, J>(&self, run: &Run<'_, P, C, J, impl CallScope>) -> bool {
        run.call.policy.hedge.observes() && self.times_attempts
    }

    /// The permit that a call begins with after all, or why it does not.
    #[cold]
    pub fn refused<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        refused: Refused<'c, P>,
        line: bool,
    ) -> Result<Permits<'c, P>, Stop> {
        match refused {
            Refused::Over => Err(Stop::End(Reason::Deadline)),
            Refused::Rejected(rejected) => Err(self.rejected(run, rejected, line)),
            Refused::Delayed(permit) => self.admitted(run, permit),
        }
    }

    /// Asks for the right to make an attempt. It may come with a wait, [`Permit::delay`]. A call that waited in line has
    /// a `place`. A driver that can wait without blocking those who have one may be told to wait in `line`.
    pub fn admit<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        place: Option<BulkheadPermit<'c, P>>,
        line: bool,
    ) -> Result<Permits<'c, P>, Stop> {
        match run.call.policy.admit(place, &run.present) {
            Ok(permit) => self.admitted(run, permit),
            Err(rejected) => Err(self.rejected(run, rejected, line)),
        }
    }

    /// Asks for it after a wait; `place` is what a call that waited in line got until its time was over.
    #[cold]
    pub fn again<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        in_line: bool,
        place: Option<Result<BulkheadPermit<'c, P>, Rejected>>,
    ) -> Result<Permits<'c, P>, Stop> {
        // Its turn may have come at the last moment, and be seen after it.
        run.woke()?;
        match place {
            None if in_line => Err(Stop::End(Reason::Deadline)),
            Some(Err(rejected)) => Err(self.rejected(run, rejected, false)),
            place => self.admit(run, place.and_then(Result::ok), !in_line),
        }
    }

    #[inline]
    fn admitted<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        permit: Permits<'c, P>,
    ) -> Result<Permits<'c, P>, Stop> {
        if Policy::<P>::WAITS { self.delayed(run, permit) } else { Ok(permit) }
    }

    /// Not in line, so that what gives a permit back is there once: 600 bytes less with all parts.
    #[cold]
    #[inline(never)]
    fn delayed<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        permit: Permits<'c, P>,
    ) -> Result<Permits<'c, P>, Stop> {
        let delay = permit.delay();
        if delay != 0 {
            let now = run.present.now();
            self.started.get_or_insert(now);
            if run.ends.is_over(now.after(delay)) {
                return Err(Stop::End(Reason::Deadline));
            }
            let attempt = self.attempts.saturating_add(1);
            run.tell(|| Event::Delayed { attempt, delay: Duration::from_nanos(delay) });
        }
        Ok(permit)
    }

    /// The wait that came with a permit is over.
    #[cold]
    pub fn renew<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        permit: &mut Permits<'c, P>,
    ) -> Result<(), Stop> {
        run.woke()?;
        permit.renew(&run.present).map_err(|rejected| self.rejected(run, rejected, false))
    }

    #[cold]
    fn rejected<P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'_, P, C, J, impl CallScope>,
        rejected: Rejected,
        line: bool,
    ) -> Stop {
        if line && rejected.reason == Reason::BulkheadFull && run.call.policy.bulkhead.guard.has_line() {
            return Stop::Line;
        }
        // A real failure says more than a rejection; without one, the rejection says what it knows.
        if self.attempts == 0 {
            self.cause = rejected.cause;
        }
        self.retry_after = Some(rejected.retry_after);
        run.tell(|| Event::Rejected { reason: rejected.reason });
        Stop::End(rejected.reason)
    }

    /// An attempt begins.
    pub fn begin<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        permit: Permits<'c, P>,
    ) -> Attempt<'c, P> {
        let first = self.attempts == 0;
        self.attempts = self.attempts.saturating_add(1);
        let times_attempt = self.times_attempts(run);
        let attempt = run.begin(permit, self.attempts, first, times_attempt);
        if times_attempt {
            self.hedged = Some(attempt.began);
        }
        attempt
    }

    /// A further attempt beside those in flight; `None` where it may not begin. It does not wait for its turn: a hedge
    /// that queues comes too late, and in front of calls that have no attempt in flight yet.
    pub fn hedge<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
    ) -> Option<Attempt<'c, P>> {
        run.woke().ok()?;
        let policy = run.call.policy;
        let refused = match policy.admit(None, &run.present) {
            Ok(permit) => {
                // Nothing but the budget stands in the way any more, so now it may cost something.
                let allowed = (permit.delay() == 0).then(|| policy.retry.hedge(&mut run.retries, &run.present));
                run.tell_of_store();
                match allowed {
                    Some(Ok(())) => {
                        self.attempts = self.attempts.saturating_add(1);
                        self.hedges = self.hedges.saturating_add(1);
                        run.tell(|| Event::HedgeFired { attempt: self.attempts });
                        let attempt = run.begin(permit, self.attempts, false, false);
                        return Some(Attempt { hedge: true, ..attempt });
                    }
                    Some(Err(reason)) => reason,
                    None => Reason::RateLimited,
                }
            }
            Err(rejected) => rejected.reason,
        };
        run.tell(|| Event::Rejected { reason: refused });
        None
    }

    /// An attempt succeeded.
    #[inline]
    pub fn succeeded<'c, P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        attempt: Attempt<'c, P>,
    ) {
        if self.times_attempts(run) {
            run.present.forget();
            self.observe_latency(run);
        }
        run.succeeded(attempt, self.failures);
    }

    /// An attempt is over with a result that is not simply a success; `None` where its time was over first. Returns how
    /// many nanoseconds to sleep before the next, or how the call ends.
    #[cold]
    #[inline(never)]
    pub fn finished<'c, P: Parts, C: Clock + Rng, J: Judge<T, E>>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        attempt: Attempt<'c, P>,
        result: Option<Result<T, E>>,
    ) -> Result<u64, End> {
        let facts = self.failed(run, attempt, result)?;
        self.retry(run, &facts)
    }

    /// The same for the only attempt that there can be.
    #[cold]
    pub fn finished_once<'c, P: Parts, C: Clock + Rng, J: Judge<T, E>>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        attempt: Attempt<'c, P>,
        result: Option<Result<T, E>>,
    ) -> Result<T, Failed<E>> {
        let end = self.failed(run, attempt, result).err().unwrap_or(End::GaveUp(Reason::Attempts));
        self.end(run, end)
    }

    /// Takes note of an attempt that is over while others may be in flight: the facts of its failure, or how the call ends.
    pub fn failed<'c, P: Parts, C: Clock + Rng, J: Judge<T, E>>(
        &mut self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        attempt: Attempt<'c, P>,
        result: Option<Result<T, E>>,
    ) -> Result<Facts, End> {
        run.present.forget();
        let timed_out = result.is_none();
        let facts = match result {
            None if run.is_over() => {
                // Cut short by the caller's own deadline, the attempt says nothing about the target.
                drop(attempt);
                self.abandoned();
                (self.cause, self.retry_after) = (Cause::Timeout, None);
                return Err(End::GaveUp(Reason::Deadline));
            }
            None => Facts::new(Cause::Timeout, Delivery::Unknown, None),
            Some(result) => match run.call.judge.judge(&result) {
                Verdict::Failure { cause, delivery, retry_after, repeatable } => {
                    self.last = Some(result);
                    Facts { repeatable, ..Facts::new(cause, delivery, retry_after) }
                }
                verdict => {
                    if verdict == Verdict::Success {
                        self.succeeded(run, attempt);
                    }
                    if result.is_err() {
                        self.abandoned();
                        self.cause = Cause::Other;
                    }
                    self.last = Some(result);
                    return Err(End::HandedOver);
                }
            },
        };
        self.started.get_or_insert(run.present.now());
        self.failures = self.failures.saturating_add(1);
        self.cause = facts.cause;
        self.delivery = worse(self.delivery, facts.delivery);
        self.retry_after = facts.retry_after;
        let Attempt { number, began, hedge, permit, .. } = attempt;
        if self.times_attempts(run) && !hedge {
            // What ran out of time would have taken longer; what failed tells no latency.
            match timed_out {
                true => self.observe_latency(run),
                false => self.hedged = None,
            }
        }
        run.tell(|| Event::AttemptFailed { attempt: number, cause: facts.cause, delivery: facts.delivery });
        if run.call.policy.is_timed() {
            run.present.began.set(began);
        }
        let change = permit.settle(Outcome::Failure(facts.cause), &run.present);
        run.tell_change(change);
        Ok(facts)
    }

    /// How many nanoseconds to sleep before the next attempt, or how the call ends.
    pub fn retry<P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'_, P, C, J, impl CallScope>,
        facts: &Facts,
    ) -> Result<u64, End> {
        let now = run.present.now();
        let policy = run.call.policy;
        let idempotent = run.call.repeats == Repeats::Always;
        let made = self.attempts - self.hedges;
        let delay = policy.retry.decide(&mut run.retries, made, facts, idempotent, &run.present)?;
        #[cfg(feature = "http")]
        if run.call.repeats == Repeats::Never {
            return Err(Reason::NotReplayable.into());
        }
        let next = now.after(delay);
        if let Some(until) = policy.rejects_until()
            && next < until
        {
            // A breaker that was forced open is so until the end of time, which is of no use to a caller.
            let forced = until == Instant::from_nanos(u64::MAX);
            self.retry_after = Some(if forced { 0 } else { until.nanos_since(now) });
            return Err(Reason::BreakerOpen.into());
        }
        if run.ends.is_over(next) {
            return Err(Reason::Deadline.into());
        }
        // Nothing stands in the way any more, so now it may cost something.
        let attempt = self.attempts.saturating_add(1);
        let wait = Duration::from_nanos(delay);
        let upcoming = Upcoming { attempt, cause: facts.cause, delivery: facts.delivery, delay: wait };
        let spent = policy.retry.spend(&mut run.retries, &upcoming, &run.present);
        run.tell_of_store();
        spent?;
        run.tell(|| Event::Delayed { attempt, delay: wait });
        Ok(delay)
    }

    /// How long the attempt took, or would have taken more than, that the hedges are beside.
    fn observe_latency<P: Parts, C: Clock + Rng, J>(&mut self, run: &mut Run<'_, P, C, J, impl CallScope>) {
        if let Some(began) = self.hedged.take() {
            let policy = run.call.policy;
            policy.hedge.observe(&policy.latencies, run.present.now().since(began));
        }
    }

    /// An attempt was dropped while it was in flight: it may have had its effect.
    pub fn abandoned(&mut self) {
        self.delivery = worse(self.delivery, Delivery::Unknown);
    }

    /// The call ends with the last real result where there is one: also an `Ok` that was judged a failure is more than
    /// the fact that the call was given up.
    #[cold]
    #[inline(never)]
    pub fn end<P: Parts, C: Clock + Rng, J>(
        &mut self,
        run: &mut Run<'_, P, C, J, impl CallScope>,
        end: End,
    ) -> Result<T, Failed<E>> {
        let (reason, ignored) = match end {
            End::GaveUp(reason) => (reason, false),
            End::HandedOver => (Reason::NotRetryable, true),
        };
        let last = self.last.take();
        if !(ignored && matches!(last, Some(Ok(_)))) {
            run.tell(|| Event::GaveUp { reason, attempts: self.attempts });
        }
        let last = match last {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => Some(error),
            None => None,
        };
        // A call that was rejected at once took no time, and the clock is not read for that.
        let elapsed = match run.started.or(self.started) {
            Some(started) => {
                run.present.forget();
                run.present.now().nanos_since(started)
            }
            None => 0,
        };
        Err(Failed {
            last,
            reason,
            attempts: self.attempts,
            elapsed,
            from_start: run.started.is_some() || self.attempts == 0,
            cause: self.cause,
            delivery: self.delivery,
            retry_after: self.retry_after,
            ignored,
        })
    }
}
