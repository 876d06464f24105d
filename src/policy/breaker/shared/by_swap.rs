//! A breaker in a store that can compare and swap: all that instances know is one value, and each change of it is one
//! swap.
//!
//! - A change is decided by the value that was read, and written only if that value is still there. Otherwise all is read
//!   and decided anew.
//! - Each state is a **generation**. An outcome of an older one changes nothing.
//! - A probe holds a place, a **lease**, which ends after the probe's timeout on the holder's clock, and later by
//!   [`SKEW`] for all others. The value has the time at which the newest began: when that one has ended, all have.

use super::super::settings::Settings;
use super::protocol::{Ticket, rejected};
use super::record::{Phase, Record};
use crate::failure::Cause;
use crate::observe::{Change, Tripped};
use crate::platform::clock::nanos;
use crate::platform::state::{Store, StoreFailed};
use crate::policy::Rejected;
use crate::policy::shared::{SKEW, key};

/// How often a change is tried. Each time, another instance has changed something: more often than instances do that
/// come between one read and its swap, and an end in a store that is broken.
const MAX_TRIES: u32 = 64;

/// The breaker of one name in a store.
#[derive(Clone, Copy, Debug)]
pub struct BySwap<'p, S> {
    pub store: S,
    pub name: &'p str,
    pub settings: &'p Settings,
}

/// What comes in place of a state, if anything, and what that means to the call.
type Step<T> = (Option<Record>, T);

