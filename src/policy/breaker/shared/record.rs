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
    /// `seen`: failures were seen since the last success, which the next success forgets.
    Closed { seen: bool },
    /// From `until` on, probes try. `next_break` is how long the next break is, without jitter.
    Open { until: u64, next_break: u64, cause: Cause },
}

impl Record {
    /// What there is before anything was written.
    pub const FIRST: Record = Record { generation: 0, phase: Phase::Closed { seen: false } };

    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    pub fn write(&self) -> Writer {
        let (kind, until, next_break, cause) = match self.phase {
            Phase::Closed { seen } => (u8::from(seen), 0, 0, Cause::Other),
            Phase::Open { until, next_break, cause } => (2, until, next_break, cause),
        };
        let cause = (0..).zip(CAUSES).find(|(_, other)| *other == cause).map_or(0, |(index, _)| index);
        let mut writer = Writer::EMPTY;
        writer.bytes(&[VERSION, kind, cause]);
        writer.u64(self.generation);
        writer.u64(until);
        writer.u64(next_break);
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
        let (generation, until, next_break) = (reader.u64()?, reader.u64()?, reader.u64()?);
        if version != VERSION || !reader.0.is_empty() {
            return None;
        }
        let phase = match kind {
            0 | 1 => Phase::Closed { seen: kind == 1 },
            2 => {
                // A component with other settings may have written it: then the breaks are those of this one.
                let next_break = next_break.clamp(settings.open_for, settings.longest_without_jitter());
                Phase::Open { until, next_break, cause: *CAUSES.get(usize::from(cause))? }
            }
            _ => return None,
        };
        Some(Record { generation, phase })
    }
}
