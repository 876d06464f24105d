//! The gradient against a target of known capacity, in simulated time: case 28.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// Clients that always want more than their limits allow, in front of one target. It serves `capacity` calls at a time
/// and shares its time among more: a call takes `base` times max(in flight, capacity) / capacity.
struct Target {
    capacity: u32,
    /// In nanoseconds.
    base: u64,
    /// By how much a call may take longer or shorter, as a fraction.
    noise: f64,
    draws: SplitMix,
    now: u64,
    clients: Vec<Limiter<Gradient>>,
    /// How many seconds each client begins after the one before it.
    apart: u64,
    /// When each call is over, whose it is, and its mark.
    under_way: BinaryHeap<Reverse<(u64, usize, u64)>>,
}

impl Target {
    fn new(clients: impl IntoIterator<Item = Concurrency<Gradient>>) -> Self {
        let clients = clients.into_iter().map(Limiter::new).collect();
        let (draws, under_way) = (SplitMix::new(28), BinaryHeap::new());
        Target { capacity: 20, base: SECOND / 10, noise: 0.0, draws, now: 1, apart: 0, clients, under_way }
    }

    /// Starts as many calls as the limits allow.
    fn fill(&mut self) {
        for client in 0..self.clients.len() {
            while self.now >= client as u64 * self.apart * SECOND
                && let Some(mark) = self.clients[client].enter(self.now)
            {
                let in_flight = self.under_way.len() as u64 + 1;
                let capacity = u64::from(self.capacity);
                let took = self.base * in_flight.max(capacity) / capacity;
                let uniform = self.draws.next() as f64 / u64::MAX as f64;
                let took = (took as f64 * (1.0 + self.noise * (2.0 * uniform - 1.0))) as u64;
                self.under_way.push(Reverse((self.now + took, client, mark)));
            }
        }
    }

    /// The sum of all limits.
    fn limits(&self) -> f64 {
        self.clients.iter().map(|client| f64::from(client.limit())).sum()
    }

    /// Lets so many seconds pass, and shows the sum of the limits and the calls in flight in each.
    fn run(&mut self, seconds: u64, mut each: impl FnMut(u64, f64, u32)) {
        for second in 0..seconds {
            let end = self.now + SECOND;
            self.fill();
            while let Some(&Reverse((over, client, mark))) = self.under_way.peek()
                && over <= end
            {
                self.under_way.pop();
                self.now = over;
                self.clients[client].leave(mark, Signal::Success, over);
                self.fill();
            }
            self.now = end;
            each(second, self.limits(), self.under_way.len() as u32);
        }
    }
}

/// Within 1.5 times of what the target serves at a time.
fn fits(limits: f64, capacity: u32) -> bool {
    let capacity = f64::from(capacity);
    limits * 1.5 >= capacity && limits <= capacity * 1.5
}

// case 28
#[test]
fn the_limit_stays_near_the_capacity_for_an_hour() {
    for (tolerance, noise) in [(1.25, 0.0), (1.0, 0.0), (1.5, 0.0), (3.0, 0.0), (1.25, 0.5), (1.0, 0.2), (1.5, 0.5)] {
        let mut target = Target::new([GRADIENT.tolerance(tolerance)]);
        target.noise = noise;
        let mut least = u32::MAX;
        target.run(3_600, |second, limits, in_flight| {
            assert!(fits(limits, 20), "{limits} after {second} s, tolerance {tolerance}, noise {noise}");
            // The first base is searched for with few calls.
            least = if second < 10 { least } else { least.min(in_flight) };
        });
        assert!(noise > 0.0 || fits(least.into(), 20), "in flight: {least}, tolerance {tolerance}");
    }
}

// case 28
#[test]
fn the_limit_is_found_from_any_start() {
    for start in [1, 5, 50, 200] {
        let mut target = Target::new([GRADIENT.start(start)]);
        target.run(600, |second, limits, _| {
            assert!(second < 180 || fits(limits, 20), "{limits} after {second} s from {start}");
        });
    }
}

// case 28
#[test]
fn the_limit_follows_a_capacity_that_halves_or_doubles() {
    for noise in [0.0, 0.2] {
        for tolerance in [1.25, 1.0, 1.5] {
            let mut target = Target::new([GRADIENT.tolerance(tolerance)]);
            target.noise = noise;
            target.run(600, |_, _, _| {});
            for capacity in [10, 20, 40, 20, 10, 20] {
                target.capacity = capacity;
                target.run(900, |second, limits, _| {
                    assert!(
                        second < 30 || fits(limits, capacity),
                        "{limits} of {capacity} after {second} s, tolerance {tolerance}, noise {noise}"
                    );
                });
            }
        }
    }
}

// case 28
#[test]
fn the_limit_follows_a_target_that_becomes_slower_or_faster() {
    let mut target = Target::new([GRADIENT]);
    target.run(600, |_, _, _| {});
    for millis in [200, 100, 50, 100] {
        target.base = millis * SECOND / 1_000;
        target.run(900, |second, limits, _| {
            assert!(second < 400 || fits(limits, 20), "{limits} after {second} s of {millis} ms");
        });
    }
}

// case 28
#[test]
fn several_clients_find_the_capacity_together() {
    for clients in [2, 3, 5] {
        for (tolerance, noise) in [(1.25, 0.0), (1.0, 0.2)] {
            // All at once, and one after the other.
            for apart in [0, 37] {
                let mut target = Target::new((0..clients).map(|_| GRADIENT.tolerance(tolerance)));
                (target.noise, target.apart) = (noise, apart);
                target.run(3_600, |second, limits, _| {
                    let what = format!("{clients} clients, {apart} s apart, tolerance {tolerance}, noise {noise}");
                    assert!(second < 240 || fits(limits, 20), "{limits} after {second} s: {what}");
                });
            }
        }
    }
}
