//! A budget that all instances share: calls and retries are counted in slots of time, as long as the time to live.
//!
//! A slot has three counters: the calls, what was spent on retries, and what of that was given back. All three only count
//! up, so that no order of operations loses one. A retry is decided by the sum that its own count came to, less what was
//! given back *before* it counted: whatever others do meanwhile, what is spent and not given back stays within what the
//! calls allow.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use super::ledger::Tariff;
use super::part::Debt;
use super::{Budget, BudgetPart, TOKEN};
use crate::failure::Cause;
use crate::platform::state::{Local, Store, StoreFailed};
use crate::policy::Moment;
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::policy::shared::{Rest, SHORTEST, Slots, check_name};

/// What is counted in a slot. No other part has counters of these names.
const CALLS: &str = "deposits";
const SPENT: &str = "spent";
const RETURNED: &str = "returned";

/// A [`Budget`] that all instances share, in a [`Store`]: [`Budget::shared`].
///
/// **When to use it**: where the host makes a fresh instance for each request, or runs many. **When not**: where a
/// call of the store costs as much as one of the target.
///
/// Time is cut into slots as long as the time to live, from 1970 on, on the clock of the [`Store`]. In a slot, all
/// instances together repeat at most the share of its calls, and the minimum per second of its length on top.
///
/// - A call costs one operation of the store, an increment; the first one in a slot about five more. A retry costs
///   three, and one that is not allowed two, which change nothing.
/// - What a retry does not use, since the call was cancelled in its wait, is given back.
/// - While two retries are decided at the same time, both may be refused where there is enough for one of them. More
///   than there is enough for are never made.
/// - Where the store fails, the call goes on with a budget of this instance, and observers are told
///   ([`Event::StoreFailed`](crate::Event::StoreFailed)). This instance then leaves the store alone for 1 s, and twice
///   as long after each further failure, up to 30 s.
/// - The operations of the store block, also in asynchronous calls.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::{MemoryStore, TestClock};
/// use steadfast::{Budget, Cause, Delivery, Policy, Retry, RpcError, SharedBudget};
///
/// // In a component: `KeyValue::bucket("default")`, with the feature `keyvalue-state`.
/// static STORE: MemoryStore = MemoryStore::new();
/// static BUDGET: SharedBudget<&MemoryStore> =
///     Budget::windowed(0.1, 1, Duration::from_secs(2)).shared("acme/greeter", &STORE);
/// // A policy for each request, as in a fresh instance.
/// let attempts = || {
///     let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
///     let policy = Policy::new().retry(Retry::attempts(2).shared_budget(&BUDGET));
///     policy.with(TestClock::new()).call(no_target).unwrap_err().attempts()
/// };
/// let retries: u32 = (0..20).map(|_| attempts() - 1).sum();
/// assert_eq!(retries, 4);
/// ```
#[derive(Debug)]
pub struct SharedBudget<S> {
    /// The settings; and for calls while the store fails.
    local: Budget,
    name: &'static str,
    store: S,
    batch: u32,
    counted: Local<Counted>,
    rest: Rest,
    /// Whether the store has failed since observers were told.
    failed: AtomicBool,
}

/// What this instance knows of the calls in a slot.
#[derive(Clone, Copy, Debug)]
struct Counted {
    slot: u64,
    /// Calls that the store has not counted yet.
    pending: u32,
    /// How many calls of all instances it had counted when it was last asked.
    calls: u64,
}

impl Counted {
    fn of(&mut self, slot: u64) -> &mut Self {
        if self.slot != slot {
            *self = Counted { slot, pending: 0, calls: 0 };
        }
        self
    }
}

impl Budget {
    /// The same budget for all instances, which count their calls and retries together in `store`. It has to be a
    /// [`windowed`](Self::windowed) one, whose time to live is at least 1 s.
    ///
    /// `name` says whose budget it is: component and target, as `"acme/greeter"`. Budgets of one name are one, so all
    /// that have it need the same settings. It has 1 to 100 letters, digits, `-`, `_`, `.` and `/`. A breaker and a rate
    /// limit may have the same name.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Budget;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let ten_seconds = Duration::from_secs(10);
    /// assert!(Budget::windowed(0.2, 10, ten_seconds).shared("acme/greeter", &STORE).check().is_ok());
    /// assert!(Budget::ratio(0.2).shared("acme/greeter", &STORE).check().is_err());
    /// ```
    pub const fn shared<S: Store>(self, name: &'static str, store: S) -> SharedBudget<S> {
        let counted = Local::new(Counted { slot: 0, pending: 0, calls: 0 });
        SharedBudget { local: self, name, store, batch: 1, counted, rest: Rest::NEW, failed: AtomicBool::new(false) }
    }
}

