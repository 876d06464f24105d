//! A part of which only a configuration says whether it is the one kind or the other.

use core::time::Duration;

use crate::failure::Cause;
use crate::observe::Change;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;
use crate::policy::{BudgetPart, Guard, HedgePart, Moment, Outcome, Permit, Rejected};

/// One of two parts that may stand in one place. It does what the part does that it holds.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Either<A, B> {
    One(A),
    Other(B),
}

impl<A: Sealed, B: Sealed> Sealed for Either<A, B> {}

impl<A: Permit, B: Permit> Permit for Either<A, B> {
    fn delay(&self) -> u64 {
        match self {
            Either::One(permit) => permit.delay(),
            Either::Other(permit) => permit.delay(),
        }
    }

    fn renew(&mut self, moment: &impl Moment) -> Result<(), Rejected> {
        match self {
            Either::One(permit) => permit.renew(moment),
            Either::Other(permit) => permit.renew(moment),
        }
    }

    fn begin(&mut self, watched: bool) -> Option<Change> {
        match self {
            Either::One(permit) => permit.begin(watched),
            Either::Other(permit) => permit.begin(watched),
        }
    }

    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        match self {
            Either::One(permit) => permit.settle(outcome, moment),
            Either::Other(permit) => permit.settle(outcome, moment),
        }
    }
}

/// Remembers for both: which of them it will be is not known when the memory is made.
impl<A: Guard, B: Guard> Guard for Either<A, B> {
    type Memory = (A::Memory, B::Memory);
    type Permit<'p>
        = Either<A::Permit<'p>, B::Permit<'p>>
    where
        Self: 'p;
    const NEW: Self::Memory = (A::NEW, B::NEW);
    const WAITS: bool = A::WAITS || B::WAITS;

    fn is_timed(&self) -> bool {
        match self {
            Either::One(guard) => guard.is_timed(),
            Either::Other(guard) => guard.is_timed(),
        }
    }

    fn admit<'p>(&'p self, memory: &'p Self::Memory, moment: &impl Moment) -> Result<Self::Permit<'p>, Rejected> {
        match self {
            Either::One(guard) => guard.admit(&memory.0, moment).map(Either::One),
            Either::Other(guard) => guard.admit(&memory.1, moment).map(Either::Other),
        }
    }

    fn has_line(&self) -> bool {
        match self {
            Either::One(guard) => guard.has_line(),
            Either::Other(guard) => guard.has_line(),
        }
    }

    async fn turn<'p>(&'p self, memory: &'p Self::Memory) -> Result<Self::Permit<'p>, Rejected> {
        match self {
            Either::One(guard) => guard.turn(&memory.0).await.map(Either::One),
            Either::Other(guard) => guard.turn(&memory.1).await.map(Either::Other),
        }
    }

    fn rejects_until(&self, memory: &Self::Memory) -> Option<Instant> {
        match self {
            Either::One(guard) => guard.rejects_until(&memory.0),
            Either::Other(guard) => guard.rejects_until(&memory.1),
        }
    }
}

/// Owes to both: which of them it will be is not known where a debt begins.
impl<A: BudgetPart, B: BudgetPart> BudgetPart for Either<A, B> {
    type Debt = (A::Debt, B::Debt);
    const COUNTS_CALLS: bool = A::COUNTS_CALLS || B::COUNTS_CALLS;
    const ASKS_STORE: bool = A::ASKS_STORE || B::ASKS_STORE;

    fn called(&self, moment: &impl Moment) {
        match self {
            Either::One(budget) => budget.called(moment),
            Either::Other(budget) => budget.called(moment),
        }
    }

    fn counts(&self, debt: &mut Self::Debt) {
        match self {
            Either::One(budget) => budget.counts(&mut debt.0),
            Either::Other(budget) => budget.counts(&mut debt.1),
        }
    }

    fn failed(&self, moment: &impl Moment) {
        match self {
            Either::One(budget) => budget.failed(moment),
            Either::Other(budget) => budget.failed(moment),
        }
    }

    fn withdraw(&self, debt: &mut Self::Debt, cause: Cause, moment: &impl Moment) -> bool {
        match self {
            Either::One(budget) => budget.withdraw(&mut debt.0, cause, moment),
            Either::Other(budget) => budget.withdraw(&mut debt.1, cause, moment),
        }
    }

