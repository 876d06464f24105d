//! The budget of a retry: when it earns, when it pays, and when it gets back what it did not use.

use core::fmt::Debug;

use super::Budget;
use crate::failure::Cause;
use crate::policy::Moment;
use crate::policy::sealed::Sealed;

/// The budget of a [`Retry`](crate::Retry): none, one, or one decided at run time.
///
/// ```
/// use steadfast::{Budget, BudgetPart, Retry};
///
/// static BUDGET: Budget = Budget::ratio(0.1);
/// fn ready<G: BudgetPart>(_: Retry<G>) {}
/// ready(Retry::attempts(3));
/// ready(Retry::attempts(3).budget(&BUDGET));
/// ```
pub trait BudgetPart: Copy + Debug + Sealed {
    /// What a call owes while it goes on: what its last retry cost, or its place among those in flight.
    #[doc(hidden)]
    type Debt: Default;

    /// Whether it counts calls from their beginning: where it does not, a call that succeeds at once has no debt.
    #[doc(hidden)]
    const COUNTS_CALLS: bool = false;

    /// Whether its state is in a store, which may fail.
    #[doc(hidden)]
    const ASKS_STORE: bool = false;

    /// A call begins.
    #[doc(hidden)]
    #[inline]
    fn called(&self, _moment: &impl Moment) {}

    /// The call is in flight until its debt is dropped.
    #[doc(hidden)]
    #[inline]
    fn counts(&self, _debt: &mut Self::Debt) {}

    /// An attempt failed, with a cause that may be retried.
    #[doc(hidden)]
    #[inline]
    fn failed(&self, _moment: &impl Moment) {}

    /// Pays for a retry, and says whether there was enough. The attempts before it are over.
    #[doc(hidden)]
    fn withdraw(&self, debt: &mut Self::Debt, cause: Cause, moment: &impl Moment) -> bool;

    /// Pays for a hedge, which runs beside the attempts before it.
    #[doc(hidden)]
    fn withdraw_beside(&self, debt: &mut Self::Debt, moment: &impl Moment) -> bool;

    /// The retry that was paid for begins.
    #[doc(hidden)]
    #[inline]
    fn used(&self, _debt: &mut Self::Debt) {}

    /// The call succeeded; without a debt where it never had one.
    #[doc(hidden)]
    #[inline]
    fn succeeded(&self, _debt: Option<&Self::Debt>) {}

    /// Whether the store has failed since this was last asked.
    #[doc(hidden)]
    fn store_failed(&self) -> bool {
        false
    }
}

impl BudgetPart for () {
    type Debt = ();

    #[inline]
    fn withdraw(&self, (): &mut (), _: Cause, _: &impl Moment) -> bool {
        true
    }
    #[inline]
    fn withdraw_beside(&self, (): &mut (), _: &impl Moment) -> bool {
        true
    }
}

/// What the last retry cost. Dropped before that retry began, it is given back: the call was cancelled while it
/// waited, or another part turned the retry away.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Debt {
    cost: i64,
    unused: Option<&'static Budget>,
}

impl Drop for Debt {
    #[inline]
    fn drop(&mut self) {
        if let Some(budget) = self.unused {
            give_back(budget, self.cost);
        }
    }
}

#[cold]
#[inline(never)]
fn give_back(budget: &Budget, cost: i64) {
    budget.ledger.with(|ledger| ledger.earn(&budget.tariff, cost));
}

impl BudgetPart for &'static Budget {
    type Debt = Debt;

    #[inline]
    fn called(&self, moment: &impl Moment) {
        let earned = self.tariff.per_call;
        if earned != 0 {
            self.at(moment, |ledger| ledger.earn(&self.tariff, earned));
        }
    }

    #[cold]
    fn failed(&self, moment: &impl Moment) {
        let lost = self.tariff.per_failure;
        if lost != 0 {
            self.at(moment, |ledger| ledger.lose(lost));
        }
    }

    #[cold]
    fn withdraw(&self, debt: &mut Debt, cause: Cause, moment: &impl Moment) -> bool {
        let cost = self.cost_after(cause);
        let paid = self.at(moment, |ledger| ledger.withdraw(&self.tariff, cost));
        if paid {
            *debt = Debt { cost, unused: Some(self) };
        }
        paid
    }

    #[cold]
    fn withdraw_beside(&self, debt: &mut Debt, moment: &impl Moment) -> bool {
        // The price of a retry after an error without a price: no attempt has failed yet.
        self.withdraw(debt, Cause::Other, moment)
    }

    #[inline]
    fn used(&self, debt: &mut Debt) {
        debt.unused = None;
    }

    // Without a look at the clock: what was refilled in the meantime is added when something is next taken, and
    // comes to the same, since in between both only add up to the same cap.
    #[inline]
    fn succeeded(&self, debt: Option<&Debt>) {
        let earned = match debt {
            Some(debt) if self.tariff.refunds && debt.cost != 0 => debt.cost,
            _ => self.tariff.per_success,
        };
        if earned != 0 {
            self.ledger.with(|ledger| ledger.earn(&self.tariff, earned));
        }
    }
}

impl<G: BudgetPart> BudgetPart for Option<G> {
    type Debt = G::Debt;
    const COUNTS_CALLS: bool = G::COUNTS_CALLS;
    const ASKS_STORE: bool = G::ASKS_STORE;

    fn called(&self, moment: &impl Moment) {
        if let Some(budget) = self {
            budget.called(moment);
        }
    }

    fn counts(&self, debt: &mut G::Debt) {
        if let Some(budget) = self {
            budget.counts(debt);
        }
    }

    fn failed(&self, moment: &impl Moment) {
        if let Some(budget) = self {
            budget.failed(moment);
        }
    }

    fn withdraw(&self, debt: &mut G::Debt, cause: Cause, moment: &impl Moment) -> bool {
        self.as_ref().is_none_or(|budget| budget.withdraw(debt, cause, moment))
    }

    fn withdraw_beside(&self, debt: &mut G::Debt, moment: &impl Moment) -> bool {
        self.as_ref().is_none_or(|budget| budget.withdraw_beside(debt, moment))
    }

    fn used(&self, debt: &mut G::Debt) {
        if let Some(budget) = self {
            budget.used(debt);
        }
    }

    fn succeeded(&self, debt: Option<&G::Debt>) {
        if let Some(budget) = self {
            budget.succeeded(debt);
        }
    }

    fn store_failed(&self) -> bool {
        self.as_ref().is_some_and(G::store_failed)
    }
}
