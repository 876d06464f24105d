//! Testing without waiting: clocks that move when they are told to, and a call that follows a script.

mod manual_clock;
mod memory_store;

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

pub use manual_clock::ManualClock;
pub use memory_store::MemoryStore;

use crate::observe::{Event, Observer};
use crate::platform::clock::{AsyncClock, Clock, Instant};
use crate::platform::rng::Rng;

/// A clock that moves only by sleeping and by [`advance`](Self::advance), and remembers every sleep.
///
/// As a jitter source it draws the highest number, so a delay with jitter is as long as it can be; with
/// [`seeded`](Self::seeded) it draws a reproducible sequence.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::{Script, TestClock};
/// use steadfast::{Cause, Delivery, Policy, Retry, RpcError};
///
/// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
/// let no_target = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
///
/// let clock = TestClock::new();
/// let mut target = Script::new([no_target(), no_target(), Ok("hi")]);
/// assert_eq!(GREETER.with(&clock).call(|| target.next()).unwrap(), "hi");
/// assert_eq!(clock.slept(), [Duration::from_millis(50), Duration::from_millis(100)]);
/// ```
#[derive(Debug, Default)]
pub struct TestClock {
    now: Cell<u64>,
    slept: RefCell<Vec<Duration>>,
    reads: Cell<u32>,
    draws: Option<Cell<SplitMix>>,
}

impl TestClock {
    /// A clock at zero.
    ///
    /// ```
    /// use steadfast::clock::Clock;
    /// use steadfast::testing::TestClock;
    ///
    /// assert_eq!(TestClock::new().now().as_nanos(), 0);
    /// ```
    pub fn new() -> Self {
        TestClock::default()
    }

    /// A clock at zero whose jitter is the sequence that `seed` begins.
    ///
    /// ```
    /// use steadfast::rng::Rng;
    /// use steadfast::testing::TestClock;
    ///
    /// assert_eq!(TestClock::seeded(7).draw(), TestClock::seeded(7).draw());
    /// ```
    pub fn seeded(seed: u64) -> Self {
        TestClock { draws: Some(Cell::new(SplitMix::new(seed))), ..TestClock::default() }
    }

    /// Moves the clock, as work that takes `duration` would.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::clock::Clock;
    /// use steadfast::testing::TestClock;
    ///
    /// let clock = TestClock::new();
    /// clock.advance(Duration::from_secs(30));
    /// assert_eq!(clock.now().as_nanos(), 30_000_000_000);
    /// ```
    pub fn advance(&self, duration: Duration) {
        let now = Instant::from_nanos(self.now.get()) + duration;
        self.now.set(now.as_nanos());
    }

    /// Every sleep so far, in order.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::clock::Clock;
    /// use steadfast::testing::TestClock;
    ///
    /// let clock = TestClock::new();
    /// clock.sleep(Duration::from_secs(1));
    /// assert_eq!(clock.slept(), [Duration::from_secs(1)]);
    /// ```
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.borrow().clone()
    }

    /// How often the clock was read.
    ///
    /// ```
    /// use steadfast::testing::TestClock;
    /// use steadfast::{Policy, Retry, RpcError};
    ///
    /// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let clock = TestClock::new();
    /// GREETER.with(&clock).call(|| Ok::<_, RpcError>("hi")).unwrap();
    /// assert_eq!(clock.reads(), 0); // success costs no look at the clock
    /// ```
    pub fn reads(&self) -> u32 {
        self.reads.get()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.reads.set(self.reads.get().saturating_add(1));
        Instant::from_nanos(self.now.get())
    }

    fn sleep(&self, duration: Duration) {
        self.slept.borrow_mut().push(duration);
        self.advance(duration);
    }
}

impl AsyncClock for TestClock {
    async fn sleep_async(&self, duration: Duration) {
        self.sleep(duration);
    }
}

impl Rng for TestClock {
    fn draw(&self) -> u64 {
        draw(self.draws.as_ref())
    }
}

/// The next number of a sequence; the highest where there is none.
fn draw(draws: Option<&Cell<SplitMix>>) -> u64 {
    let Some(draws) = draws else { return u64::MAX };
    let mut sequence = draws.get();
    let draw = sequence.next();
    draws.set(sequence);
    draw
}

