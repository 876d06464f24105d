//! The decision core: one call on its way through a policy, without the calling and the sleeping.

use core::time::Duration;

use super::Call;
use crate::clock::{Clock, Instant};
use crate::failure::{Cause, Delivery, Facts, Failure, worse};
use crate::policy::{BreakerPart, DeadlinePart, Permit, Reason, Rejected, RetryPart, Span};
use crate::rng::Rng;
use crate::{Failed, Policy};

/// A call that has failed at least once, or was turned away.
pub(super) struct Run {
    started: Instant,
    ends: Option<Instant>,
    attempts: u32,
    cause: Cause,
    delivery: Delivery,
    retry_after: Option<Duration>,
}

impl Run {
    /// At the first failure. Without a deadline nobody has read the clock until now.
    pub fn new(span: Option<Span>, now: Instant) -> Self {
        Run {
            started: span.map_or(now, |span| span.started),
            ends: span.map(|span| span.ends),
            attempts: 0,
            cause: Cause::Other,
            delivery: Delivery::NotSent,
            retry_after: None,
        }
    }

    /// An attempt failed: how long to wait before the next, or why there is none.
    pub fn failed<D, R, B, C>(
        &mut self,
        call: &Call<'_, D, R, B, C>,
        permit: B::Permit<'_>,
        facts: Facts,
        now: Instant,
    ) -> Result<Duration, Reason>
    where
        R: RetryPart,
        B: BreakerPart,
        C: Rng,
    {
        let Policy { retry, breaker, memory, .. } = call.policy;
        self.attempts = self.attempts.saturating_add(1);
        self.cause = facts.cause;
        self.delivery = worse(self.delivery, facts.delivery);
        self.retry_after = facts.retry_after;
        permit.failed(now, facts.cause);

        let delay = retry.decide(self.attempts, &facts, call.idempotent, || call.clock.draw())?;
        let next = now + delay;
        if let Some(until) = breaker.open_until(memory)
            && next < until
        {
            self.retry_after = Some(until.since(now));
            return Err(Reason::BreakerOpen);
        }
        if self.ends.is_some_and(|ends| next >= ends) {
            return Err(Reason::Deadline);
        }
        Ok(delay)
    }

    /// The wait is over: may the next attempt begin? A sleep may have taken longer than it should, and others
    /// may have opened the breaker meanwhile.
    pub fn admit<'p, D, R, B, C>(&mut self, call: &'p Call<'_, D, R, B, C>) -> Result<B::Permit<'p>, Reason>
    where
        B: BreakerPart,
        C: Clock,
    {
        if let Some(ends) = self.ends
            && call.clock.now() >= ends
        {
            return Err(Reason::Deadline);
        }
        let Policy { breaker, memory, .. } = call.policy;
        breaker.admit(memory, &call.clock).map_err(|rejected| {
            self.retry_after = Some(rejected.retry_after);
            Reason::BreakerOpen
        })
    }

    /// The deadline cancelled an attempt in flight.
    pub fn cancelled(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        self.cause = Cause::Timeout;
        self.delivery = worse(self.delivery, Delivery::Unknown);
        self.retry_after = None;
    }

    /// Gives up.
    pub fn give_up<E>(&self, last: Option<E>, reason: Reason, now: Instant) -> Failed<E> {
        Failed {
            last,
            reason,
            attempts: self.attempts,
            elapsed: now.since(self.started),
            from_start: self.ends.is_some(),
            cause: self.cause,
            delivery: self.delivery,
            retry_after: self.retry_after,
        }
    }
}

impl<D: DeadlinePart, R: RetryPart, B: BreakerPart, C: Clock + Rng> Call<'_, D, R, B, C> {
    /// The first attempt was turned away: nothing was called.
    #[cold]
    pub(super) fn rejected<E: Failure>(&self, rejected: Rejected) -> Failed<E> {
        Failed {
            last: None,
            reason: Reason::BreakerOpen,
            attempts: 0,
            elapsed: Duration::ZERO,
            from_start: true,
            cause: rejected.cause,
            delivery: Delivery::NotSent,
            retry_after: Some(rejected.retry_after),
        }
    }
}
