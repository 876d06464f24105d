//! The decision core: one call on its way through a policy, without the calling and the sleeping.

use core::cell::Cell;
use core::future::Future;
use core::time::Duration;

use super::idempotency::Repeats;
use super::{Bound, Call, Marking};
use crate::failure::Failed;
use crate::failure::{Cause, Delivery, Facts, Reason, worse};
use crate::observe::span::{AttemptScope, CallScope};
use crate::observe::{Change, Event, Observer};
use crate::platform::clock::{Clock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{
    AttemptTimeoutPart, DeadlinePart, Guard, Moment, Outcome, Permit, Pipeline, Rejected, RetryPart, Upcoming,
};

pub(super) type PermitOf<'p, P> = <<P as Pipeline>::Guards as Guard>::Permit<'p>;

/// The present: read once, however many parts ask, until time has passed.
pub(super) struct Present<'c, C> {
    clock: &'c C,
    now: Cell<Option<Instant>>,
    /// When the attempt under way began, where somebody wants to know.
    began: Cell<Option<Instant>>,
}

impl<'c, C: Clock> Present<'c, C> {
    pub fn new(clock: &'c C) -> Self {
        Present { clock, now: Cell::new(None), began: Cell::new(None) }
    }

    /// Time has passed.
    pub fn forget(&self) {
        self.now.set(None);
    }
}

impl<C: Clock + Rng> Moment for Present<'_, C> {
    #[inline]
    fn now(&self) -> Instant {
        match self.now.get() {
            Some(now) => now,
            None => {
                let now = self.clock.now();
                self.now.set(Some(now));
                now
            }
        }
    }

    fn began(&self) -> Instant {
        self.began.get().unwrap_or_else(|| self.now())
    }

    fn draw(&self) -> u64 {
        self.clock.draw()
    }

    fn forget(&self) {
        Present::forget(self);
    }
}

/// One of several attempts that are under way at once.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    /// From 1.
    pub number: u32,
    pub began: Option<Instant>,
}

/// One call, from its beginning to its end.
pub(super) struct Run<'c, P: Pipeline, C, J, I, S> {
    pub call: &'c Call<'c, P, C, J, I>,
    scope: S,
    pub present: Present<'c, C>,
    started: Option<Instant>,
    /// The whole call must be done by then.
    pub ends: Option<Instant>,
    attempts: u32,
    cause: Cause,
    delivery: Delivery,
    /// In nanoseconds.
    retry_after: Option<u64>,
    /// What the policy remembers between the retries of one call.
    retries: <P::Retry as RetryPart>::Course,
}

/// Why an attempt may not begin.
pub(super) enum Refused {
    Rejected(Rejected),
    Ended(Reason),
}

impl<'c, P: Pipeline, C: Clock + Rng, J, I: Marking> Call<'c, P, C, J, I> {
    /// A call begins.
    #[inline]
    pub(super) fn run(&'c self) -> Run<'c, P, C, J, I, impl CallScope> {
        Run::new(self, self.policy.observer_part().scope())
    }
}

impl<'c, P: Pipeline, C: Clock + Rng, J, I: Marking, S: CallScope> Run<'c, P, C, J, I, S> {
    #[inline]
    fn new(call: &'c Call<'c, P, C, J, I>, scope: S) -> Self {
        let present = Present::new(&call.clock);
        let limit = call.policy.deadline().limit();
        // With a bound from outside, the clock is read too: the call may be over before it began.
        let started = (limit.is_some() || call.bound.ends().is_some()).then(|| present.now());
        let own = started.zip(limit).map(|(started, limit)| started + limit);
        Run {
            call,
            ends: Bound::of(own).min(call.bound).ends(),
            scope,
            started,
            present,
            attempts: 0,
            cause: Cause::Other,
            delivery: Delivery::NotSent,
            retry_after: None,
            retries: Default::default(),
        }
    }

    /// What observers are told; nothing where there are none.
    #[inline]
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if P::Observer::WATCHES {
            self.scope.observe(self.call.policy.observer_part(), &event());
        }
    }

    #[inline]
    fn tell_change(&self, change: Option<Change>) {
        if let Some(change) = change {
            self.tell(|| if change == Change::Late { Event::Late } else { Event::BreakerChanged(change) });
        }
    }

