//! When a further attempt is started beside one that is slow.

mod latencies;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use latencies::Latencies;

use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The most hedges of one call that [`Hedge::max_hedges`] allows: each has a place in the call's future. With
/// the first attempt that makes five, where gRPC's hedging ends too (gRFC A6).
pub(crate) const MAX_HEDGES: usize = 4;

/// Starts a further attempt beside one that is slow: the first success wins, and the others are cancelled.
///
/// A hedged call is made by [`call_hedged`](crate::Call::call_hedged).
///
/// ```compile_fail
/// use steadfast::{Hedge, Policy, Quantile};
///
/// static NEVER: Policy<(Hedge<Quantile>,)> =
///     Policy::new().hedge(Hedge::after_quantile(95.0));
/// ```
#[doc = include_str!("../../docs/policies/hedge.md")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge<W = ()> {
    /// The delay itself, or the one until enough was observed.
    delay: Duration,
    max_hedges: u32,
    quantile: Option<Wanted>,
    waits: PhantomData<W>,
}

/// Marks a [`Hedge`] whose delay is a quantile of the latencies that its policy observed.
///
/// The policy counts how long first attempts take in a histogram of fixed size, whose buckets are an eighth of
/// their value wide: what it tells is never below the quantile of what was counted and at most 12.5 % above
/// (or 66 µs, where that is more); what takes longer than 68 s counts as 68 s. Counting costs the same however
/// much was counted. At 1,024 counts all are halved, so recent calls weigh more than old ones.
///
/// Counted are the attempts that a call or its retry began with, not its hedges: those that succeeded, with the
/// time it took, and those that were cancelled because a hedge won or the attempt timeout came, with the time
/// they had by then. The latter is less than they would have taken, but not less than the delay, so the
/// quantile stays right. An attempt that failed, or that the deadline ended, is not counted.
///
/// ```
/// use steadfast::{Hedge, Quantile};
///
/// let hedge: Hedge<Quantile> = Hedge::after_quantile(0.95);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Wanted {
    quantile: f64,
    min_observations: u32,
}

impl Hedge {
    /// A further attempt `delay` after the one before it, at most one for each call.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Hedge;
    ///
    /// assert!(Hedge::after(Duration::from_millis(100)).check().is_ok());
    /// assert!(Hedge::after(Duration::ZERO).check().is_err());
    /// ```
    pub const fn after(delay: Duration) -> Self {
        Hedge { delay, max_hedges: 1, quantile: None, waits: PhantomData }
    }
}

impl Hedge<Quantile> {
    /// A further attempt where the one before it is slower than the fraction `quantile` of those observed, from
    /// above 0 to below 1; at most one for each call. Costs two looks at the clock for each call.
    ///
    /// Until 20 attempts were [observed](Self::min_observations), the delay is 1 s
    /// ([`initial_delay`](Self::initial_delay)).
    ///
    /// ```
    /// use steadfast::Hedge;
    ///
    /// assert!(Hedge::after_quantile(0.95).check().is_ok());
    /// assert!(Hedge::after_quantile(f64::NAN).check().is_err());
    /// ```
    pub const fn after_quantile(quantile: f64) -> Self {
        Hedge {
            // As long as a host gives an invocation by default: without evidence, only what hangs is hedged.
            delay: Duration::from_secs(1),
            max_hedges: 1,
            // The first number at which the 95th percentile is not simply the slowest.
            quantile: Some(Wanted { quantile, min_observations: 20 }),
            waits: PhantomData,
        }
    }

    /// How many attempts must have been observed before the quantile is used; 20 by default, from 1 to 512
    /// (half of what is remembered).
    ///
    /// ```
    /// use steadfast::Hedge;
    ///
    /// assert!(Hedge::after_quantile(0.99).min_observations(100).check().is_ok());
    /// assert!(Hedge::after_quantile(0.99).min_observations(0).check().is_err());
    /// ```
    pub const fn min_observations(self, min_observations: u32) -> Self {
        match self.quantile {
            Some(Wanted { quantile, .. }) => Hedge { quantile: Some(Wanted { quantile, min_observations }), ..self },
            None => self,
        }
    }

    /// The delay until enough was observed; 1 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Hedge;
    ///
    /// assert!(Hedge::after_quantile(0.95).initial_delay(Duration::from_millis(200)).check().is_ok());
    /// ```
    pub const fn initial_delay(self, delay: Duration) -> Self {
        Hedge { delay, ..self }
    }
}

impl<W: Copy> Hedge<W> {
    /// How many hedges one call may start, its retries included; 1 by default, at most 4. Each comes a whole
    /// delay after the one before it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Hedge;
    ///
    /// let hedge = Hedge::after(Duration::from_millis(100));
    /// assert!(hedge.max_hedges(2).check().is_ok());
    /// assert!(hedge.max_hedges(5).check().is_err());
    /// ```
    pub const fn max_hedges(self, max_hedges: u32) -> Self {
        Hedge { max_hedges, ..self }
    }

