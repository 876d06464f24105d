//! A mistake of the caller, as an error tells it.

/// Says that the caller of a call is wrong, and how a client is told; see
/// [`Failure::caller_error`](crate::Failure::caller_error).
///
/// ```
/// use steadfast::{CallerError, Cause, Delivery, Failure, Policy, Reason, Retry, testing::TestClock};
///
/// #[derive(Debug)]
/// struct NoSuchUser;
///
/// impl Failure for NoSuchUser {
///     // What callers are told that know neither this type nor HTTP.
///     fn cause(&self) -> Cause {
///         Cause::Protocol
///     }
///     fn delivery(&self) -> Delivery {
///         Delivery::Delivered
///     }
///     fn caller_error(&self) -> Option<CallerError<'_>> {
///         Some(CallerError::new(404).detail("There is no such user"))
///     }
/// }
///
/// let policy = Policy::new().retry(Retry::attempts(3));
/// let failed = policy.idempotent().call(|| Err::<(), _>(NoSuchUser)).unwrap_err();
/// assert_eq!((failed.attempts(), failed.reason()), (1, Reason::NotRetryable));
/// assert_eq!(failed.problem("/users/7").status(), 404);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct CallerError<'e> {
    pub(super) status: u16,
    pub(super) detail: Option<&'e str>,
}

impl<'e> CallerError<'e> {
    /// With this HTTP status, from 400 to 499. Another becomes 400.
    ///
    /// ```
    /// use steadfast::CallerError;
    ///
    /// assert_eq!(CallerError::new(200), CallerError::new(400));
    /// ```
    pub const fn new(status: u16) -> Self {
        CallerError { status: if matches!(status, 400..500) { status } else { 400 }, detail: None }
    }

    /// With a text that the client is shown: the `detail` of the [problem](crate::respond::Problem). Without one, it
    /// reads the status alone.
    ///
    /// ```
    /// let error = steadfast::CallerError::new(404).detail("There is no such user");
    /// ```
    pub const fn detail(mut self, detail: &'e str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// As `#[derive(Failure)]` has it: the text of a field that may be an `Option`.
    #[doc(hidden)]
    pub const fn with(status: u16, detail: Option<&'e str>) -> Self {
        CallerError { detail, ..CallerError::new(status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use crate::{
        Breaker, BreakerState, Budget, Cause, Concurrency, Delivery, Failure, Policy, Reason, Retry, Rule, Throttle,
    };

    /// An error whose cause would be repeated, counted and paid for, were the target at fault.
    #[derive(Debug)]
    struct Mistake(bool);

    impl Failure for Mistake {
        fn cause(&self) -> Cause {
            Cause::Overloaded
        }
        fn delivery(&self) -> Delivery {
            Delivery::NotSent
        }
        fn caller_error(&self) -> Option<CallerError<'_>> {
            self.0.then_some(CallerError::new(404))
        }
    }

    static BUDGET: Budget = Budget::throttle(10, 0.5);
    static RULES: [Rule; 1] = [Rule::on(Cause::Overloaded).attempts(9)];

    #[test]
    fn a_mistake_of_the_caller_is_never_repeated() {
        let policy = Policy::new().retry(Retry::attempts(5).rules(&RULES).budget(&BUDGET));
        for _ in 0..100 {
            let failed = policy.idempotent().call(|| Err::<(), _>(Mistake(true))).unwrap_err();
            assert_eq!((failed.attempts(), failed.reason()), (1, Reason::NotRetryable));
        }
        assert_eq!(BUDGET.tokens(), 10);
        let failed = policy.with(&TestClock::new()).idempotent().call(|| Err::<(), _>(Mistake(false)));
        assert!(failed.unwrap_err().attempts() > 1 && BUDGET.tokens() < 10);
    }

    #[test]
    fn a_mistake_of_the_caller_counts_for_no_part() {
        let clock = TestClock::new();
        let breaker = Policy::new().breaker(Breaker::consecutive_failures(3));
        let throttle = Policy::new().throttle(Throttle::new());
        let concurrency = Policy::new().concurrency(Concurrency::aimd().start(20));
        let fail = |mistake: bool| {
            for _ in 0..100 {
                let error = || Err::<(), _>(Mistake(mistake));
                let _ = breaker.with(&clock).call(error);
                let _ = throttle.with(&clock).call(error);
                let _ = concurrency.with(&clock).call(error);
            }
            let state = breaker.breaker_control().with(&clock).state();
            (state, throttle.rejection_probability() > 0.0, concurrency.concurrency_limit(), concurrency.in_flight())
        };
        assert_eq!(fail(true), (BreakerState::Closed, false, 20, 0));
        let (state, throttled, limit, _) = fail(false);
        assert!(state != BreakerState::Closed && throttled && limit < 20);
    }

    #[test]
    fn a_mistake_of_the_caller_gives_its_probe_back() {
        let clock = TestClock::new();
        let policy =
            Policy::new().breaker(Breaker::consecutive_failures(1).open_for(core::time::Duration::from_secs(1)));
        policy.with(&clock).call(|| Err::<(), _>(Mistake(false))).unwrap_err();
        clock.advance(core::time::Duration::from_secs(1));
        for _ in 0..3 {
            let failed = policy.with(&clock).call(|| Err::<(), _>(Mistake(true))).unwrap_err();
            assert_eq!((failed.attempts(), failed.reason()), (1, Reason::NotRetryable));
        }
        assert!(policy.with(&clock).call(|| Ok::<_, Mistake>(())).is_ok());
        assert_eq!(policy.breaker_control().with(&clock).state(), BreakerState::Closed);
    }

    #[test]
    fn a_status_that_blames_the_target_becomes_400() {
        for status in [0, 200, 399, 500, 503, u16::MAX] {
            assert_eq!(CallerError::new(status).status, 400, "{status}");
        }
        for status in [400, 404, 499] {
            assert_eq!(CallerError::new(status).status, status);
        }
    }

    #[test]
    fn of_a_detail_given_twice_the_last_counts() {
        assert_eq!(CallerError::new(404).detail("a").detail("b"), CallerError::new(404).detail("b"));
    }
}
