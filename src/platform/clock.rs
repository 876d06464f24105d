//! The one clock: where every "now" and every sleep of a policy comes from.

use core::future::Future;
use core::time::Duration;

/// A point on a monotonic clock, in nanoseconds since a start that only the clock knows.
///
/// Arithmetic saturates, and the time since a later instant is zero: a clock that stands still or steps
/// back unlocks nothing early and overflows nowhere.
///
/// ```
/// use core::time::Duration;
/// use steadfast::clock::Instant;
///
/// let start = Instant::from_nanos(1_000);
/// let later = start + Duration::from_nanos(500);
/// assert_eq!(later.since(start), Duration::from_nanos(500));
/// assert_eq!(start.since(later), Duration::ZERO);
/// assert_eq!(later + Duration::MAX, Instant::from_nanos(u64::MAX));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The instant `nanos` nanoseconds after the clock's start.
    ///
    /// ```
    /// assert_eq!(steadfast::clock::Instant::from_nanos(7).as_nanos(), 7);
    /// ```
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the clock's start.
    ///
    /// ```
    /// assert_eq!(steadfast::clock::Instant::from_nanos(7).as_nanos(), 7);
    /// ```
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    ///
    /// ```
    /// use steadfast::clock::Instant;
    ///
    /// assert_eq!(Instant::from_nanos(7).since(Instant::from_nanos(2)).as_nanos(), 5);
    /// ```
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// The same in nanoseconds, in which policies count: a `Duration` is taken apart and put together by divisions.
    #[inline]
    pub(crate) const fn nanos_since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `nanos` nanoseconds later.
    pub(crate) const fn after(self, nanos: u64) -> Instant {
        Instant(self.0.saturating_add(nanos))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        self.after(nanos(duration))
    }
}

/// A duration in nanoseconds, as `wasi:clocks` counts; 584 years where it would be more.
pub(crate) const fn nanos(duration: Duration) -> u64 {
    const PER_SECOND: u64 = 1_000_000_000;
    // Not through the 128 bits of `as_nanos`, which a component has to multiply in software.
    if duration.as_secs() >= u64::MAX / PER_SECOND {
        return u64::MAX;
    }
    duration.as_secs() * PER_SECOND + duration.subsec_nanos() as u64
}

/// A monotonic clock whose sleep blocks the component.
///
/// ```
/// use core::time::Duration;
/// use steadfast::clock::Clock;
/// use steadfast::testing::TestClock;
///
/// let clock = TestClock::new();
/// let before = clock.now();
/// clock.sleep(Duration::from_secs(30)); // returns at once
/// assert_eq!(clock.now().since(before), Duration::from_secs(30));
/// ```
pub trait Clock {
    /// The current instant.
    fn now(&self) -> Instant;

    /// Returns once `duration` has passed.
    fn sleep(&self, duration: Duration);
}

/// A clock with a sleep that can be awaited, for [`call_async`](crate::Call::call_async).
///
/// Neither `Send` nor an executor is asked for. A timer is made when it is first polled, so that clocks
/// whose timers exist only inside a reactor work.
///
/// ```
/// use core::time::Duration;
/// use steadfast::clock::{AsyncClock, Clock};
/// use steadfast::testing::{TestClock, block_on};
///
/// let clock = TestClock::new();
/// block_on(clock.sleep_async(Duration::from_secs(30)));
/// assert_eq!(clock.now().as_nanos(), 30_000_000_000);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no sleep that can be awaited",
    note = "with the feature `wstd` of `steadfast`, `System` has one"
)]
pub trait AsyncClock: Clock {
    /// A future that is ready once `duration` has passed since its first poll.
    fn sleep_async(&self, duration: Duration) -> impl Future<Output = ()>;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
    fn sleep(&self, duration: Duration) {
        (**self).sleep(duration)
    }
}

impl<C: AsyncClock> AsyncClock for &C {
    fn sleep_async(&self, duration: Duration) -> impl Future<Output = ()> {
        (**self).sleep_async(duration)
    }
}

/// The real clock and the real jitter source: `wasi:clocks/monotonic-clock` and `wasi:random/insecure` in a
/// component, the standard library elsewhere.
///
/// ```
/// use steadfast::clock::{Clock, System};
///
/// let earlier = System.now();
/// assert!(System.now() >= earlier);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

#[cfg(target_os = "wasi")]
impl Clock for System {
    fn now(&self) -> Instant {
        Instant(crate::platform::wasi::monotonic_clock::now())
    }

    fn sleep(&self, duration: Duration) {
        crate::platform::wasi::monotonic_clock::subscribe_duration(nanos(duration)).block();
    }
}

#[cfg(feature = "wstd")]
impl AsyncClock for System {
    /// Sleeps on `wstd`'s reactor; outside of WASI, where there is none, it blocks.
    async fn sleep_async(&self, duration: Duration) {
        #[cfg(target_os = "wasi")]
        {
            // `wstd::time::Timer` reads the clock once more when it is done.
            let timer = crate::platform::wasi::monotonic_clock::subscribe_duration(nanos(duration));
            // Not in one expression, whose first half would live as long as the wait: up to 400 bytes more.
            let passed = wstd::runtime::AsyncPollable::new(timer).wait_for();
            passed.await;
        }
        #[cfg(not(target_os = "wasi"))]
        self.sleep(duration);
    }
}

#[cfg(not(target_os = "wasi"))]
impl Clock for System {
    fn now(&self) -> Instant {
        use std::sync::OnceLock;
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        Instant(nanos(START.get_or_init(std::time::Instant::now).elapsed()))
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