    /// The delay, where it is always the same.
    #[cfg(feature = "config")]
    pub(crate) const fn fixed_delay(&self) -> Option<Duration> {
        match self.quantile {
            None => Some(self.delay),
            Some(_) => None,
        }
    }

    /// The hedge itself, or why it makes no sense: no delay, a quantile that is none, a count out of range.
    ///
    /// ```
    /// use steadfast::Hedge;
    ///
    /// let invalid = Hedge::after_quantile(95.0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "hedge quantile: 95 is not allowed: it must be above 0 and below 1");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.delay.is_zero() {
            refuse!("hedge delay", Value::Time(self.delay), "longer than zero");
        }
        if self.max_hedges == 0 || self.max_hedges as usize > MAX_HEDGES {
            refuse!("hedge max_hedges", Value::Count(self.max_hedges), "from 1 to 4");
        }
        if let Some(Wanted { quantile, min_observations }) = self.quantile {
            if !(quantile > 0.0 && quantile < 1.0) {
                refuse!("hedge quantile", Value::Factor(quantile), "above 0 and below 1");
            }
            if min_observations == 0 || min_observations > latencies::KEPT {
                refuse!("hedge min_observations", Value::Count(min_observations), "from 1 to 512");
            }
        }
        Ok(self)
    }
}

/// A policy's hedge: none, one, or one decided at run time.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Hedge, HedgePart};
///
/// fn hedge<H: HedgePart>(_: H) {}
/// hedge(Hedge::after(Duration::from_millis(100)));
/// hedge(());
/// ```
pub trait HedgePart: Copy + fmt::Debug + super::sealed::Sealed {
    #[doc(hidden)]
    type Memory: fmt::Debug;
    #[doc(hidden)]
    const NEW: Self::Memory;
    /// Whether it wants to know how long attempts take, which costs looks at the clock.
    #[doc(hidden)]
    #[inline]
    fn observes(&self) -> bool {
        false
    }

    /// How many hedges a call may start.
    #[doc(hidden)]
    fn most(&self) -> u32;

    /// How long an attempt may be under way before another is started beside it.
    #[doc(hidden)]
    fn delay(&self, memory: &Self::Memory) -> Duration;

    /// An attempt took, or would have taken more than, `latency`.
    #[doc(hidden)]
    #[inline]
    fn observe(&self, _memory: &Self::Memory, _latency: Duration) {}
}

impl HedgePart for () {
    type Memory = ();
    const NEW: () = ();

    #[inline]
    fn most(&self) -> u32 {
        0
    }

    #[inline]
    fn delay(&self, (): &()) -> Duration {
        Duration::MAX
    }
}

impl<W: HedgeKind> HedgePart for Hedge<W> {
    type Memory = W::Memory;
    const NEW: W::Memory = W::NEW;

    #[inline]
    fn observes(&self) -> bool {
        W::OBSERVES
    }

    #[inline]
    fn most(&self) -> u32 {
        self.max_hedges
    }

    #[inline]
    fn delay(&self, memory: &W::Memory) -> Duration {
        W::delay(self, memory)
    }

    #[inline]
    fn observe(&self, memory: &W::Memory, latency: Duration) {
        W::observe(memory, latency);
    }
}

/// What the delay of a [`Hedge`] is: fixed, `()`, or a [`Quantile`].
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Hedge, HedgeKind};
///
/// fn checked<W: HedgeKind>(hedge: Hedge<W>) -> bool {
///     hedge.check().is_ok()
/// }
/// assert!(checked(Hedge::after(Duration::from_millis(100))));
/// ```
pub trait HedgeKind: super::sealed::Sealed + Copy + fmt::Debug + 'static {
    #[doc(hidden)]
    type Memory: fmt::Debug;
    #[doc(hidden)]
    const NEW: Self::Memory;
    #[doc(hidden)]
    const OBSERVES: bool;

    #[doc(hidden)]
    fn delay(hedge: &Hedge<Self>, memory: &Self::Memory) -> Duration;

    #[doc(hidden)]
    fn observe(memory: &Self::Memory, latency: Duration);
}

impl HedgeKind for () {
    type Memory = ();
    const NEW: () = ();
    const OBSERVES: bool = false;

    #[inline]
    fn delay(hedge: &Hedge, (): &()) -> Duration {
        hedge.delay
    }

    #[inline]
    fn observe((): &(), _: Duration) {}
}

/// The latencies that a policy observed, shared by all its calls.
#[doc(hidden)]
pub struct Memory(Local<Latencies>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latencies").field("observed", &self.0.with(|latencies| latencies.counted())).finish()
    }
}

