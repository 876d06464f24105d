//! The last good value, for when there is no new one.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::fallback::Step;
use super::{Call, Judge, Verdict};
use crate::failure::{Cause, Delivery, Failed, Reason};
use crate::platform::clock::{Clock, Instant};
use crate::platform::state::Local;
use crate::policy::Parts;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The last value that calls brought back, and when: kept by the calls that are made with
/// [`stale_if_error`](super::Policy::stale_if_error).
///
/// It gives one value, so it belongs to calls that ask the same question: an exchange rate, a configuration. The one
/// before is kept too, for its memory, until the next has been copied into it.
/// **Where it lives**: in this instance. On a host that makes a fresh instance for every request, it is always
/// empty. As a `static`, `T` has to be `Send` and `Sync`; other values go into a `thread_local!`.
///
/// ```
/// use core::time::Duration;
/// use steadfast::LastGood;
///
/// static LAST: LastGood<String> = LastGood::new(Duration::from_secs(600));
/// ```
pub struct LastGood<T> {
    max_age: Duration,
    values: Local<Values<T>>,
}

// Shared, so that nobody's `clone` or `drop` runs under the lock.
struct Values<T> {
    last: Option<Arc<Kept<T>>>,
    /// The one before, for its memory: the next value is cloned into it. Not into that of the last, which stays good
    /// until the next is there.
    before: Option<Arc<Kept<T>>>,
}

impl<T> Values<T> {
    const NONE: Self = Values { last: None, before: None };
}

struct Kept<T> {
    value: T,
    since: Instant,
}

impl<T> LastGood<T> {
    /// Keeps a value, and gives it away for `max_age` after it was good, that moment included.
    ///
    /// # Panics
    /// When `max_age` is zero; in a `static` that is a compile error. For a value known at run time there is
    /// [`try_new`](Self::try_new).
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::LastGood;
    ///
    /// static LAST: LastGood<String> = LastGood::new(Duration::from_secs(600));
    /// ```
    pub const fn new(max_age: Duration) -> Self {
        match valid(max_age) {
            Ok(max_age) => LastGood { max_age, values: Local::new(Values::NONE) },
            Err(invalid) => panic!("{}", invalid.rule),
        }
    }

    /// The same for a `max_age` that is known at run time.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::LastGood;
    ///
    /// let invalid = LastGood::<String>::try_new(Duration::ZERO).unwrap_err();
    /// assert_eq!(invalid.to_string(), "last good max_age: 0ns is not allowed: it must be longer than zero");
    /// ```
    ///
    /// # Errors
    /// [`Invalid`], when `max_age` is zero.
    pub const fn try_new(max_age: Duration) -> Result<Self, Invalid> {
        match valid(max_age) {
            Ok(max_age) => Ok(LastGood { max_age, values: Local::new(Values::NONE) }),
            Err(invalid) => Err(invalid),
        }
    }

    /// Forgets the value: the next failure is a failure.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Cause, Delivery, LastGood, Policy, RpcError};
    ///
    /// static RATES: Policy = Policy::new();
    /// let last = LastGood::new(Duration::from_secs(600));
    /// RATES.stale_if_error(&last).call(|| Ok::<_, RpcError>(7)).unwrap();
    /// last.clear();
    /// assert!(RATES.stale_if_error(&last).call(|| Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))).is_err());
    /// ```
    pub fn clear(&self) {
        let old = self.values.with(|values| core::mem::replace(values, Values::NONE));
        // What dropping a value does is its own affair, and so nothing for under the lock.
        drop(old);
    }

    fn keep(&self, value: &T, since: Instant)
    where
        T: Clone,
    {
        let mut room = self.values.with(|values| values.before.take());
        let new = match room.as_mut().and_then(Arc::get_mut) {
            Some(kept) => {
                kept.value.clone_from(value);
                kept.since = since;
                room
            }
            // There is none yet, or somebody is reading there.
            None => Some(Arc::new(Kept { value: value.clone(), since })),
        };
        let old = self.values.with(|values| {
            let last = core::mem::replace(&mut values.last, new);
            core::mem::replace(&mut values.before, last)
        });
        drop(old);
    }

    /// A copy of the value and its age, if it is young enough.
    fn young(&self, now: Instant) -> Option<(T, Duration)>
    where
        T: Clone,
    {
        let kept = self.values.with(|values| values.last.clone())?;
        let age = now.since(kept.since);
        // Where the clock stepped back, nobody can tell the age.
        let young = now >= kept.since && age <= self.max_age;
        young.then(|| (kept.value.clone(), age))
    }
}

const fn valid(max_age: Duration) -> Result<Duration, Invalid> {
    if max_age.is_zero() {
        refuse!("last good max_age", Value::Time(max_age), "longer than zero");
    }
    Ok(max_age)
}

impl<T> fmt::Debug for LastGood<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGood")
            .field("max_age", &self.max_age)
            .field("kept_since", &self.values.with(|values| values.last.as_ref().map(|kept| kept.since)))
            .finish()
    }
}

