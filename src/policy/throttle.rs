//! Turns a share of the calls away while the target does not take them: client-side throttling.

use core::time::Duration;

use super::sealed::Sealed;
use super::{Guard, Moment, Outcome, Parts, Permit, Policy, Rejected};
use crate::failure::{Cause, Reason};
use crate::observe::Change;
use crate::platform::clock::{Instant, nanos};
use crate::platform::state::Local;
use crate::policy::invalid::{Invalid, Value, refuse};

#[cfg(test)]
mod tests;

/// Into so many buckets the window is cut. What is forgotten is forgotten a bucket at a time, so the window is
/// right to within a sixteenth; more buckets would be more memory in every policy. A power of two, so that
/// finding a bucket is a mask.
const BUCKETS: usize = 16;

/// The most calls that one bucket counts, so that all buckets together fit into 32 bits. Nobody makes 36 million
/// calls in a second; a clock that stands still comes here in the end, and then the shares stay what they are.
const MOST: u32 = u32::MAX / BUCKETS as u32;

/// The multiplier has 16 bits after the point, which leaves room for any count in 64 bits.
const POINT: u32 = 16;

/// The shortest window: a bucket of a shorter one would be near the resolution of many a clock.
const SHORTEST: Duration = Duration::from_millis(1);

/// Turns calls away with a probability that grows with the share that the target did not take.
#[doc = include_str!("../../docs/policies/throttle.md")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    multiplier: f64,
    /// The multiplier with `POINT` bits after the point.
    scaled: u32,
    /// In nanoseconds.
    window: u64,
    padding: u32,
    max_probability: f64,
    /// That probability as a share of 2^32.
    ceiling: u32,
}

impl Throttle {
    /// The throttle of the book: K = 2, a window of two minutes, a padding of 1 and no highest probability.
    ///
    /// ```
    /// use steadfast::Throttle;
    ///
    /// assert!(Throttle::new().check().is_ok());
    /// ```
    #[allow(clippy::new_without_default, reason = "one way to make a throttle")]
    pub const fn new() -> Self {
        let blank = Throttle { multiplier: 0.0, scaled: 0, window: 0, padding: 1, max_probability: 0.0, ceiling: 0 };
        blank.multiplier(2.0).window(Duration::from_secs(120)).max_probability(1.0)
    }

    /// K: how many requests there may be for each that the target takes before any is turned away; 2 by default,
    /// at least 1. Lower is more aggressive: at 1.1, for ten requests that it takes, a target sees about one that
    /// it has to refuse. Higher lets more through and notices sooner that the target is back. Taken to within
    /// 1/65,536; beyond 65,535 it is as good as never reached.
    ///
    /// ```
    /// use steadfast::Throttle;
    ///
    /// assert!(Throttle::new().multiplier(1.1).check().is_ok());
    /// assert!(Throttle::new().multiplier(0.9).check().is_err());
    /// ```
    pub const fn multiplier(self, multiplier: f64) -> Self {
        // Rounded to the nearest; the conversion saturates.
        let scaled = (multiplier * (1u32 << POINT) as f64 + 0.5) as u32;
        Throttle { multiplier, scaled, ..self }
    }

    /// How far back it counts; two minutes by default, at least a millisecond. It is forgotten a sixteenth at a
    /// time. A shorter window reacts sooner, and needs more calls to say anything.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::Throttle;
    ///
    /// assert!(Throttle::new().window(Duration::from_secs(30)).check().is_ok());
    /// assert!(Throttle::new().window(Duration::ZERO).check().is_err());
    /// ```
    pub const fn window(self, window: Duration) -> Self {
        Throttle { window: nanos(window), ..self }
    }

    /// What is added to the requests that the probability is a share of; 1 by default, as in the book, and at
    /// least 1. With 1, the very first call that is not taken has the next one turned away half of the time;
    /// more lets a few failures pass while there is little to judge by. gRPC's throttle takes 8.
    ///
    /// ```
    /// use steadfast::Throttle;
    ///
    /// assert!(Throttle::new().padding(8).check().is_ok());
    /// assert!(Throttle::new().padding(0).check().is_err());
    /// ```
    pub const fn padding(self, padding: u32) -> Self {
        Throttle { padding, ..self }
    }

