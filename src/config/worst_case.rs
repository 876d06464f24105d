//! The worst that a policy can cost: how often it calls, for how long, and how much load that is.

use core::time::Duration;

use super::either::Either;
use super::parts::Parts;
use super::policies::Policies;
use crate::policy::{Guard, HedgePart, TimeLimit};

/// The worst that one call through a policy can cost. No call makes more attempts or, awaited, takes longer.
///
/// A blocking import cannot be interrupted: it ends when the host ends it, and an attempt under way at the deadline
/// is waited for. So what is said about time holds for awaited calls.
///
/// ```
/// use core::time::Duration;
/// use steadfast::config::Policies;
///
/// let policies = Policies::from_json(r#"{"policies": {"greeter": {
///     "retry": { "attempts": 3, "backoff": { "constant": "1s" }, "retry-after-cap": "0s" },
///     "attempt-timeout": "500ms"
/// }}}"#)?;
/// let worst = policies.worst_case("greeter").unwrap();
/// assert_eq!((worst.attempts, worst.time), (3, Some(Duration::from_millis(3_500))));
/// # Ok::<(), steadfast::config::Mistakes>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorstCase {
    /// How many attempts there are, one after the other.
    pub attempts: u32,
    /// How many more are started beside them, in a call that the code makes as a hedged one.
    pub hedges: u32,
    /// How long the waits between the attempts are together, while nobody asks for more.
    pub waits: Duration,
    /// How long they are where the target asks for the longest `retry-after` that is honoured, each time.
    pub waits_asked: Duration,
    /// How long one attempt may take; `None` where that is not bounded.
    pub attempt: Option<Duration>,
    /// The deadline, if there is one.
    pub deadline: Option<Duration>,
    /// How long an awaited call takes, everything included; `None` where [`unbounded`](Self::unbounded) says why.
    pub time: Option<Duration>,
    /// Why nobody can say how long it takes.
    pub unbounded: Option<Unbounded>,
    /// What the budget allows, if there is one.
    pub budget: Option<Spending>,
}

/// Why a call may take any time: [`WorstCase::unbounded`].
///
/// ```
/// use steadfast::config::{Policies, Unbounded};
///
/// let policies = Policies::from_json(r#"{"policies": {"greeter": {"retry": {"attempts": 3}}}}"#)?;
/// assert_eq!(policies.worst_case("greeter").unwrap().unbounded, Some(Unbounded::Attempt));
/// # Ok::<(), steadfast::config::Mistakes>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unbounded {
    /// There is no attempt timeout and no deadline.
    Attempt,
    /// A call waits in line for the bulkhead as long as it takes, and there is no deadline.
    Line,
}

/// How many retries and hedges a budget allows all calls together, while every call fails: [`WorstCase::budget`].
///
/// ```
/// use steadfast::config::Policies;
///
/// let policies = Policies::from_json(r#"{"policies": {"greeter": {
///     "retry": { "attempts": 3, "budget": { "ratio": "20%", "max-tokens": 50 } }
/// }}}"#)?;
/// let budget = policies.worst_case("greeter").unwrap().budget.unwrap();
/// assert_eq!((budget.per_call, budget.at_once), (0.2, Some(50)));
/// # Ok::<(), steadfast::config::Mistakes>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spending {
    /// For each call, in the long run.
    pub per_call: f64,
    /// Each second beyond that, in the long run.
    pub per_second: f64,
    /// At once, where all was saved up that can be; `None` where that depends on how many calls there were.
    pub at_once: Option<u32>,
}

impl WorstCase {
    /// How many times as many attempts as calls reach a target that always fails: of a single call, or of a few.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {"retry": {"attempts": 4}}}}"#)?;
    /// assert_eq!(policies.worst_case("greeter").unwrap().load(), 4.0);
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn load(&self) -> f64 {
        f64::from(self.attempts) + f64::from(self.hedges)
    }

    /// The same in the long run, when a budget has nothing saved up any more. What it allows each second is not in it.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {
    ///     "retry": { "attempts": 4, "budget": { "ratio": "20%" } }
    /// }}}"#)?;
    /// assert_eq!(policies.worst_case("greeter").unwrap().sustained_load(), 1.2);
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn sustained_load(&self) -> f64 {
        match self.budget {
            Some(budget) => (1.0 + budget.per_call).min(self.load()),
            None => self.load(),
        }
    }

