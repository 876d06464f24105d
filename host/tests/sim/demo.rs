//! The scenarios of `cargo demo` in simulated time: the same verdicts, from the same table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use steadfast_demo::guests::Guests;
use steadfast_demo::scenario::{EXAMPLES, Example, files::File};
use steadfast_host::sim::Scenario;

/// All files of an example, each manifest once; and which of them are scenarios.
fn files(example: &Example) -> (Vec<File>, BTreeSet<String>) {
    let (mut all, mut scenarios): (Vec<File>, _) = (Vec::new(), BTreeSet::new());
    for scenario in (example.scenarios)() {
        let [manifest, scenario] = scenario.files(example.name);
        match all.iter().find(|file| file.path == manifest.path) {
            Some(known) => assert_eq!(known.text, manifest.text, "{} has two texts", manifest.path),
            None => all.push(manifest),
        }
        assert!(scenarios.insert(scenario.path.clone()), "{} is there twice", scenario.path);
        all.push(scenario);
    }
    (all, scenarios)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/demo")
}

/// `UPDATE_GENERATED=1` writes them.
#[test]
fn the_files_are_those_of_the_table() {
    let all: Vec<File> = EXAMPLES.iter().flat_map(|example| files(example).0).collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let _ = std::fs::remove_dir_all(folder());
        for File { path, text } in &all {
            let path = folder().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
            std::fs::write(path, text).expect("the folder is ours");
        }
    }
    let hint = "run it again with UPDATE_GENERATED=1";
    for File { path, text } in &all {
        let there = std::fs::read_to_string(folder().join(path)).unwrap_or_default();
        assert!(there == *text, "scenarios/demo/{path} is not as the table has it; {hint}");
    }
    let examples = std::fs::read_dir(folder()).expect("the folder is there");
    let there = examples.flat_map(|example| std::fs::read_dir(example.expect("a folder").path()).expect("a folder"));
    assert_eq!(there.count(), all.len(), "a file there is of no scenario; {hint}");
}

/// Each scenario of the example, where its components are.
fn check(name: &str) {
    let example = EXAMPLES.iter().find(|example| example.name == name).expect("an example");
    let guests = Guests::build(example.packages).expect("the guests build");
    if example.packages.contains(&"greeter") && example.packages.contains(&"http-hello") {
        let composed = steadfast_host::compose(guests.file("http-hello"), guests.file("greeter")).expect("they fit");
        std::fs::write(guests.file("greeter").with_file_name("http_hello_composed.wasm"), composed).expect("a file");
    }
    let built = guests.file(example.packages[0]).parent().expect("a folder").display().to_string();
    let stage = tempfile::tempdir().expect("a folder for the test");
    std::fs::create_dir(stage.path().join(name)).expect("the folder is ours");
    let (all, scenarios) = files(example);
    for File { path, text } in &all {
        let text = text.replace("../../../target/wasm32-wasip2/guest", &built);
        std::fs::write(stage.path().join(path), text).expect("the folder is ours");
    }
    for path in scenarios {
        let scenario = Scenario::read(stage.path().join(&path)).unwrap_or_else(|error| panic!("{error}"));
        let outcome = scenario.run(&[scenario.seed()], 1).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(outcome.held(), "{path} is not as the demo promises:\n{outcome}");
        assert!(outcome.requests() > 0, "{path}");
    }
}

/// A promise that is broken is told with what there is instead.
#[test]
fn a_promise_that_is_not_kept_is_told_with_its_figures() {
    let stage = super::Stage::of(
        "manifest = 'hello.toml'\n[[requests]]\npath = '/strict/Ada'\nstatus = 200\ncalls = 1\nanswer = 'Hello, Ada!'\n\
         [[requests]]\nat = '2s'\npath = '/strict/Bob'\nstatus = 503\ncalls = [2, 3]\nsays = ['Bob', 'Ada']\nafter = '1s'\n\
         [[requests]]\npath = '/strict/Cid'\n",
    );
    let run = &super::parsed(&stage.json(&[], 1))["runs"][0];
    assert_eq!((&run["requests"], &run["succeeded"]), (&3.into(), &3.into()));
    let expected = serde_json::json!([
        {
            "held": true,
            "name": "request 1, GET /strict/Ada",
            "expected": "200, 1 calls, \"Hello, Ada!\"",
            "found": "200, 1 calls, \"Hello, Ada!\"",
        },
        {
            "held": false,
            "name": "request 2, GET /strict/Bob",
            "expected": "503, 2 to 3 calls, after 1s, \"Bob\", \"Ada\"",
            "found": "200, 1 calls, after 0ns, \"Bob\", not \"Ada\"",
        },
    ]);
    assert_eq!(run["properties"], expected);
    let times: Vec<f64> = run["timelines"].as_array().unwrap().iter().map(|one| one["at"].as_f64().unwrap()).collect();
    assert_eq!(times, [0.0, 2.0, 2.0], "each when the one before is answered, and not before its time");
}

#[test]
fn many_requests_have_one_promise() {
    let stage = super::Stage::of(
        "manifest = 'hello.toml'\n[[weather]]\nkind = 'overloaded'\nretry-after = '30s'\nfirst = 2\n\
         [[requests]]\npath = '/strict/Ada'\ntimes = 3\ncounts = { 'Hello, Ada!' = 1, overloaded = 2 }\ncalls = 3\n\
         [[requests]]\npath = '/strict/Ada'\nat-once = 4\nstatus = 200\nretry-after = '1s'\n",
    );
    let run = &super::parsed(&stage.json(&[], 1))["runs"][0];
    let property = |number: usize| {
        ["held", "name", "expected", "found"].map(|key| run["properties"][number][key].to_string().replace('"', "'"))
    };
    let expected = ["true", "'requests 1 to 3, GET /strict/Ada'"];
    assert_eq!(property(0)[..2], expected, "{:?}", property(0));
    assert!(property(0)[3].contains("200 ×1, 503 ×2, 3 calls"), "{:?}", property(0));
    let expected = ["false", "'requests 4 to 7, GET /strict/Ada'", "'200, retry after 1s'", "'200 ×4, no retry'"];
    assert_eq!(property(1), expected);
}

#[test]
fn a_client_that_is_told_when_to_come_waits() {
    let stage = super::Stage::of(
        "manifest = 'hello.toml'\n[[weather]]\nkind = 'overloaded'\nretry-after = '30s'\nfirst = 1\n\
         [[requests]]\npath = '/strict/Ada'\nstatus = 503\nretry-after = '30s'\n\
         [[requests]]\npath = '/strict/Ada'\nwhen-told = true\nstatus = 200\n",
    );
    let run = &super::parsed(&stage.json(&[], 0))["runs"][0];
    let times: Vec<f64> = run["timelines"].as_array().unwrap().iter().map(|one| one["at"].as_f64().unwrap()).collect();
    assert_eq!(times, [0.0, 30.0]);
}

#[test]
fn the_flagship_keeps_its_promises_in_simulated_time() {
    check("http-hello");
}

#[test]
fn the_database_keeps_its_promises_in_simulated_time() {
    check("postgres");
}

#[test]
fn the_proxy_keeps_its_promises_in_simulated_time() {
    check("http-proxy");
}

#[test]
fn the_chain_keeps_its_promises_in_simulated_time() {
    check("chain");
}

#[test]
fn the_shared_breaker_keeps_its_promises_in_simulated_time() {
    check("shared-breaker");
}

#[test]
fn the_job_keeps_its_promises_in_simulated_time() {
    check("cron");
}
