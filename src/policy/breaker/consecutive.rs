//! Failures in a row.

use super::settings::Settings;
use super::snapshot::{Reader, Writer};
use super::window::{Counts, Probed, Tally, Window};
use crate::observe::Tripped;
use crate::platform::clock::Instant;
use crate::policy::sealed::Sealed;

/// Counts failures in a row: the cheapest, and the one to begin with.
///
/// **When to use it**: for a target that is either there or not. **When not**: for one that fails every other call
/// for minutes; it never fails often enough in a row, and its rate tells.
///
/// ```
/// use steadfast::{Breaker, Consecutive};
///
/// let breaker: Breaker<Consecutive> = Breaker::consecutive_failures(5);
/// assert!(breaker.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consecutive;

impl Sealed for Consecutive {}

impl Window for Consecutive {
    type Tally = InARow;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InARow {
    failures: u32,
}

impl Tally for InARow {
    const NEW: Self = InARow { failures: 0 };
    const CLOCKED: bool = false;
    const KIND: u8 = 1;

    fn is_clean(&self) -> bool {
        self.failures == 0
    }

    #[inline]
    fn succeeded(&mut self, _: &Settings, _: Instant) {
        self.failures = 0;
    }

    fn record(&mut self, _: &Settings, _: Instant, failed: bool, _: bool) {
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
    }

    fn verdict(&self, settings: &Settings) -> Option<Tripped> {
        (self.failures >= settings.failures).then_some(Tripped::Failures)
    }

    fn probed(settings: &Settings, outcomes: Counts) -> Probed {
        if outcomes.failures > 0 {
            Probed::NotBack(Tripped::Probe)
        } else if outcomes.calls >= settings.probes {
            Probed::Back
        } else {
            Probed::Undecided
        }
    }

    fn counts(&self, _: &Settings, _: Instant) -> Counts {
        Counts { calls: self.failures, failures: self.failures, slow: 0 }
    }

    fn write(&self, _: &Settings, _: Instant, writer: &mut Writer) {
        writer.u32(self.failures);
    }

    fn read(settings: &Settings, _: Instant, reader: &mut Reader<'_>) -> Option<Self> {
        let failures = reader.u32()?;
        (failures < settings.failures).then_some(InARow { failures })
    }
}
