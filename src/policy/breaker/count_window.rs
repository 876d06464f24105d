//! A window over the last calls: one bit a call, in a ring.

use core::fmt::Debug;
use core::marker::PhantomData;

use super::settings::{MAX_CALLS, Settings};
use super::snapshot::{Reader, Writer};
use super::window::{Counts, Probed, Slowness, Tally, Window, rates_of_probes, too_high};
use crate::observe::Tripped;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;

/// Counts the rate of failures among the last calls, and with [`SlowCalls`](super::SlowCalls) that of slow calls.
///
/// **When to use it**: for a target that is called often, or where a rate should mean the same at any load.
/// **When not**: for one that is called so seldom that the window holds last night's failures: take a
/// [`TimeWindow`](super::TimeWindow). It reads no clock while the breaker is closed.
///
/// ```
/// use steadfast::{Breaker, CountWindow, Policy};
///
/// static GREETER: Policy<(Breaker<CountWindow>,)> =
///     Policy::new().breaker(Breaker::failure_rate(0.5).over_calls(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountWindow<S = ()>(PhantomData<S>);

impl<S: Slowness> Sealed for CountWindow<S> {}

impl<S: Slowness> Window for CountWindow<S> {
    type Tally = LastCalls<S>;
    const COUNTS_CALLS: bool = true;
    const TIMED: bool = S::WATCHED;
}

/// The outcomes of the last calls, in a ring that is filled from its end to its beginning, so that the place of
/// the next is also how many are left until it begins anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastCalls<S: Slowness> {
    /// How many places are left in this lap.
    left: u32,
    lap: Lap,
    failures: Ring,
    slow: S::Ring,
}

/// How far the ring is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lap {
    NotBegun,
    First,
    /// There was a call in every place.
    Later,
}

impl<S: Slowness> LastCalls<S> {
    /// The place of the next call.
    #[inline]
    fn next(&mut self, settings: &Settings) -> u32 {
        if self.left == 0 {
            self.begin_lap(settings);
        }
        self.left = self.left.wrapping_sub(1);
        self.left
    }

    #[cold]
    fn begin_lap(&mut self, settings: &Settings) {
        self.lap = if self.lap == Lap::NotBegun { Lap::First } else { Lap::Later };
        self.left = settings.length;
    }

    fn calls(&self, settings: &Settings) -> u32 {
        match self.lap {
            Lap::NotBegun => 0,
            // Never more are left than there are.
            Lap::First => settings.length.wrapping_sub(self.left),
            Lap::Later => settings.length,
        }
    }
}

impl<S: Slowness> Tally for LastCalls<S> {
    const NEW: Self = LastCalls { left: 0, lap: Lap::NotBegun, failures: Ring::NEW, slow: S::Ring::NEW };
    const CLOCKED: bool = false;
    const KIND: u8 = if S::WATCHED { 3 } else { 2 };

    // A full ring of successes is the same wherever it is turned to.
    fn is_clean(&self) -> bool {
        self.lap == Lap::Later && self.failures.set == 0 && self.slow.set() == 0
    }

    #[inline]
    fn succeeded(&mut self, settings: &Settings, _: Instant) {
        let place = self.next(settings);
        self.failures.clear(place);
        self.slow.clear(place);
    }

    fn record(&mut self, settings: &Settings, _: Instant, failed: bool, slow: bool) {
        let place = self.next(settings);
        self.failures.put(place, failed);
        self.slow.put(place, slow);
    }

    fn verdict(&self, settings: &Settings) -> Option<Tripped> {
        too_high(settings, S::WATCHED, settings.minimum, self.counts(settings, Instant::from_nanos(0)))
    }

    fn probed(settings: &Settings, outcomes: Counts) -> Probed {
        rates_of_probes(settings, S::WATCHED, outcomes)
    }

    fn counts(&self, settings: &Settings, _: Instant) -> Counts {
        Counts { calls: self.calls(settings), failures: self.failures.set, slow: self.slow.set() }
    }

    fn write(&self, settings: &Settings, _: Instant, writer: &mut Writer) {
        writer.u32(settings.length);
        writer.u32(self.left);
        writer.u8(self.lap as u8);
        self.failures.write(writer);
        self.slow.write(writer);
    }

    fn read(settings: &Settings, _: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.u32()?;
        let left = reader.u32()?;
        let (lap, places) = match reader.u8()? {
            0 if left == 0 => (Lap::NotBegun, 0..0),
            1 => (Lap::First, left..length),
            2 => (Lap::Later, 0..length),
            _ => return None,
        };
        let failures = Ring::read(reader)?;
        let slow = S::Ring::read(reader)?;
        let filled = |place: u32| places.contains(&place);
        let sound = length == settings.length && (left < length) && failures.only(filled) && slow.only(filled);
        sound.then_some(LastCalls { left, lap, failures, slow })
    }
}

/// A bit for each place of a ring.
pub trait Bits: Copy + Debug + PartialEq {
    const NEW: Self;
    fn clear(&mut self, place: u32);
    fn put(&mut self, place: u32, bit: bool);
    fn set(&self) -> u32;
    /// Whether bits are set in such places only.
    fn only(&self, allowed: impl Fn(u32) -> bool) -> bool;
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

impl Bits for () {
    const NEW: Self = ();
    #[inline]
    fn clear(&mut self, _: u32) {}
    #[inline]
    fn put(&mut self, _: u32, _: bool) {}
    #[inline]
    fn set(&self) -> u32 {
        0
    }
    fn only(&self, _: impl Fn(u32) -> bool) -> bool {
        true
    }
    fn write(&self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

const WORDS: usize = (MAX_CALLS / u32::BITS) as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    bits: [u32; WORDS],
    /// How many bits are set.
    set: u32,
}

impl Ring {
    /// The word of a place and the bit in it. No place lies outside, which the mask says to the compiler.
    #[inline]
    fn word(&mut self, place: u32) -> (&mut u32, u32) {
        (&mut self.bits[(place / u32::BITS) as usize % WORDS], 1 << (place % u32::BITS))
    }
}

impl Bits for Ring {
    const NEW: Self = Ring { bits: [0; WORDS], set: 0 };

    #[inline]
    fn clear(&mut self, place: u32) {
        // While nothing fails there is nothing to clear, which is cheaper to see than to do.
        if self.set == 0 {
            return;
        }
        let (word, bit) = self.word(place);
        if *word & bit != 0 {
            *word &= !bit;
            self.set = self.set.wrapping_sub(1);
        }
    }

    fn put(&mut self, place: u32, set: bool) {
        self.clear(place);
        if set {
            let (word, bit) = self.word(place);
            *word |= bit;
            self.set = self.set.wrapping_add(1);
        }
    }

    fn set(&self) -> u32 {
        self.set
    }

    fn only(&self, allowed: impl Fn(u32) -> bool) -> bool {
        let mut ring = *self;
        (0..MAX_CALLS).all(|place| {
            let (word, bit) = ring.word(place);
            *word & bit == 0 || allowed(place)
        })
    }

    fn write(&self, writer: &mut Writer) {
        for word in self.bits {
            writer.u32(word);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut ring = Ring::NEW;
        for word in &mut ring.bits {
            *word = reader.u32()?;
            ring.set += word.count_ones();
        }
        Some(ring)
    }
}
