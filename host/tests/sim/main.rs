//! `steadfast sim`: what it says of a scenario, and that one seed has one outcome.

mod classics;
mod compare;
mod demo;
mod library;
mod mistakes;
mod report;
mod store;
mod traffic;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use steadfast_demo::guests::Guests;

fn guests() -> &'static Guests {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| Guests::build(&["http-hello", "greeter"]).expect("the guests build"))
}

/// A handler that calls a greeter: at most 4 tries within 3 s, with 100, 200 and 400 ms between them, and jitter.
fn manifest() -> String {
    let file = |package| guests().file(package).display().to_string();
    format!(
        "component = '{}'\n[links]\n'acme:greeter/api' = {{ component = '{}' }}\n",
        file("http-hello"),
        file("greeter")
    )
}

/// The greeter is gone for 2 s.
const OUTAGE: &str = r#"
manifest = "hello.toml"
seed = 5

[traffic]
arrivals = "poisson"
requests-per-second = 20
duration = "8s"
paths = [{ path = "/strict/Ada", weight = 3 }, { path = "/again/Ada" }]

[[weather]]
on = "acme:greeter/api"
kind = "no-target"
from = "3s"
until = "5s"

[expect]
success = "70%"
p99 = "1s"
recovers-within = "0s"

[[expect.calls]]
to = "acme:greeter/api"
per-request = 3
executions-per-request = 1
"#;

/// A folder with the manifest and a scenario, in which the command runs.
struct Stage(tempfile::TempDir);

