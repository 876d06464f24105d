//! The blocking driver: for imports that return when they are done.

use core::time::Duration;

use super::core::{Core, End, Stop};
use super::run::{Attempt, Refused, Run};
use super::{Bound, Call, Judge};
use crate::failure::{Failed, Reason};
use crate::observe::span::CallScope;
use crate::platform::clock::Clock;
use crate::platform::rng::Rng;
use crate::policy::{Parts, Permit, Permits, Policy, RetryPart};

impl<P: Parts, C: Clock + Rng, J> Call<'_, P, C, J> {
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
    /// static PAGE: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_nanos(7)));
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
        let attempt = match run.first(false) {
            Ok(attempt) => attempt,
            Err(refused) => return self.begin_late(run, refused, operation),
        };
        match run.within(attempt.number, || operation(attempt.ends)) {
            Ok(value) if J::OK_IS_SUCCESS => {
                run.succeeded(attempt, 0);
                Ok(value)
            }
            result => self.recover(run, Core::new(1), attempt, result, operation),
        }
    }

    /// A call that does not begin at once.
    #[cold]
    fn begin_late<'c, T, E>(
        &'c self,
        mut run: Run<'c, P, C, J, impl CallScope>,
        refused: Refused<'c, P>,
        mut operation: impl FnMut(Bound) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        let mut core = Core::new(0);
        let admitted = core.refused(&mut run, refused, false);
        // Without a guard that has callers wait, a call that does not begin at once does not begin.
        if !Policy::<P>::WAITS {
            return core.end(&mut run, admitted.map_or_else(End::from, |_| End::GaveUp(Reason::Deadline)));
        }
        let attempt = match self.ready(&mut run, &mut core, admitted) {
            Ok(attempt) => attempt,
            Err(end) => return core.end(&mut run, end),
        };
        let result = run.within(attempt.number, || operation(attempt.ends));
        self.recover(run, core, attempt, result, operation)
    }

    /// A call from the first result on that is not simply a success.
    #[cold]
    fn recover<'c, T, E>(
        &'c self,
        mut run: Run<'c, P, C, J, impl CallScope>,
        mut core: Core<T, E>,
        mut attempt: Attempt<'c, P>,
        mut result: Result<T, E>,
        mut operation: impl FnMut(Bound) -> Result<T, E>,
    ) -> Result<T, Failed<E>>
    where
        J: Judge<T, E>,
    {
        // 900 bytes less where nothing is repeated: the loop and its sleep are not there.
        if !P::Retry::REPEATS {
            return core.finished_once(&mut run, attempt, Some(result));
        }
        let end = loop {
            match core.finished(&mut run, attempt, Some(result)) {
                Ok(delay) => self.sleep(delay),
                Err(end) => break end,
            }
            let admitted = run.woke().and_then(|()| core.admit(&mut run, None, false));
            attempt = match self.ready(&mut run, &mut core, admitted) {
                Ok(attempt) => attempt,
                Err(end) => break end,
            };
            result = run.within(attempt.number, || operation(attempt.ends));
        };
        core.end(&mut run, end)
    }

    /// Waits as long as the permit says. After that, the attempt begins.
    #[inline]
    pub(super) fn ready<'c, T, E>(
        &'c self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        core: &mut Core<T, E>,
        admitted: Result<Permits<'c, P>, Stop>,
    ) -> Result<Attempt<'c, P>, End> {
        if Policy::<P>::WAITS { self.wait(run, core, admitted?) } else { Ok(core.begin(run, admitted?)) }
    }

    #[cold]
    fn wait<'c, T, E>(
        &'c self,
        run: &mut Run<'c, P, C, J, impl CallScope>,
        core: &mut Core<T, E>,
        mut permit: Permits<'c, P>,
    ) -> Result<Attempt<'c, P>, End> {
        let delay = permit.delay();
        if delay != 0 {
            self.sleep(delay);
            core.renew(run, &mut permit)?;
        }
        Ok(core.begin(run, permit))
    }

    #[inline]
    pub(super) fn sleep(&self, nanos: u64) {
        if nanos != 0 {
            self.clock.sleep(Duration::from_nanos(nanos));
        }
    }
}
