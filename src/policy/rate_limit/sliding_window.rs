//! A window that slides, as a log of when the last calls passed.

use super::{RateLimit, RateLimitKind};
use crate::policy::sealed::Sealed;

/// Into how many groups the calls of a window are put. The state is a fixed size so, a few hundred bytes, and the
/// share of the limit that may come back late is a 64th, which nobody will notice.
const GROUPS: u32 = 64;

/// One more, since a window begins and ends within a group.
const SLOTS: usize = GROUPS as usize + 1;

/// The kind of [`RateLimit`] that never lets more than a number of calls pass in any span of a given length.
///
/// It logs when calls passed: another one passes when the one that came the whole number before it is a period ago.
/// Up to 64 calls in a period the log is exact. Where there are more, neighbours share an entry, which is that of the
/// latest: of 6,400 calls, always 100. So still never more calls pass than allowed; but up to a 64th of them, that of
/// one entry, may be held back until the latest of it is a period ago. The usual approximation with the counters of two
/// fixed windows (the "sliding window counter") needs less memory, but assumes that calls came evenly: of a limit
/// of 100, it lets nearly 200 pass in one span where they did not, and a server that counts exactly turns
/// those away.
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Policy, RateLimit, SlidingWindow};
///
/// static QUOTA: Policy<(RateLimit<SlidingWindow>,)> =
///     Policy::new().rate_limit(RateLimit::window(100, Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlidingWindow {}

/// The log: calls are numbered, and the entry of a group is when its latest call passes, in nanoseconds.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    calls: u64,
    entries: [u64; SLOTS],
}

/// The number of a call, when it passes, and what its entry was before.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    number: u64,
    at: u64,
    before: u64,
}

/// Which entry a call shares with its neighbours.
#[inline]
fn slot(limit: &RateLimit<SlidingWindow>, number: u64) -> usize {
    let shared = u64::from(limit.calls.saturating_sub(1) / GROUPS) + 1;
    (number / shared % SLOTS as u64) as usize
}

impl Log {
    #[inline]
    fn entry(&self, limit: &RateLimit<SlidingWindow>, number: u64) -> u64 {
        self.entries.get(slot(limit, number)).copied().unwrap_or(u64::MAX)
    }

    #[inline]
    fn enter(&mut self, limit: &RateLimit<SlidingWindow>, number: u64, at: u64) {
        if let Some(entry) = self.entries.get_mut(slot(limit, number)) {
            *entry = at;
        }
    }
}

impl Sealed for SlidingWindow {}

impl RateLimitKind for SlidingWindow {
    type State = Log;
    type Place = Place;
    const NEW: Log = Log { calls: 0, entries: [0; SLOTS] };

    #[inline]
    fn next(limit: &RateLimit<Self>, log: &Log, now: u64) -> Place {
        let number = log.calls;
        let free = match number.checked_sub(u64::from(limit.calls)) {
            Some(earlier) => log.entry(limit, earlier).saturating_add(limit.period),
            None => 0,
        };
        Place { number, at: now.max(free), before: log.entry(limit, number) }
    }

    #[inline]
    fn wait(_: &RateLimit<Self>, place: &Place, now: u64) -> u64 {
        place.at.saturating_sub(now)
    }

    #[inline]
    fn take(limit: &RateLimit<Self>, log: &mut Log, place: &Place) {
        log.enter(limit, place.number, place.at);
        log.calls = place.number.saturating_add(1);
    }

    fn untake(limit: &RateLimit<Self>, log: &mut Log, place: &Place) -> bool {
        let last = log.calls == place.number.saturating_add(1);
        if last {
            log.enter(limit, place.number, place.before);
            log.calls = place.number;
        }
        last
    }

    fn is_past(place: &Place, now: u64) -> bool {
        now > place.at
    }

    fn is_over(limit: &RateLimit<Self>, place: &Place, now: u64) -> bool {
        now >= place.at.saturating_add(limit.period)
    }

    fn is_before(place: &Place, other: &Place) -> bool {
        place.number < other.number
    }
}
