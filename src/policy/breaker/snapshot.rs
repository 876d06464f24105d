//! A breaker's state as bytes, to be carried from one instance to the next.

use core::fmt;

use super::machine::{Phase, Probes, State};
use super::settings::Settings;
use super::window::{Counts, Probed, Tally};
use crate::failure::{CAUSES, Cause};
use crate::platform::clock::Instant;

/// Moves when the bytes mean something else.
const VERSION: u8 = 1;

/// What the largest state takes, a count window with slow calls: 24 bytes of the machine, 9 of the window, two rings
/// of 128, and a sum of 4.
const CAPACITY: usize = 24 + 9 + 2 * 128 + 4;

/// A breaker's whole state as bytes: [`BreakerControl::snapshot`](super::BreakerControl::snapshot).
///
/// At most 293 bytes: no heap, nothing of this instance's clock. Calls that are under way are not part of it.
///
/// ```
/// use steadfast::{Breaker, Policy};
///
/// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
/// let bytes = policy.breaker_control().snapshot().as_bytes().to_vec();
/// assert!(policy.breaker_control().restore(&bytes).is_ok());
/// ```
#[derive(Clone, Copy)]
pub struct BreakerSnapshot {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl BreakerSnapshot {
    /// The bytes, to be kept wherever bytes can be.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// assert_eq!(policy.breaker_control().snapshot().as_bytes().len(), 32);
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl AsRef<[u8]> for BreakerSnapshot {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for BreakerSnapshot {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for BreakerSnapshot {}

impl fmt::Debug for BreakerSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BreakerSnapshot").field(&self.as_bytes()).finish()
    }
}

/// Why a snapshot was not restored: nothing was changed.
///
/// ```
/// use steadfast::{BadSnapshot, Breaker, Policy};
///
/// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
/// assert_eq!(policy.breaker_control().restore(b"?"), Err(BadSnapshot::Damaged));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSnapshot {
    /// It is no snapshot, or not whole.
    Damaged,
    /// It was made by another version of this crate.
    OtherVersion,
    /// It was made by a breaker with other settings, and would make no sense in this one.
    OtherSettings,
}

impl fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadSnapshot::Damaged => "the snapshot is damaged: start without it",
            BadSnapshot::OtherVersion => "the snapshot was made by another version: start without it",
            BadSnapshot::OtherSettings => "the snapshot was made by a breaker with other settings: start without it",
        })
    }
}

impl core::error::Error for BadSnapshot {}

/// Puts numbers one after the other, the least byte first.
#[derive(Debug)]
pub struct Writer(BreakerSnapshot);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        let BreakerSnapshot { bytes: all, len } = &mut self.0;
        for (to, from) in all.iter_mut().skip(*len).zip(bytes) {
            *to = *from;
        }
        *len += bytes.len();
    }
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }
}

/// Takes the numbers out again; `None` at the end.
#[derive(Debug)]
pub struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
    pub fn u8(&mut self) -> Option<u8> {
        self.bytes().map(u8::from_le_bytes)
    }
    pub fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }
    pub fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }
}

/// FNV-1a: one wrong byte never has the same sum, and it takes no table (draft-eastlake-fnv).
pub(super) fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl<T: Tally> State<T> {
    pub fn snapshot(&self, settings: &Settings, now: Instant) -> BreakerSnapshot {
        let (phase, cause, outcomes, left) = match self.phase {
            Phase::Closed(_) => (0, Cause::Other, Counts::default(), 0),
            Phase::Open { until, cause } => {
                // On a clock that stepped back it may look longer than it is.
                let left = until.as_nanos().saturating_sub(now.as_nanos());
                (1, cause, Counts::default(), left.min(settings.max_open_for()))
            }
            Phase::HalfOpen { outcomes, cause, .. } => (2, cause, outcomes, 0),
            Phase::Forced => (3, Cause::Other, Counts::default(), 0),
        };
        let mut writer = Writer(BreakerSnapshot { bytes: [0; CAPACITY], len: 0 });
        writer.u8(VERSION);
        writer.u8(T::KIND);
        writer.u8(u8::from(self.lenient));
        writer.u8(phase);
        writer.u8((0..).zip(CAUSES).find(|(_, other)| *other == cause).map_or(0, |(index, _)| index));
        // There are no more outcomes than probes, and of those few.
        writer.u8(outcomes.calls as u8);
        writer.u8(outcomes.failures as u8);
        writer.u8(outcomes.slow as u8);
        writer.u64(left);
        writer.u64(self.next_break);
        if let Phase::Closed(tally) = &self.phase {
            tally.write(settings, now, &mut writer);
        }
        writer.u32(sum(writer.0.as_bytes()));
        writer.0
    }

    /// Takes over what `bytes` say, under a number of its own: what is under way now comes too late.
    pub fn restore(&mut self, settings: &Settings, now: Instant, bytes: &[u8]) -> Result<(), BadSnapshot> {
        let (body, expected) = bytes.split_last_chunk().ok_or(BadSnapshot::Damaged)?;
        if sum(body) != u32::from_le_bytes(*expected) {
            return Err(BadSnapshot::Damaged);
        }
        match body {
            [VERSION, kind, ..] if *kind == T::KIND => {}
            [VERSION, ..] => return Err(BadSnapshot::OtherSettings),
            _ => return Err(BadSnapshot::OtherVersion),
        }
        let mut reader = Reader(body);
        let restored = read(settings, now, &mut reader).filter(|_| reader.0.is_empty());
        let (lenient, phase, next_break) = restored.ok_or(BadSnapshot::OtherSettings)?;
        self.lenient = lenient;
        self.next_break = next_break;
        self.enter(phase);
        Ok(())
    }
}

/// `None` where a breaker with these settings cannot have come to such a state.
fn read<T: Tally>(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<(bool, Phase<T>, u64)> {
    let [_version, _kind, lenient, phase, cause, calls, failures, slow] = reader.bytes()?;
    let cause = *CAUSES.get(usize::from(cause))?;
    let outcomes = Counts { calls: calls.into(), failures: failures.into(), slow: slow.into() };
    let (left, next_break) = (reader.u64()?, reader.u64()?);
    if next_break != 0 && !(settings.open_for..=settings.max_open_for()).contains(&next_break) {
        return None;
    }
    let phase = match phase {
        0 => Phase::Closed(T::read(settings, now, reader)?),
        1 if left <= settings.max_open_for() => {
            Phase::Open { until: Instant::from_nanos(now.as_nanos().saturating_add(left)), cause }
        }
        2 if failures.max(slow) <= calls && T::probed(settings, outcomes) == Probed::Undecided => {
            Phase::HalfOpen { outcomes, cause, probes: Probes::RESUMED }
        }
        3 => Phase::Forced,
        _ => return None,
    };
    (lenient <= 1).then_some((lenient == 1, phase, next_break))
}