impl<S: Store> BySwap<'_, S> {
    fn now(&self) -> u64 {
        nanos(self.store.wall_time())
    }

    /// No generation of a breaker by increments has a key of this name.
    fn key(&self) -> String {
        key(self.name, 0, "state")
    }

    /// What is damaged, or of another version, is as good as nothing.
    fn read(&self, bytes: Option<&[u8]>) -> Record {
        bytes.and_then(|bytes| Record::read(self.settings, bytes)).unwrap_or(Record::FIRST)
    }

    pub fn newest(&self) -> Result<Record, StoreFailed> {
        Ok(self.read(self.store.get(&self.key())?.as_deref()))
    }

    /// Changes the state as `decide` says, which is asked again where another instance changed it meanwhile.
    fn change<T>(&self, decide: impl Fn(Record) -> Step<T>) -> Result<T, StoreFailed> {
        let key = self.key();
        for _ in 0..MAX_TRIES {
            let mut decided = None;
            let written = self.store.swap(&key, &mut |bytes| {
                let (next, outcome) = decide(self.read(bytes));
                decided = Some(outcome);
                next.map(|next| next.write().written().into())
            })?;
            if let Some(outcome) = decided.filter(|_| written) {
                return Ok(outcome);
            }
        }
        Err(StoreFailed)
    }

    pub fn reset(&self) -> Result<bool, StoreFailed> {
        self.change(|record| match record.phase {
            Phase::Closed { failures: 0 } => (None, false),
            _ => (Some(record.next(Phase::Closed { failures: 0 })), true),
        })
    }

    pub fn admit(&self) -> Result<Result<Ticket, Rejected>, StoreFailed> {
        let (next, mut admitted) = self.pass(self.newest()?);
        if next.is_some() {
            admitted = self.change(|record| self.pass(record))?;
        }
        match admitted {
            // It may have taken so long that others have given the lease up by now.
            Ok(Ticket::Probe { record, began, .. }) if self.is_given_up(began) => Ok(Err(rejected(record.cause(), 0))),
            admitted => Ok(admitted),
        }
    }

    /// Whether a call may be made in this state. A probe takes a place in it.
    fn pass(&self, record: Record) -> Step<Result<Ticket, Rejected>> {
        let now = self.now();
        let probe = |record: Record, taken: u32, back: u32, newest: u64, next_break, cause| {
            let phase = Phase::HalfOpen { newest, next_break, cause, taken, back };
            let record = Record { phase, ..record };
            (Some(record), Ok(Ticket::Probe { record, began: now, first: taken == 1 }))
        };
        match record.phase {
            Phase::Closed { .. } => (None, Ok(Ticket::Closed(record))),
            Phase::Open { until, next_break, cause } => {
                let left = until.saturating_sub(now);
                // More than the longest break is left by no clock that is within the bound.
                if left > 0 && left <= self.settings.longest_break().saturating_add(SKEW) {
                    return (None, Err(rejected(cause, left)));
                }
                probe(record, 1, 0, now, next_break, cause)
            }
            // One that began in the future by more than clocks differ was written by none of them.
            Phase::HalfOpen { newest, next_break, cause, taken, back } if newest > now.saturating_add(SKEW) => {
                let phase = Phase::HalfOpen { newest: now, next_break, cause, taken, back };
                (Some(Record { phase, ..record }), Err(rejected(cause, 0)))
            }
            Phase::HalfOpen { newest, next_break, cause, taken, back } if taken < self.settings.probes => {
                probe(record, taken.saturating_add(1), back, newest.max(now), next_break, cause)
            }
            Phase::HalfOpen { newest, next_break, cause, .. } => {
                if now.saturating_sub(newest) < self.settings.probe_timeout.saturating_add(SKEW) {
                    return (None, Err(rejected(cause, 0)));
                }
                probe(record.next(record.phase), 1, 0, now, next_break, cause)
            }
        }
    }

    fn is_given_up(&self, began: u64) -> bool {
        self.now().saturating_sub(began) >= self.settings.probe_timeout
    }

    pub fn succeeded(&self, ticket: Ticket) -> Result<Option<Change>, StoreFailed> {
        match ticket {
            Ticket::Closed(Record { phase: Phase::Closed { failures: 0 }, .. }) => Ok(None),
            Ticket::Closed(of) => self.change(|record| match record.phase {
                Phase::Closed { failures: 1.. } if record.generation == of.generation => {
                    (Some(Record { phase: Phase::Closed { failures: 0 }, ..record }), None)
                }
                _ => (None, None),
            }),
            Ticket::Probe { began, .. } if self.is_given_up(began) => Ok(Some(Change::Late)),
            Ticket::Probe { record: of, .. } => self.change(|record| match record.phase {
                Phase::HalfOpen { newest, next_break, cause, taken, back } if record.generation == of.generation => {
                    let back = back.saturating_add(1);
                    if back >= self.settings.probes {
                        return (Some(record.next(Phase::Closed { failures: 0 })), Some(Change::Closed));
                    }
                    let phase = Phase::HalfOpen { newest, next_break, cause, taken, back };
                    (Some(Record { phase, ..record }), None)
                }
                _ => (None, Some(Change::Late)),
            }),
        }
    }

    pub fn failed(&self, ticket: Ticket, cause: Cause, draw: u64) -> Result<(Option<Change>, u64), StoreFailed> {
        let late = (Some(Change::Late), 0);
        let open = |record: Record, open_for: u64, why| {
            let next_break = self.settings.break_after(open_for);
            let open_for = open_for.saturating_add(self.settings.jitter_of(open_for, draw));
            let until = self.now().saturating_add(open_for);
            let next = record.next(Phase::Open { until, next_break, cause });
            (Some(next), (Some(Change::Opened { why, cause }), open_for))
        };
        match ticket {
            Ticket::Closed(of) => self.change(|record| match record.phase {
                Phase::Closed { failures } if record.generation == of.generation => {
                    let failures = failures.saturating_add(1);
                    if failures >= self.settings.failures {
                        return open(record, self.settings.open_for, Tripped::Failures);
                    }
                    (Some(Record { phase: Phase::Closed { failures }, ..record }), (None, 0))
                }
                _ => (None, late),
            }),
            Ticket::Probe { began, .. } if self.is_given_up(began) => Ok(late),
            Ticket::Probe { record: of, .. } => self.change(|record| match record.phase {
                Phase::HalfOpen { next_break, .. } if record.generation == of.generation => {
                    open(record, next_break, Tripped::Probe)
                }
                _ => (None, late),
            }),
        }
    }

    /// A probe gives its place back.
    pub fn ignored(&self, ticket: Ticket) -> Result<(), StoreFailed> {
        match ticket {
            Ticket::Probe { record: of, began, .. } if !self.is_given_up(began) => {
                self.change(|record| match record.phase {
                    Phase::HalfOpen { newest, next_break, cause, taken, back }
                        if record.generation == of.generation =>
                    {
                        let phase = Phase::HalfOpen { newest, next_break, cause, taken: taken.saturating_sub(1), back };
                        (Some(Record { phase, ..record }), ())
                    }
                    _ => (None, ()),
                })
            }
            _ => Ok(()),
        }
    }
}
