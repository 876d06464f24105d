//! A job survives an outage of what it calls: within its run, or with the next one.

use std::time::Duration;

use steadfast_host::{Cause, Delivery, Entry};

use crate::stage::{simulate, whole};

const RUN: &str = "acme:jobs/job#run";

/// What went over the lattice within so many seconds: runs every 10 s, and their calls.
fn entries(rest: &str, seconds: u64) -> Vec<Entry> {
    let manifest = format!(
        "component = '<cron>'\n[links]\n'acme:greeter/api' = {{ component = '<greeter>' }}\n\
         [[cron]]\ncall = '{RUN}'\nevery = '10s'\n{rest}"
    );
    simulate(&whole(&manifest), async |stage| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stage.host.journal().entries()
    })
}

fn outcomes(entries: &[Entry], of_runs: bool) -> Vec<Result<(), (Cause, Delivery)>> {
    entries.iter().filter(|entry| (entry.target == RUN) == of_runs).map(|entry| entry.outcome).collect()
}

#[test]
fn a_run_makes_its_calls_on_time() {
    let entries = entries("", 25);
    assert_eq!((outcomes(&entries, true), outcomes(&entries, false)), (vec![Ok(()); 2], vec![Ok(()); 4]));
    let runs: Vec<_> = entries.iter().filter(|entry| entry.target == RUN).collect();
    assert_eq!(runs.iter().map(|run| run.at.as_secs()).collect::<Vec<_>>(), [10, 20]);
}

#[test]
fn an_outage_that_ends_during_a_run_costs_only_time() {
    for kind in ["no-target", "disconnected", "drop", "blackhole", "trap"] {
        let entries = entries(&format!("[[faults]]\non = 'acme:greeter/api'\nkind = '{kind}'\nfirst = 3"), 19);
        assert_eq!(outcomes(&entries, true), [Ok(())], "{kind}");
        assert_eq!(outcomes(&entries, false).len(), 5, "{kind}");
    }
}

#[test]
fn a_longer_outage_costs_a_run_whose_cause_is_recorded_and_the_next_run_is_as_good_as_any() {
    let entries = entries("[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nuntil = '19s'", 29);
    assert_eq!(outcomes(&entries, true), [Err((Cause::NoTarget, Delivery::NotSent)), Ok(())]);
    let calls = outcomes(&entries, false);
    assert_eq!(calls.len(), 6 + 2);
    assert!(calls.ends_with(&[Ok(()), Ok(())]));
}
