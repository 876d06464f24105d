//! Reads a breaker, trips, resets and forces it, and carries its state elsewhere.

use core::fmt::Debug;

use super::builder::Breaker;
use super::machine::Phase;
use super::memory::Memory;
use super::settings::Settings;
use super::snapshot::{BadSnapshot, BreakerSnapshot};
use super::window::{Counts, Tally, Window};
use crate::observe::{BreakerState, Change, Event, Observer};
use crate::platform::clock::{Clock, Instant, System};
use crate::platform::rng::Rng;
use crate::policy::{Guard, Parts, Policy};

/// What a closed breaker has counted: [`BreakerControl::counts`]. In other states, nothing.
///
/// ```
/// use steadfast::{Breaker, Policy, RpcError};
///
/// let policy = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
/// policy.call(|| Ok::<_, RpcError>(())).unwrap();
/// let counts = policy.breaker_control().counts();
/// assert_eq!((counts.calls, counts.failures, counts.slow_calls), (1, 0, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerCounts {
    /// How many calls are in the window; without a window, how many failed in a row.
    pub calls: u32,
    /// How many of them failed.
    pub failures: u32,
    /// How many of them were slow; zero without [`slow_calls`](Breaker::slow_calls).
    pub slow_calls: u32,
}

/// Reads and moves the breaker of a policy: [`Policy::breaker_control`].
///
/// For operators, for a handler that serves the state, and for a component whose instances are short-lived. The
/// policy's observer gets an event for each change, as for those that the breaker makes by itself. The type is the same
/// whatever the breaker counts in.
///
/// ```
/// use steadfast::{BreakerState, Reason, RpcError};
///
/// steadfast::policy! {
///     static GREETER = breaker(failures = 5);
/// }
/// GREETER.breaker_control().force_open(); // the greeter is being repaired
/// let failed = GREETER.call(|| Ok::<_, RpcError>("hi")).unwrap_err();
/// assert_eq!(failed.reason(), Reason::BreakerOpen);
/// GREETER.breaker_control().reset();
/// assert_eq!(GREETER.breaker_control().state(), BreakerState::Closed);
/// ```
#[derive(Debug)]
pub struct BreakerControl<'p, O = (), C = System> {
    settings: &'p Settings,
    // Not generic: a configured policy has a breaker of one of three kinds.
    memory: &'p dyn AnyMemory,
    observer: &'p O,
    clock: C,
}

/// A breaker's memory, whatever it counts in.
trait AnyMemory: Debug {
    fn state(&self) -> BreakerState;
    fn observes_only(&self) -> bool;
    fn counts(&self, settings: &Settings, now: Instant) -> Counts;
    fn trip(&self, settings: &Settings, now: Instant, draw: u64) -> Change;
    fn start(&self, settings: &Settings, start: Start);
    fn snapshot(&self, settings: &Settings, now: Instant) -> BreakerSnapshot;
    fn restore(&self, settings: &Settings, now: Instant, bytes: &[u8]) -> Result<BreakerState, BadSnapshot>;
}

/// What a breaker begins anew as.
#[derive(Clone, Copy)]
enum Start {
    Closed,
    ObserveOnly,
    ForcedOpen,
    ForcedClosed,
}

impl<T: Tally> AnyMemory for Memory<T> {
    fn state(&self) -> BreakerState {
        self.with(|state| state.name())
    }

    fn observes_only(&self) -> bool {
        self.with(|state| state.observes_only)
    }

    fn counts(&self, settings: &Settings, now: Instant) -> Counts {
        self.with(|state| state.counts(settings, now))
    }

    fn trip(&self, settings: &Settings, now: Instant, draw: u64) -> Change {
        self.decide(settings, |state| state.trip(settings, now, draw))
    }

    fn start(&self, settings: &Settings, start: Start) {
        let phase = match start {
            Start::Closed | Start::ObserveOnly => Phase::Closed(T::NEW),
            Start::ForcedOpen => Phase::ForcedOpen,
            Start::ForcedClosed => Phase::ForcedClosed,
        };
        self.decide(settings, |state| state.start(phase, matches!(start, Start::ObserveOnly)));
    }

    fn snapshot(&self, settings: &Settings, now: Instant) -> BreakerSnapshot {
        self.with(|state| state.snapshot(settings, now))
    }