impl<S: Store> SharedBudget<S> {
    /// How many calls an instance counts by itself before it tells the store: on a host that keeps instances, only one
    /// call of so many then costs an operation. 1 by default. Calls that the store was not told of allow no retries of
    /// other instances; at the end of a slot they are forgotten. Before each retry the store is told.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::MemoryStore;
    /// use steadfast::{Budget, Policy, Retry, RpcError, SharedBudget};
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// static BUDGET: SharedBudget<&MemoryStore> =
    ///     Budget::windowed(0.2, 10, Duration::from_secs(10)).shared("acme/greeter", &STORE).batch(100);
    /// let policy = Policy::new().retry(Retry::attempts(2).shared_budget(&BUDGET));
    /// for _ in 0..99 {
    ///     policy.call(|| Ok::<_, RpcError>(())).unwrap();
    /// }
    /// assert_eq!(STORE.asked(), 0);
    /// ```
    pub const fn batch(mut self, calls: u32) -> Self {
        self.batch = calls;
        self
    }

    /// The budget itself, if its settings make sense.
    ///
    /// # Errors
    /// [`Invalid`]: what [`Budget::check`] refuses, a name that is empty, too long, or has other characters, a budget that
    /// is not [`windowed`](Budget::windowed), a time to live that is shorter than 1 s, and a batch of no calls.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Budget;
    /// use steadfast::testing::MemoryStore;
    ///
    /// static STORE: MemoryStore = MemoryStore::new();
    /// let short = Budget::windowed(0.2, 10, Duration::from_millis(100)).shared("acme/greeter", &STORE);
    /// let invalid = short.check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "budget shared, ttl: 100ms is not allowed: it must be 1 s or longer");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        match self.makes_sense() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    /// The same for a budget that is in use already.
    pub(crate) const fn makes_sense(&self) -> Result<(), Invalid> {
        if let Err(invalid) = self.local.makes_sense() {
            return Err(invalid);
        }
        let Some(ttl) = self.local.tariff.ttl else {
            refuse!("budget shared, ttl", Value::Time(Duration::ZERO), "that of a windowed budget");
        };
        if ttl < SHORTEST {
            refuse!("budget shared, ttl", Value::Time(Duration::from_nanos(ttl)), "1 s or longer");
        }
        if self.batch == 0 {
            refuse!("budget shared, batch", Value::Count(0), "1 or more");
        }
        check_name(self.name)
    }

    #[cfg(all(feature = "config", feature = "keyvalue-state"))]
    pub(crate) const fn local(&self) -> &Budget {
        &self.local
    }

    fn slots(&self) -> Slots<S> {
        let Tariff { ttl, .. } = self.local.tariff;
        Slots {
            store: self.store,
            name: self.name,
            length: ttl.unwrap_or(0).max(SHORTEST),
            counters: &[CALLS, SPENT, RETURNED],
            span: "span",
            ahead: 0,
        }
    }

    /// How many tokens may be spent in a slot of so many calls.
    fn allowed(&self, calls: u64) -> u64 {
        let Tariff { initial, per_call, .. } = self.local.tariff;
        calls.saturating_mul(per_call as u64).saturating_add(initial as u64) / TOKEN as u64
    }

    /// Counts so many calls: the sum of all instances.
    pub(super) fn deposit(&self, slot: u64, calls: u32) -> Result<u64, StoreFailed> {
        let slots = self.slots();
        let sum = slots.count(slot, CALLS, calls.into())?;
        if sum == u64::from(calls) && calls > 0 {
            // What is not deleted stays, and does no harm.
            let _ = slots.forget(slot);
        }
        Ok(sum)
    }

