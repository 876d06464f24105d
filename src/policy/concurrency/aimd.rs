//! The limit that grows by one while calls succeed and shrinks by a fraction when one is refused.

use super::{Concurrency, LimitAlgorithm, Signal};
use crate::platform::clock::Instant;
use crate::policy::invalid::{Invalid, Value, refuse};
use crate::policy::sealed::Sealed;

/// As in Netflix's concurrency-limits: a target that refuses one call of many is just over its limit, and a tenth
/// is found again soon. TCP halves, since a lost packet says more.
pub(super) const DECREASE: f64 = 0.9;

/// Additive increase, multiplicative decrease: see [`Concurrency::aimd`].
///
/// ```
/// use steadfast::{Aimd, Concurrency, Policy};
///
/// static PAGES: Policy<(Concurrency<Aimd>,)> = Policy::new().concurrency(Concurrency::aimd());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aimd;

impl Concurrency<Aimd> {
    /// A limit found by additive increase and multiplicative decrease (Chiu and Jain, 1989), as TCP's congestion
    /// avoidance does it (RFC 5681).
    ///
    /// - **Increase**: after as many successes as the limit is high, it grows by one (counted as in RFC 3465).
    ///   Only successes while at least half of the limit is in use count: an idle limit proves nothing
    ///   (RFC 7661).
    /// - **Decrease**: when a call is refused as overloaded or times out, the limit shrinks to
    ///   [`decrease`](Self::decrease) of itself, and by one at least. Once for each overload, as in TCP: calls that
    ///   were under way by then speak of the limit as it was, and move it no further.
    ///
    /// It reads no clock.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::aimd().check().is_ok());
    /// ```
    pub const fn aimd() -> Self {
        Concurrency::DEFAULT
    }

    /// What remains of the limit at an overload, as a fraction; 0.9 by default, above 0 and below 1. Lower
    /// relieves the target sooner and leaves more of it unused.
    ///
    /// ```
    /// use steadfast::Concurrency;
    ///
    /// assert!(Concurrency::aimd().decrease(0.5).check().is_ok());
    /// assert!(Concurrency::aimd().decrease(1.0).check().is_err());
    /// ```
    pub const fn decrease(self, decrease: f64) -> Self {
        Concurrency { decrease, ..self }
    }
}

impl<L> Concurrency<L> {
    pub(super) const fn check_aimd(self) -> Result<Self, Invalid> {
        if !(self.decrease > 0.0 && self.decrease < 1.0) {
            refuse!("concurrency decrease", Value::Factor(self.decrease), "a number above 0 and below 1");
        }
        Ok(self)
    }
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Zero until it first moves: where it starts is a setting.
    limit: u32,
    /// Successes since it last grew.
    successes: u32,
    /// Moves with every decrease, so that a call can be told from one that began earlier.
    generation: u32,
}

impl State {
    #[cold]
    fn decrease(&mut self, settings: &Concurrency<Aimd>, limit: u32) {
        // Rounded down, a fraction below 1 of a whole number is always less by one at least.
        self.limit = ((f64::from(limit) * settings.decrease) as u32).max(settings.min);
        self.successes = 0;
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Sealed for Aimd {}

impl LimitAlgorithm for Aimd {
    const TIMED: bool = false;
    type State = State;
    const NEW: State = State { limit: 0, successes: 0, generation: 0 };

    #[inline]
    fn limit(settings: &Concurrency<Self>, state: &State) -> u32 {
        if state.limit == 0 { settings.first() } else { state.limit }
    }

    #[inline]
    fn mark(state: &State) -> u64 {
        u64::from(state.generation)
    }

    #[inline]
    fn learn(settings: &Concurrency<Self>, state: &mut State, mark: u64, signal: Signal, in_flight: u32, _: Instant) {
        if mark != u64::from(state.generation) {
            return;
        }
        let limit = Self::limit(settings, state);
        match signal {
            Signal::Success if in_flight >= limit - limit / 2 => {
                state.successes += 1;
                if state.successes >= limit {
                    state.successes = 0;
                    state.limit = (limit + 1).min(settings.max);
                }
            }
            Signal::Overload => state.decrease(settings, limit),
            Signal::Success | Signal::Nothing => {}
        }
    }
}