impl super::sealed::Sealed for Quantile {}

impl HedgeKind for Quantile {
    type Memory = Memory;
    const NEW: Memory = Memory(Local::new(Latencies::NEW));
    const OBSERVES: bool = true;

    fn delay(hedge: &Hedge<Quantile>, memory: &Memory) -> Duration {
        let Some(Wanted { quantile, min_observations }) = hedge.quantile else {
            return hedge.delay;
        };
        memory.0.with(|latencies| match latencies.counted() >= min_observations {
            true => latencies.quantile(quantile),
            false => hedge.delay,
        })
    }

    fn observe(memory: &Memory, latency: Duration) {
        memory.0.with(|latencies| latencies.count(latency));
    }
}

impl<H: HedgePart> HedgePart for Option<H> {
    type Memory = H::Memory;
    const NEW: H::Memory = H::NEW;

    #[inline]
    fn observes(&self) -> bool {
        self.as_ref().is_some_and(H::observes)
    }

    #[inline]
    fn most(&self) -> u32 {
        self.as_ref().map_or(0, H::most)
    }

    #[inline]
    fn delay(&self, memory: &H::Memory) -> Duration {
        self.as_ref().map_or(Duration::MAX, |hedge| hedge.delay(memory))
    }

    #[inline]
    fn observe(&self, memory: &H::Memory, latency: Duration) {
        if let Some(hedge) = self {
            hedge.observe(memory, latency);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // case 4
    #[test]
    fn nonsense_is_refused_with_field_value_and_range() {
        let text = |refused: Result<(), Invalid>| refused.unwrap_err().to_string();
        let fixed = |hedge: Hedge| text(hedge.check().map(drop));
        let quantile = |hedge: Hedge<Quantile>| text(hedge.check().map(drop));
        let delay = Hedge::after(Duration::from_millis(1));
        assert_eq!(fixed(Hedge::after(Duration::ZERO)), "hedge delay: 0ns is not allowed: it must be longer than zero");
        assert_eq!(fixed(delay.max_hedges(0)), "hedge max_hedges: 0 is not allowed: it must be from 1 to 4");
        assert_eq!(fixed(delay.max_hedges(5)), "hedge max_hedges: 5 is not allowed: it must be from 1 to 4");
        for nonsense in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
            assert!(quantile(Hedge::after_quantile(nonsense)).ends_with("it must be above 0 and below 1"));
        }
        for nonsense in [0, 513, u32::MAX] {
            assert_eq!(
                quantile(Hedge::after_quantile(0.5).min_observations(nonsense)),
                format!("hedge min_observations: {nonsense} is not allowed: it must be from 1 to 512")
            );
        }
        assert!(delay.max_hedges(4).check().is_ok());
        assert!(Hedge::after_quantile(0.999).min_observations(512).check().is_ok());
    }

    #[test]
    fn the_initial_delay_holds_until_enough_was_observed() {
        let initial = Duration::from_millis(300);
        let hedge = Hedge::after_quantile(0.5).min_observations(3).initial_delay(initial);
        let memory = <Hedge<Quantile> as HedgePart>::NEW;
        for _ in 0..2 {
            hedge.observe(&memory, Duration::from_millis(8));
            assert_eq!(hedge.delay(&memory), initial);
        }
        hedge.observe(&memory, Duration::from_millis(8));
        let delay = hedge.delay(&memory);
        assert!(delay >= Duration::from_millis(8) && delay <= Duration::from_millis(9), "{delay:?}");
        assert_eq!(format!("{memory:?}"), "Latencies { observed: 3 }");
    }

    #[test]
    fn a_hedge_that_was_decided_on_at_run_time_is_the_hedge_that_it_holds() {
        let hedge = Hedge::after_quantile(0.5).min_observations(1).max_hedges(3);
        let (some, memory) = (Some(hedge), <Hedge<Quantile> as HedgePart>::NEW);
        assert_eq!((some.most(), hedge.most()), (3, 3));
        assert!(some.observes() && !Some(Hedge::after(Duration::from_millis(8))).observes());
        some.observe(&memory, Duration::from_millis(8));
        assert_eq!(memory.0.with(|latencies| latencies.counted()), 1);
        assert_eq!(some.delay(&memory), hedge.delay(&memory));
    }

    #[test]
    fn a_hedge_that_is_not_there_never_fires() {
        let none: Option<Hedge<Quantile>> = None;
        let memory = <Hedge<Quantile> as HedgePart>::NEW;
        assert!(!none.observes());
        none.observe(&memory, Duration::from_secs(1));
        assert_eq!((none.most(), none.delay(&memory)), (0, Duration::MAX));
        assert_eq!(memory.0.with(|latencies| latencies.counted()), 0);
        assert_eq!((().most(), ().delay(&())), (0, Duration::MAX));
    }
}
