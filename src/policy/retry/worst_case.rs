//! What a retry can come to at most: the waits of a call that fails all the way.

use core::time::Duration;

use super::{Backoff, Retry};

/// After so many retries, the waits that are left are taken for the longest: exact for all that have reached it by
/// then, and never too little.
const COUNTED: u32 = 10_000;

impl<G> Retry<G> {
    /// The most attempts that one call makes.
    pub(crate) const fn most_attempts(&self) -> u32 {
        self.plan.attempts
    }

    pub(crate) const fn budget_part(&self) -> &G {
        &self.budget
    }

    /// The backoff, and those of single causes.
    fn backoffs(&self) -> impl Iterator<Item = &Backoff> {
        self.rule_backoffs().chain([&self.plan.backoff])
    }

    fn rule_backoffs(&self) -> impl Iterator<Item = &Backoff> {
        self.plan.rules.list.iter().filter_map(|rule| rule.backoff.as_ref())
    }

    /// The longest that `retries` waits take together, whatever the causes and the draws, while nothing asks for more.
    ///
    /// Of the sequences that grow, or stay: a [custom](Backoff::custom) one may do what it likes.
    pub(crate) fn longest_waits(&self, retries: u32) -> Duration {
        self.longest_waits_of(retries, Duration::ZERO)
    }

    /// The same where the callee asks for the longest `retry-after` that is honoured, each time.
    pub(crate) fn longest_asked_waits(&self, retries: u32) -> Duration {
        self.longest_waits_of(retries, Duration::from_nanos(self.plan.retry_after_cap))
    }

    /// The same where each wait is at least `least`.
    fn longest_waits_of(&self, retries: u32, least: Duration) -> Duration {
        let longest = |retry, previous| {
            let delay = |backoff: &Backoff| backoff.delay(retry, previous, u64::MAX);
            self.backoffs().map(delay).max().unwrap_or_default()
        };
        let ceiling = longest(u32::MAX, Duration::MAX);
        let (mut sum, mut wait) = (Duration::ZERO, Duration::ZERO);
        for retry in 1..=retries {
            wait = longest(retry, wait);
            if wait >= ceiling || retry > COUNTED {
                let left = (retries - retry).saturating_add(1);
                return sum.saturating_add(ceiling.max(least).saturating_mul(left));
            }
            sum = sum.saturating_add(wait.max(least));
        }
        sum
    }

    /// The most attempts that can begin within `limit`: the waits alone may take longer.
    pub(crate) fn most_attempts_within(&self, limit: Duration) -> u32 {
        let first_of_rules = self.rule_backoffs().map(|backoff| backoff.delay(1, Duration::ZERO, 0)).min();
        let mut sum = Duration::ZERO;
        for retry in 1..self.plan.attempts.min(COUNTED) {
            let shortest = self.plan.backoff.delay(retry, Duration::ZERO, 0);
            sum = sum.saturating_add(first_of_rules.map_or(shortest, |first| first.min(shortest)));
            if sum >= limit {
                return retry;
            }
        }
        self.plan.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Jitter, Rule};

    const fn constant(seconds: u64) -> Backoff {
        Backoff::constant(Duration::from_secs(seconds)).jitter(Jitter::None)
    }

    #[test]
    fn the_waits_of_single_causes_count_too() {
        static RULES: [Rule; 3] = [
            Rule::never(Cause::Trapped),
            Rule::on(Cause::Overloaded).backoff(constant(7)),
            Rule::on(Cause::Timeout).backoff(constant(1)),
        ];
        let plain = Retry::attempts(9).backoff(constant(3));
        let ruled = plain.rules(&RULES);
        let (five, limit) = (5, Duration::from_secs(7));
        for (retry, longest, within) in [(plain, 15, 3), (ruled, 35, 7)] {
            assert_eq!(retry.longest_waits(five), Duration::from_secs(longest));
            assert_eq!(retry.longest_asked_waits(five), Duration::from_secs(5 * 30));
            let ignoring = retry.retry_after_cap(Duration::ZERO);
            assert_eq!(ignoring.longest_asked_waits(five), Duration::from_secs(longest));
            assert_eq!(retry.most_attempts_within(limit), within);
        }
    }

    #[test]
    fn a_wait_is_the_longer_of_what_is_asked_and_computed() {
        let growing = Backoff::linear(Duration::from_secs(1)).max_delay(Duration::from_secs(60)).jitter(Jitter::None);
        let retry = Retry::attempts(9).backoff(growing).retry_after_cap(Duration::from_secs(3));
        assert_eq!(retry.longest_asked_waits(5), Duration::from_secs(3 + 3 + 3 + 4 + 5));
    }

    #[test]
    fn so_many_waits_are_exact_and_the_rest_the_longest() {
        let hour = Duration::from_secs(3_600);
        let slowly = Backoff::linear(Duration::from_millis(1)).max_delay(hour).jitter(Jitter::None);
        let retry = Retry::attempts(u32::MAX).backoff(slowly);
        let exact = Duration::from_millis((1..=u64::from(COUNTED)).sum());
        for (more, longest) in [(0, exact), (1, exact + hour), (2, exact + 2 * hour)] {
            assert_eq!(retry.longest_waits(COUNTED + more), longest, "{more} more");
        }
    }
}