impl Stage {
    fn of(scenario: &str) -> Self {
        let stage = Stage(tempfile::tempdir().expect("a folder for the test"));
        std::fs::write(stage.path().join("hello.toml"), manifest()).expect("the folder is ours");
        std::fs::write(stage.path().join("outage.toml"), scenario).expect("the folder is ours");
        stage
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn sim(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.arg("sim").args(arguments).current_dir(self.path()).env_remove("RUST_LOG");
        command.output().expect("the command runs")
    }

    /// The JSON of a run that ends with this status.
    fn json(&self, arguments: &[&str], status: i32) -> String {
        let output = self.sim(&[&["outage.toml", "--json", "out.json"], arguments].concat());
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stdout));
        std::fs::read_to_string(self.path().join("out.json")).expect("it was written")
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn one_seed_has_one_outcome_and_another_has_another() {
    let stage = Stage::of(OUTAGE);
    let first = stage.json(&[], 0);
    assert_eq!(first, stage.json(&[], 0));
    assert_eq!(first, stage.json(&["--seed", "5"], 0), "the seed of the file");
    let other = stage.json(&["--seed", "6"], 0);
    assert_ne!(parsed(&first)["runs"][0]["latency"], parsed(&other)["runs"][0]["latency"]);
}

#[test]
fn figures_are_those_of_arithmetic_where_nothing_is_chance() {
    let scenario = r#"
        manifest = "hello.toml"
        [traffic]
        requests-per-second = 10
        duration = "6s"
        paths = [{ path = "/strict/Ada" }]
        [[weather]]
        kind = "latency"
        delay = "20ms"
        [[weather]]
        kind = "trap"
        from = "2s"
        until = "4s"
    "#;
    let run = &parsed(&Stage::of(scenario).json(&[], 0))["runs"][0];
    // One each 100 ms from 0; those of 2 s to 3.9 s meet a target that traps, which is not repeated. A call that begins at
    // 1,980 ms or later would too, and there is none.
    assert_eq!(run["requests"], 60);
    assert_eq!(run["answers"], serde_json::json!({ "200": 40, "502": 20 }));
    assert_eq!((&run["latency"]["p50"], &run["latency"]["max"]), (&0.02.into(), &0.02.into()));
    let target = &run["targets"][0];
    assert_eq!((&target["asked"], &target["arrived"]), (&60.into(), &40.into()));
    assert_eq!(target["outcomes"], serde_json::json!({ "ok": 40, "trapped": 20 }));
}

#[test]
fn calls_of_a_request_are_in_its_timeline() {
    let run = &parsed(&Stage::of(OUTAGE).json(&[], 0))["runs"][0];
    let failed = run["timelines"].as_array().unwrap().iter().find(|request| request["answer"] == "503").unwrap();
    let calls = failed["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 4, "four tries: {failed}");
    assert!(calls.iter().all(|call| call["outcome"] == "no-target" && call["arrived"] == false), "{failed}");
    let times: Vec<f64> = calls.iter().map(|call| call["at"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[3] > times[0], "{failed}");
}

#[test]
fn a_property_that_does_not_hold_is_told_with_its_figure() {
    let stage = Stage::of(&OUTAGE.replace("success = \"70%\"", "success = \"99.9%\""));
    let output = stage.sim(&["outage.toml", "--json", "out.json"]);
    assert_eq!(output.status.code(), Some(1));
    let run = &parsed(&std::fs::read_to_string(stage.path().join("out.json")).unwrap())["runs"][0];
    let share = run["succeeded"].as_f64().unwrap() / run["requests"].as_f64().unwrap() * 100.0;
    let found = run["properties"][0]["found"].as_str().unwrap().trim_end_matches('%').parse::<f64>().unwrap();
    assert!((found - share).abs() < 0.001 && found < 99.9, "{found} {share}");
    let said = text(&output.stdout);
    let line = said.lines().find(|line| line.starts_with("not held")).expect("a line for the property");
    assert_eq!(line, format!("not held   success: {found}%; expected at least 99.9%"));
    assert_eq!(said.lines().filter(|line| line.starts_with("held")).count(), 4, "{said}");
    assert!(said.ends_with("again      steadfast sim outage.toml --seed 5\n"), "{said}");
    assert_eq!(text(&output.stderr), "");
    let components: Vec<&str> = said.lines().filter(|line| line.starts_with("component  ")).collect();
    assert!(components.len() == 2 && components.iter().all(|line| line.len() > 64), "{said}");
}

#[test]
fn load_after_weather_is_measured_by_that_before_it() {
    let property = |load: &str, status| {
        let scenario = format!(
            "manifest = 'hello.toml'\n[traffic]\nrequests-per-second = 10\nduration = '6s'\n\
             paths = [{{ path = '/strict/Ada' }}]\n[[weather]]\nkind = 'trap'\nfrom = '2s'\nuntil = '4s'\n\
             [[expect.calls]]\nto = 'acme:greeter/api'\nload-after = {load}\n"
        );
        parsed(&Stage::of(&scenario).json(&[], status))["runs"][0]["properties"][0].clone()
    };
    let held = property("1", 0);
    assert_eq!(held["expected"], "at most 1 times those before it");
    // Traps are not repeated, so there is one call for each request.
    assert_eq!(held["found"], "10 in one, and 10.0 before it");
    assert_eq!(property("0.9", 1)["held"], false);
}

#[test]
fn a_breaker_that_no_store_shows_does_not_open() {
    let scenario = OUTAGE.to_string() + "[[expect.breakers]]\nname = 'acme/greeter'\nopens-within = '5s'\n";
    let run = &parsed(&Stage::of(&scenario).json(&[], 1))["runs"][0];
    let failed = run["properties"].as_array().unwrap().iter().filter(|property| property["held"] == false);
    let failed: Vec<_> = failed.map(|property| (&property["name"], &property["found"])).collect();
    assert_eq!(failed, [(&"breaker acme/greeter".into(), &"no shared breaker changed".into())]);
}

#[test]
fn a_lost_answer_of_a_repeated_call_is_a_second_execution() {
    let scenario = |path: &str| {
        format!(
            "manifest = 'hello.toml'\n[traffic]\nrequests-per-second = 10\nduration = '2s'\n\
             paths = [{{ path = '{path}' }}]\n[[weather]]\nkind = 'drop'\nfirst = 1\n\
             [[expect.calls]]\nto = 'acme:greeter/api#greet'\nexecutions-per-request = 1\n"
        )
    };
    let found =
        |path, status| parsed(&Stage::of(&scenario(path)).json(&[], status))["runs"][0]["properties"][0].clone();
    // `again` is marked as idempotent, and `strict` is not.
    assert_eq!(found("/strict/Ada", 0)["found"], "1");
    assert_eq!(found("/again/Ada", 1)["found"], "2");
}

#[test]
fn a_call_that_is_lost_before_it_arrives_is_no_execution() {
    let fault =
        |loses: &str| under(&format!("kind = 'drop'\nfirst = 40\nloses = '{loses}'"), &[])["targets"][0].clone();
    let (request, answer) = (fault("request"), fault("answer"));
    // The caller sees the same, and none is repeated, as each may have arrived.
    assert_eq!(request["outcomes"], serde_json::json!({ "disconnected": 40, "ok": 160 }));
    assert_eq!(request["outcomes"], answer["outcomes"]);
    assert_eq!((&request["arrived"], &answer["arrived"]), (&160.into(), &200.into()));
}

#[test]
fn a_mix_of_faults_has_each_by_its_weight() {
    let run = under("kind = { trap = 3, no-link = 1 }\nrate = '50%'", &[]);
    let outcomes = &run["targets"][0]["outcomes"];
    let count = |outcome: &str| outcomes[outcome].as_u64().unwrap();
    // Of 200 calls, half are hit. The numbers have standard deviations of 7, 7 and 5.
    assert!((80..=120).contains(&count("ok")), "{outcomes}");
    assert!((54..=96).contains(&count("trapped")) && (10..=40).contains(&count("no-link")), "{outcomes}");
    assert_eq!(
        (&run["weather"][0]["kind"], &run["weather"][0]["strength"]),
        (&"no-link or trap".into(), &"1 : 3".into())
    );
}

/// The run of a scenario with constant traffic, 20 requests a second for 10 s, and this weather.
fn under(weather: &str, arguments: &[&str]) -> Value {
    let scenario = format!(
        "manifest = 'hello.toml'\n[traffic]\nrequests-per-second = 20\nduration = '10s'\n\
         paths = [{{ path = '/strict/Ada' }}]\n[[weather]]\n{weather}\n"
    );
    parsed(&Stage::of(&scenario).json(arguments, 0))["runs"][0].clone()
}

#[test]
fn a_rate_is_a_share_of_the_calls_by_the_seed() {
    let failed = |seed| under("kind = 'trap'\nrate = '25%'", &["--seed", seed])["answers"]["502"].as_u64().unwrap();
    // The number has a standard deviation of 6.
    let all = ["1", "2", "3"].map(failed);
    assert!(all.iter().all(|failed| (25..=75).contains(failed)), "{all:?}");
    assert_eq!(failed("1"), all[0]);
    assert!(all[0] != all[1] || all[1] != all[2], "{all:?}");
}

#[test]
fn a_fault_that_flaps_comes_and_goes() {
    // From 1 s, for 500 ms every 2 s: five times, of which each meets the 10 requests of that half second.
    let run = under("kind = 'trap'\nfrom = '1s'\nevery = '2s'\nfor = '500ms'", &[]);
    assert_eq!(run["answers"], serde_json::json!({ "200": 150, "502": 50 }));
}

#[test]
fn delays_by_chance_are_within_their_distribution() {
    let latency = |delay: &str| {
        let run = under(&format!("kind = 'latency'\ndelay = {delay}"), &[]);
        ["p50", "max", "mean"].map(|figure| run["latency"][figure].as_f64().unwrap())
    };
    let [median, longest, mean] = latency("{ min = '100ms', max = '300ms' }");
    assert!((0.18..0.22).contains(&median) && longest <= 0.301 && (0.19..0.21).contains(&mean), "{median} {longest}");
    // The median of an exponential distribution is its mean times the logarithm of 2.
    let [median, longest, mean] = latency("{ mean = '50ms' }");
    assert!((0.028..0.042).contains(&median) && longest > 0.15 && (0.042..0.06).contains(&mean), "{median} {mean}");
}

#[test]
fn a_target_of_some_capacity_lets_calls_wait_and_refuses_others() {
    // One each 50 ms; each takes 125 ms, and one waits. Nothing is chance, so five times in a second two are done.
    let run = under("kind = 'capacity'\nconcurrency = 1\nwork = '125ms'\nqueue = 1\nretry-after = '1h'", &[]);
    let outcomes = &run["targets"][0]["outcomes"];
    let (done, refused) = (outcomes["ok"].as_u64().unwrap(), outcomes["overloaded"].as_u64().unwrap());
    assert_eq!((done, done + refused), (81, 200), "8 in each of 10 s, and the one that waited at the end");
    // Who finds no other waits for none; who finds the target just begun waits as long as one takes.
    assert_eq!(run["latency"]["max"], 0.25);
    let alone = under("kind = 'capacity'\nconcurrency = 3\nwork = '125ms'", &[]);
    assert_eq!((&alone["succeeded"], &alone["latency"]["max"]), (&200.into(), &0.125.into()));
}

#[test]
fn delays_are_what_the_distribution_says() {
    let median_and_longest = |delay: &str| {
        let run = under(&format!("kind = 'latency'\ndelay = {delay}"), &[]);
        ["p50", "max"].map(|figure| run["latency"][figure].as_f64().unwrap())
    };
    let [median, longest] = median_and_longest("{ median = '40ms', p99 = '400ms' }");
    assert!((0.034..0.047).contains(&median) && longest > 0.2, "{median} {longest}");
    let [median, longest] = median_and_longest("{ quantiles = [['50%', '10ms'], ['90%', '90ms'], ['100%', '90ms']] }");
    assert!((0.009..0.025).contains(&median) && longest == 0.09, "{median} {longest}");
}

#[test]
fn seeds_have_one_outcome_however_many_run_at_a_time() {
    // Some seeds hold this, and some do not.
    let stage = Stage::of(&OUTAGE.replace("success = \"70%\"", "success = \"81%\""));
    let one = stage.json(&["--seeds", "1..8", "--jobs", "1"], 1);
    let two = stage.json(&["--seeds", "1..8", "--jobs", "2"], 1);
    assert_eq!(one, two);
    let outcome = parsed(&one);
    let runs = outcome["runs"].as_array().unwrap();
    let seeds: Vec<u64> = runs.iter().map(|run| run["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [1, 2, 3, 4, 5, 6, 7, 8]);
    let failing: Vec<String> =
        runs.iter().filter(|run| run["held"] == false).map(|run| run["seed"].to_string()).collect();
    assert!(!failing.is_empty() && failing.len() < 8, "{failing:?}");

    let output = stage.sim(&["outage.toml", "--seeds", "1..8"]);
    let said = text(&output.stdout);
    let line = format!("seeds      8, and {} of them failed: {}\n", failing.len(), failing.join(", "));
    assert!(said.starts_with(&line), "{line}{said}");
    assert!(said.ends_with(&format!("again      steadfast sim outage.toml --seed {}\n", failing[0])), "{said}");
}

/// With all that is drawn by chance in it.
const BY_CHANCE: &str = r#"
manifest = "hello.toml"
copies = 2

[traffic]
arrivals = "poisson"
requests-per-second = 10
duration = "1s"
paths = [{ path = "/strict/Ada", weight = 3 }, { path = "/again/Ada" }]

[[weather]]
kind = { no-target = 3, drop = 1, overloaded = 1 }
rate = "30%"

[[weather]]
kind = "latency"
delay = { median = "20ms", p99 = "300ms" }

[[weather]]
kind = "capacity"
concurrency = 2
work = { mean = "50ms" }
queue = 3
"#;

#[test]
fn a_hundred_seeds_have_the_same_outcome_each_time() {
    let stage = Stage::of(BY_CHANCE);
    let first = stage.json(&["--seeds", "1..100", "--jobs", "1"], 0);
    let again = stage.json(&["--seeds", "1..100", "--jobs", "2"], 0);
    assert!(first == again, "once more, two at a time, and the outcome differs");
    let outcome = parsed(&first);
    let runs = outcome["runs"].as_array().unwrap();
    let figures: std::collections::BTreeSet<String> = runs.iter().map(|run| run["latency"].to_string()).collect();
    assert_eq!((runs.len(), figures.len()), (100, 100), "each seed has its own");
}

/// All requests of a seed come at once, and wait for a second. Those of one seed find room in the pool of instances. Those of
/// four do not, where these run at the same time; and where there is no address space for it, there is no pool.
#[test]
fn instances_that_find_no_room_in_the_pool_do_the_same() {
    let crowd = "manifest = 'hello.toml'\n[traffic]\narrivals = 'bursts'\nburst = 300\nrequests-per-second = 300\n\
                 duration = '1s'\npaths = [{ path = '/strict/Ada' }]\n\
                 [[weather]]\nkind = 'latency'\ndelay = { min = '500ms', max = '900ms' }\n";
    let stage = Stage::of(crowd);
    let run = |jobs: &str, kibibytes: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {kibibytes} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_steadfast")]);
        command.args(["sim", "outage.toml", "--seeds", "1..4", "--json", "out.json", "--jobs", jobs]);
        let command = command.current_dir(stage.path()).env("RUST_LOG", "steadfast_host::instance=debug");
        let output = command.output().expect("the command runs");
        let json = std::fs::read_to_string(stage.path().join("out.json")).expect("it was written");
        (json, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (alone, said) = run("1", "unlimited");
    assert!(!said.contains("the pool"), "there is room for one seed: {said}");
    let (together, _) = run("4", "unlimited");
    assert!(alone == together, "four at a time have another outcome");
    // 4 TiB.
    let (on_demand, said) = run("1", "4294967296");
    assert!(said.contains("instances are made without the pool"), "{said}");
    assert!(alone == on_demand, "without the pool, the outcome is another");
}

#[test]
fn a_failing_seed_is_shrunk_to_what_still_fails() {
    let scenario =
        OUTAGE.replace("executions-per-request = 1", "executions-per-request = 1\n[[weather]]\nkind = 'drop'");
    let scenario = scenario.replace("kind = 'drop'", "kind = 'drop'\non = 'acme:greeter/api'\nrate = '30%'");
    let stage = Stage::of(&scenario.replace("\"70%\"", "\"5%\"").replace("\"0s\"", "\"9s\""));
    let output = stage.sim(&["outage.toml", "--seeds", "5..6", "--shrink", "smaller.toml"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
    let said = text(&output.stdout);
    // A lost answer of a call that is marked as idempotent is enough, without the outage.
    let line = said.lines().find(|line| line.starts_with("shrunk ")).expect("a line for it");
    let requests: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(requests < 30 && line.contains("1 of 2 in the weather; executions of acme:greeter/api"), "{line}");
    assert!(said.ends_with("steadfast sim smaller.toml --seed 5\n"), "{said}");
    let smaller = std::fs::read_to_string(stage.path().join("smaller.toml")).unwrap();
    assert!(smaller.contains("drop") && !smaller.contains("no-target") && !smaller.contains("p99"), "{smaller}");
    let again = stage.sim(&["smaller.toml", "--seed", "5"]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stdout));
    assert!(text(&again.stdout).contains("not held   executions of acme:greeter/api for one request"), "{smaller}");
}

#[test]
fn requests_that_a_component_sends_are_calls_too() {
    let guests = Guests::build(&["http-proxy", "quotes"]).expect("the guests build");
    let stage = Stage::of(
        r#"
        manifest = "proxy.toml"
        [traffic]
        requests-per-second = 10
        duration = "4s"
        paths = [{ path = "/quote", weight = 1 }]
        [[weather]]
        on = "quotes.test"
        kind = "status"
        status = 503
        from = "1s"
        until = "2s"
        first = 1
        [[expect.calls]]
        to = "http://quotes.test"
        total = 41
        executions-per-request = 1
        "#,
    );
    let manifest = format!(
        "component = '{}'\n[http.upstreams]\n'quotes.test' = {{ component = '{}' }}\n",
        guests.file("http-proxy").display(),
        guests.file("quotes").display()
    );
    std::fs::write(stage.path().join("proxy.toml"), manifest).expect("the folder is ours");
    let run = &parsed(&stage.json(&[], 0))["runs"][0];
    // One of the 40 was answered with a 503 in between, and repeated.
    assert_eq!((&run["requests"], &run["succeeded"]), (&40.into(), &40.into()));
    let target = &run["targets"][0];
    assert_eq!(target["to"], "GET http://quotes.test/quote");
    assert_eq!((&target["asked"], &target["arrived"]), (&41.into(), &40.into()));
    let found: Vec<&Value> = run["properties"].as_array().unwrap().iter().map(|property| &property["found"]).collect();
    assert_eq!(found, ["41", "1"]);
}
