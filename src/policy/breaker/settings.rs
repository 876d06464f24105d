//! The settings of a breaker as numbers, and their checks.

use core::time::Duration;

use crate::policy::invalid::{Invalid, Value, refuse};

/// The most [probes](super::Breaker::probes): each has a place in the state, which does not allocate.
pub const MAX_PROBES: usize = 16;

/// The most [calls of a window](super::FailureRate::over_calls): each has two bits in the state, without allocation.
pub const MAX_CALLS: u32 = 1024;

/// Into how many buckets a time window is cut: a call then counts for at least nine tenths of the window.
pub const BUCKETS: usize = 10;

/// What a breaker counts calls in. In a snapshot these numbers tell the kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Consecutive = 1,
    Calls = 2,
    Time = 4,
}

/// The settings of every kind of breaker: one type, so that one check and one decision fit all. Times are nanoseconds.
/// What a kind does not use has a value that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub kind: Kind,
    pub failures: u32,
    pub failure_rate: Rate,
    /// Of a count window: how many calls it holds.
    pub length: u32,
    /// Of a time window: how long each of its buckets lasts.
    pub bucket: u64,
    pub minimum: u32,
    pub counts_slow: bool,
    pub slow_rate: Rate,
    pub slow_after: u64,
    pub open_for: u64,
    /// Each break is so many times as long as the one before; 1 where they do not grow.
    pub factor: f64,
    pub max_open_for: u64,
    pub jitter: f64,
    pub probes: u32,
    pub probe_timeout: u64,
}

/// A rate in parts of 2^32, rounded down: a rate that is a fraction of two counts is reached by exactly these counts,
/// and a call needs no floats. A value out of range keeps the bits of the float, for the message that refuses it: they
/// are zero or larger than those of all rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    const ONE: Rate = Rate(1 << 32);

    pub const fn new(given: f64) -> Self {
        if !(given > 0.0 && given <= 1.0) {
            return Rate(given.to_bits());
        }
        let parts = (given * Self::ONE.0 as f64) as u64;
        // However low the rate, it takes one failure to reach it.
        Rate(if parts == 0 { 1 } else { parts })
    }

    const fn allowed(self) -> bool {
        self.0 != 0 && self.0 <= Self::ONE.0
    }

    const fn refused(self) -> Value {
        Value::Factor(f64::from_bits(self.0))
    }

    pub fn reached(self, part: u32, of: u32) -> bool {
        // With a rate of at most 1, both sides fit into 64 bits.
        u64::from(part) << 32 >= self.0.wrapping_mul(u64::from(of))
    }
}

impl Settings {
    pub const DEFAULT: Settings = Settings {
        kind: Kind::Consecutive,
        failures: 1,
        failure_rate: Rate::ONE,
        length: 0,
        bucket: 1,
        minimum: 1,
        counts_slow: false,
        slow_rate: Rate::ONE,
        slow_after: u64::MAX,
        open_for: 5_000_000_000,
        factor: 1.0,
        max_open_for: u64::MAX,
        jitter: 0.0,
        probes: 1,
        probe_timeout: 10_000_000_000,
    };

    pub const fn check(&self) -> Result<(), Invalid> {
        let counts_calls = matches!(self.kind, Kind::Calls);
        if self.failures == 0 {
            refuse!("breaker failures", Value::Count(0), "1 or more");
        }
        if !self.failure_rate.allowed() {
            refuse!("breaker failure_rate", self.failure_rate.refused(), "above 0 and at most 1");
        }
        if counts_calls && (self.length == 0 || self.length > MAX_CALLS) {
            refuse!("breaker over_calls", Value::Count(self.length), "from 1 to 1024");
        }
        if self.bucket == 0 {
            refuse!("breaker over_time", Value::Time(Duration::ZERO), "10 ns or longer");
        }
        if self.minimum == 0 {
            refuse!("breaker minimum_calls", Value::Count(0), "1 or more");
        }
        if counts_calls && self.minimum > self.length {
            refuse!("breaker minimum_calls", Value::Count(self.minimum), "at most the calls of the window");
        }
        if !self.slow_rate.allowed() {
            refuse!("breaker slow_calls", self.slow_rate.refused(), "above 0 and at most 1");
        }
        if self.slow_after == 0 {
            refuse!("breaker slow_calls longer_than", Value::Time(Duration::ZERO), "longer than zero");
        }
        if self.open_for == 0 {
            refuse!("breaker open_for", Value::Time(Duration::ZERO), "longer than zero");
        }
        if !(self.factor >= 1.0 && self.factor.is_finite()) {
            refuse!("breaker growing", Value::Factor(self.factor), "1 or more");
        }
        if self.max_open_for < self.open_for {
            let max_open_for = Duration::from_nanos(self.max_open_for);
            refuse!("breaker growing max_open_for", Value::Time(max_open_for), "at least open_for");
        }
        if !(self.jitter >= 0.0 && self.jitter <= 1.0) {
            refuse!("breaker jitter", Value::Factor(self.jitter), "from 0 to 1");
        }
        if self.probes == 0 || self.probes as usize > MAX_PROBES {
            refuse!("breaker probes", Value::Count(self.probes), "from 1 to 16");
        }
        if self.probe_timeout == 0 {
            refuse!("breaker probe_timeout", Value::Time(Duration::ZERO), "longer than zero");
        }
        Ok(())
    }

    /// What a closed breaker's snapshot holds: its kind of window, with slow calls or without.
    pub fn snapshot_kind(&self) -> u8 {
        self.kind as u8 + u8::from(self.counts_slow)
    }

    /// How long the break after one of `open_for` is, without jitter.
    pub fn break_after(&self, open_for: u64) -> u64 {
        if self.factor > 1.0 {
            ((open_for as f64 * self.factor) as u64).max(open_for).min(self.max_open_for)
        } else {
            open_for
        }
    }

    /// By how much jitter lengthens a break of `open_for`, by a number drawn uniformly from all of `u64`.
    pub fn jitter_of(&self, open_for: u64, draw: u64) -> u64 {
        let longest = ((open_for as f64 * self.jitter) as u64).min(self.max_open_for.saturating_sub(open_for));
        // By a float: 53 bits of the number are more than enough, and a product of 128 bits takes 80 bytes more.
        (draw as f64 / u64::MAX as f64 * longest as f64) as u64
    }

    /// The longest break, without jitter.
    pub fn longest_without_jitter(&self) -> u64 {
        if self.factor > 1.0 { self.max_open_for } else { self.open_for }
    }

    /// The longest break.
    pub fn longest_break(&self) -> u64 {
        let longest = self.longest_without_jitter();
        longest.saturating_add(self.jitter_of(longest, u64::MAX))
    }
}