    /// The highest probability that a call is turned away with; 1 by default: the book has none. After a long
    /// outage under much traffic, hardly a call is left to find out that the target is back. At 0.9, one in ten
    /// always tries.
    ///
    /// ```
    /// use steadfast::Throttle;
    ///
    /// assert!(Throttle::new().max_probability(0.9).check().is_ok());
    /// assert!(Throttle::new().max_probability(1.5).check().is_err());
    /// ```
    pub const fn max_probability(self, max_probability: f64) -> Self {
        // The conversion saturates: 1 becomes the highest share that there is.
        let ceiling = (max_probability * (1u64 << 32) as f64) as u32;
        Throttle { max_probability, ceiling, ..self }
    }

    /// The throttle itself, or why it makes no sense: a multiplier below 1, which would turn calls away that the
    /// target takes, no window, no padding, or a probability that is none.
    ///
    /// ```
    /// use steadfast::Throttle;
    ///
    /// let invalid = Throttle::new().multiplier(0.5).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "throttle multiplier: 0.5 is not allowed: it must be a number from 1 up");
    /// ```
    ///
    /// ```compile_fail
    /// use steadfast::{Policy, Throttle};
    ///
    /// static SHUT: Policy<(Throttle,)> = Policy::new().throttle(Throttle::new().multiplier(0.5));
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if !(self.multiplier >= 1.0 && self.multiplier < f64::INFINITY) {
            refuse!("throttle multiplier", Value::Factor(self.multiplier), "a number from 1 up");
        }
        if self.window < nanos(SHORTEST) {
            refuse!("throttle window", Value::Time(Duration::from_nanos(self.window)), "1 ms or longer");
        }
        if self.padding == 0 {
            refuse!("throttle padding", Value::Count(0), "1 or more");
        }
        if !(self.max_probability > 0.0 && self.max_probability <= 1.0) {
            refuse!("throttle max_probability", Value::Factor(self.max_probability), "a number above 0, at most 1");
        }
        Ok(self)
    }

    /// The number of the bucket that `now` falls into.
    #[inline]
    fn bucket_at(&self, now: Instant) -> u64 {
        // A window that passed the check has no bucket of length zero; said so that there is nothing to panic about.
        now.as_nanos().checked_div(self.window / BUCKETS as u64).unwrap_or(0)
    }
}

/// What a throttle remembers: a plain value, decided on by pure functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    buckets: [Counts; BUCKETS],
    /// The number of the newest bucket, which only ever grows.
    newest: u64,
    /// All buckets together.
    total: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    requests: u32,
    accepts: u32,
}

const NONE: Counts = Counts { requests: 0, accepts: 0 };

impl State {
    const NEW: State = State { buckets: [NONE; BUCKETS], newest: 0, total: NONE };

    /// Forgets what is older than the window. Time does not go back: what happens on a clock that did belongs to
    /// the newest bucket.
    #[inline]
    fn advance(&mut self, bucket: u64) {
        if bucket > self.newest {
            self.slide(bucket);
        }
    }

    #[cold]
    fn slide(&mut self, bucket: u64) {
        // After a whole window nothing is left, however long ago it was.
        let passed = (bucket - self.newest).min(BUCKETS as u64);
        for step in 1..=passed {
            let oldest = &mut self.buckets[self.newest.wrapping_add(step) as usize % BUCKETS];
            self.total.requests = self.total.requests.wrapping_sub(oldest.requests);
            self.total.accepts = self.total.accepts.wrapping_sub(oldest.accepts);
            *oldest = NONE;
        }
        self.newest = bucket;
    }

    /// Counts a request, and whether the target took it, in the newest bucket.
    #[inline]
    fn record(&mut self, accepted: bool) {
        let bucket = &mut self.buckets[self.newest as usize % BUCKETS];
        if bucket.requests < MOST {
            bucket.requests += 1;
            bucket.accepts += accepted as u32;
            self.total.requests = self.total.requests.wrapping_add(1);
            self.total.accepts = self.total.accepts.wrapping_add(accepted as u32);
        }
    }

    /// The probability that the next call is turned away, as a share of 2^32.
    #[inline]
    fn probability(&self, throttle: &Throttle) -> u32 {
        let requests = u64::from(self.total.requests);
        let excess = (requests << POINT).saturating_sub(u64::from(self.total.accepts) * u64::from(throttle.scaled));
        if excess == 0 {
            return 0;
        }
        // Below 2^32, since the excess is at most the requests and the padding at least 1.
        let share = (excess << (32 - POINT)).checked_div(requests + u64::from(throttle.padding)).unwrap_or(0);
        (share as u32).min(throttle.ceiling)
    }
}