/// A value that may be an old one, for a caller who has to tell: an HTTP answer made from a stale value should
/// say so in its `Age` header (RFC 9111).
///
/// ```
/// use core::time::Duration;
/// use steadfast::MaybeStale;
///
/// let rate = MaybeStale::Stale { value: 7, age: Duration::from_secs(30) };
/// assert_eq!(rate.age(), Some(Duration::from_secs(30)));
/// assert_eq!(rate.into_inner(), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaybeStale<T> {
    /// The call succeeded, and this is what it brought back.
    Fresh(T),
    /// The call failed, and this is what an earlier one brought back.
    Stale {
        /// The value.
        value: T,
        /// How long ago it was good.
        age: Duration,
    },
}

impl<T> MaybeStale<T> {
    /// The value, whichever it is.
    ///
    /// ```
    /// assert_eq!(steadfast::MaybeStale::Fresh(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            MaybeStale::Fresh(value) | MaybeStale::Stale { value, .. } => value,
        }
    }

    /// How old a stale value is; `None` for a fresh one.
    ///
    /// ```
    /// assert_eq!(steadfast::MaybeStale::Fresh(7).age(), None);
    /// ```
    pub const fn age(&self) -> Option<Duration> {
        match self {
            MaybeStale::Fresh(_) => None,
            MaybeStale::Stale { age, .. } => Some(*age),
        }
    }
}

/// The step of [`Policy::stale_if_error`](crate::Policy::stale_if_error): the last good value, where the policy gave up;
/// the `stale-if-error` of RFC 5861, on the caller's side.
///
/// **When to use it**: where yesterday's answer is far better than none: prices, flags, configuration. **When
/// not**: where acting on an old value does harm, or where every call asks for something else.
///
/// Every success is kept: that costs a copy and a look at the clock. The copy is made with
/// [`clone_from`](Clone::clone_from) into the memory of the value before the last, so after two successes, a `String` or
/// a `Vec` that does not grow allocates nothing. A failure is answered with the
/// kept value while that is no older than the [`LastGood`] allows, for whatever reason the policy gave up. What the
/// judge says is no failure of the target ([`Verdict::Ignored`]) is the target's answer, and stays it: "there is no
/// such rate" is not answered with the old rate. An `Ok` that was judged a failure is not kept, and is returned only
/// where there is nothing better.
///
/// ```
/// use core::time::Duration;
/// use steadfast::testing::{Script, TestClock};
/// use steadfast::{Cause, Delivery, LastGood, MaybeStale, Policy, RpcError};
///
/// static RATES: Policy = Policy::new();
/// static LAST: LastGood<&str> = LastGood::new(Duration::from_secs(600));
///
/// let clock = TestClock::new();
/// let down = || Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
/// let mut target = Script::new([Ok("1.08"), down(), down()]);
/// let mut rate = || RATES.with(&clock).stale_if_error(&LAST).call(|| target.next());
///
/// assert_eq!(rate().unwrap(), MaybeStale::Fresh("1.08"));
/// clock.advance(Duration::from_secs(600));
/// assert_eq!(rate().unwrap().into_inner(), "1.08");
/// clock.advance(Duration::from_nanos(1));
/// assert!(rate().is_err());
/// ```
pub struct StaleIfError<'l, T>(pub(super) &'l LastGood<T>);

impl<T> Clone for StaleIfError<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StaleIfError<'_, T> {}

impl<T> fmt::Debug for StaleIfError<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaleIfError").field(self.0).finish()
    }
}

impl<P: Parts, C: Clock, J: Judge<T, E>, T: Clone, E> Step<Call<'_, P, C, J>, T, E> for StaleIfError<'_, T> {
    type Output = Result<MaybeStale<T>, Failed<E>>;

    fn after(self, call: &Call<'_, P, C, J>, result: Result<T, Failed<E>>) -> Self::Output {
        let fresh = |value: T| {
            self.0.keep(&value, call.now());
            Ok(MaybeStale::Fresh(value))
        };
        let value = match result {
            Ok(value) if J::OK_IS_SUCCESS => return fresh(value),
            Ok(value) => value,
            Err(failed) if failed.ignored => return Err(failed),
            Err(failed) => return self.stale(call).ok_or(failed),
        };
        let result = Ok(value);
        let verdict = call.judge.judge(&result);
        match (result, verdict) {
            (Ok(value), Verdict::Success) => fresh(value),
            (Ok(value), Verdict::Ignored) => Ok(MaybeStale::Fresh(value)),
            (Ok(value), Verdict::Failure { .. }) => Ok(self.stale(call).unwrap_or(MaybeStale::Fresh(value))),
            // It was `Ok` a moment ago.
            (Err(error), _) => Err(Failed {
                last: Some(error),
                reason: Reason::NotRetryable,
                attempts: 1,
                elapsed: 0,
                from_start: false,
                cause: Cause::Other,
                delivery: Delivery::Unknown,
                retry_after: None,
                ignored: true,
            }),
        }
    }
}

impl<T: Clone> StaleIfError<'_, T> {
    #[cold]
    fn stale<P: Parts, C: Clock, J>(self, call: &Call<'_, P, C, J>) -> Option<MaybeStale<T>> {
        let (value, age) = self.0.young(call.now())?;
        call.tell_fallback();
        Some(MaybeStale::Stale { value, age })
    }
}

#[cfg(test)]
mod tests;
