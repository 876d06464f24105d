//! The scenarios in `scenarios/`: the naive version of each fails for each seed, and the right one holds for each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use steadfast_demo::guests::Guests;

use super::{parsed, text};

/// The runs of a scenario that is copied to where its components are known, with the exit status.
pub fn runs(pair: &str, version: &str, seeds: usize) -> (Option<i32>, Vec<serde_json::Value>) {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    let build = || Guests::build(&["scenario-front", "greeter", "chain-letters"]).expect("the guests build");
    let guests = GUESTS.get_or_init(build);
    let built = guests.file("greeter").parent().expect("a folder").display().to_string();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(pair);
    let folder = tempfile::tempdir().expect("a folder for the test");
    for file in std::fs::read_dir(&from).expect("the folder of the pair") {
        let file: PathBuf = file.expect("a file").path();
        let content = std::fs::read_to_string(&file).expect("text");
        let content = content.replace("../../target/wasm32-wasip2/guest", &built);
        std::fs::write(folder.path().join(file.file_name().expect("a name")), content).expect("the folder is ours");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["sim", &format!("{version}.toml"), "--seeds", &format!("1..{seeds}"), "--json", "out.json"]);
    let output = command.current_dir(folder.path()).env_remove("RUST_LOG").output().expect("the command runs");
    assert_eq!(text(&output.stderr), "");
    let json = std::fs::read_to_string(folder.path().join("out.json")).expect("it was written");
    (output.status.code(), parsed(&json)["runs"].as_array().expect("runs").clone())
}

/// Enough to see that it is no chance; `steadfast sim` takes more.
const SEEDS: usize = 3;

/// The one property that the naive version does not have, whichever the seed, and all that the right one has.
fn check(pair: &str, property: &str) {
    let (status, naive) = runs(pair, "naive", SEEDS);
    assert_eq!((status, naive.len()), (Some(1), SEEDS));
    for run in naive {
        let failed = run["properties"].as_array().unwrap().iter().filter(|property| property["held"] == false);
        let names: Vec<&str> = failed.map(|property| property["name"].as_str().unwrap()).collect();
        assert_eq!(names, [property], "seed {}", run["seed"]);
    }
    check_right(pair, "right");
}

fn check_right(pair: &str, version: &str) {
    let (status, right) = runs(pair, version, SEEDS);
    assert_eq!((status, right.len()), (Some(0), SEEDS));
    assert!(right.iter().all(|run| run["held"] == true && run["succeeded"].as_u64() > Some(0)));
}

#[test]
fn a_budget_prevents_the_retry_storm() {
    check("retry-storm", "calls to acme:greeter/api per request");
}

#[test]
fn one_retry_in_a_row_does_not_multiply() {
    check("nested-retries", "calls to acme:greeter/api per request");
}

#[test]
fn a_write_that_is_not_marked_happens_once() {
    check("second-execution", "executions of acme:greeter/api for one request");
}

#[test]
fn jitter_scatters_the_herd() {
    check("thundering-herd", "success");
}

#[test]
fn jitter_scatters_those_who_are_told_when_to_come() {
    check("retry-after-herd", "success");
}

#[test]
fn a_breaker_opens_where_its_state_outlives_a_request() {
    check("breaker-never-opens", "calls to acme:greeter/api per request");
    check_right("breaker-never-opens", "shared");
}

#[test]
fn the_store_shows_how_a_shared_breaker_was() {
    let run = &runs("breaker-never-opens", "shared", 1).1[0];
    let breakers = run["breakers"].as_array().expect("breakers");
    assert_eq!(breakers.len(), 1, "{breakers:?}");
    let changes = breakers[0]["changes"].as_array().expect("changes");
    let changes: Vec<(f64, &str)> =
        changes.iter().map(|change| (change[0].as_f64().unwrap(), change[1].as_str().unwrap())).collect();
    // It opens soon after the outage begins, tries each time that a break is over, and closes when one succeeds.
    let outage = (run["weather"][0]["from"].as_f64().unwrap(), run["weather"][0]["until"].as_f64().unwrap());
    let (first, last) = (changes[0], changes[changes.len() - 1]);
    assert!(first.1 == "open" && first.0 > outage.0 && first.0 < outage.0 + 2.0, "{changes:?}");
    assert!(last.1 == "closed" && last.0 > outage.1, "{changes:?}");
    let probed: Vec<bool> = changes.chunks(2).map(|pair| pair[0].1 == "open" && pair[1].1 == "half-open").collect();
    assert!(probed.len() > 3 && probed[..probed.len() - 1].iter().all(|probed| *probed), "{changes:?}");
    let naive = &runs("breaker-never-opens", "naive", 1).1[0];
    assert!(naive.get("breakers").is_none(), "those in the memory of an instance are not seen");
}

#[test]
fn a_deadline_counts_the_calls_too() {
    check("deadline-of-sleeps", "p99");
}

#[test]
fn one_probe_for_all_instances_is_no_stampede() {
    check("half-open-stampede", "calls to acme:greeter/api per request");
}

#[test]
fn a_budget_lets_a_target_recover() {
    check("metastable", "recovery");
}
