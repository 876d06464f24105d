//! A breaker's state as bytes, to be carried from one instance to the next.

use core::fmt;

use super::machine::{Phase, Probes, State};
use super::settings::Settings;
use super::window::{Counts, Tally};
use super::wire::{Reader, Writer, checksum};
use crate::failure::{CAUSES, Cause};
use crate::platform::clock::Instant;

/// Changes when the bytes mean something else.
const VERSION: u8 = 2;

/// A breaker's whole state as bytes: [`BreakerControl::snapshot`](super::BreakerControl::snapshot).
///
/// At most 296 bytes: no heap, nothing of this instance's clock. Calls in flight are not part of it.
///
/// ```
/// use steadfast::{Breaker, Policy};
///
/// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
/// let bytes = policy.breaker_control().snapshot().as_bytes().to_vec();
/// assert!(policy.breaker_control().restore(&bytes).is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BreakerSnapshot(Writer);

impl BreakerSnapshot {
    /// The bytes, to be stored.
    ///
    /// ```
    /// use steadfast::{Breaker, Policy};
    ///
    /// let policy = Policy::new().breaker(Breaker::consecutive_failures(5));
    /// assert_eq!(policy.breaker_control().snapshot().as_bytes().len(), 32);
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        self.0.written()
    }
}

impl AsRef<[u8]> for BreakerSnapshot {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for BreakerSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BreakerSnapshot").field(&self.as_bytes()).finish()
    }
}

/// Why a snapshot was not restored. Nothing was changed.
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
    /// It is not a snapshot, or not all of one.
    Damaged,
    /// It was made by another version of this crate.
    OtherVersion,
    /// It was made by a breaker with other settings, and makes no sense in this one.
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

impl<T: Tally> State<T> {
    pub fn snapshot(&self, settings: &Settings, now: Instant) -> BreakerSnapshot {
        let (phase, cause, outcomes, left) = match self.phase {
            Phase::Closed(_) => (0, Cause::Other, Counts::default(), 0),
            Phase::Open { until, cause } => {
                // On a clock that stepped back it may look longer than it is.
                let left = until.nanos_since(now);
                (1, cause, Counts::default(), left.min(settings.longest_break()))
            }
            Phase::HalfOpen { outcomes, cause, .. } => (2, cause, outcomes, 0),
            Phase::ForcedOpen => (3, Cause::Other, Counts::default(), 0),
            Phase::ForcedClosed => (4, Cause::Other, Counts::default(), 0),
        };
        let cause = (0..).zip(CAUSES).find(|(_, other)| *other == cause).map_or(0, |(index, _)| index);
        // There are no more outcomes than probes, and of those few.
        let [calls, failures, slow] = [outcomes.calls, outcomes.failures, outcomes.slow].map(|count| count as u8);
        let mut writer = Writer::EMPTY;
        writer.bytes(&[
            VERSION,
            settings.snapshot_kind(),
            u8::from(self.observes_only),
            phase,
            cause,
            calls,
            failures,
            slow,
        ]);
        writer.u64(left);
        writer.u64(self.next_break);
        if let Phase::Closed(tally) = &self.phase {
            tally.write(settings, now, &mut writer);
        }
        writer.u32(checksum(writer.written()));
        BreakerSnapshot(writer)
    }

    /// Takes over what `bytes` say, as a new generation: the outcomes of calls in flight will be late.
    pub fn restore(&mut self, settings: &Settings, now: Instant, bytes: &[u8]) -> Result<(), BadSnapshot> {
        let (body, expected) = bytes.split_last_chunk().ok_or(BadSnapshot::Damaged)?;
        if checksum(body) != u32::from_le_bytes(*expected) {
            return Err(BadSnapshot::Damaged);
        }
        if body.first() != Some(&VERSION) {
            return Err(BadSnapshot::OtherVersion);
        }
        let mut reader = Reader(body);
        let restored = read(settings, now, &mut reader).filter(|_| reader.0.is_empty());
        let (observes_only, phase, next_break) = restored.ok_or(BadSnapshot::OtherSettings)?;
        self.observes_only = observes_only;
        self.next_break = next_break;
        self.enter(phase);
        Ok(())
    }
}

/// `None` where a breaker with these settings cannot have come to such a state.
fn read<T: Tally>(settings: &Settings, now: Instant, reader: &mut Reader<'_>) -> Option<(bool, Phase<T>, u64)> {
    let [_version, kind, observes_only, phase, cause, calls, failures, slow] = reader.bytes()?;
    if kind != settings.snapshot_kind() || observes_only > 1 {
        return None;
    }
    let cause = *CAUSES.get(usize::from(cause))?;
    let outcomes = Counts { calls: calls.into(), failures: failures.into(), slow: slow.into() };
    let (left, next_break) = (reader.u64()?, reader.u64()?);
    if next_break != 0 && !(settings.open_for..=settings.longest_without_jitter()).contains(&next_break) {
        return None;
    }
    let undecided = outcomes.calls < settings.probes && T::trips(settings, outcomes, true).is_none();
    let phase = match phase {
        0 => Phase::Closed(T::read(settings, now, reader)?),
        1 if left <= settings.longest_break() => Phase::Open { until: now.after(left), cause },
        2 if failures.max(slow) <= calls && undecided => Phase::HalfOpen { outcomes, cause, probes: Probes::RESTORED },
        3 if observes_only == 0 => Phase::ForcedOpen,
        4 if observes_only == 0 => Phase::ForcedClosed,
        _ => return None,
    };
    Some((observes_only == 1, phase, next_break))
}
