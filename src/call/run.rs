//! A call while nothing has failed: all that it needs until then, and no more, since most calls end here.
//!
//! From its first failure or wait on, [`Core`](super::core::Core) decides.

use core::cell::Cell;

use super::core::Stop;
use super::{Bound, Call};
use crate::failure::{Cause, Reason};
use crate::observe::span::{AttemptScope, CallScope};
use crate::observe::{Change, Event, Observer};
use crate::platform::clock::{Clock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{Moment, Outcome, Parts, Permit, Permits, Policy, Rejected, RetryPart, TimeLimit};

/// Why a call does not begin with an attempt at once.
pub(super) enum Refused<'p, P: Parts> {
    /// The time of a call around this one is over.
    Over,
    /// A guard rejected the attempt.
    Rejected(Rejected),
    /// The attempt may begin after the wait that comes with its permit.
    Delayed(Permits<'p, P>),
}

/// What is before an attempt.
pub(super) enum Wait<'p, P: Parts> {
    /// The call did not begin at once.
    Refused(Refused<'p, P>),
    /// So many nanoseconds after an attempt that failed.
    Retry(u64),
}

/// An attempt in flight.
pub(super) struct Attempt<'p, P: Parts> {
    /// From 1.
    pub number: u32,
    /// When it began, where a part of the policy needs to know; zero elsewhere.
    pub began: Instant,
    /// Until when it may take.
    pub ends: Bound,
    /// Whether it is beside another one.
    pub hedge: bool,
    pub permit: Permits<'p, P>,
}

/// The present: the clock is read once, however many parts ask, until time has passed.
pub(super) struct Present<'c, C> {
    clock: &'c C,
    /// [`UNREAD`](Self::UNREAD) until the clock is read.
    now: Cell<Instant>,
    /// When the attempt began that is looked at.
    pub began: Cell<Instant>,
}

impl<C> Present<'_, C> {
    /// The end of the clock: what reads that is asked each time.
    const UNREAD: Instant = Instant::from_nanos(u64::MAX);

    /// Time has passed.
    pub fn forget(&self) {
        self.now.set(Self::UNREAD);
    }
}

impl<C: Clock + Rng> Moment for Present<'_, C> {
    #[inline]
    fn now(&self) -> Instant {
        if self.now.get() == Self::UNREAD {
            self.now.set(self.clock.now());
        }
        self.now.get()
    }

    fn began(&self) -> Instant {
        self.began.get()
    }

    fn draw(&self) -> u64 {
        self.clock.draw()
    }
}

/// A call while nothing has failed. Apart from the core, so that a call that succeeds at once does not set up the rest.
pub(super) struct Run<'c, P: Parts, C, J, S> {
    pub call: &'c Call<'c, P, C, J>,
    scope: S,
    pub present: Present<'c, C>,
    /// When the call began: what needs no time does not read the clock.
    pub started: Option<Instant>,
    /// The whole call must be over by then.
    pub ends: Bound,
    /// What the retry remembers of this call, which is in flight for as long as that lives.
    pub retries: <P::Retry as RetryPart>::Course,
}

impl<'c, P: Parts, C: Clock + Rng, J> Call<'c, P, C, J> {
    /// A call begins.
    #[inline]
    pub(super) fn run(&'c self) -> Run<'c, P, C, J, impl CallScope> {
        let (now, began) = (Cell::new(Present::<C>::UNREAD), Cell::new(Instant::from_nanos(0)));
        let present = Present { clock: &self.clock, now, began };
        let limit = self.policy.deadline.limit();
        // With a bound from outside, the clock is read too: the call may be over before it began.
        let started = (limit.is_some() || !self.bound.is_none()).then(|| present.now());
        let own = started.zip(limit).map(|(started, limit)| started.after(limit));
        let ends = Bound::of(own).min(self.bound);
        Run { call: self, scope: self.policy.observer.scope(), present, started, ends, retries: Default::default() }
    }
}

impl<'c, P: Parts, C: Clock + Rng, J, S: CallScope> Run<'c, P, C, J, S> {
    /// The call begins: with an attempt at once, or with what [`Core::refused`] takes.
    #[inline]
    pub fn first(&mut self, times_attempt: bool) -> Result<Attempt<'c, P>, Refused<'c, P>> {
        // Its own deadline is not over yet, but that of a call around it may be.
        if !self.call.bound.is_none() && self.is_over() {
            return Err(Refused::Over);
        }
        match self.call.policy.admit(None, &self.present) {
            Ok(permit) if !Policy::<P>::WAITS || permit.delay() == 0 => Ok(self.begin(permit, 1, true, times_attempt)),
            Ok(permit) => Err(Refused::Delayed(permit)),
            Err(rejected) => Err(Refused::Rejected(rejected)),
        }
    }

