//! A budget of the calls in flight: a share of them may be retries.

use super::part::BudgetPart;
use super::{TOKEN, millionths};
use crate::failure::Cause;
use crate::platform::state::Local;
use crate::policy::Moment;
use crate::policy::invalid::{Invalid, Value, refuse};

/// A budget that holds no tokens: at most a share of the calls in flight may be retries in flight.
///
/// **When to use it**: where load comes in waves. A [`Budget`](super::Budget) that saved up tokens in a quiet hour
/// allows a burst of retries; this one knows only what is under way. **When not**: where few calls
/// are in flight at a time: a share of them is less than one retry, and `at_least` alone decides.
///
/// It needs no clock: it counts calls from their beginning to their end, and retries from the moment they are allowed,
/// with the wait before them, until they end. Both end also when a call is dropped. A [hedge](crate::Hedge) counts as a
/// retry. A call that may not be repeated ends as with any other budget: with its last real error and
/// [`Reason::Budget`](crate::Reason::Budget).
///
/// Source: retry budgets of Envoy's circuit breakers.
///
/// ```
/// use steadfast::{InFlightBudget, Policy, Retry};
///
/// static BUDGET: InFlightBudget = InFlightBudget::new(0.2, 3);
/// static READS: Policy<(Retry<&InFlightBudget>,)> =
///     Policy::new().retry(Retry::attempts(4).in_flight_budget(&BUDGET));
/// ```
///
/// ```compile_fail
/// use steadfast::{InFlightBudget, Policy, Retry};
///
/// static BUDGET: InFlightBudget = InFlightBudget::new(1.5, 3);
/// static READS: Policy<(Retry<&InFlightBudget>,)> =
///     Policy::new().retry(Retry::attempts(4).in_flight_budget(&BUDGET));
/// ```
#[derive(Debug)]
pub struct InFlightBudget {
    /// As it was given, for its check.
    given: f64,
    /// In millionths.
    share: i64,
    at_least: u32,
    counts: Local<Counts>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    calls: u32,
    retries: u32,
}

impl InFlightBudget {
    /// At most the fraction `share` of the calls in flight may be retries in flight, rounded down; `at_least` may be in
    /// any case. With 0.2 and 3, the defaults of Envoy, 25 calls in flight allow 5 retries in flight, and 2 calls
    /// allow 3.
    ///
    /// `share` is from 0.000001 to 1.
    ///
    /// ```
    /// let budget = steadfast::InFlightBudget::new(0.2, 3);
    /// assert_eq!(budget.room(), 3);
    /// ```
    pub const fn new(share: f64, at_least: u32) -> Self {
        let counts = Local::new(Counts { calls: 0, retries: 0 });
        InFlightBudget { given: share, share: millionths(share), at_least, counts }
    }

    /// The budget itself, or why it makes no sense.
    ///
    /// ```
    /// assert!(steadfast::InFlightBudget::new(1.5, 3).check().is_err());
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        match self.makes_sense() {
            Ok(()) => Ok(self),
            Err(invalid) => Err(invalid),
        }
    }

    pub(crate) const fn makes_sense(&self) -> Result<(), Invalid> {
        if !(self.given >= 0.000_001 && self.given <= 1.0) {
            refuse!("budget share", Value::Factor(self.given), "from 0.000001 to 1");
        }
        Ok(())
    }

    /// How many calls are in flight.
    ///
    /// ```
    /// assert_eq!(steadfast::InFlightBudget::new(0.2, 3).calls(), 0);
    /// ```
    pub fn calls(&self) -> u32 {
        self.counts.with(|counts| counts.calls)
    }

    /// How many of their retries are in flight.
    ///
    /// ```
    /// assert_eq!(steadfast::InFlightBudget::new(0.2, 3).retries(), 0);
    /// ```
    pub fn retries(&self) -> u32 {
        self.counts.with(|counts| counts.retries)
    }

    /// How many more retries may begin now.
    ///
    /// ```
    /// assert_eq!(steadfast::InFlightBudget::new(0.2, 3).room(), 3);
    /// ```
    pub fn room(&self) -> u32 {
        self.counts.with(|counts| self.room_beside(*counts))
    }

    fn room_beside(&self, counts: Counts) -> u32 {
        // A share is at most one, so that it fits as the calls do.
        let allowed = (u64::from(counts.calls) * self.share as u64 / TOKEN as u64) as u32;
        allowed.max(self.at_least).saturating_sub(counts.retries)
    }

    /// One more retry of this call, if there is room for it; in the place of those before it, where these are over.
    fn begins(&self, debt: &mut CallInFlight, over: bool) -> bool {
        let before = if over { core::mem::take(&mut debt.retries) } else { 0 };
        let begins = self.counts.with(|counts| {
            counts.retries = counts.retries.saturating_sub(before);
            let begins = self.room_beside(*counts) > 0;
            counts.retries += u32::from(begins);
            begins
        });
        debt.retries += u32::from(begins);
        begins
    }

    fn ended(&self, retries: u32) {
        self.counts.with(|counts| {
            counts.calls = counts.calls.saturating_sub(1);
            counts.retries = counts.retries.saturating_sub(retries);
        });
    }
}

/// A call that is in flight until this is dropped, and its retries.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct CallInFlight {
    budget: Option<&'static InFlightBudget>,
    retries: u32,
}

impl Drop for CallInFlight {
    fn drop(&mut self) {
        if let Some(budget) = self.budget {
            budget.ended(self.retries);
        }
    }
}

impl BudgetPart for &'static InFlightBudget {
    type Debt = CallInFlight;
    const COUNTS_CALLS: bool = true;

    fn counts(&self, debt: &mut CallInFlight) {
        self.counts.with(|counts| counts.calls = counts.calls.saturating_add(1));
        debt.budget = Some(self);
    }

    fn withdraw(&self, debt: &mut CallInFlight, _: Cause, _: &impl Moment) -> bool {
        // The retry before is over: the next takes its place.
        self.begins(debt, true)
    }

    fn withdraw_beside(&self, debt: &mut CallInFlight, _: &impl Moment) -> bool {
        self.begins(debt, false)
    }
}