    pub(super) fn of(parts: &Parts) -> Self {
        let deadline = parts.deadline.limit().map(Duration::from_nanos);
        let attempt = parts.timeout.limit().map(Duration::from_nanos);
        let attempts = match (&parts.retry, deadline) {
            (None, _) => 1,
            (Some(retry), None) => retry.most_attempts(),
            (Some(retry), Some(deadline)) => retry.most_attempts_within(deadline),
        };
        let hedges = parts.hedge.most();
        let waits = parts.retry.map_or(Duration::ZERO, |retry| retry.longest_waits(attempts - 1));
        let waits_asked = parts.retry.map_or(Duration::ZERO, |retry| retry.longest_asked_waits(attempts - 1));
        let (time, unbounded) = match (deadline, time(parts, attempts, hedges, waits_asked)) {
            (Some(deadline), Ok(time)) => (Some(time.min(deadline)), None),
            (Some(deadline), Err(_)) => (Some(deadline), None),
            (None, Ok(time)) => (Some(time), None),
            (None, Err(why)) => (None, Some(why)),
        };
        let budget = parts.retry.as_ref().and_then(|retry| *retry.budget_part()).map(|budget| {
            let allowed = match budget {
                Either::One(budget) => super::shared::local(budget).while_all_fails(),
                Either::Other(budget) => budget.while_all_fails(),
            };
            // No call has more than all of its attempts and hedges.
            let per_call = allowed.per_call.min(f64::from(attempts - 1) + f64::from(hedges));
            Spending { per_call, per_second: allowed.per_second, at_once: allowed.burst }
        });
        WorstCase { attempts, hedges, waits, waits_asked, attempt, deadline, time, unbounded, budget }
    }
}

/// How long a call takes that no deadline ends.
fn time(parts: &Parts, attempts: u32, hedges: u32, waits: Duration) -> Result<Duration, Unbounded> {
    if matches!(&parts.bulkhead, Some(Either::One(bulkhead)) if bulkhead.has_line()) {
        return Err(Unbounded::Line);
    }
    let attempt = parts.timeout.limit().map(Duration::from_nanos).ok_or(Unbounded::Attempt)?;
    // Each attempt may have to wait for the rate limit.
    let turn = match &parts.limit {
        Some(Either::One(Either::One(limit))) => super::shared::longest_wait(limit),
        Some(Either::One(Either::Other(limit))) => limit.longest_wait(),
        Some(Either::Other(_)) | None => Duration::ZERO,
    };
    // A hedge begins while the attempt before it is under way, a delay later, and has the same time.
    let later = match &parts.hedge {
        Some(Either::One(hedge)) => hedge.fixed_delay().unwrap_or(attempt).min(attempt),
        Some(Either::Other(_)) => attempt,
        None => Duration::ZERO,
    };
    let rounds = attempt.saturating_add(turn).saturating_mul(attempts);
    Ok(rounds.saturating_add(later.saturating_mul(hedges)).saturating_add(waits))
}

impl Policies {
    /// The worst that a call through the policy with this name can cost, if there is one.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {"retry": {"attempts": 4}}}}"#)?;
    /// assert_eq!(policies.worst_case("greeter").map(|worst| worst.attempts), Some(4));
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn worst_case(&self, policy: &str) -> Option<WorstCase> {
        self.parts(policy).map(WorstCase::of)
    }

    /// The same for what is bound to this key of the targets, as it is [written](Self::targets).
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{
    ///     "policies": { "greeter": { "retry": { "attempts": 4 } } },
    ///     "targets": { "acme:greeter/api#forget": { "policy": "greeter", "retry": "never" } }
    /// }"#)?;
    /// assert_eq!(policies.worst_case_for("acme:greeter/api#forget").map(|worst| worst.attempts), Some(1));
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn worst_case_for(&self, target: &str) -> Option<WorstCase> {
        self.parts_for(target).map(WorstCase::of)
    }

    /// When each attempt of a call begins at the latest, counted from the first, where each fails at once and the target
    /// asks for no wait: of the policy with this name, for at most 20 attempts.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {
    ///     "retry": { "attempts": 4, "backoff": { "exponential": "50ms" } }
    /// }}}"#)?;
    /// assert_eq!(policies.timeline("greeter").unwrap(), [0, 50, 150, 350].map(Duration::from_millis));
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn timeline(&self, policy: &str) -> Option<Vec<Duration>> {
        self.parts(policy).map(timeline)
    }

    /// The same for what is bound to this key of the targets.
    pub fn timeline_for(&self, target: &str) -> Option<Vec<Duration>> {
        self.parts_for(target).map(timeline)
    }
}

/// More attempts than this are not told one by one.
const TOLD: u32 = 20;

fn timeline(parts: &Parts) -> Vec<Duration> {
    let retries = WorstCase::of(parts).attempts.min(TOLD) - 1;
    let begins = |retry| parts.retry.as_ref().map_or(Duration::ZERO, |retries| retries.longest_waits(retry));
    (0..=retries).map(begins).collect()
}