    fn withdraw_beside(&self, debt: &mut Self::Debt, moment: &impl Moment) -> bool {
        match self {
            Either::One(budget) => budget.withdraw_beside(&mut debt.0, moment),
            Either::Other(budget) => budget.withdraw_beside(&mut debt.1, moment),
        }
    }

    fn used(&self, debt: &mut Self::Debt) {
        match self {
            Either::One(budget) => budget.used(&mut debt.0),
            Either::Other(budget) => budget.used(&mut debt.1),
        }
    }

    fn succeeded(&self, debt: Option<&Self::Debt>) {
        match self {
            Either::One(budget) => budget.succeeded(debt.map(|debt| &debt.0)),
            Either::Other(budget) => budget.succeeded(debt.map(|debt| &debt.1)),
        }
    }

    fn store_failed(&self) -> bool {
        match self {
            Either::One(budget) => budget.store_failed(),
            Either::Other(budget) => budget.store_failed(),
        }
    }
}

impl<A: HedgePart, B: HedgePart> HedgePart for Either<A, B> {
    type Memory = (A::Memory, B::Memory);
    const NEW: Self::Memory = (A::NEW, B::NEW);

    fn observes(&self) -> bool {
        match self {
            Either::One(hedge) => hedge.observes(),
            Either::Other(hedge) => hedge.observes(),
        }
    }

    fn most(&self) -> u32 {
        match self {
            Either::One(hedge) => hedge.most(),
            Either::Other(hedge) => hedge.most(),
        }
    }

    fn delay(&self, memory: &Self::Memory) -> Duration {
        match self {
            Either::One(hedge) => hedge.delay(&memory.0),
            Either::Other(hedge) => hedge.delay(&memory.1),
        }
    }

    fn observe(&self, memory: &Self::Memory, latency: Duration) {
        match self {
            Either::One(hedge) => hedge.observe(&memory.0, latency),
            Either::Other(hedge) => hedge.observe(&memory.1, latency),
        }
    }
}

/// What is read of a policy that was configured: of the kind that it has, where it has one.
mod accessors {
    use super::super::parts::{AnyBreaker, AnyBulkhead, AnyLimit};
    use super::super::shared;
    use super::Either;
    use crate::policy::{BreakerControl, Controlled, Guard, InFlight, Throttles};

    type Memory<G> = <G as Guard>::Memory;

    impl Controlled for Option<AnyBreaker> {
        type Control<'p, O: 'p> = Option<BreakerControl<'p, O>>;

        fn control<'p, O>(&'p self, memory: &'p Memory<AnyBreaker>, observer: &'p O) -> Option<BreakerControl<'p, O>> {
            Some(match self.as_ref()? {
                Either::One(breaker) => return shared::control(breaker, &memory.0, observer),
                Either::Other(Either::One(breaker)) => breaker.control(&memory.1.0, observer),
                Either::Other(Either::Other(breaker)) => breaker.control(&memory.1.1, observer),
            })
        }
    }

    impl InFlight for Option<AnyBulkhead> {
        type Count = Option<u32>;

        fn limit(&self, memory: &Memory<AnyBulkhead>) -> Option<u32> {
            Some(match self.as_ref()? {
                Either::One(bulkhead) => bulkhead.limit(&memory.0),
                Either::Other(Either::One(limit)) => limit.limit(&memory.1.0),
                Either::Other(Either::Other(limit)) => limit.limit(&memory.1.1),
            })
        }

        fn in_flight(&self, memory: &Memory<AnyBulkhead>) -> Option<u32> {
            Some(match self.as_ref()? {
                Either::One(bulkhead) => bulkhead.in_flight(&memory.0),
                Either::Other(Either::One(limit)) => limit.in_flight(&memory.1.0),
                Either::Other(Either::Other(limit)) => limit.in_flight(&memory.1.1),
            })
        }
    }

    impl Throttles for Option<AnyLimit> {
        type Probability = Option<f64>;

        fn probability(&self, memory: &Memory<AnyLimit>) -> Option<f64> {
            match self.as_ref()? {
                Either::Other(throttle) => Some(throttle.probability(&memory.1)),
                Either::One(_) => None,
            }
        }
    }
}
