//! The async driver: for anything that is awaited, on any executor.

use core::borrow::Borrow;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;

use super::core::{Core, End, Stop};
use super::run::{Attempt, Run, Wait};
use super::{Bound, Call, Judge};
use crate::failure::Failed;
use crate::observe::span::{AttemptScope, CallScope};
use crate::platform::clock::{AsyncClock, Instant};
use crate::platform::rng::Rng;
use crate::policy::{Guard, Parts, Permit, Policy, RetryPart};

impl<P: Parts, C: AsyncClock + Rng, J> Call<'_, P, C, J> {
    /// Makes a call that is awaited. At the deadline, the attempt in flight is cancelled: its future is
    /// dropped.
    ///
    /// ```
    /// use steadfast::{Policy, RpcError, testing::{TestClock, block_on}};
    ///
    /// static GREETER: Policy = Policy::new();
    /// let clock = TestClock::new();
    /// let text = block_on(GREETER.with(&clock).call_async(async || Ok::<_, RpcError>("hi")));
    /// assert_eq!(text.unwrap(), "hi");
    /// ```
    ///
    /// # Errors
    /// [`Failed`]: the last real error, why the policy gave up, how often it tried and how long it took.
    pub fn call_async<T, E>(
        &self,
        operation: impl AsyncFnMut() -> Result<T, E>,
    ) -> impl Future<Output = Result<T, Failed<E>>>
    where
        J: Judge<T, E>,
    {
        drive(self, Plain(operation))
    }

    /// The same for an operation that wants to know how much time its attempt has, to hand it on; see [`Bound`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Deadline, Policy, RpcError, clock::Instant, testing::{TestClock, block_on}};
    ///
    /// static PAGE: Policy<(Deadline,)> = Policy::new().deadline(Deadline::after(Duration::from_nanos(7)));
    /// let clock = TestClock::new();
    /// let ends = block_on(PAGE.with(&clock).call_async_bounded(async |bound| Ok::<_, RpcError>(bound.ends())));
    /// assert_eq!(ends.unwrap(), Some(Instant::from_nanos(7)));
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`call_async`](Self::call_async).
    pub fn call_async_bounded<T, E>(
        &self,
        operation: impl AsyncFnMut(Bound) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, Failed<E>>>
    where
        J: Judge<T, E>,
    {
        drive(self, Bounded(operation))
    }
}

/// What is made again and again. A trait, and no closure around a closure, since each future within another costs a call
/// that is awaited about 50 fuel.
pub(super) trait Operation<T, E> {
    fn attempt(&mut self, bound: Bound) -> impl Future<Output = Result<T, E>>;
}

pub(super) struct Plain<F>(pub F);
struct Bounded<F>(F);

impl<T, E, F: AsyncFnMut() -> Result<T, E>> Operation<T, E> for Plain<F> {
    #[inline]
    fn attempt(&mut self, _: Bound) -> impl Future<Output = Result<T, E>> {
        (self.0)()
    }
}

impl<T, E, F: AsyncFnMut(Bound) -> Result<T, E>> Operation<T, E> for Bounded<F> {
    #[inline]
    fn attempt(&mut self, bound: Bound) -> impl Future<Output = Result<T, E>> {
        (self.0)(bound)
    }
}

/// Drives a call, borrowed or not, to its end.
pub(super) async fn drive<'p, P: Parts + 'p, C: AsyncClock + Rng, J: Judge<T, E>, T, E>(
    call: impl Borrow<Call<'p, P, C, J>>,
    mut operation: impl Operation<T, E>,
) -> Result<T, Failed<E>> {
    let call = call.borrow();
    let mut run = call.run();
    // Only made once something is not as it should be: a call that succeeds at once does not set it up.
    let mut made: Option<Core<T, E>> = None;
    let mut next = run.first(false).map_err(Wait::Refused);
    loop {
        let attempt = match next {
            Ok(attempt) => attempt,
            Err(wait) => {
                let core = made.get_or_insert_with(|| Core::new(0));
                match ready(&mut run, core, wait).await {
                    Ok(attempt) => attempt,
                    Err(end) => return core.end(&mut run, end),
                }
            }
        };
        let result = {
            // As `before`, but in place: a future that is handed on is copied.
            let scope = run.attempt_scope(attempt.number);
            let mut work = pin!(operation.attempt(attempt.ends));
            let mut end = pin!(None);
            poll_fn(|context| match scope.within(|| work.as_mut().poll(context)) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => {
                    poll_made(end.as_mut(), || timer(&call.clock, Until::end(attempt.ends)), context).map(|()| None)
                }
            })
            .await
        };
        let (result, core) = match (result, &mut made) {
            (Some(Ok(value)), None) if J::OK_IS_SUCCESS => {
                run.succeeded(attempt, 0);
                return Ok(value);
            }
            (result, made) => (result, made.get_or_insert_with(|| Core::new(1))),
        };
        if !P::Retry::REPEATS {
            return core.finished_once(&mut run, attempt, result);
        }
        match core.finished(&mut run, attempt, result) {
            Ok(delay) => next = Err(Wait::Retry(delay)),
            Err(end) => return core.end(&mut run, end),
        }
    }
}

