//! What a breaker asks of a store, and in which order: correct however the operations of instances come between each
//! other.
//!
//! A store can set a key and count one up, and knows no condition. So nothing here depends on one:
//!
//! - Each state is a **generation**, with keys of its own: `open` and `closed` say what it is, `failures`, `probes`,
//!   `lease…` and `back` are counted in it. What comes late from an older generation writes only keys of that one, or
//!   of the next. Where a generation is said to be both, it is open: a success never undoes an opening.
//! - The key of the breaker itself is a **hint**, the one read that a call needs. A late write may set it back.
//!   Therefore each write of it is followed by a look at what is newer, and so is each decision to probe or to open.
//! - Failures are counted in a key of the generation. Who gets the threshold or more as the sum opens the next one,
//!   unless it is there: so an opening is not lost when an instance ends in the middle of it.
//! - A probe holds one of the first sums of `probes`, a **lease**. It ends after the probe's timeout on the holder's
//!   clock, and later by [`SKEW`] for all others.

use super::super::settings::Settings;
use super::record::{Phase, Record};
use crate::failure::{Cause, Reason};
use crate::observe::{Change, Tripped};
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::Rejected;
use crate::policy::shared::{PREFIX, SKEW, key};

/// How many generations keep their keys. A write that comes late by more than these could be taken for a new one.
const KEPT: u64 = 8;

/// How many newer generations are looked for at a time: more than there ever are, and an end in a store that is broken.
const MAX_STEPS: u32 = 64;

/// The breaker of one name in a store.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'p, S> {
    pub store: S,
    pub name: &'p str,
    pub settings: &'p Settings,
}

/// What a call that was let through brings back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// Of a closed breaker.
    Closed(Record),
    /// A probe, and when it began.
    Probe { record: Record, began: u64, first: bool },
}

