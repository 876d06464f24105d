//! Budgets beside a slow one that is obviously right.

use std::collections::BTreeMap;

use super::*;

/// The slow, obviously right budget: exact fractions of a token in billionths of a millionth, and a diary of all
/// movements for what expires.
struct Model {
    budget: &'static Budget,
    /// In billionths of a millionth.
    balance: i128,
    at: u64,
    began: u64,
    diary: BTreeMap<u64, i128>,
}

const FINE: i128 = 1_000_000_000;

impl Model {
    fn new(budget: &'static Budget, began: u64) -> Self {
        let balance = i128::from(budget.tariff.initial) * FINE;
        Model { budget, balance, at: began, began, diary: BTreeMap::new() }
    }

    fn expires(&self) -> bool {
        self.budget.tariff.slice() != 0
    }

    fn slice(&self, now: u64) -> u64 {
        (now - self.began) / self.budget.tariff.slice()
    }

    /// Unlike the real one, it looks at every single event what time has done.
    fn balance(&mut self, now: u64) -> i128 {
        if self.expires() {
            let current = self.slice(now);
            let alive: i128 =
                self.diary.iter().filter(|(slice, _)| **slice + 10 > current).map(|(_, moved)| moved).sum();
            self.balance = i128::from(self.budget.tariff.initial) * FINE + alive;
        } else {
            self.balance += i128::from(now - self.at) * i128::from(self.budget.tariff.refill);
            self.balance = self.balance.min(i128::from(self.budget.tariff.capacity) * FINE);
        }
        self.at = now;
        self.balance
    }

    fn moves(&mut self, now: u64, amount: i64) {
        let capacity = i128::from(self.budget.tariff.capacity) * FINE;
        let after = (self.balance(now) + i128::from(amount) * FINE).min(capacity);
        // Only failures that are counted by themselves could bring it below zero.
        let after = if self.budget.tariff.per_failure != 0 { after.max(0) } else { after };
        if self.expires() {
            let slice = self.slice(now);
            *self.diary.entry(slice).or_default() += after - self.balance;
        }
        self.balance = after;
    }

    fn affords(&mut self, now: u64, cost: i64) -> bool {
        let balance = self.balance(now);
        balance >= i128::from(cost) * FINE && balance >= i128::from(self.budget.tariff.least) * FINE
    }
}

#[test]
fn random_sequences_agree_with_a_slow_budget_that_is_obviously_right() {
    for (number, make) in [
        || Budget::ratio(0.37).max_tokens(30),
        || Budget::ratio(0.9).cost_of(Cause::Overloaded, 7),
        || Budget::throttle(10, 0.5),
        || Budget::throttle(37, 0.1).refill_per_second(0.141_421),
        || Budget::quota(60),
        || Budget::quota(60).reward(0.4).refill_per_second(0.333_333),
        || Budget::quota(500).initial(0).cost(9).reward(0.1).refill_per_second(2.5),
        || Budget::windowed(0.2, 0, Duration::from_secs(1)),
        || Budget::windowed(0.73, 2, Duration::from_millis(1_234)),
        || Budget::windowed(0.9, 0, Duration::from_secs(60)),
        // Often exactly empty, with a fraction of a millionth left over.
        || Budget::throttle(2, 1.0).refill_per_second(0.000_001),
    ]
    .into_iter()
    .enumerate()
    {
        let budget = shared(make());
        let mut rng = SplitMix::new(number as u64);
        let mut now = rng.next() % SECOND;
        let mut model = Model::new(budget, now);
        // The real one begins to count time when it first looks at the clock.
        look(budget, now);
        let (mut allowed, mut refused) = (0, 0);
        for step in 0..10_000 {
            now += match rng.next() % 8 {
                0 => rng.next() % (3 * SECOND),
                1 if rng.next().is_multiple_of(16) => rng.next() % (100 * SECOND),
                2..5 => rng.next() % (SECOND / 20),
                _ => 0,
            };
            let cause = [Cause::NoTarget, Cause::Timeout, Cause::Overloaded][(rng.next() % 3) as usize];
            let cost = budget.cost_after(cause);
            match rng.next() % 16 {
                0..5 => {
                    budget.called(&Then(now));
                    model.moves(now, budget.tariff.per_call);
                }
                5 | 6 => {
                    budget.failed(&Then(now));
                    model.moves(now, -budget.tariff.per_failure);
                }
                7..12 => {
                    let affords = model.affords(now, cost);
                    let debt = take(budget, cause, now);
                    assert_eq!(debt.is_some(), affords, "{number}, step {step}");
                    if let Some(debt) = debt {
                        allowed += 1;
                        model.moves(now, -cost);
                        if rng.next().is_multiple_of(3) {
                            // Where deposits expire, no time may pass unseen between the two: it does not here.
                            budget.succeeded(Some(&debt));
                            let earned = if budget.tariff.refunds { cost } else { budget.tariff.per_success };
                            model.moves(now, earned);
                        }
                    } else {
                        refused += 1;
                    }
                }
                12 => {
                    let mut debt = Debt::default();
                    if budget.withdraw(&mut debt, cause, &Then(now)) {
                        model.moves(now, -cost);
                        drop(debt);
                        model.moves(now, cost);
                    }
                }
                _ => {
                    budget.succeeded(None);
                    model.moves(now, budget.tariff.per_success);
                }
            }
            if rng.next().is_multiple_of(4) {
                look(budget, now);
                let expected = u64::try_from(model.balance(now) / FINE).unwrap_or(0);
                assert_eq!(budget.millionths(), expected, "{number}, step {step}: {budget:?}");
            }
        }
        assert!(allowed > 100 && refused > 100, "{number} is no test: {allowed} allowed, {refused} refused");
    }
}
