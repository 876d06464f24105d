//! What a closed breaker counts calls in: failures in a row, the last calls, or the last seconds.

use core::fmt::Debug;

use super::builder::{Consecutive, CountWindow, TimeWindow};
use super::settings::{BUCKETS, MAX_CALLS, Settings};
use super::wire::{Reader, Writer};
use crate::observe::Tripped;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;

/// In what a [`Breaker`](super::Breaker) counts calls: [`Consecutive`] failures, a [`CountWindow`] or a [`TimeWindow`].
/// It is a type, so that a component does not carry the kinds that it does not use.
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
}

impl Sealed for Consecutive {}
impl Sealed for CountWindow {}
impl Sealed for TimeWindow {}

impl Window for Consecutive {
    type Tally = InARow;
}

impl Window for CountWindow {
    type Tally = LastCalls;
}

impl Window for TimeWindow {
    type Tally = LastSeconds;
}

/// How many calls there were, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub calls: u32,
    pub failures: u32,
    pub slow: u32,
}

impl Counts {
    const NONE: Counts = Counts { calls: 0, failures: 0, slow: 0 };

    fn add(&mut self, more: Counts) {
        self.calls = self.calls.saturating_add(more.calls);
        self.failures = self.failures.saturating_add(more.failures);
        self.slow = self.slow.saturating_add(more.slow);
    }

    /// One more call. A part is never more than the whole, so it needs no check of its own.
    pub fn count(&mut self, failed: bool, slow: bool) {
        if self.calls < u32::MAX {
            self.calls += 1;
            self.failures += u32::from(failed);
            self.slow += u32::from(slow);
        }
    }
}

/// The outcomes that a closed breaker remembers.
pub trait Tally: Copy + Debug + PartialEq + 'static {
    const NEW: Self;
    /// Whether it matters when a call was.
    const CLOCKED: bool;

    fn record(&mut self, settings: &Settings, now: Instant, failed: bool, slow: bool);

    /// Whether a success that is not slow would change nothing that can be seen.
    fn is_calm(&self, settings: &Settings) -> bool;

    fn counts(self, settings: &Settings, now: Instant) -> Counts;

    /// Why these counts of calls open the breaker; of probes where it is half-open. The rates of probes decide once all
    /// are back, as in resilience4j.
    #[inline(never)] // With `record`, 107 bytes less.
    fn trips(settings: &Settings, counts: Counts, half_open: bool) -> Option<Tripped> {
        let minimum = if half_open { settings.probes } else { settings.minimum };
        if counts.calls < minimum {
            None
        } else if settings.failure_rate.reached(counts.failures, counts.calls) {
            Some(Tripped::FailureRate)
        } else if settings.slow_rate.reached(counts.slow, counts.calls) {
            Some(Tripped::SlowCalls)
        } else {
            None
        }
    }

    fn write(&self, settings: &Settings, now: Instant, writer: &mut Writer);

    /// `None` when what was written makes no sense under these settings.
    fn read(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<Self>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InARow {
    failures: u32,
}

impl Tally for InARow {
    const NEW: Self = InARow { failures: 0 };
    const CLOCKED: bool = false;

    fn record(&mut self, _: &Settings, _: Instant, failed: bool, _: bool) {
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
    }

    fn is_calm(&self, _: &Settings) -> bool {
        self.failures == 0
    }

    fn counts(self, _: &Settings, _: Instant) -> Counts {
        Counts { calls: self.failures, failures: self.failures, slow: 0 }
    }

    fn trips(settings: &Settings, counts: Counts, half_open: bool) -> Option<Tripped> {
        let (most, why) = if half_open { (1, Tripped::Probe) } else { (settings.failures, Tripped::Failures) };
        (counts.failures >= most).then_some(why)
    }

    fn write(&self, _: &Settings, _: Instant, writer: &mut Writer) {
        writer.u32(self.failures);
    }

    fn read(settings: &Settings, _: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        let failures = reader.u32()?;
        (failures < settings.failures).then_some(InARow { failures })
    }
}

/// How many calls a word of the ring holds: two bits each, whether it failed and whether it was slow. A byte each would
/// make a component 768 bytes larger.
const PER_WORD: usize = u32::BITS as usize / 2;
const FAILED: u32 = 1;
const SLOW: u32 = 2;

/// The outcomes of the last calls, in a ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastCalls {
    counts: Counts,
    /// The place of the next call.
    next: u32,
    ring: [u32; MAX_CALLS as usize / PER_WORD],
}

impl Tally for LastCalls {
    const NEW: Self = LastCalls { counts: Counts::NONE, next: 0, ring: [0; _] };
    const CLOCKED: bool = false;

