//! Why a policy gave a call up.

use core::fmt;

/// Why a policy gave a call up.
///
/// ```
/// use steadfast::{Cause, Delivery, Policy, Reason, Retry, RpcError};
///
/// static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(4));
/// let no_link = || Err::<(), _>(RpcError::new(Cause::NoLink, Delivery::NotSent));
/// let failed = GREETER.call(no_link).unwrap_err();
/// assert_eq!((failed.reason(), failed.attempts()), (Reason::NotRetryable, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// All attempts that the policy allows were made.
    Attempts,
    /// The cause is permanent: trying again would not help.
    NotRetryable,
    /// The call may have had its effect, and is not marked as [idempotent](crate::Policy::idempotent).
    NotIdempotent,
    /// The call used up what it was given, such as the body of an HTTP request that is a stream.
    NotReplayable,
    /// The circuit breaker is open, or became so.
    BreakerOpen,
    /// As many calls as the bulkhead allows are under way.
    BulkheadFull,
    /// The rate limit is reached.
    RateLimited,
    /// The target does not take all calls, and this one is of the share that the throttle turns away.
    Throttled,
    /// The callee asks for a longer wait than the policy [honours](crate::Retry::retry_after_cap).
    RetryAfter,
    /// The retry budget is used up.
    Budget,
    /// The caller's own rule forbade the retry.
    Vetoed,
    /// The next attempt would begin after the deadline, or the deadline ended an attempt.
    Deadline,
}

impl Reason {
    /// The name of a reason, as the WIT would spell it: for labels.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Reason::Attempts => "attempts",
            Reason::NotRetryable => "not-retryable",
            Reason::NotIdempotent => "not-idempotent",
            Reason::NotReplayable => "not-replayable",
            Reason::BreakerOpen => "breaker-open",
            Reason::BulkheadFull => "bulkhead-full",
            Reason::RateLimited => "rate-limited",
            Reason::Throttled => "throttled",
            Reason::RetryAfter => "retry-after",
            Reason::Budget => "budget",
            Reason::Vetoed => "vetoed",
            Reason::Deadline => "deadline",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Attempts => "all attempts were made",
            Reason::NotRetryable => "trying again would not help",
            Reason::NotIdempotent => "it may have run, and is not idempotent",
            Reason::NotReplayable => "what it was given is used up",
            Reason::BreakerOpen => "the circuit breaker is open",
            Reason::BulkheadFull => "too many calls are under way",
            Reason::RateLimited => "the rate limit is reached",
            Reason::Throttled => "calls to an overloaded target are throttled",
            Reason::RetryAfter => "it asks for a longer wait than is allowed",
            Reason::Budget => "the retry budget is used up",
            Reason::Vetoed => "a rule of the caller forbade it",
            Reason::Deadline => "the deadline is reached",
        })
    }
}