    /// Takes what a retry costs, in a slot of at least so many calls, and says whether there was enough.
    pub(super) fn spend(&self, slot: u64, calls: u64, cost: u64) -> Result<bool, StoreFailed> {
        let (slots, allowed) = (self.slots(), self.allowed(calls));
        // First: what is given back after this retry has counted may be what another one has got by then.
        let returned = slots.count(slot, RETURNED, 0)?;
        let affords = |spent: u64| spent.saturating_sub(returned) <= allowed;
        if !affords(slots.count(slot, SPENT, 0)?.saturating_add(cost)) {
            return Ok(false);
        }
        let affords = affords(slots.count(slot, SPENT, cost)?);
        if !affords {
            // Another one came between.
            slots.count(slot, RETURNED, cost)?;
        }
        Ok(affords)
    }

    /// Gives back what was taken and not used.
    #[cold]
    pub(super) fn give_back(&self, slot: u64, cost: u64) -> Result<(), StoreFailed> {
        let slots = self.slots();
        // In a slot that is over, it is of no use to a retry.
        if slots.now().1 == slot { slots.count(slot, RETURNED, cost).map(drop) } else { Ok(()) }
    }

    /// Tells the store of the calls that it was not told of, and says how many calls all instances have made.
    fn calls(&self, slot: u64) -> Result<u64, StoreFailed> {
        let (pending, calls) = self.counted.with(|counted| {
            let counted = counted.of(slot);
            (core::mem::take(&mut counted.pending), counted.calls)
        });
        if pending == 0 && calls > 0 {
            return Ok(calls);
        }
        let calls = self.deposit(slot, pending)?;
        self.counted.with(|counted| counted.of(slot).calls = calls);
        Ok(calls)
    }

    /// What the store was asked came to; `None` where it failed, or is left alone.
    fn ask<T>(&self, moment: &impl Moment, operations: impl FnOnce() -> Result<T, StoreFailed>) -> Option<T> {
        match self.rest.ask(moment, operations) {
            Ok(answer) => Some(answer),
            Err(failed) => {
                self.failed.fetch_or(failed, Ordering::Relaxed);
                None
            }
        }
    }
}

/// What the last retry cost, in the store or in this instance. Dropped before that retry began, it is given back.
#[doc(hidden)]
#[derive(Debug)]
pub struct SharedDebt<S: Store> {
    local: Debt,
    unused: Option<Spent<S>>,
}

#[derive(Debug)]
struct Spent<S: 'static> {
    budget: &'static SharedBudget<S>,
    slot: u64,
    cost: u64,
}

impl<S: Store> Default for SharedDebt<S> {
    fn default() -> Self {
        SharedDebt { local: Debt::default(), unused: None }
    }
}

impl<S: Store> Drop for SharedDebt<S> {
    fn drop(&mut self) {
        if let Some(Spent { budget, slot, cost }) = self.unused.take() {
            // Where the store fails, it is lost until the slot is over.
            let _ = budget.give_back(slot, cost);
        }
    }
}

impl<S: Store> BudgetPart for &'static SharedBudget<S> {
    type Debt = SharedDebt<S>;
    const ASKS_STORE: bool = true;

    fn called(&self, moment: &impl Moment) {
        let (_, slot) = self.slots().now();
        let pending = self.counted.with(|counted| {
            let pending = &mut counted.of(slot).pending;
            *pending = pending.saturating_add(1);
            *pending
        });
        if pending >= self.batch && self.ask(moment, || self.calls(slot)).is_none() {
            // It counts here, and is not told to the store later.
            self.counted.with(|counted| counted.pending = 0);
            (&self.local).called(moment);
        }
    }

    #[cold]
    fn withdraw(&self, debt: &mut SharedDebt<S>, cause: Cause, moment: &impl Moment) -> bool {
        let (_, slot) = self.slots().now();
        let cost = (self.local.cost_after(cause) / TOKEN) as u64;
        match self.ask(moment, || self.spend(slot, self.calls(slot)?, cost)) {
            Some(paid) => {
                if paid {
                    debt.unused = Some(Spent { budget: self, slot, cost });
                }
                paid
            }
            None => (&self.local).withdraw(&mut debt.local, cause, moment),
        }
    }

    #[cold]
    fn withdraw_beside(&self, debt: &mut SharedDebt<S>, moment: &impl Moment) -> bool {
        // As with a budget of one instance.
        self.withdraw(debt, Cause::Other, moment)
    }

    fn used(&self, debt: &mut SharedDebt<S>) {
        debt.unused = None;
        (&self.local).used(&mut debt.local);
    }

    fn store_failed(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }
}
