//! A target that works on so many calls at a time: further ones wait in a queue of bounded length, and those beyond it are
//! refused.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::Instant;

use super::Delay;

/// How much a target can do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Capacity {
    /// So many calls are worked on at a time.
    pub concurrency: u64,
    /// How long each of them takes.
    pub work: Delay,
    /// So many wait.
    pub queue: u64,
    /// What one that is refused is told.
    pub retry_after: Option<Duration>,
}

/// The calls that are being worked on, and those that wait. First come, first served: when a call comes, it is known when
/// it is done. So one whose caller goes away takes its time all the same, as it does with a server that is not told.
#[derive(Default)]
pub(super) struct Station {
    /// When each of those who work is free.
    free: BinaryHeap<Reverse<Instant>>,
    /// When each of those calls begins that wait, in the order of their coming.
    begins: VecDeque<Instant>,
}

impl Station {
    /// When a call is done that comes now; none, when it is refused.
    pub fn arrive(&mut self, capacity: &Capacity, now: Instant, chance: &mut StdRng) -> Option<Instant> {
        while self.begins.front().is_some_and(|begins| *begins <= now) {
            self.begins.pop_front();
        }
        let idle = (self.free.len() as u64) < capacity.concurrency;
        let begins = if idle { now } else { self.free.peek().map_or(now, |Reverse(free)| now.max(*free)) };
        if begins > now {
            if self.begins.len() as u64 >= capacity.queue {
                return None;
            }
            self.begins.push_back(begins);
        }
        if !idle {
            self.free.pop();
        }
        // Work without end is done at a time that no clock shows; it begins then.
        let done = begins.checked_add(capacity.work.draw(chance)).unwrap_or(begins);
        self.free.push(Reverse(done));
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn capacity(concurrency: u64, work: Delay, queue: u64) -> Capacity {
        Capacity { concurrency, work, queue, retry_after: None }
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn calls_wait_their_turn_and_those_beyond_are_refused() {
        let (mut station, mut chance, start) = (Station::default(), StdRng::seed_from_u64(1), Instant::now());
        let capacity = capacity(2, Delay::Constant(10 * MS), 3);
        let mut done = |at: u32| {
            let done = station.arrive(&capacity, start + at * MS, &mut chance);
            done.map(|done| (done - start).as_millis())
        };
        let burst = [0; 6].map(&mut done);
        assert_eq!(burst, [Some(10), Some(10), Some(20), Some(20), Some(30), None]);
        // Two of those that waited began, so there is room for two.
        assert_eq!([10; 3].map(&mut done), [Some(30), Some(40), None]);
        assert_eq!([100; 3].map(&mut done), [Some(110), Some(110), Some(120)]);
    }

    #[test]
    fn without_a_queue_no_call_waits() {
        let (mut station, mut chance, now) = (Station::default(), StdRng::seed_from_u64(1), Instant::now());
        let capacity = capacity(1, Delay::Constant(10 * MS), 0);
        assert_eq!(station.arrive(&capacity, now, &mut chance), Some(now + 10 * MS));
        assert_eq!(station.arrive(&capacity, now + 9 * MS, &mut chance), None);
        assert_eq!(station.arrive(&capacity, now + 10 * MS, &mut chance), Some(now + 20 * MS));
    }

    /// The mean wait of a million calls that come by chance, each of 10 ms of work by chance.
    fn mean_wait(concurrency: u64, between: Duration) -> f64 {
        const CALLS: u32 = 1_000_000;
        let (mut station, mut chance) = (Station::default(), StdRng::seed_from_u64(7));
        let (mut traffic, mut work) = (StdRng::seed_from_u64(8), StdRng::seed_from_u64(7));
        let capacity = capacity(concurrency, Delay::Exponential(10 * MS), u64::MAX);
        let (mut now, mut waited) = (Instant::now(), Duration::ZERO);
        for _ in 0..CALLS {
            now += Delay::Exponential(between).draw(&mut traffic);
            let done = station.arrive(&capacity, now, &mut chance).unwrap();
            waited += done - now - Delay::Exponential(10 * MS).draw(&mut work);
        }
        (waited / CALLS).as_secs_f64()
    }

    #[test]
    fn waits_are_those_of_queueing_theory() {
        // M/M/1, of which half is used: the mean wait is the utilisation times the work, over what is not used.
        let wait = mean_wait(1, 20 * MS);
        assert!((wait / 0.010 - 1.0).abs() < 0.02, "{wait}");
        // M/M/2, of which half is used. By Erlang's formula a third of the calls wait, and those do for 10 ms in the mean.
        let wait = mean_wait(2, 10 * MS);
        assert!((wait / (0.010 / 3.0) - 1.0).abs() < 0.02, "{wait}");
    }
}