/// Waits for the right to make an attempt: after one that failed, in line, and as long as its permit says. After that,
/// the attempt begins. All waits are at one place: with one for each, an awaited retry is 1,200 bytes larger.
pub(super) async fn ready<'c, P: Parts, C: AsyncClock + Rng, J, T, E>(
    run: &mut Run<'c, P, C, J, impl CallScope>,
    core: &mut Core<T, E>,
    wait: Wait<'c, P>,
) -> Result<Attempt<'c, P>, End> {
    let call = run.call;
    let mut wait = match wait {
        Wait::Refused(refused) => Err(core.refused(run, refused, true)),
        Wait::Retry(delay) => Ok(delay),
    };
    loop {
        let mut waiting = None;
        let (until, in_line) = match wait {
            Ok(delay) => (Until::Passed(delay), false),
            Err(Ok(permit)) => match permit.delay() {
                delay @ 1.. if Policy::<P>::WAITS => {
                    waiting = Some(permit);
                    (Until::Passed(delay), false)
                }
                _ => return Ok(core.begin(run, permit)),
            },
            Err(Err(Stop::Line)) if P::Bulkhead::WAITS => (Until::end(run.ends), true),
            Err(Err(stop)) => return Err(stop.into()),
        };
        let place = {
            let mut turn = pin!(in_line.then(|| call.policy.bulkhead.turn()));
            let mut timer = pin!(timer(&call.clock, until));
            poll_fn(|context| match turn.as_mut().as_pin_mut().map(|turn| turn.poll(context)) {
                Some(Poll::Ready(place)) => Poll::Ready(Some(place)),
                _ => poll_timer(timer.as_mut(), context).map(|()| None),
            })
            .await
        };
        if let Some(mut permit) = waiting {
            core.renew(run, &mut permit)?;
            return Ok(core.begin(run, permit));
        }
        wait = Err(core.again(run, in_line, place));
    }
}

/// What `work` comes to, polled within the scope of its attempt.
pub(super) async fn scoped<T>(scope: impl AttemptScope, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| scope.within(|| work.as_mut().poll(context))).await
}

/// What a timer waits for.
enum Until {
    Passed(u64),
    Reached(Instant),
    /// It waits for ever.
    Never,
}

impl Until {
    fn end(bound: Bound) -> Self {
        bound.ends().map_or(Until::Never, Until::Reached)
    }
}

/// The one timer there is, so that its code is in a component once. It reads the clock when it is first polled. Where
/// there is nothing to wait for, it lets others go on: an operation that is always ready would keep its executor
/// otherwise.
async fn timer(clock: &impl AsyncClock, until: Until) {
    let duration = match until {
        Until::Passed(0) => return futures_lite::future::yield_now().await,
        Until::Passed(nanos) => Duration::from_nanos(nanos),
        Until::Reached(ends) => ends.since(clock.now()),
        Until::Never => return core::future::pending().await,
    };
    clock.sleep_async(duration).await
}

#[inline(never)]
fn poll_timer(timer: Pin<&mut impl Future<Output = ()>>, context: &mut Context<'_>) -> Poll<()> {
    timer.poll(context)
}

/// Polls a timer, which is made by the first poll: a call that does not wait costs 15 fuel less without one.
fn poll_made<F: Future<Output = ()>>(
    mut timer: Pin<&mut Option<F>>,
    make: impl FnOnce() -> F,
    context: &mut Context<'_>,
) -> Poll<()> {
    if timer.is_none() {
        timer.set(Some(make()));
    }
    match timer.as_pin_mut() {
        Some(timer) => poll_timer(timer, context),
        None => Poll::Pending,
    }
}

/// What `work` comes to before `ends`. The work is asked first: done at the last moment is done.
pub(super) async fn before<T>(clock: &impl AsyncClock, ends: Bound, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut end = pin!(None);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => poll_made(end.as_mut(), || timer(clock, Until::end(ends)), context).map(|()| None),
    })
    .await
}
