//! The blocking driver: for imports that return when they are done.

use core::time::Duration;

use super::core::{PermitOf, Run};
use super::{Bound, Call, Judge, Marking, Verdict};
use crate::failure::Failed;
use crate::failure::{Facts, Reason};
use crate::observe::span::CallScope;
use crate::platform::clock::{Clock, nanos};
use crate::platform::rng::Rng;
use crate::policy::{Permit, Pipeline, RetryPart};

impl<P: Pipeline, C: Clock + Rng, J, I: Marking> Call<'_, P, C, J, I> {
    /// Makes a blocking call, such as one of a generated import. The waits between attempts block the
    /// component too.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::TestClock};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// assert_eq!(GREETER.with(&clock).call(|| Ok::<_, RpcError>("hi")).unwrap(), "hi");
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    // The first attempt stands apart from the others, so that a call that succeeds runs straight through.
    #[inline]
    pub fn call<T, E>(&self, mut operation: impl FnMut() -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        self.call_bounded(|_| operation())
    }

    /// The same for an operation that wants to know how much time its attempt has, to hand it on; see [`Bound`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy, RpcError, clock::Instant, testing::TestClock};
    ///
    /// static PAGE: Policy<Deadline> = Policy::new().deadline(Deadline::after(Duration::from_nanos(7)));
    /// let ends = PAGE.with(&TestClock::new()).call_bounded(|bound| Ok::<_, RpcError>(bound.ends()));
    /// assert_eq!(ends.unwrap(), Some(Instant::from_nanos(7)));
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call`](Self::call).
    #[inline]
    pub fn call_bounded<T, E>(&self, mut operation: impl FnMut(Bound) -> Result<T, E>) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let mut run = self.run();
        if run.is_over() {
            return run.end_without_time();
        }
        let permit = match run.try_admit() {
            Ok(permit) => permit,
            Err(refused) => return run.end_before_it_began(refused),
        };
        let permit = match self.ready(&mut run, permit) {
            Ok(permit) => permit,
            Err(reason) => return run.end(None, reason),
        };
        let ends = run.begin();
        match run.within(|| operation(Bound::of(ends))) {
            Ok(value) if J::OK_IS_SUCCESS => {
                run.succeeded(permit);
                Ok(value)
            }
            result => self.recover(run, permit, result, operation),
        }
    }

    #[cold]
    fn recover<'s, T, E>(
        &'s self,
        mut run: Run<'s, P, C, J, I, impl CallScope>,
        mut permit: PermitOf<'s, P>,
        mut result: Result<T, E>,
        mut operation: impl FnMut(Bound) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        loop {
            let facts = match self.judge.judge(&result) {
                Verdict::Failure { cause, delivery, retry_after } => Facts::new(cause, delivery, retry_after),
                verdict => {
                    if verdict == Verdict::Success {
                        run.recovered(permit);
                    }
                    return run.hand_over(result);
                }
            };
            let delay = match run.failed(permit, &facts) {
                Ok(delay) if P::Retry::REPEATS => delay,
                Ok(_) => return run.end(Some(result), Reason::Attempts),
                Err(reason) => return run.end(Some(result), reason),
            };
            self.wait(&run, delay);
            let admitted = run.woke().and_then(|()| run.admit());
            permit = match admitted.and_then(|permit| self.ready(&mut run, permit)) {
                Ok(permit) => permit,
                Err(reason) => return run.end(Some(result), reason),
            };
            let ends = run.begin_again();
            // As before the loop, so that every turn begins with a result to be judged: else compilers peel off the
            // first, and all of this is there twice.
            result = match run.within(|| operation(Bound::of(ends))) {
                Ok(value) if J::OK_IS_SUCCESS => {
                    run.recovered(permit);
                    return Ok(value);
                }
                result => result,
            };
        }
    }

    /// Waits as long as the permit says. After that, the attempt begins.
    #[inline]
    pub(super) fn ready<'s>(
        &'s self,
        run: &mut Run<'s, P, C, J, I, impl CallScope>,
        mut permit: PermitOf<'s, P>,
    ) -> Result<PermitOf<'s, P>, Reason> {
        let delay = permit.delay();
        if !delay.is_zero() {
            self.wait(run, nanos(delay));
            run.renew(&mut permit)?;
        }
        permit.begin();
        Ok(permit)
    }

    #[inline]
    fn wait(&self, run: &Run<'_, P, C, J, I, impl CallScope>, nanos: u64) {
        if nanos != 0 {
            self.clock.sleep(Duration::from_nanos(nanos));
            run.present.forget();
        }
    }
}
