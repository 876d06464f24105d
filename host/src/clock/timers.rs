//! Sleeps and timeouts. In simulated time they end to the nanosecond: the runtime's own timers know milliseconds alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

thread_local! {
    /// Those of the simulation that this thread runs, if it runs one. Its runtime has no other thread.
    static CURRENT: RefCell<Option<Rc<Timers>>> = const { RefCell::new(None) };
}

/// Further ahead than any simulation is long: as far as the runtime takes one that has no end.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// All sleeps of a simulation, the earliest first; of several at the same time, that which was asked for first.
#[derive(Default)]
struct Timers {
    sleeping: RefCell<BTreeMap<(Instant, u64), Waker>>,
    last: Cell<u64>,
    /// Brings the runtime close to the next sleep's end.
    alarm: RefCell<Option<Pin<Box<Sleep>>>>,
}

/// While this is there, sleeps on this thread are exact.
pub(super) struct Exact;

impl Exact {
    pub fn begin() -> Self {
        CURRENT.set(Some(Rc::default()));
        Exact
    }
}

impl Drop for Exact {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

fn current() -> Option<Rc<Timers>> {
    CURRENT.with_borrow(Clone::clone)
}

/// The runtime calls this when all are waiting: it is time for the next sleep to end.
pub(super) fn idle() {
    if let Some(timers) = current() {
        timers.advance();
    }
}

/// Sleeps for so long.
pub(crate) async fn sleep(duration: Duration) {
    let now = Instant::now();
    sleep_until(now.checked_add(duration).unwrap_or_else(|| now + FAR)).await;
}

/// Sleeps until then.
pub(crate) async fn sleep_until(end: Instant) {
    // Only the key crosses an await: a future of a host may move to another thread.
    match current().map(|timers| timers.number()) {
        Some(number) => Sleeping((end, number)).await,
        None => tokio::time::sleep_until(end).await,
    }
}

/// The output of `future`, or none if that takes longer than `limit`.
pub(crate) async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // In the order of the file: chance would make two outcomes of one seed.
        biased;
        output = future => Some(output),
        () = sleep(limit) => None,
    }
}

/// The key of a sleep.
struct Sleeping((Instant, u64));

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match current() {
            Some(timers) if Instant::now() < self.0.0 => {
                timers.sleeping.borrow_mut().insert(self.0, context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        if let Some(timers) = current() {
            timers.sleeping.borrow_mut().remove(&self.0);
        }
    }
}

/// The runtime's timers end up to two milliseconds late: they are rounded up, and it counts from where it is.
const COARSE: Duration = Duration::from_millis(2);

impl Timers {
    /// Of the next sleep.
    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// Brings the clock to the end of the next sleep, and wakes all who sleep until then. Timers of the runtime may be
    /// due before that. So where it is far, the runtime goes most of the way by itself.
    fn advance(&self) {
        let Some(end) = self.sleeping.borrow().first_key_value().map(|((end, _), _)| *end) else { return };
        let left = end.saturating_duration_since(Instant::now());
        if left > COARSE {
            return self.wake_runtime_at(end - COARSE);
        }
        if !left.is_zero() {
            // The first poll moves the clock. The second would only have others run before.
            let _ = pin!(tokio::time::advance(left)).poll(&mut Context::from_waker(Waker::noop()));
        }
        while let Some(waker) = self.take_until(end) {
            waker.wake();
        }
    }

    /// The first of those who sleep until then.
    fn take_until(&self, end: Instant) -> Option<Waker> {
        let mut sleeping = self.sleeping.borrow_mut();
        let first = sleeping.first_entry()?;
        (first.key().0 <= end).then(|| first.remove())
    }

    fn wake_runtime_at(&self, time: Instant) {
        let mut alarm = self.alarm.borrow_mut();
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(time)));
        alarm.as_mut().reset(time);
        // That it ends is enough: the runtime is idle again then, and asks once more.
        let _ = alarm.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::run;
    use super::*;

    const US: Duration = Duration::from_micros(1);

    #[test]
    fn short_sleeps_are_not_rounded_up() {
        let slept = run(async {
            let start = Instant::now();
            for _ in 0..100 {
                sleep(300 * US).await;
            }
            start.elapsed()
        });
        assert_eq!(slept, Duration::from_millis(30));
    }

    #[test]
    fn sleeps_end_in_the_order_of_their_ends() {
        let ended = run(async {
            let (start, ended) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
            let mut tasks = tokio::task::JoinSet::new();
            for (name, micros) in [("last", 90_000_000), ("b", 7), ("a", 3), ("b again", 7), ("an hour", 3_600_000_000)]
            {
                let ended = ended.clone();
                tasks.spawn(async move {
                    sleep(micros * US).await;
                    ended.lock().unwrap().push((name, start.elapsed()));
                });
            }
            tasks.join_all().await;
            Arc::into_inner(ended).unwrap().into_inner().unwrap()
        });
        let expected = [("a", 3), ("b", 7), ("b again", 7), ("last", 90_000_000), ("an hour", 3_600_000_000)];
        assert_eq!(ended, expected.map(|(name, micros)| (name, micros * US)));
    }

    #[test]
    fn timers_of_the_runtime_keep_their_place_among_them() {
        run(async {
            let start = Instant::now();
            let runtimes = async {
                for millis in [5, 50, 500, 60_000] {
                    tokio::time::sleep_until(start + Duration::from_millis(millis)).await;
                    let late = start.elapsed() - Duration::from_millis(millis);
                    assert!(late < Duration::from_millis(3), "{late:?} after {millis} ms");
                }
            };
            let exact = async {
                for number in 1..200_000 {
                    sleep(333 * US).await;
                    assert_eq!(start.elapsed(), 333 * US * number);
                }
            };
            let far = async {
                sleep(Duration::from_secs(100)).await;
                assert_eq!(start.elapsed(), Duration::from_secs(100));
            };
            tokio::join!(runtimes, exact, far);
        });
    }

    #[test]
    fn a_sleep_that_is_abandoned_moves_no_clock() {
        run(async {
            let start = Instant::now();
            assert_eq!(timeout(Duration::from_secs(60), sleep(Duration::from_secs(1))).await, Some(()));
            assert_eq!(timeout(Duration::from_secs(1), sleep(Duration::MAX)).await, None);
            tokio::task::yield_now().await;
            assert_eq!(start.elapsed(), Duration::from_secs(2));
            assert!(current().unwrap().sleeping.borrow().is_empty());
        });
        assert!(current().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_simulation_the_runtime_sleeps() {
        let start = Instant::now();
        sleep(300 * US).await;
        assert_eq!(start.elapsed(), Duration::from_millis(1));
    }
}
