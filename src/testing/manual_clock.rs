//! A clock for code in which several things wait at once.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::SplitMix;
use crate::platform::clock::{AsyncClock, Clock, Instant};
use crate::platform::rng::Rng;

/// A clock whose sleepers wake when [`advance`](Self::advance) passes them, for code in which several things wait
/// at once: hedges, timeouts, calls side by side. On a [`TestClock`](super::TestClock), whose sleeps are over at
/// once, whoever sleeps first would be first.
///
/// Poll futures by hand and move the clock between the polls, or leave both to [`run`](Self::run). As a jitter source it
/// draws the highest number, or with [`seeded`](Self::seeded) a reproducible sequence. A blocking sleep moves the
/// clock, since nobody else could.
///
/// ```
/// use core::future::Future;
/// use core::pin::pin;
/// use core::task::{Context, Waker};
/// use core::time::Duration;
/// use steadfast::clock::AsyncClock;
/// use steadfast::testing::ManualClock;
///
/// let clock = ManualClock::new();
/// let mut sleep = pin!(clock.sleep_async(Duration::from_secs(30)));
/// let mut context = Context::from_waker(Waker::noop());
/// assert!(sleep.as_mut().poll(&mut context).is_pending());
/// clock.advance(Duration::from_secs(29));
/// assert!(sleep.as_mut().poll(&mut context).is_pending());
/// clock.advance(Duration::from_secs(1));
/// assert!(sleep.as_mut().poll(&mut context).is_ready());
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Cell<u64>,
    reads: Cell<u32>,
    sleepers: RefCell<Vec<Sleeper>>,
    next: Cell<u64>,
    draws: Option<Cell<SplitMix>>,
}

#[derive(Debug)]
struct Sleeper {
    number: u64,
    until: u64,
    waker: Waker,
}

impl ManualClock {
    /// A clock at zero.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::new().passed(), Duration::ZERO);
    /// ```
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// A clock at zero whose jitter is the sequence that `seed` begins.
    ///
    /// ```
    /// use steadfast::rng::Rng;
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::seeded(7).draw(), ManualClock::seeded(7).draw());
    /// ```
    pub fn seeded(seed: u64) -> Self {
        ManualClock { draws: Some(Cell::new(SplitMix::new(seed))), ..ManualClock::default() }
    }

    /// Moves the clock, and wakes who has slept long enough.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// clock.advance(Duration::from_secs(30));
    /// assert_eq!(clock.passed(), Duration::from_secs(30));
    /// ```
    pub fn advance(&self, duration: Duration) {
        let now = (Instant::from_nanos(self.now.get()) + duration).as_nanos();
        self.now.set(now);
        let due = |sleeper: &&Sleeper| sleeper.until <= now;
        let wakers: Vec<_> = self.sleepers.borrow().iter().filter(due).map(|due| due.waker.clone()).collect();
        // Nothing is borrowed any more: a waker may poll at once.
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The time since the clock was made.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::new().passed(), Duration::ZERO);
    /// ```
    pub fn passed(&self) -> Duration {
        Duration::from_nanos(self.now.get())
    }

    /// How long until the next sleeper wakes; `None` when nobody sleeps.
    ///
    /// ```
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::new().next_wake(), None);
    /// ```
    pub fn next_wake(&self) -> Option<Duration> {
        let until = self.sleepers.borrow().iter().map(|sleeper| sleeper.until).min()?;
        Some(Duration::from_nanos(until.saturating_sub(self.now.get())))
    }

    /// How many sleep; one whose future was dropped does not.
    ///
    /// ```
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::new().sleepers(), 0);
    /// ```
    pub fn sleepers(&self) -> usize {
        self.sleepers.borrow().len()
    }

    /// How often the clock was read.
    ///
    /// ```
    /// use steadfast::testing::ManualClock;
    ///
    /// assert_eq!(ManualClock::new().reads(), 0);
    /// ```
    pub fn reads(&self) -> u32 {
        self.reads.get()
    }

    /// Runs a future to its end; whenever it waits, the clock moves to the next sleeper.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::clock::AsyncClock;
    /// use steadfast::testing::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// clock.run(clock.sleep_async(Duration::from_secs(30))); // returns at once
    /// assert_eq!(clock.passed(), Duration::from_secs(30));
    /// ```
    ///
    /// # Panics
    /// When the future waits and nobody sleeps: nothing here could wake it.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = super::Woken::new();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut woken.context()) {
                return value;
            }
            if woken.take() {
                continue;
            }
            match self.next_wake() {
                Some(wait) => self.advance(wait),
                None => panic!("the future waits for something that is not the clock"),
            }
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.reads.set(self.reads.get().saturating_add(1));
        Instant::from_nanos(self.now.get())
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl AsyncClock for ManualClock {
    async fn sleep_async(&self, duration: Duration) {
        let until = (Instant::from_nanos(self.now.get()) + duration).as_nanos();
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let bed = Bed { clock: self, number };
        poll_fn(|context| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            let mut sleepers = self.sleepers.borrow_mut();
            match sleepers.iter_mut().find(|sleeper| sleeper.number == number) {
                Some(sleeper) => sleeper.waker.clone_from(context.waker()),
                None => sleepers.push(Sleeper { number, until, waker: context.waker().clone() }),
            }
            Poll::Pending
        })
        .await;
        drop(bed);
    }
}

/// Where somebody sleeps; empty once the future is over or dropped.
struct Bed<'c> {
    clock: &'c ManualClock,
    number: u64,
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        self.clock.sleepers.borrow_mut().retain(|sleeper| sleeper.number != self.number);
    }
}

impl Rng for ManualClock {
    fn draw(&self) -> u64 {
        super::draw(self.draws.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use core::task::Context;

    use super::*;

    #[test]
    fn who_sleeps_shorter_wakes_first_and_a_dropped_sleeper_is_gone() {
        let clock = ManualClock::new();
        let secs = Duration::from_secs;
        let woke = RefCell::new(Vec::new());
        let sleeper = async |seconds: u64| {
            clock.sleep_async(secs(seconds)).await;
            woke.borrow_mut().push(seconds);
        };
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut long = pin!(sleeper(3));
            let mut short = pin!(sleeper(1));
            assert!(long.as_mut().poll(&mut context).is_pending());
            assert!(short.as_mut().poll(&mut context).is_pending());
            assert_eq!((clock.sleepers(), clock.next_wake()), (2, Some(secs(1))));
            clock.advance(secs(2));
            assert!(long.as_mut().poll(&mut context).is_pending());
            assert!(short.as_mut().poll(&mut context).is_ready());
            assert_eq!((clock.sleepers(), clock.next_wake()), (1, Some(secs(1))));
        }
        assert_eq!((clock.sleepers(), clock.next_wake()), (0, None));
        assert_eq!(*woke.borrow(), [1]);
    }

    #[test]
    fn whoever_is_due_is_woken() {
        struct Bell(std::sync::atomic::AtomicU32);
        impl std::task::Wake for Bell {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let bell = std::sync::Arc::new(Bell(0.into()));
        let rung = || bell.0.load(std::sync::atomic::Ordering::Relaxed);
        let waker = Waker::from(bell.clone());
        let clock = ManualClock::new();
        let mut sleep = pin!(clock.sleep_async(Duration::from_secs(2)));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        clock.advance(Duration::from_secs(1));
        assert_eq!(rung(), 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(rung(), 1);
    }

    #[test]
    #[should_panic(expected = "not the clock")]
    fn a_future_that_nobody_wakes_is_a_panic_and_not_a_hang() {
        ManualClock::new().run(core::future::pending::<()>());
    }
}