    /// Whether the time of a call around this one is over before this one begins. Later, [`woke`](Self::woke) looks.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.call.bound.ends().is_some_and(|ends| self.present.now() >= ends)
    }

    /// May an attempt begin? Its permit may come with a wait.
    #[inline]
    pub fn admit(&mut self) -> Result<PermitOf<'c, P>, Reason> {
        self.try_admit().map_err(|refused| self.refused(refused))
    }

    /// The same without a note of the refusal.
    #[inline]
    pub fn try_admit(&self) -> Result<PermitOf<'c, P>, Refused> {
        let (guards, memory) = self.call.policy.guards();
        match guards.admit(memory, &self.present) {
            Ok(permit) => self.admitted(permit).map_err(Refused::Ended),
            Err(rejected) => Err(Refused::Rejected(rejected)),
        }
    }

    #[cold]
    fn refused(&mut self, refused: Refused) -> Reason {
        match refused {
            Refused::Rejected(rejected) => self.rejected(rejected),
            Refused::Ended(reason) => {
                if self.attempts == 0 {
                    // Nothing failed; there was no time for it.
                    self.cause = Cause::Timeout;
                }
                reason
            }
        }
    }

    /// There was no time for a first attempt.
    #[cold]
    pub fn end_without_time<T, E>(self) -> Result<T, Failed<E>> {
        self.end_before_it_began(Refused::Ended(Reason::Deadline))
    }

    /// The first attempt was refused.
    #[cold]
    pub fn end_before_it_began<T, E>(mut self, refused: Refused) -> Result<T, Failed<E>> {
        let reason = self.refused(refused);
        self.end(None, reason)
    }

    /// The same for a caller that can wait for its turn.
    #[inline]
    pub async fn admit_async(&mut self) -> Result<PermitOf<'c, P>, Reason> {
        let (guards, memory) = self.call.policy.guards();
        match guards.admit_async(memory, &self.present).await {
            Ok(permit) => {
                let permit = self.admitted(permit)?;
                // Its turn may have come at the last moment, and be seen after it.
                match self.ends {
                    Some(ends) if self.present.now() >= ends => Err(Reason::Deadline),
                    _ => Ok(permit),
                }
            }
            Err(rejected) => Err(self.rejected(rejected)),
        }
    }

    #[inline]
    fn admitted(&self, permit: PermitOf<'c, P>) -> Result<PermitOf<'c, P>, Reason> {
        let change = permit.admitted();
        self.tell_change(change);
        let delay = permit.delay();
        if !delay.is_zero() {
            if self.ends.is_some_and(|ends| self.present.now() + delay >= ends) {
                return Err(Reason::Deadline);
            }
            self.tell(|| Event::Delayed { attempt: self.attempts.saturating_add(1), delay });
        }
        Ok(permit)
    }

    /// The wait that came with a permit is over, and the attempt begins, unless there is no time for it any more, or
    /// it would not be let through any more.
    #[cold]
    pub fn renew(&mut self, permit: &mut PermitOf<'c, P>) -> Result<(), Reason> {
        self.woke()?;
        match permit.renew(&self.present) {
            Ok(true) => self.tell_change(permit.admitted()),
            Ok(false) => {}
            Err(rejected) => return Err(self.rejected(rejected)),
        }
        Ok(())
    }

    #[cold]
    fn rejected(&mut self, rejected: Rejected) -> Reason {
        // A real failure says more than a rejection; without one, the rejection says what it knows.
        if self.attempts == 0 {
            self.cause = rejected.cause;
        }
        self.retry_after = Some(rejected.retry_after);
        self.tell(|| Event::Rejected { reason: rejected.reason });
        rejected.reason
    }

    /// An attempt begins now. Until when it may take is returned, where that is bounded.
    #[inline]
    pub fn begin(&mut self) -> Option<Instant> {
        self.begin_as(self.attempts == 0)
    }

    /// The same where it is known not to be the first: what only the first does need not be there again.
    #[inline]
    pub fn begin_again(&mut self) -> Option<Instant> {
        self.begin_as(false)
    }

    #[inline]
    fn begin_as(&mut self, first: bool) -> Option<Instant> {
        self.tell(|| Event::AttemptStarted { attempt: self.attempts.saturating_add(1) });
        self.call.policy.retry_part().began(&mut self.retries, first, &self.present);
        let limit = self.call.policy.timeout().limit();
        if limit.is_some() || self.call.policy.guards().0.is_timed() {
            self.present.began.set(Some(self.present.now()));
        }
        match limit {
            Some(limit) => {
                let ends = self.present.now() + limit;
                Some(self.ends.map_or(ends, |deadline| deadline.min(ends)))
            }
            None => self.ends,
        }
    }

    /// Makes a blocking attempt, after it [began](Self::begin).
    #[inline]
    pub fn within<T>(&self, attempt: impl FnOnce() -> T) -> T {
        self.scope.attempt(self.attempts.saturating_add(1)).within(attempt)
    }

    /// The future of an attempt, after it [began](Self::begin).
    #[inline]
    pub fn around<F: Future>(&self, attempt: F) -> <S::Attempt as AttemptScope>::Future<F> {
        self.scope.attempt(self.attempts.saturating_add(1)).around(attempt)
    }

    /// As [`begin`](Self::begin) where several attempts are under way: which this is, and when it began, which is looked up where
    /// somebody `asks`.
    pub fn begin_beside(&mut self, number: u32, asks: bool) -> (Attempt, Option<Instant>) {
        self.attempts = number.saturating_sub(1);
        self.present.began.set(asks.then(|| self.present.now()));
        let ends = self.begin();
        (Attempt { number, began: self.present.began.get() }, ends)
    }

    /// What comes next is about `attempt`, of the several that are under way.
    pub fn turn_to(&mut self, attempt: &Attempt) {
        self.present.forget();
        self.attempts = attempt.number.saturating_sub(1);
        self.present.began.set(attempt.began);
    }

    /// What comes next is about all of the `made` attempts.
    pub fn turn_to_all(&mut self, made: u32) {
        self.attempts = made;
    }

    /// May a further attempt begin beside those under way? It does not wait for its turn: a hedge that queues comes
    /// too late, and in front of calls that have no attempt under way yet.
    pub fn admit_hedge(&mut self) -> Option<PermitOf<'c, P>> {
        self.present.forget();
        if self.ends.is_some_and(|ends| self.present.now() >= ends) {
            return None;
        }
        let policy = self.call.policy;
        let (guards, memory) = policy.guards();
        let refused = match guards.admit(memory, &self.present) {
            Ok(permit) => {
                self.tell_change(permit.admitted());
                // Nothing but the budget stands in the way any more, so now it may cost something.
                match permit.delay().is_zero() {
                    true => match policy.retry_part().hedge(&mut self.retries, &self.present) {
                        Ok(()) => return Some(permit),
                        Err(reason) => reason,
                    },
                    false => Reason::RateLimited,
                }
            }
            Err(rejected) => rejected.reason,
        };
        self.tell(|| Event::Rejected { reason: refused });
        None
    }

    /// An attempt succeeded.
    #[inline]
    pub fn succeeded(&mut self, permit: PermitOf<'c, P>) {
        let limit = self.call.policy.timeout().limit();
        if limit.is_some() || self.call.policy.guards().0.is_timed() {
            self.present.forget();
        }
        let outcome = match limit {
            // Too late to be called a success, and too real to be thrown away.
            Some(limit) if self.present.now().since(self.present.began()) > limit => Outcome::Failure(Cause::Timeout),
            _ => Outcome::Success,
        };
        let change = permit.settle(outcome, &self.present);
        self.tell_change(change);
        self.call.policy.retry_part().succeeded(&mut self.retries, &self.present);
        self.tell(|| Event::AttemptSucceeded { attempt: self.attempts.saturating_add(1) });
    }

    /// A later attempt succeeded. Apart from the first, which has the fast way.
    #[cold]
    pub fn recovered(&mut self, permit: PermitOf<'c, P>) {
        self.succeeded(permit);
    }

    /// An attempt failed: how many nanoseconds to wait before the next, or why there is none.
    #[cold]
    pub fn failed(&mut self, permit: PermitOf<'c, P>, facts: &Facts) -> Result<u64, Reason> {
        self.present.forget();
        self.note(permit, facts);
        self.decide(self.attempts, facts)
    }

    /// Takes note of a failed attempt.
    pub fn note(&mut self, permit: PermitOf<'c, P>, facts: &Facts) {
        let now = self.present.now();
        self.started.get_or_insert(now);
        self.attempts = self.attempts.saturating_add(1);
        self.cause = facts.cause;
        self.delivery = worse(self.delivery, facts.delivery);
        self.retry_after = facts.retry_after;
        self.tell(|| Event::AttemptFailed { attempt: self.attempts, cause: facts.cause, delivery: facts.delivery });
        let change = permit.settle(Outcome::Failure(facts.cause), &self.present);
        self.tell_change(change);
    }

    /// After `made` attempts of which the last failed as `facts` say: how many nanoseconds to wait before the
    /// next, or why there is none.
    pub fn decide(&mut self, made: u32, facts: &Facts) -> Result<u64, Reason> {
        let now = self.present.now();
        let policy = self.call.policy;
        let retry = policy.retry_part();
        let repeats = self.call.marking.repeats();
        let delay = retry.decide(&mut self.retries, made, facts, repeats == Repeats::Always, &self.present)?;
        if repeats == Repeats::Never {
            return Err(Reason::NotReplayable);
        }
        let next = now.after(delay);
        let (guards, memory) = policy.guards();
        if let Some(until) = guards.rejects_until(memory)
            && next < until
        {
            // A breaker that was forced open is so until the end of time, which is of no use to a caller.
            let forced = until == Instant::from_nanos(u64::MAX);
            self.retry_after = Some(if forced { 0 } else { until.nanos_since(now) });
            return Err(Reason::BreakerOpen);
        }
        if self.ends.is_some_and(|ends| next >= ends) {
            return Err(Reason::Deadline);
        }
        // Nothing stands in the way any more, so now it may cost something.
        let attempt = self.attempts.saturating_add(1);
        let wait = Duration::from_nanos(delay);
        let upcoming = Upcoming { attempt, cause: facts.cause, delivery: facts.delivery, delay: wait };
        retry.spend(&mut self.retries, &upcoming, &self.present)?;
        self.tell(|| Event::Delayed { attempt, delay: wait });
        Ok(delay)
    }

    /// The wait is over. A sleep may have taken longer than it should.
    pub fn woke(&mut self) -> Result<(), Reason> {
        self.present.forget();
        match self.ends {
            Some(ends) if self.present.now() >= ends => Err(Reason::Deadline),
            _ => Ok(()),
        }
    }

    /// The time of an attempt was over before it was: its future was dropped.
    #[cold]
    pub fn cut_short(&mut self, permit: PermitOf<'c, P>) -> Result<u64, Reason> {
        if self.out_of_time() {
            // Cut short by its own caller, the attempt says nothing about the target.
            drop(permit);
            self.attempts = self.attempts.saturating_add(1);
            return Err(Reason::Deadline);
        }
        let facts = Facts::new(Cause::Timeout, Delivery::Unknown, None);
        self.failed(permit, &facts)
    }

    /// Whether the deadline is reached, and so ended the attempts under way.
    pub fn out_of_time(&mut self) -> bool {
        self.present.forget();
        let now = self.present.now();
        let out_of_time = self.ends.is_some_and(|ends| now >= ends);
        if out_of_time {
            self.cause = Cause::Timeout;
            self.retry_after = None;
            self.abandoned();
        }
        out_of_time
    }

    /// An attempt was dropped while it was under way: it may have had its effect.
    pub fn abandoned(&mut self) {
        self.delivery = worse(self.delivery, Delivery::Unknown);
    }

    #[cold]
    pub fn give_up<E>(&mut self, last: Option<E>, reason: Reason) -> Failed<E> {
        self.tell(|| Event::GaveUp { reason, attempts: self.attempts });
        // A call that was turned away at once took no time, and nobody has to look at the clock for that.
        let elapsed = match self.started {
            Some(started) => {
                self.present.forget();
                self.present.now().nanos_since(started)
            }
            None => 0,
        };
        Failed {
            last,
            reason,
            attempts: self.attempts,
            elapsed,
            from_start: self.ends.is_some() || self.attempts == 0,
            cause: self.cause,
            delivery: self.delivery,
            retry_after: self.retry_after,
        }
    }
    /// The judge says that the result is no failure of the target: it is the caller's as it is.
    #[cold]
    pub fn hand_over<T, E>(&mut self, result: Result<T, E>) -> Result<T, Failed<E>> {
        result.map_err(|error| {
            self.attempts = self.attempts.saturating_add(1);
            self.delivery = worse(self.delivery, Delivery::Unknown);
            self.give_up(Some(error), Reason::NotRetryable)
        })
    }

    /// Gives up, with the last real result where there is one: also an `Ok` that was judged a failure is more
    /// than the fact that it was given up.
    #[cold]
    pub fn end<T, E>(&mut self, last: Option<Result<T, E>>, reason: Reason) -> Result<T, Failed<E>> {
        match last {
            Some(Ok(value)) => {
                self.tell(|| Event::GaveUp { reason, attempts: self.attempts });
                Ok(value)
            }
            Some(Err(error)) => Err(self.give_up(Some(error), reason)),
            None => Err(self.give_up(None, reason)),
        }
    }
}