impl<S: Store> Shared<'_, S> {
    fn now(&self) -> u64 {
        nanos(self.store.wall_time())
    }

    /// Of the breaker itself.
    fn hint(&self) -> String {
        [PREFIX, self.name].concat()
    }

    /// Of a generation.
    fn key(&self, generation: u64, what: &str) -> String {
        key(self.name, generation, what)
    }

    fn get(&self, key: &str) -> Result<Option<Record>, StoreFailed> {
        Ok(self.store.get(key)?.and_then(|bytes| Record::read(self.settings, &bytes)))
    }

    fn set(&self, key: &str, record: &Record) -> Result<(), StoreFailed> {
        self.store.set(key, record.write().written())
    }

    /// The newest generation from that of `record` on.
    fn latest(&self, mut record: Record) -> Result<Record, StoreFailed> {
        for _ in 0..MAX_STEPS {
            let generation = record.generation.saturating_add(1);
            let mut next = self.get(&self.key(generation, "open"))?;
            if next.is_none() {
                next = self.get(&self.key(generation, "closed"))?;
            }
            match next {
                Some(next) if next.generation == generation => record = next,
                _ => return Ok(record),
            }
        }
        Err(StoreFailed)
    }

    /// The newest generation.
    pub fn newest(&self) -> Result<Record, StoreFailed> {
        let hint = self.get(&self.hint())?.unwrap_or(Record::FIRST);
        self.latest(hint)
    }

    /// Enters a closed generation, unless it is one in which no failure was seen. Whether it was not.
    pub fn reset(&self) -> Result<bool, StoreFailed> {
        for _ in 0..MAX_STEPS {
            let newest = self.newest()?;
            if newest.phase == (Phase::Closed { seen: false }) {
                return Ok(false);
            }
            if self.enter(newest, Phase::Closed { seen: false })? {
                return Ok(true);
            }
        }
        Err(StoreFailed)
    }

    /// Has the hint say what the newest generation is; `record` is the newest that is known.
    fn publish(&self, mut record: Record) -> Result<(), StoreFailed> {
        let hint = self.hint();
        for _ in 0..MAX_STEPS {
            self.set(&hint, &record)?;
            let latest = self.latest(record)?;
            if latest.generation == record.generation {
                return Ok(());
            }
            record = latest;
        }
        Err(StoreFailed)
    }

    /// Enters the generation after `from`. False where others have already.
    fn enter(&self, from: Record, phase: Phase) -> Result<bool, StoreFailed> {
        let latest = self.latest(from)?;
        if latest.generation != from.generation {
            self.publish(latest)?;
            return Ok(false);
        }
        let next = Record { generation: from.generation.saturating_add(1), phase };
        self.set(&self.key(next.generation, if next.is_open() { "open" } else { "closed" }), &next)?;
        self.publish(next)?;
        if let Some(old) = next.generation.checked_sub(KEPT) {
            // What cannot be deleted stays, and does no harm.
            for what in ["open", "closed", "failures", "probes", "back"] {
                let _ = self.store.delete(&self.key(old, what));
            }
            for place in 1..=self.settings.probes {
                let _ = self.store.delete(&self.lease(old, place.into()));
            }
        }
        Ok(true)
    }

    /// Of a probe.
    fn lease(&self, generation: u64, place: u64) -> String {
        self.key(generation, &["lease", &place.to_string()].concat())
    }

    /// Whether a call may be made, by what all instances know.
    pub fn admit(&self) -> Result<Result<Ticket, Rejected>, StoreFailed> {
        let mut record = self.get(&self.hint())?.unwrap_or(Record::FIRST);
        let mut looked = false;
        // Twice where the hint is old, and once more where a lease has expired.
        for _ in 0..4 {
            let Phase::Open { until, next_break, cause } = record.phase else { return Ok(Ok(Ticket::Closed(record))) };
            let now = self.now();
            let left = until.saturating_sub(now);
            // More than the longest break is left by no clock that is within the bound.
            if left > 0 && left <= self.settings.longest_break().saturating_add(SKEW) {
                return Ok(Err(rejected(cause, left)));
            }
            if !looked {
                let latest = self.latest(record)?;
                if latest.generation != record.generation {
                    self.publish(latest)?;
                    record = latest;
                    continue;
                }
                looked = true;
            }
            let generation = record.generation;
            let place = self.store.increment(&self.key(generation, "probes"), 1)?;
            if place <= self.settings.probes.into() {
                let lease = Record { generation, phase: Phase::Open { until: now, next_break, cause } };
                self.set(&self.lease(generation, place), &lease)?;
                // It may have taken so long that others have given the lease up by now.
                if self.now().saturating_sub(now) >= self.settings.probe_timeout {
                    return Ok(Err(rejected(cause, 0)));
                }
                return Ok(Ok(Ticket::Probe { record, began: now, first: place == 1 }));
            }
            if !self.all_expired(generation, cause)? {
                return Ok(Err(rejected(cause, 0)));
            }
            self.enter(record, Phase::Open { until: self.now(), next_break, cause })?;
            record = self.latest(record)?;
        }
        Ok(Err(rejected(Cause::Other, 0)))
    }

    /// Whether no probe of a generation whose leases are all taken can still be under way.
    fn all_expired(&self, generation: u64, cause: Cause) -> Result<bool, StoreFailed> {
        let timeout = self.settings.probe_timeout.saturating_add(SKEW);
        // The last one ends last, as a rule.
        for place in (1..=self.settings.probes).rev() {
            let key = self.lease(generation, place.into());
            let now = self.now();
            let began = match self.get(&key)?.map(|lease| lease.phase) {
                // One that is in the future by more than clocks differ was written by none of them.
                Some(Phase::Open { until: began, .. }) if began <= now.saturating_add(SKEW) => began,
                // Its holder is about to write it, or has ended before. From now on, it lasts as long as any other.
                _ => {
                    let phase = Phase::Open { until: now, next_break: 0, cause };
                    self.set(&key, &Record { generation, phase })?;
                    return Ok(false);
                }
            };
            if now.saturating_sub(began) < timeout {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A call succeeded: what that changed.
    pub fn succeeded(&self, ticket: Ticket) -> Result<Option<Change>, StoreFailed> {
        match ticket {
            Ticket::Closed(record) => {
                if record.phase == (Phase::Closed { seen: true }) {
                    // In this order: a failure in between is forgotten, and no old one is kept without a word of it.
                    self.publish(Record { phase: Phase::Closed { seen: false }, ..record })?;
                    self.store.delete(&self.key(record.generation, "failures"))?;
                }
                Ok(None)
            }
            Ticket::Probe { began, .. } if self.is_given_up(began) => Ok(Some(Change::Late)),
            Ticket::Probe { record, .. } => {
                let probes = self.settings.probes.into();
                if probes > 1 && self.store.increment(&self.key(record.generation, "back"), 1)? < probes {
                    return Ok(None);
                }
                let entered = self.enter(record, Phase::Closed { seen: false })?;
                Ok(Some(if entered { Change::Closed } else { Change::Late }))
            }
        }
    }

    fn is_given_up(&self, began: u64) -> bool {
        self.now().saturating_sub(began) >= self.settings.probe_timeout
    }

    /// A call failed: what that changed, and for how long the breaker is open by it.
    pub fn failed(&self, ticket: Ticket, cause: Cause, draw: u64) -> Result<(Option<Change>, u64), StoreFailed> {
        match ticket {
            Ticket::Closed(record) => {
                let failures = self.store.increment(&self.key(record.generation, "failures"), 1)?;
                if failures >= self.settings.failures.into() {
                    return self.open(record, self.settings.open_for, Tripped::Failures, cause, draw);
                }
                if record.phase != (Phase::Closed { seen: true }) {
                    self.publish(Record { phase: Phase::Closed { seen: true }, ..record })?;
                }
                Ok((None, 0))
            }
            Ticket::Probe { began, .. } if self.is_given_up(began) => Ok((Some(Change::Late), 0)),
            Ticket::Probe { record, .. } => {
                let Phase::Open { next_break, .. } = record.phase else { return Ok((None, 0)) };
                self.open(record, next_break, Tripped::Probe, cause, draw)
            }
        }
    }

    fn open(
        &self,
        from: Record,
        open_for: u64,
        why: Tripped,
        cause: Cause,
        draw: u64,
    ) -> Result<(Option<Change>, u64), StoreFailed> {
        let next_break = self.settings.break_after(open_for);
        let open_for = open_for.saturating_add(self.settings.jitter_of(open_for, draw));
        let until = self.now().saturating_add(open_for);
        let entered = self.enter(from, Phase::Open { until, next_break, cause })?;
        Ok((Some(if entered { Change::Opened { why, cause } } else { Change::Late }), open_for))
    }

    /// A call says nothing about the target. A probe that is alone makes room for another at once; of several, others
    /// may be under way, and its place is free when they are given up.
    pub fn ignored(&self, ticket: Ticket) -> Result<(), StoreFailed> {
        if let Ticket::Probe { record, began, .. } = ticket
            && let Phase::Open { next_break, cause, .. } = record.phase
            && self.settings.probes == 1
            && !self.is_given_up(began)
        {
            self.enter(record, Phase::Open { until: self.now(), next_break, cause })?;
        }
        Ok(())
    }
}

fn rejected(cause: Cause, retry_after: u64) -> Rejected {
    Rejected { reason: Reason::BreakerOpen, cause, retry_after }
}
