//! Who asks, and when; how long instances live, and how many copies of the app there are.

use serde_json::Value;
use steadfast_demo::guests::Guests;

use super::{Stage, parsed};

/// The run of a scenario of a handler that calls a greeter, with these lines of traffic and whatever follows them.
fn run(traffic: &str, rest: &str) -> Value {
    let scenario = format!(
        "manifest = 'hello.toml'\n[traffic]\n{traffic}\nduration = '10s'\npaths = [{{ path = '/strict/Ada' }}]\n{rest}\n"
    );
    parsed(&Stage::of(&scenario).json(&[], 0))["runs"][0].clone()
}

fn counts(of: &Value) -> Vec<u64> {
    of.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

#[test]
fn bursts_come_at_once() {
    let run = run("arrivals = 'bursts'\nburst = 25\nrequests-per-second = 10", "");
    // At 0, 2.5, 5 and 7.5 s; a step is a sixth of a second.
    let steps = counts(&run["steps"]["succeeded"]);
    assert_eq!([0, 15, 30, 45].map(|step| steps[step]), [25; 4]);
    assert_eq!(run["requests"], 100);
}

#[test]
fn a_rate_goes_from_point_to_point() {
    let run = run("requests-per-second = [['0s', 0], ['5s', 40], ['10s', 0.1]]", "");
    let steps = counts(&run["steps"]["succeeded"]);
    let (rising, falling): (u64, u64) = (steps[..30].iter().sum(), steps[30..].iter().sum());
    assert_eq!((rising, falling), (100, 101));
    assert!(steps[..28].is_sorted_by(|a, b| *a <= b + 1) && steps[2] < steps[28], "{steps:?}");
}

#[test]
fn clients_that_wait_for_their_answers_ask_less_of_a_slow_target() {
    let closed = |delay: &str| {
        let weather = format!("[[weather]]\nkind = 'latency'\ndelay = '{delay}'");
        run("clients = 5\npause = '100ms'", &weather)["requests"].as_u64().unwrap()
    };
    // Each client has one request in 100 ms, and in 200 and 1,000.
    assert!((495..=505).contains(&closed("0s")), "{}", closed("0s"));
    assert!((245..=255).contains(&closed("100ms")), "{}", closed("100ms"));
    assert!((45..=55).contains(&closed("900ms")), "{}", closed("900ms"));
}

#[test]
fn clients_without_any_pause_come_to_an_end() {
    let scenario = "manifest = 'hello.toml'\n[traffic]\nclients = 2\npause = '0s'\nduration = '1s'\n\
                    paths = [{ path = '/strict/Ada' }]\n[[weather]]\nkind = 'latency'\ndelay = '10ms'";
    // The answers take time, so time passes.
    let run = &parsed(&Stage::of(scenario).json(&[], 0))["runs"][0];
    assert_eq!(run["requests"], 200);
}

/// A stage with a handler that calls a greeter and one that writes letters. Its instances are used again.
pub fn front(scenario: &str, policies: &str) -> Stage {
    let guests = Guests::build(&["scenario-front", "greeter", "chain-letters"]).expect("the guests build");
    let file = |package| guests.file(package).display().to_string();
    let stage = Stage::of(&format!("manifest = 'front.toml'\n{scenario}"));
    let manifest = format!(
        "component = '{}'\ninstances = 'reuse'\n[links]\n'acme:greeter/api' = {{ component = '{}' }}\n\
         'acme:letters/letters' = {{ component = '{}' }}\n[config]\nsteadfast = '''\n{policies}\n'''\n",
        file("scenario-front"),
        file("greeter"),
        file("chain-letters")
    );
    std::fs::write(stage.path().join("front.toml"), manifest).expect("the folder is ours");
    stage
}

#[test]
fn a_partition_takes_several_links_at_once() {
    let stage = front(
        "[traffic]\nrequests-per-second = 10\nduration = '10s'\n\
         paths = [{ path = '/greet/Ada' }, { path = '/letter/Ada' }]\n[[weather]]\nkind = 'no-target'\n\
         on = ['acme:greeter/api', 'acme:letters/letters']\nfrom = '2s'\nuntil = '4s'",
        "",
    );
    let run = &parsed(&stage.json(&[], 0))["runs"][0];
    assert_eq!(run["answers"], serde_json::json!({ "200": 80, "503": 20 }));
    assert_eq!(run["weather"][0]["on"], "acme:greeter/api and acme:letters/letters");
    let failed = |to: &str| {
        let targets = run["targets"].as_array().unwrap();
        let target = targets.iter().find(|target| target["to"] == to).unwrap();
        target["outcomes"]["no-target"].as_u64().unwrap_or_default()
    };
    assert!(failed("acme:greeter/api#greet") > 0 && failed("acme:letters/letters#write") > 0, "{}", run["targets"]);
}

/// How many calls are made while nothing serves them, by instances each of which lets five of them through.
fn calls_until_all_breakers_are_open(scenario: &str) -> u64 {
    let stage = front(
        &format!(
            "{scenario}\n[traffic]\nrequests-per-second = 10\nduration = '20s'\npaths = [{{ path = '/greet/Ada' }}]\n\
             [[weather]]\nkind = 'no-target'"
        ),
        "[policies.greeter]\nbreaker = { failures = 5, open-for = \"1h\" }",
    );
    parsed(&stage.json(&[], 0))["runs"][0]["targets"][0]["asked"].as_u64().unwrap()
}

#[test]
fn instances_end_when_their_time_is_over_and_copies_have_their_own() {
    let calls = calls_until_all_breakers_are_open;
    assert_eq!(calls(""), 5);
    assert_eq!(calls("copies = 3"), 15);
    assert_eq!(calls("[instances]\nrestarts = ['5s', '10s']"), 15);
    assert_eq!(calls("copies = 2\n[instances]\nrestarts = ['5s']"), 20);
    assert_eq!(calls("[instances]\nrequests = 20"), 50);
    assert_eq!(calls("[instances]\nrequests = 2"), 200);
}
