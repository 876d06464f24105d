//! What the store holds about a generation, as bytes.

use super::super::settings::Settings;
use super::super::wire::{Reader, Writer, checksum};
use crate::failure::{CAUSES, Cause};

/// Changes when the bytes mean something else.
const VERSION: u8 = 1;

/// What a breaker is in one generation. Each state that it enters is one generation further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub generation: u64,
    pub phase: Phase,
}

/// Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `failures` were seen since the last success, which the next success forgets. In a store that counts them in a key
    /// of their own, it is one at most.
    Closed { failures: u32 },
    /// From `until` on, probes try. `next_break` is how long the next break is, without jitter.
    Open { until: u64, next_break: u64, cause: Cause },
    /// In a store that swaps: so many places of probes are `taken`, of which `back` have succeeded. The `newest` probe
    /// began then.
    HalfOpen { newest: u64, next_break: u64, cause: Cause, taken: u32, back: u32 },
}

impl Record {
    /// What there is before anything was written.
    pub const FIRST: Record = Record { generation: 0, phase: Phase::Closed { failures: 0 } };

    /// The state after this one.
    pub fn next(&self, phase: Phase) -> Record {
        Record { generation: self.generation.saturating_add(1), phase }
    }

    /// Whether it is open or half-open.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closed { .. })
    }

    /// The failure that opened it.
    pub fn cause(&self) -> Cause {
        match self.phase {
            Phase::Open { cause, .. } | Phase::HalfOpen { cause, .. } => cause,
            Phase::Closed { .. } => Cause::Other,
        }
    }

    pub fn write(&self) -> Writer {
        let (kind, number, next_break) = match self.phase {
            Phase::Closed { failures } => (u8::from(failures > 0), failures.into(), 0),
            Phase::Open { until, next_break, .. } => (2, until, next_break),
            Phase::HalfOpen { newest, next_break, .. } => (3, newest, next_break),
        };
        let cause = (0..).zip(CAUSES).find(|(_, other)| *other == self.cause()).map_or(0, |(index, _)| index);
        let mut writer = Writer::EMPTY;
        writer.bytes(&[VERSION, kind, cause]);
        writer.u64(self.generation);
        writer.u64(number);
        writer.u64(next_break);
        if let Phase::HalfOpen { taken, back, .. } = self.phase {
            writer.u32(taken);
            writer.u32(back);
        }
        writer.u32(checksum(writer.written()));
        writer
    }

    /// `None` for bytes that are damaged, of another version, or something else: they are replaced by the next write.
    pub fn read(settings: &Settings, bytes: &[u8]) -> Option<Record> {
        let (body, expected) = bytes.split_last_chunk()?;
        if checksum(body) != u32::from_le_bytes(*expected) {
            return None;
        }
        let mut reader = Reader(body);
        let [version, kind, cause] = reader.bytes()?;
        let (generation, number, next_break) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let (taken, back) = if kind == 3 { (reader.u32()?, reader.u32()?) } else { (0, 0) };
        if version != VERSION || !reader.0.is_empty() {
            return None;
        }
        // A component with other settings may have written it: then the breaks are those of this one.
        let next_break = next_break.clamp(settings.open_for, settings.longest_without_jitter());
        let cause = *CAUSES.get(usize::from(cause))?;
        let phase = match kind {
            0 => Phase::Closed { failures: 0 },
            1 => Phase::Closed { failures: u32::try_from(number).unwrap_or(u32::MAX).max(1) },
            2 => Phase::Open { until: number, next_break, cause },
            3 => Phase::HalfOpen { newest: number, next_break, cause, taken, back },
            _ => return None,
        };
        Some(Record { generation, phase })
    }
}