/// A call that gives prepared results, one after the other.
///
/// ```
/// use steadfast::testing::Script;
/// use steadfast::{Cause, Delivery, RpcError};
///
/// let mut target = Script::new([Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)), Ok("hi")]);
/// assert!(target.next().is_err());
/// assert_eq!(target.next(), Ok("hi"));
/// assert_eq!(target.calls(), 2);
/// ```
#[derive(Debug)]
pub struct Script<T, E> {
    results: std::vec::IntoIter<Result<T, E>>,
    calls: usize,
}

impl<T, E> Script<T, E> {
    /// A call that gives `results`, the first first.
    ///
    /// ```
    /// let mut target = steadfast::testing::Script::<_, ()>::new([Ok(1), Ok(2)]);
    /// assert_eq!((target.next(), target.next()), (Ok(1), Ok(2)));
    /// ```
    pub fn new(results: impl IntoIterator<Item = Result<T, E>>) -> Self {
        Script { results: results.into_iter().collect::<Vec<_>>().into_iter(), calls: 0 }
    }

    /// The next result.
    ///
    /// ```
    /// assert_eq!(steadfast::testing::Script::<_, ()>::new([Ok(1)]).next(), Ok(1));
    /// ```
    ///
    /// # Panics
    /// When the script is at its end: the test expected fewer calls.
    #[allow(clippy::should_implement_trait, reason = "a call, not an iteration: it has no end to reach")]
    pub fn next(&mut self) -> Result<T, E> {
        self.calls += 1;
        match self.results.next() {
            Some(result) => result,
            None => panic!("the script has {} results, and was called once more", self.calls - 1),
        }
    }

    /// How many calls were made.
    ///
    /// ```
    /// assert_eq!(steadfast::testing::Script::<(), ()>::new([]).calls(), 0);
    /// ```
    pub fn calls(&self) -> usize {
        self.calls
    }
}

/// An observer that remembers what it was told.
///
/// ```
/// use steadfast::testing::Recorder;
/// use steadfast::{Event, Policy, RpcError};
///
/// static SEEN: Recorder = Recorder::new();
/// Policy::new().observer(&SEEN).call(|| Ok::<_, RpcError>(7)).unwrap();
/// assert_eq!(SEEN.take(), [Event::AttemptStarted { attempt: 1 }, Event::AttemptSucceeded { attempt: 1, failures: 0 }]);
/// ```
#[derive(Debug, Default)]
pub struct Recorder(std::sync::Mutex<Vec<Event>>);

impl Recorder {
    /// A recorder that was told nothing yet.
    ///
    /// ```
    /// assert_eq!(steadfast::testing::Recorder::new().take(), []);
    /// ```
    pub const fn new() -> Self {
        Recorder(std::sync::Mutex::new(Vec::new()))
    }

    /// All events since the last time, in order.
    ///
    /// ```
    /// assert_eq!(steadfast::testing::Recorder::new().take(), []);
    /// ```
    pub fn take(&self) -> Vec<Event> {
        core::mem::take(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Observer for &Recorder {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(*event);
    }
}

/// A moment at a given instant, with the lowest draw: for tests of guards.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Then(pub u64);

#[cfg(test)]
impl crate::policy::Moment for Then {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0)
    }
    fn draw(&self) -> u64 {
        0
    }
}

/// Runs a future that never has to wait: with a [`TestClock`], every sleep is over at once.
///
/// ```
/// assert_eq!(steadfast::testing::block_on(async { 7 }), 7);
/// ```
///
/// # Panics
/// When the future waits for something else: nothing here could wake it.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let woken = Woken::new();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut woken.context()) {
            Poll::Ready(value) => return value,
            // It only let others go on.
            Poll::Pending if woken.take() => {}
            Poll::Pending => panic!("the future waits for something that is not the test clock"),
        }
    }
}

/// Whether a future was woken, and so wants to be polled again.
pub(crate) struct Woken(Arc<Flag>, Waker);

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Woken {
    pub fn new() -> Self {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        Woken(flag.clone(), flag.into())
    }

    pub fn context(&self) -> Context<'_> {
        Context::from_waker(&self.1)
    }

    pub fn take(&self) -> bool {
        self.0.0.swap(false, Ordering::Relaxed)
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub const fn new(seed: u64) -> Self {
        SplitMix(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
