//! A store of shared state that fails in all the ways there are, for many seeds: `scenarios/store-fails/`.

use super::classics::runs;

/// Each is a host that starts, so these take seconds. `steadfast sim scenarios/store-fails/up.toml --seeds 1..1000` takes
/// minutes.
const SEEDS: usize = 10;

fn check(scenario: &str) {
    let (status, runs) = runs("store-fails", scenario, SEEDS);
    let failed: Vec<_> = runs.iter().filter(|run| run["held"] != true).map(|run| &run["seed"]).collect();
    assert_eq!((status, runs.len(), failed), (Some(0), SEEDS, Vec::new()));
    // The store did fail.
    let asked = |run: &serde_json::Value| run["targets"].to_string().contains("disconnected");
    assert!(runs.iter().any(asked), "{}", runs[0]);
}

#[test]
fn a_store_that_fails_loses_no_request() {
    check("up");
}

#[test]
fn a_breaker_recovers_while_its_store_fails() {
    check("outage");
}