/// A throttle's state, shared by all calls through one policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct ThrottleMemory(Local<State>);

/// Dropped, it counts as nothing: a call counts when its outcome is known.
#[doc(hidden)]
#[derive(Debug)]
pub struct ThrottlePermit<'p> {
    throttle: &'p Throttle,
    memory: &'p ThrottleMemory,
}

impl ThrottlePermit<'_> {
    #[cold]
    fn failed(&self, cause: Cause, moment: &impl Moment) {
        let accepted = match cause {
            Cause::Overloaded | Cause::Timeout | Cause::Disconnected | Cause::NoTarget => false,
            Cause::Trapped | Cause::Other => true,
            Cause::NoLink | Cause::Protocol => return,
        };
        let bucket = self.throttle.bucket_at(moment.now());
        self.memory.0.with(|state| {
            state.advance(bucket);
            state.record(accepted);
        });
    }
}

impl Permit for ThrottlePermit<'_> {
    #[inline]
    fn settle(self, outcome: Outcome, moment: &impl Moment) -> Option<Change> {
        match outcome {
            // Counted as of the latest admission: that is not worth another look at the clock.
            Outcome::Success => self.memory.0.with(|state| state.record(true)),
            Outcome::Failure(cause) => self.failed(cause, moment),
        }
        None
    }
}

impl Sealed for Throttle {}

impl Guard for Throttle {
    type Memory = ThrottleMemory;
    type Permit<'p> = ThrottlePermit<'p>;
    const NEW: ThrottleMemory = ThrottleMemory(Local::new(State::NEW));

    #[inline]
    fn admit<'p>(&'p self, memory: &'p ThrottleMemory, moment: &impl Moment) -> Result<ThrottlePermit<'p>, Rejected> {
        // Clock and draw are asked outside of the borrow: they may be a caller's own.
        let bucket = self.bucket_at(moment.now());
        let probability = memory.0.with(|state| {
            state.advance(bucket);
            state.probability(self)
        });
        if probability != 0 {
            throw(memory, probability, moment)?;
        }
        Ok(ThrottlePermit { throttle: self, memory })
    }
}

/// Lets chance decide.
#[cold]
fn throw(memory: &ThrottleMemory, probability: u32, moment: &impl Moment) -> Result<(), Rejected> {
    if moment.draw() >> 32 >= u64::from(probability) {
        return Ok(());
    }
    memory.0.with(|state| state.record(false));
    Err(Rejected { reason: Reason::Throttled, cause: Cause::Overloaded, retry_after: 0 })
}

/// A throttle of a policy, or one decided at run time: how it is read.
#[doc(hidden)]
pub trait Throttles: Guard {
    /// `f64`, or an `Option` of it.
    type Probability;

    fn probability(&self, memory: &Self::Memory) -> Self::Probability;
}

impl Throttles for Throttle {
    type Probability = f64;

    fn probability(&self, memory: &ThrottleMemory) -> f64 {
        f64::from(memory.0.with(|state| state.probability(self))) / (1u64 << 32) as f64
    }
}

impl Throttles for Option<Throttle> {
    type Probability = Option<f64>;

    fn probability(&self, memory: &ThrottleMemory) -> Option<f64> {
        self.as_ref().map(|throttle| throttle.probability(memory))
    }
}

impl<P: Parts> Policy<P>
where
    P::RateLimit: Throttles,
{
    /// The probability that the [`Throttle`] rejects the next call with, from 0 to just below 1, as of the latest
    /// attempt: looking at it reads no clock, so time that passed since then is not forgotten yet.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, Policy, RpcError, Throttle, testing::TestClock};
    ///
    /// let policy = Policy::new().throttle(Throttle::new());
    /// assert_eq!(policy.rejection_probability(), 0.0);
    ///
    /// let overloaded = || Err::<(), _>(RpcError::new(Cause::Overloaded, Delivery::NotSent));
    /// policy.with(&TestClock::new()).call(overloaded).unwrap_err();
    /// assert_eq!(policy.rejection_probability(), 0.5); // (1 - 2 * 0) / (1 + 1)
    /// ```
    pub fn rejection_probability(&self) -> <P::RateLimit as Throttles>::Probability {
        self.rate_limit.guard.probability(&self.rate_limit.memory)
    }
}
