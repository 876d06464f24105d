//! What a budget allows while every call fails.

use super::{Budget, InFlightBudget, ledger::TOKEN};

/// How many retries a budget allows while every call fails with the cause that costs least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowance {
    /// At once, if it had saved up all that it can; none where it can save up without a limit.
    pub burst: Option<u32>,
    /// For each call, in the long run.
    pub per_call: f64,
    /// Each second, in the long run.
    pub per_second: f64,
}

impl InFlightBudget {
    pub(crate) fn while_all_fails(&self) -> Allowance {
        // Retries that are faster than calls are more than their share of the calls in flight.
        Allowance { burst: None, per_call: f64::INFINITY, per_second: 0.0 }
    }
}

impl Budget {
    pub(crate) fn while_all_fails(&self) -> Allowance {
        let tariff = &self.tariff;
        let tokens = |amount: i64| amount as f64 / TOKEN as f64;
        if tariff.per_failure > 0 {
            // The failures themselves take it below the half that it needs, a token each.
            let burst = (tariff.capacity - tariff.least) / TOKEN;
            let per_second = tokens(tariff.refill as i64);
            return Allowance { burst: Some(u32::try_from(burst).unwrap_or(u32::MAX)), per_call: 0.0, per_second };
        }
        let cost = f64::from(tariff.costs.iter().copied().min().unwrap_or(1).max(1));
        let reserve = tariff.ttl.map_or(0.0, |ttl| tokens(tariff.initial) / (ttl as f64 / 1e9));
        Allowance {
            burst: tariff.ttl.is_none().then_some((tokens(tariff.capacity) / cost) as u32),
            per_call: tokens(tariff.per_call) / cost,
            per_second: (tokens(tariff.refill as i64) + reserve) / cost,
        }
    }
}