    fn restore(&self, settings: &Settings, now: Instant, bytes: &[u8]) -> Result<BreakerState, BadSnapshot> {
        self.decide(settings, |state| {
            state.restore(settings, now, bytes)?;
            Ok(state.name())
        })
    }
}

impl<'p, O> BreakerControl<'p, O> {
    /// The control of a breaker and its memory.
    pub(crate) const fn new<W: Window>(breaker: &'p Breaker<W>, memory: &'p Memory<W::Tally>, observer: &'p O) -> Self {
        BreakerControl { settings: &breaker.settings, memory, observer, clock: System }
    }
}

/// A breaker of a policy, or one decided at run time: what [`Policy::breaker_control`] returns for it.
#[doc(hidden)]
pub trait Controlled: Guard {
    /// A [`BreakerControl`], or an `Option` of one.
    type Control<'p, O: 'p>;

    fn control<'p, O>(&'p self, memory: &'p Self::Memory, observer: &'p O) -> Self::Control<'p, O>;
}

impl<W: Window> Controlled for Breaker<W> {
    type Control<'p, O: 'p> = BreakerControl<'p, O>;

    fn control<'p, O>(&'p self, memory: &'p Self::Memory, observer: &'p O) -> BreakerControl<'p, O> {
        BreakerControl::new(self, memory, observer)
    }
}

impl<W: Window> Controlled for Option<Breaker<W>> {
    type Control<'p, O: 'p> = Option<BreakerControl<'p, O>>;

    fn control<'p, O>(&'p self, memory: &'p Self::Memory, observer: &'p O) -> Option<BreakerControl<'p, O>> {
        self.as_ref().map(|breaker| breaker.control(memory, observer))
    }
}

impl<P: Parts> Policy<P>
where
    P::Breaker: Controlled,
{
    /// Reads the policy's breaker, trips, resets and forces it, and takes and restores snapshots. Of a breaker that is
    /// decided at run time it is an `Option`.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// static GREETER: Policy<(Breaker,)> = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// GREETER.breaker_control().trip();
    /// assert_eq!(GREETER.breaker_control().state(), BreakerState::Open);
    ///
    /// let policy = Policy::new().optional(Some(Breaker::consecutive_failures(5)))?;
    /// if let Some(control) = policy.breaker_control() {
    ///     control.reset();
    /// }
    /// # Ok::<(), steadfast::Invalid>(())
    /// ```
    pub fn breaker_control(&self) -> <P::Breaker as Controlled>::Control<'_, P::Observer> {
        self.breaker.guard.control(&self.breaker.memory, &self.observer)
    }
}

