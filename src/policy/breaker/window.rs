//! What a breaker counts calls in: the trait that its kinds share.

use core::fmt::Debug;

use super::settings::Settings;
use super::snapshot::{Reader, Writer};
use crate::observe::Tripped;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;

/// In what a [`Breaker`](super::Breaker) counts calls: [`Consecutive`](super::Consecutive) failures, a
/// [`CountWindow`](super::CountWindow) or a [`TimeWindow`](super::TimeWindow). It is a type, so that a component does
/// not carry the kinds that it does not use.
///
/// ```
/// use steadfast::{Breaker, CountWindow, Window};
///
/// fn checked<W: Window>(breaker: Breaker<W>) -> bool {
///     breaker.check().is_ok()
/// }
/// assert!(checked(Breaker::consecutive_failures(5)));
/// assert!(checked::<CountWindow>(Breaker::failure_rate(0.5).over_calls(100)));
/// ```
pub trait Window: Sealed + Copy + Debug + PartialEq + 'static {
    #[doc(hidden)]
    type Tally: Tally;
    /// Whether it holds a number of calls.
    #[doc(hidden)]
    const COUNTS_CALLS: bool = false;
    /// Whether it matters how long a call took.
    #[doc(hidden)]
    const TIMED: bool = false;
}

/// Marks a window in which slow calls count too: `CountWindow<SlowCalls>`, as
/// [`slow_calls`](super::Breaker::slow_calls) makes it.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Breaker, CountWindow, Policy, SlowCalls};
///
/// static PRICES: Policy<(Breaker<CountWindow<SlowCalls>>,)> = Policy::new()
///     .breaker(Breaker::failure_rate(0.5).over_calls(100).slow_calls(0.8, Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowCalls;

/// Whether a window counts slow calls: what it needs for that, or nothing.
pub trait Slowness: Copy + Debug + PartialEq + 'static {
    type Ring: super::count_window::Bits;
    type Count: super::time_window::Count;
    const WATCHED: bool;
}

impl Slowness for () {
    type Ring = ();
    type Count = ();
    const WATCHED: bool = false;
}

impl Slowness for SlowCalls {
    type Ring = super::count_window::Ring;
    type Count = u32;
    const WATCHED: bool = true;
}

/// How many calls there were, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: u32,
    pub failures: u32,
    pub slow: u32,
}

/// What the probes say so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    Undecided,
    Back,
    NotBack(Tripped),
}

/// The outcomes that a closed breaker remembers.
pub trait Tally: Copy + Debug + PartialEq + 'static {
    const NEW: Self;
    /// Whether it matters when a call was.
    const CLOCKED: bool;
    /// Tells the kinds apart in a snapshot.
    const KIND: u8;

    /// Whether a success that is not slow would change nothing that anybody could see.
    fn is_clean(&self) -> bool;
    /// A success that was not slow: the one thing that happens to every call of a target in health.
    fn succeeded(&mut self, settings: &Settings, now: Instant);
    /// Any other call: it failed, or was slow, or both.
    fn record(&mut self, settings: &Settings, now: Instant, failed: bool, slow: bool);
    /// Whether the last call that was recorded was one too many.
    fn verdict(&self, settings: &Settings) -> Option<Tripped>;
    /// What `outcomes` of probes mean.
    fn probed(settings: &Settings, outcomes: Counts) -> Probed;
    fn counts(&self, settings: &Settings, now: Instant) -> Counts;
    fn write(&self, settings: &Settings, now: Instant, writer: &mut Writer);
    /// `None` when what was written makes no sense under these settings.
    fn read(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<Self>;
}

/// Of the two rates, the one that is too high; where there are too few calls, neither.
pub fn too_high(settings: &Settings, slowness: bool, minimum: u32, counts: Counts) -> Option<Tripped> {
    if counts.calls < minimum {
        None
    } else if settings.failure_rate.reached(counts.failures, counts.calls) {
        Some(Tripped::FailureRate)
    } else if slowness && settings.slow_rate.reached(counts.slow, counts.calls) {
        Some(Tripped::SlowCalls)
    } else {
        None
    }
}

/// The rates decide once all probes are back, as they do in resilience4j.
pub fn rates_of_probes(settings: &Settings, slowness: bool, outcomes: Counts) -> Probed {
    if outcomes.calls < settings.probes {
        return Probed::Undecided;
    }
    match too_high(settings, slowness, settings.probes, outcomes) {
        Some(why) => Probed::NotBack(why),
        None => Probed::Back,
    }
}