    #[inline(never)] // It is called for failures and for successes: see `trips`.
    fn record(&mut self, settings: &Settings, _: Instant, failed: bool, slow: bool) {
        let (place, bit) = (self.next as usize / PER_WORD, self.next as usize % PER_WORD * 2);
        // Always within the ring, which the remainder says to the compiler.
        let word = &mut self.ring[place % (MAX_CALLS as usize / PER_WORD)];
        let (old, new) = (*word >> bit, u32::from(failed) * FAILED + u32::from(slow) * SLOW);
        *word ^= ((old & (FAILED | SLOW)) ^ new) << bit;
        self.counts.failures = self.counts.failures + u32::from(failed) - (old & FAILED);
        self.counts.slow = self.counts.slow + u32::from(slow) - (old & SLOW) / SLOW;
        self.counts.calls = (self.counts.calls + 1).min(settings.length);
        self.next = if self.next + 1 < settings.length { self.next + 1 } else { 0 };
    }

    // A full ring of successes is the same wherever its next place is.
    fn is_calm(&self, settings: &Settings) -> bool {
        self.counts == Counts { calls: settings.length, failures: 0, slow: 0 }
    }

    fn counts(self, _: &Settings, _: Instant) -> Counts {
        self.counts
    }

    fn write(&self, settings: &Settings, _: Instant, writer: &mut Writer) {
        for number in [settings.length, self.counts.calls, self.next] {
            writer.u32(number);
        }
        for word in self.ring {
            writer.u32(word);
        }
    }

    fn read(settings: &Settings, _: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        let (length, calls, next) = (reader.u32()?, reader.u32()?, reader.u32()?);
        // Until the ring is full, the next place is behind the last call.
        if length != settings.length || calls > length || next >= length || (calls < length && next != calls) {
            return None;
        }
        let mut tally = LastCalls { counts: Counts { calls, ..Counts::NONE }, next, ring: [0; _] };
        let mut left = calls as usize;
        for word in &mut tally.ring {
            *word = reader.u32()?;
            // No bits but those of calls.
            if left < PER_WORD && *word >> (left * 2) != 0 {
                return None;
            }
            left = left.saturating_sub(PER_WORD);
            const ALL_FAILED: u32 = u32::MAX / 3 * FAILED;
            tally.counts.failures += (*word & ALL_FAILED).count_ones();
            tally.counts.slow += (*word & !ALL_FAILED).count_ones();
        }
        (settings.counts_slow || tally.counts.slow == 0).then_some(tally)
    }
}

/// The outcomes of the last seconds, in buckets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastSeconds {
    /// When the newest bucket began, in nanoseconds.
    began: u64,
    newest: usize,
    buckets: [Counts; BUCKETS],
}

impl LastSeconds {
    /// Begins the bucket that `now` is in. However long nothing happened, it takes no more steps than there are
    /// buckets: after those, all are empty, and the next one may as well begin now. A clock that stepped back stays in
    /// the newest.
    fn turn(&mut self, settings: &Settings, now: Instant) {
        let now = now.as_nanos();
        for _ in 0..BUCKETS {
            if now.saturating_sub(self.began) < settings.bucket {
                return;
            }
            self.began = self.began.saturating_add(settings.bucket);
            self.newest = (self.newest + 1) % BUCKETS;
            self.buckets[self.newest % BUCKETS] = Counts::NONE;
        }
        if now.saturating_sub(self.began) >= settings.bucket {
            self.began = now;
        }
    }
}

impl Tally for LastSeconds {
    const NEW: Self = LastSeconds { began: 0, newest: 0, buckets: [Counts::NONE; BUCKETS] };
    const CLOCKED: bool = true;

    fn record(&mut self, settings: &Settings, now: Instant, failed: bool, slow: bool) {
        self.turn(settings, now);
        self.buckets[self.newest % BUCKETS].count(failed, slow);
    }

    // A success always adds to a bucket.
    fn is_calm(&self, _: &Settings) -> bool {
        false
    }

    fn counts(mut self, settings: &Settings, now: Instant) -> Counts {
        self.turn(settings, now);
        let mut sum = Counts::NONE;
        for bucket in self.buckets {
            sum.add(bucket);
        }
        sum
    }

    fn write(&self, settings: &Settings, now: Instant, writer: &mut Writer) {
        writer.u64(settings.bucket);
        writer.u64(now.as_nanos().saturating_sub(self.began));
        // The oldest first.
        for bucket in self.buckets.iter().cycle().skip(self.newest + 1).take(BUCKETS) {
            writer.u32(bucket.calls);
            writer.u32(bucket.failures);
            if settings.counts_slow {
                writer.u32(bucket.slow);
            }
        }
    }

    fn read(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        if reader.u64()? != settings.bucket {
            return None;
        }
        let began = now.as_nanos().saturating_sub(reader.u64()?);
        let mut buckets = [Counts::NONE; BUCKETS];
        for bucket in &mut buckets {
            bucket.calls = reader.u32()?;
            bucket.failures = reader.u32()?;
            bucket.slow = if settings.counts_slow { reader.u32()? } else { 0 };
            if bucket.failures.max(bucket.slow) > bucket.calls {
                return None;
            }
        }
        Some(LastSeconds { began, newest: BUCKETS - 1, buckets })
    }
}