    #[inline]
    pub fn begin(
        &mut self,
        mut permit: Permits<'c, P>,
        number: u32,
        first: bool,
        times_attempt: bool,
    ) -> Attempt<'c, P> {
        let policy = self.call.policy;
        let change = permit.begin(<P::Observer as Observer>::WATCHES);
        self.tell_change(change);
        self.tell(|| Event::AttemptStarted { attempt: number });
        policy.retry.began(&mut self.retries, first, &self.present);
        self.tell_of_store();
        let timed = policy.is_timed() || times_attempt;
        let began = if timed { self.present.now() } else { Instant::from_nanos(0) };
        let own = policy.attempt_timeout.limit().map(|limit| began.after(limit));
        let ends = Bound::of(own).min(self.ends);
        Attempt { number, began, ends, hedge: false, permit }
    }

    /// An attempt succeeded.
    #[inline]
    pub fn succeeded(&mut self, attempt: Attempt<'c, P>, failures: u32) {
        let Attempt { number, began, permit, .. } = attempt;
        let policy = self.call.policy;
        if policy.is_timed() {
            self.present.began.set(began);
            self.present.forget();
        }
        let outcome = match policy.attempt_timeout.limit() {
            // Too late to be called a success, and too real to be thrown away.
            Some(limit) if self.present.now().nanos_since(self.present.began()) > limit => {
                Outcome::Failure(Cause::Timeout)
            }
            _ => Outcome::Success,
        };
        let change = permit.settle(outcome, &self.present);
        self.tell_change(change);
        policy.retry.succeeded(&mut self.retries, &self.present);
        self.tell(|| Event::AttemptSucceeded { attempt: number, failures });
    }

    /// Makes a blocking attempt.
    #[inline]
    pub fn within<R>(&self, number: u32, attempt: impl FnOnce() -> R) -> R {
        self.scope.attempt(number).within(attempt)
    }

    /// What an attempt that is awaited is polled within.
    #[inline]
    pub fn attempt_scope(&self, number: u32) -> S::Attempt {
        self.scope.attempt(number)
    }

    /// Time has passed, as it does while a driver sleeps: the call may be over.
    pub fn woke(&self) -> Result<(), Stop> {
        self.present.forget();
        if self.is_over() { Err(Stop::End(Reason::Deadline)) } else { Ok(()) }
    }

    #[inline]
    pub fn is_over(&self) -> bool {
        !self.ends.is_none() && self.ends.is_over(self.present.now())
    }

    /// What observers are told; nothing where there are none.
    #[inline]
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if <P::Observer as Observer>::WATCHES {
            self.scope.observe(&self.call.policy.observer, &event());
        }
    }

    /// The store of a budget may have failed.
    #[inline]
    pub fn tell_of_store(&self) {
        if P::Retry::ASKS_STORE && self.call.policy.retry.store_failed() {
            self.tell_change(Some(Change::StoreFailed));
        }
    }

    #[inline]
    pub fn tell_change(&self, change: Option<Change>) {
        if let Some(change) = change {
            self.tell(|| match change {
                Change::Late => Event::Late,
                Change::StoreFailed => Event::StoreFailed,
                change => Event::BreakerChanged(change),
            });
        }
    }
}