impl<'p, O: Observer, C: Clock + Rng> BreakerControl<'p, O, C> {
    /// The same with another clock and randomness: in tests, a [`TestClock`](crate::testing::TestClock).
    ///
    /// ```
    /// use steadfast::testing::TestClock;
    /// use steadfast::{Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// policy.breaker_control().with(TestClock::new()).trip();
    /// ```
    pub fn with<N: Clock + Rng>(self, clock: N) -> BreakerControl<'p, O, N> {
        BreakerControl { settings: self.settings, memory: self.memory, observer: self.observer, clock }
    }

    /// The state it is in. An open breaker whose time is over is open until the next call, which makes it
    /// half-open.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// assert_eq!(policy.breaker_control().state(), BreakerState::Closed);
    /// ```
    pub fn state(&self) -> BreakerState {
        self.memory.state()
    }

    /// Whether it [only observes](Self::observe_only).
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// assert!(!policy.breaker_control().observes_only());
    /// ```
    pub fn observes_only(&self) -> bool {
        self.memory.observes_only()
    }

    /// What it has counted since it closed, as far as its window reaches.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
    /// assert_eq!(policy.breaker_control().counts().calls, 0);
    /// ```
    pub fn counts(&self) -> BreakerCounts {
        let Counts { calls, failures, slow } = self.memory.counts(self.settings, self.clock.now());
        BreakerCounts { calls, failures, slow_calls: slow }
    }

    /// The rate of failures, from 0 to 1; `None` while there were fewer calls than
    /// [`minimum_calls`](Breaker::minimum_calls), as a rate of those would say little.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy, RpcError};
    ///
    /// let policy = Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100).minimum_calls(2));
    /// policy.call(|| Ok::<_, RpcError>(())).unwrap();
    /// assert_eq!(policy.breaker_control().failure_rate(), None);
    /// policy.call(|| Ok::<_, RpcError>(())).unwrap();
    /// assert_eq!(policy.breaker_control().failure_rate(), Some(0.0));
    /// ```
    pub fn failure_rate(&self) -> Option<f64> {
        let counts = self.counts();
        let enough = counts.calls >= self.settings.minimum;
        enough.then(|| f64::from(counts.failures) / f64::from(counts.calls))
    }

    /// Opens it now, as if it had counted too many failures: for its time, then it tries probes. Ends what was
    /// forced.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// policy.breaker_control().trip();
    /// assert_eq!(policy.breaker_control().state(), BreakerState::Open);
    /// ```
    pub fn trip(&self) {
        let draw = if self.settings.jitter > 0.0 { self.clock.draw() } else { 0 };
        self.tell(self.memory.trip(self.settings, self.clock.now(), draw));
    }

    /// Closes it, with nothing counted and breaks of the first length: as it was made. Ends what was forced, and
    /// observing only.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// policy.breaker_control().trip();
    /// policy.breaker_control().reset();
    /// assert_eq!(policy.breaker_control().state(), BreakerState::Closed);
    /// ```
    pub fn reset(&self) {
        self.start(Start::Closed, Change::Reset);
    }

    /// Rejects every call until it is [reset](Self::reset): the target is known to be away.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// policy.breaker_control().force_open();
    /// assert_eq!(policy.breaker_control().state(), BreakerState::ForcedOpen);
    /// ```
    pub fn force_open(&self) {
        self.start(Start::ForcedOpen, Change::ForcedOpen);
    }

    /// Lets every call pass and counts nothing until it is [reset](Self::reset): the breaker itself is in doubt.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// policy.breaker_control().force_closed();
    /// assert_eq!(policy.breaker_control().state(), BreakerState::ForcedClosed);
    /// ```
    pub fn force_closed(&self) {
        self.start(Start::ForcedClosed, Change::ForcedClosed);
    }

    /// From now on counts and tells observers what it would do, and never rejects, until it is
    /// [reset](Self::reset): to try settings on real calls. A call that it would have rejected passes, and its
    /// outcome is not counted.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Cause, Delivery, Policy, RpcError};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(1));
    /// policy.breaker_control().observe_only();
    /// policy.call(|| Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))).unwrap_err();
    /// assert_eq!(policy.breaker_control().state(), BreakerState::Open);
    /// assert!(policy.call(|| Ok::<_, RpcError>(())).is_ok());
    /// ```
    pub fn observe_only(&self) {
        self.start(Start::ObserveOnly, Change::ObserveOnly);
    }

    /// The whole state, without the calls that are under way. Times are relative: how long it will still be open,
    /// how long ago a call was. The time that a snapshot lies somewhere does not pass for it.
    ///
    /// ```
    /// use steadfast::{Breaker, BreakerState, Policy};
    ///
    /// let greeter = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// greeter.breaker_control().trip();
    /// let kept = greeter.breaker_control().snapshot();
    ///
    /// // Another instance:
    /// let greeter = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// greeter.breaker_control().restore(kept.as_bytes())?;
    /// assert_eq!(greeter.breaker_control().state(), BreakerState::Open);
    /// # Ok::<(), steadfast::BadSnapshot>(())
    /// ```
    pub fn snapshot(&self) -> BreakerSnapshot {
        self.memory.snapshot(self.settings, self.clock.now())
    }

    /// Takes over the state of a [snapshot](Self::snapshot). The outcomes of calls that are under way will be late.
    ///
    /// # Errors
    /// [`BadSnapshot`]: it is damaged, of another version, or of a breaker with other settings. Then nothing
    /// changes.
    ///
    /// ```
    /// use steadfast::{BadSnapshot, Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// assert_eq!(policy.breaker_control().restore(&[]), Err(BadSnapshot::Damaged));
    /// ```
    pub fn restore(&self, snapshot: &[u8]) -> Result<(), BadSnapshot> {
        self.tell(Change::Restored(self.memory.restore(self.settings, self.clock.now(), snapshot)?));
        Ok(())
    }

    fn start(&self, start: Start, change: Change) {
        self.memory.start(self.settings, start);
        self.tell(change);
    }

    fn tell(&self, change: Change) {
        if O::WATCHES {
            self.observer.observe(&Event::BreakerChanged(change));
        }
    }
}
