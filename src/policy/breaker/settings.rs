//! The settings of a breaker as numbers, checked in one place whatever it counts.

use core::time::Duration;

use crate::platform::clock::{Instant, nanos};
use crate::policy::invalid::{Invalid, Value, refuse};

/// The most probes that [`Breaker::probes`] allows: each has a place in the state, which does not allocate.
pub const MAX_PROBES: usize = 16;

/// The most calls that [`FailureRate::over_calls`] allows: each has a bit in the state, which does not allocate.
pub const MAX_CALLS: u32 = 1024;

/// Into how many buckets a time window is cut: a tenth of the window is as exact as anybody sets it.
pub const BUCKETS: usize = 10;

/// The settings of every kind of breaker, so that they are checked in one place. Times are nanoseconds, as the
/// clock counts them. What a kind does not use has a value that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub(super) failures: u32,
    pub(super) failure_rate: Rate,
    /// Of a count window: how many calls it holds.
    pub(super) length: u32,
    /// Of a time window: how long each of its buckets lasts.
    pub(super) bucket: u64,
    pub(super) minimum: u32,
    pub(super) slow_rate: Rate,
    pub(super) slow_after: u64,
    pub(super) open_for: u64,
    pub(super) growth: Option<Growth>,
    pub(super) probes: u32,
    pub(super) probe_timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    pub(super) factor: f64,
    pub(super) max_open_for: u64,
}

/// A rate in parts of 2^32, rounded down: a rate that is a fraction of two counts is reached by just these counts,
/// and no float is on the way of a call. What is no rate is kept as the float's own bits, to be shown when it is
/// refused: those are zero or beyond all rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    const ONE: Rate = Rate(1 << 32);

    pub(super) const fn new(given: f64) -> Self {
        if !(given > 0.0 && given <= 1.0) {
            return Rate(given.to_bits());
        }
        let parts = (given * Self::ONE.0 as f64) as u64;
        // However low, a rate is not reached by nothing.
        Rate(if parts == 0 { 1 } else { parts })
    }

    const fn allowed(self) -> bool {
        self.0 != 0 && self.0 <= Self::ONE.0
    }

    const fn refused(self) -> Value {
        Value::Factor(f64::from_bits(self.0))
    }

    pub fn reached(self, part: u32, of: u32) -> bool {
        // Of a rate of at most 1, neither side goes beyond 64 bits.
        u64::from(part) << 32 >= self.0.wrapping_mul(u64::from(of))
    }
}

impl Settings {
    pub(super) const DEFAULT: Settings = Settings {
        failures: 1,
        failure_rate: Rate::ONE,
        length: 0,
        bucket: 1,
        minimum: 1,
        slow_rate: Rate::ONE,
        slow_after: 1,
        open_for: 5_000_000_000,
        growth: None,
        probes: 1,
        probe_timeout: 10_000_000_000,
    };

    pub(super) const fn slow_calls(self, rate: f64, longer_than: Duration) -> Self {
        Settings { slow_rate: Rate::new(rate), slow_after: nanos(longer_than), ..self }
    }

    pub(super) const fn check(&self, counts_calls: bool) -> Result<(), Invalid> {
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
        if let Some(growth) = self.growth {
            if !(growth.factor >= 1.0 && growth.factor.is_finite()) {
                refuse!("breaker growing", Value::Factor(growth.factor), "1 or more");
            }
            if growth.max_open_for < self.open_for {
                let max_open_for = Duration::from_nanos(growth.max_open_for);
                refuse!("breaker growing max_open_for", Value::Time(max_open_for), "at least open_for");
            }
        }
        if self.probes == 0 || self.probes as usize > MAX_PROBES {
            refuse!("breaker probes", Value::Count(self.probes), "from 1 to 16");
        }
        if self.probe_timeout == 0 {
            refuse!("breaker probe_timeout", Value::Time(Duration::ZERO), "longer than zero");
        }
        Ok(())
    }

    /// Whether any call can be slow: none takes longer than forever, and a clock need not be read for that.
    #[inline]
    pub(super) const fn tells_slow(&self) -> bool {
        self.slow_after != u64::MAX
    }

    #[inline]
    pub(super) fn is_slow(&self, began: Instant, now: Instant) -> bool {
        now.nanos_since(began) > self.slow_after
    }

    /// How long a break is that follows one of `open_for`.
    pub(super) fn longer_than(&self, open_for: u64) -> u64 {
        match self.growth {
            None => open_for,
            Some(Growth { factor, max_open_for }) => {
                ((open_for as f64 * factor) as u64).max(open_for).min(max_open_for)
            }
        }
    }

    /// The longest time to be open.
    pub(super) fn max_open_for(&self) -> u64 {
        self.growth.map_or(self.open_for, |growth| growth.max_open_for)
    }
}
