//! What an instance has read, for as long as it trusts it.
//!
//! The protocol is right however old the state is that a call begins with. So this costs no more than the time by which
//! an instance learns later of what others have done.

use super::protocol::Ticket;
use super::record::{Phase, Record};
use crate::failure::Cause;
use crate::platform::state::Local;
use crate::policy::{Outcome, Rejected};

/// Times are nanoseconds on the clock of this instance.
#[derive(Debug)]
pub struct Cached(Local<Option<(u64, Verdict)>>);

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Closed(Record),
    Open(Rejected),
}

impl Cached {
    #[allow(clippy::declare_interior_mutable_const, reason = "each breaker has one of its own: a copy is meant")]
    pub const NEW: Self = Cached(Local::new(None));

    /// Whether a call may be made, by what was read within `longest`; `None` where that is not known.
    pub fn admit(&self, now: u64, longest: u64) -> Option<Result<Ticket, Rejected>> {
        self.0.with(|cached| {
            let (read, verdict) = (*cached)?;
            let age = now.saturating_sub(read);
            match verdict {
                _ if age >= longest => None,
                Verdict::Closed(record) => Some(Ok(Ticket::Closed(record))),
                // At its end, the store says who may try.
                Verdict::Open(rejected) if age >= rejected.retry_after => None,
                Verdict::Open(rejected) => Some(Err(Rejected { retry_after: rejected.retry_after - age, ..rejected })),
            }
        })
    }

    /// Keeps what the store was asked for at `asked`: its answer may have come later, and is no newer by that. Whether a
    /// probe may begin is never kept.
    pub fn keep(&self, admitted: &Result<Ticket, Rejected>, asked: u64) {
        let verdict = match admitted {
            Ok(Ticket::Closed(record)) => Some(Verdict::Closed(*record)),
            Err(rejected) if rejected.retry_after > 0 => Some(Verdict::Open(*rejected)),
            _ => None,
        };
        self.0.with(|cached| *cached = verdict.map(|verdict| (asked, verdict)));
    }

    /// A call is over. What it may have changed is read anew; a success of a closed breaker says that nothing failed.
    pub fn settled(&self, ticket: &Ticket, outcome: Outcome, written: bool) {
        self.0.with(|cached| match (outcome, ticket, cached.as_mut()) {
            (Outcome::Failure(Cause::NoLink | Cause::Protocol), ..) => {}
            (Outcome::Success, Ticket::Closed(of), Some((_, Verdict::Closed(record))))
                if written && of.generation == record.generation =>
            {
                record.phase = Phase::Closed { failures: 0 };
            }
            _ => *cached = None,
        });
    }
}
