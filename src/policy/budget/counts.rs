//! What a store has counted of a shared budget, for people who look at it.

use super::shared::{CALLS, RETURNED, SPAN, SPENT};
use crate::platform::state::{Store, StoreFailed};
use crate::policy::shared::{key, parts};

/// What a store has counted of a [`SharedBudget`](crate::SharedBudget) in one slot of time.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::{MemoryStore, TestClock};
/// use steadfast::{Budget, BudgetCounts, Cause, Delivery, Policy, Retry, RpcError, SharedBudget, Store};
///
/// static STORE: MemoryStore = MemoryStore::new();
/// static BUDGET: SharedBudget<&MemoryStore> =
///     Budget::windowed(0.5, 0, Duration::from_secs(10)).shared("acme/greeter", &STORE);
/// let policy = Policy::new().retry(Retry::attempts(2).shared_budget(&BUDGET));
/// for _ in 0..5 {
///     let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
///     policy.with(TestClock::new()).call(no_target).unwrap_err();
/// }
/// let slot = (&STORE).wall_time().as_secs() / 10;
/// let counts = BudgetCounts::read(&STORE, "acme/greeter", slot).unwrap();
/// assert_eq!((counts.calls, counts.spent), (5, 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetCounts {
    /// How many calls of all instances the store was told of.
    pub calls: u64,
    /// How many tokens their retries cost, without those that were given back.
    pub spent: u64,
}

impl BudgetCounts {
    /// The name of the budget that a key of a store belongs to, where it belongs to one, and the number of the slot: how
    /// many there were before it, from 1970 on.
    ///
    /// ```
    /// use steadfast::BudgetCounts;
    ///
    /// assert_eq!(BudgetCounts::slot_of("steadfast/acme/greeter/157783680/spent"), Some(("acme/greeter", 157783680)));
    /// assert_eq!(BudgetCounts::slot_of("steadfast/acme/greeter/7/failures"), None, "of a shared breaker");
    /// ```
    pub fn slot_of(key: &str) -> Option<(&str, u64)> {
        let (name, slot, what) = parts(key)?;
        matches!(what, CALLS | SPENT | RETURNED).then_some((name, slot))
    }

    /// Whether that is what a key of a budget ends with.
    pub(crate) fn has(what: &str) -> bool {
        matches!(what, CALLS | SPENT | RETURNED | SPAN)
    }

    /// What a store has counted in a slot of the budget `name`: three operations, which change nothing.
    ///
    /// # Errors
    /// [`StoreFailed`]: the store cannot be read.
    ///
    /// ```
    /// use steadfast::{BudgetCounts, testing::MemoryStore};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// assert_eq!(BudgetCounts::read(&STORE, "acme/greeter", 7).unwrap().calls, 0);
    /// ```
    pub fn read(store: impl Store, name: &str, slot: u64) -> Result<Self, StoreFailed> {
        let count = |what| store.increment(&key(name, slot, what), 0);
        let returned = count(RETURNED)?;
        Ok(BudgetCounts { calls: count(CALLS)?, spent: count(SPENT)?.saturating_sub(returned) })
    }
}
