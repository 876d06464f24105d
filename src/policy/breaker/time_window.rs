//! A window over the last seconds: a few buckets, each a part of the time.

use core::fmt::Debug;
use core::marker::PhantomData;

use super::settings::{BUCKETS, Settings};
use super::snapshot::{Reader, Writer};
use super::window::{Counts, Probed, Slowness, Tally, Window, rates_of_probes, too_high};
use crate::observe::Tripped;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;

/// Counts the rate of failures within the last seconds, and with [`SlowCalls`](super::SlowCalls) that of slow calls.
///
/// The time is cut into 10 buckets and moves on by one of them at a time, so a call counts for the whole window or
/// up to a tenth less. A success counts at the last moment at which the policy looked at the clock, the beginning
/// of the call where a deadline did, so that it costs one look and no more.
///
/// **When to use it**: where the load differs much, and failures of an hour ago say nothing. **When not**: where the
/// look at the clock is too much for every call: take a [`CountWindow`](super::CountWindow).
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Breaker, Policy, TimeWindow};
///
/// static GREETER: Policy<(Breaker<TimeWindow>,)> =
///     Policy::new().breaker(Breaker::failure_rate(0.5).over_time(Duration::from_secs(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow<S = ()>(PhantomData<S>);

impl<S: Slowness> Sealed for TimeWindow<S> {}

impl<S: Slowness> Window for TimeWindow<S> {
    type Tally = LastSeconds<S>;
    const TIMED: bool = S::WATCHED;
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastSeconds<S: Slowness> {
    /// When the newest bucket began, in nanoseconds.
    began: u64,
    newest: usize,
    buckets: [Bucket<S::Count>; BUCKETS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket<C> {
    calls: u32,
    failures: u32,
    slow: C,
}

impl<C: Count> Bucket<C> {
    const EMPTY: Self = Bucket { calls: 0, failures: 0, slow: C::ZERO };
}

impl<S: Slowness> LastSeconds<S> {
    /// The bucket of now. A clock that stepped back stays in the newest.
    #[inline]
    fn at(&mut self, settings: &Settings, now: Instant) -> Option<&mut Bucket<S::Count>> {
        if now.as_nanos().saturating_sub(self.began) >= settings.bucket {
            self.turn(settings, now.as_nanos());
        }
        self.buckets.get_mut(self.newest)
    }

    /// Begins the bucket that `now` is in. However long nothing happened, it takes no more steps than there are
    /// buckets: after those, all are empty, and the next one may as well begin now.
    #[cold]
    fn turn(&mut self, settings: &Settings, now: u64) {
        for _ in 0..BUCKETS {
            if now.saturating_sub(self.began) < settings.bucket {
                return;
            }
            self.began = self.began.saturating_add(settings.bucket);
            self.newest = if self.newest + 1 < BUCKETS { self.newest + 1 } else { 0 };
            if let Some(bucket) = self.buckets.get_mut(self.newest) {
                *bucket = Bucket::EMPTY;
            }
        }
        if now.saturating_sub(self.began) >= settings.bucket {
            self.began = now;
        }
    }

    fn sum(&self) -> Counts {
        self.buckets.iter().fold(Counts::default(), |sum, bucket| Counts {
            calls: sum.calls.saturating_add(bucket.calls),
            failures: sum.failures.saturating_add(bucket.failures),
            slow: sum.slow.saturating_add(bucket.slow.get()),
        })
    }

    /// The buckets, the oldest first.
    fn in_order(&self) -> impl Iterator<Item = &Bucket<S::Count>> {
        self.buckets.iter().cycle().skip(self.newest + 1).take(BUCKETS)
    }
}

impl<S: Slowness> Tally for LastSeconds<S> {
    const NEW: Self = LastSeconds { began: 0, newest: 0, buckets: [Bucket::EMPTY; BUCKETS] };
    const CLOCKED: bool = true;
    const KIND: u8 = if S::WATCHED { 5 } else { 4 };

    // A success always adds to a bucket.
    fn is_clean(&self) -> bool {
        false
    }

    #[inline]
    fn succeeded(&mut self, settings: &Settings, now: Instant) {
        if let Some(bucket) = self.at(settings, now) {
            bucket.calls = bucket.calls.saturating_add(1);
        }
    }

    fn record(&mut self, settings: &Settings, now: Instant, failed: bool, slow: bool) {
        if let Some(bucket) = self.at(settings, now) {
            bucket.calls = bucket.calls.saturating_add(1);
            bucket.failures = bucket.failures.saturating_add(u32::from(failed));
            bucket.slow.add(slow);
        }
    }

    fn verdict(&self, settings: &Settings) -> Option<Tripped> {
        too_high(settings, S::WATCHED, settings.minimum, self.sum())
    }

    fn probed(settings: &Settings, outcomes: Counts) -> Probed {
        rates_of_probes(settings, S::WATCHED, outcomes)
    }

    fn counts(&self, settings: &Settings, now: Instant) -> Counts {
        let mut tally = *self;
        tally.at(settings, now);
        tally.sum()
    }

    fn write(&self, settings: &Settings, now: Instant, writer: &mut Writer) {
        writer.u64(settings.bucket);
        writer.u64(now.as_nanos().saturating_sub(self.began));
        for bucket in self.in_order() {
            writer.u32(bucket.calls);
            writer.u32(bucket.failures);
            bucket.slow.write(writer);
        }
    }

    fn read(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        let mut sound = reader.u64()? == settings.bucket;
        let mut tally = Self::NEW;
        tally.began = now.as_nanos().saturating_sub(reader.u64()?);
        tally.newest = BUCKETS - 1;
        for bucket in &mut tally.buckets {
            *bucket = Bucket { calls: reader.u32()?, failures: reader.u32()?, slow: S::Count::read(reader)? };
            sound &= bucket.failures <= bucket.calls && bucket.slow.get() <= bucket.calls;
        }
        sound.then_some(tally)
    }
}

/// A count, or none where nobody asks for it.
pub trait Count: Copy + Debug + PartialEq {
    const ZERO: Self;
    fn add(&mut self, one: bool);
    fn get(self) -> u32;
    fn write(self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

impl Count for () {
    const ZERO: Self = ();
    fn add(&mut self, _: bool) {}
    fn get(self) -> u32 {
        0
    }
    fn write(self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

impl Count for u32 {
    const ZERO: Self = 0;
    fn add(&mut self, one: bool) {
        *self = self.saturating_add(u32::from(one));
    }
    fn get(self) -> u32 {
        self
    }
    fn write(self, writer: &mut Writer) {
        writer.u32(self);
    }
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.u32()
    }
}
