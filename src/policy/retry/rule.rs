//! What is different about failures with one cause.

use super::super::Backoff;
use crate::failure::Cause;
use crate::policy::invalid::{Invalid, Value, refuse};

/// The highest limit of a rule: the failures of one call are counted in a byte for each cause.
const MOST_ATTEMPTS: u32 = 255;

/// What is different about failures with one cause; given to [`Retry::rules`](super::Retry::rules).
///
/// **When to use it**: where one kind of failure deserves another patience than the rest: fewer attempts and
/// longer waits when the target is overloaded, none when it trapped. **When not**: to say whether a *result* is a
/// failure at all; that is the [judge](crate::Policy::judge).
///
/// A rule can make a cause retryable that is permanent otherwise. It never makes a call be repeated that may have
/// run and is not [idempotent](crate::Policy::idempotent).
///
/// ```
/// use core::time::Duration;
/// use steadfast::{Backoff, Cause, Policy, Retry, Rule};
///
/// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(5).rules(&[
///     Rule::never(Cause::Trapped),
///     Rule::on(Cause::Overloaded).attempts(2).backoff(Backoff::exponential(Duration::from_secs(1))),
/// ]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub(super) cause: Cause,
    pub(super) never: bool,
    pub(super) attempts: u32,
    pub(super) backoff: Option<Backoff>,
}

impl Rule {
    /// A failure with this cause is not repeated.
    ///
    /// ```
    /// use steadfast::{Cause, Rule};
    ///
    /// assert!(Rule::never(Cause::Trapped).check().is_ok());
    /// ```
    pub const fn never(cause: Cause) -> Self {
        Rule { never: true, ..Rule::on(cause) }
    }

    /// A failure with this cause is repeated, also where its cause is permanent: as often as the
    /// [`Retry`](super::Retry) allows and with its waits, until [`attempts`](Self::attempts) and
    /// [`backoff`](Self::backoff) say otherwise.
    ///
    /// ```
    /// use steadfast::{Cause, Rule};
    ///
    /// assert!(Rule::on(Cause::NoLink).check().is_ok());
    /// ```
    pub const fn on(cause: Cause) -> Self {
        Rule { cause, never: false, attempts: u32::MAX, backoff: None }
    }

    /// At most `attempts` attempts of one call may fail with this cause: the last of them ends the call. So
    /// `Rule::on(cause).attempts(2)` repeats the first such failure and not the second, as `Retry::attempts(2)`
    /// does with all failures. From 1 to 255; without it, only [`Retry::attempts`](super::Retry::attempts) counts.
    ///
    /// ```
    /// use steadfast::{Cause, Rule};
    ///
    /// assert!(Rule::on(Cause::Overloaded).attempts(0).check().is_err());
    /// ```
    pub const fn attempts(self, attempts: u32) -> Self {
        Rule { attempts, ..self }
    }

    /// The waits after failures with this cause. They begin with the base at the first of them, whatever failed
    /// before.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Backoff, Cause, Rule};
    ///
    /// let patient = Rule::on(Cause::Overloaded).backoff(Backoff::exponential(Duration::from_secs(1)));
    /// assert!(patient.check().is_ok());
    /// ```
    pub const fn backoff(self, backoff: Backoff) -> Self {
        Rule { backoff: Some(backoff), ..self }
    }

    /// The rule itself, or why it makes no sense: attempts out of range, or a [`Backoff`] that makes none.
    ///
    /// ```
    /// use steadfast::{Cause, Rule};
    ///
    /// let invalid = Rule::on(Cause::Timeout).attempts(0).check().unwrap_err();
    /// assert_eq!(invalid.to_string(), "retry rule attempts: 0 is not allowed: it must be from 1 to 255");
    /// ```
    pub const fn check(self) -> Result<Self, Invalid> {
        if self.attempts == 0 || (self.attempts > MOST_ATTEMPTS && self.attempts != u32::MAX) {
            refuse!("retry rule attempts", Value::Count(self.attempts), "from 1 to 255");
        }
        if let Some(backoff) = self.backoff
            && let Err(invalid) = backoff.check()
        {
            return Err(invalid);
        }
        Ok(self)
    }
}

/// The rules of a retry, and the function that applies them: what gives no rules does not have its code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub list: &'static [Rule],
    pub apply: fn(&'static [Rule], &mut Failures, Cause) -> Ruling,
}

impl Rules {
    /// No rules, and no code for them.
    pub const NONE: Self = Rules { list: &[], apply: usual };

    pub const fn new(list: &'static [Rule]) -> Self {
        Rules { list, apply }
    }

    pub const fn makes_sense(&self) -> Result<(), Invalid> {
        let mut seen = 0_u32;
        let mut rest = self.list;
        while let [rule, others @ ..] = rest {
            if let Err(invalid) = rule.check() {
                return Err(invalid);
            }
            if seen & 1 << rule.cause as u32 != 0 {
                refuse!("retry rules for one cause", Value::Count(2), "at most 1");
            }
            seen |= 1 << rule.cause as u32;
            rest = others;
        }
        Ok(())
    }
}

/// What holds for one failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ruling {
    pub retryable: bool,
    /// Whether a rule names its cause.
    pub named: bool,
    /// Whether it is the last of its cause that may be.
    pub last: bool,
    /// The waits that count, and which of them comes next, where they are not those of the retry.
    pub backoff: Option<(&'static Backoff, u32)>,
}

/// Without a rule: a cause is permanent or it is not.
fn usual(_: &'static [Rule], _: &mut Failures, cause: Cause) -> Ruling {
    let retryable = !matches!(cause, Cause::NoLink | Cause::Protocol);
    Ruling { retryable, named: false, last: false, backoff: None }
}

fn apply(rules: &'static [Rule], failures: &mut Failures, cause: Cause) -> Ruling {
    match rules.iter().find(|rule| rule.cause == cause) {
        None => usual(rules, failures, cause),
        Some(rule) => {
            let count = failures.count(cause);
            let backoff = rule.backoff.as_ref().map(|backoff| (backoff, count));
            Ruling { retryable: !rule.never, named: true, last: count >= rule.attempts, backoff }
        }
    }
}

/// How many attempts of one call failed with each cause: a byte for each of the eight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures(u64);

impl Failures {
    /// Counts a failure, up to 255 of one cause, and says how many of its cause there are.
    pub fn count(&mut self, cause: Cause) -> u32 {
        let place = 8 * (cause as u32 % 8);
        let count = (self.0 >> place & 0xff) as u32;
        if count == MOST_ATTEMPTS {
            return count;
        }
        self.0 += 1 << place;
        count + 1
    }
}
