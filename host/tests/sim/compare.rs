//! Several outcomes side by side: `--compare` and `--tune`.

use std::process::Command;

use super::traffic::front;
use super::{OUTAGE, Stage, parsed, text};

#[test]
fn two_scenarios_are_compared_with_the_same_seeds() {
    let stage = Stage::of(OUTAGE);
    let calm = OUTAGE.replace("no-target", "latency").replace("until = \"5s\"", "until = \"5s\"\ndelay = \"20ms\"");
    std::fs::write(stage.path().join("calm.toml"), calm).expect("the folder is ours");
    let arguments = ["--seeds", "1..3", "--json", "both.json", "--report", "both.html"];
    let output = stage.sim(&[&["outage.toml", "--compare", "calm.toml"], &arguments[..]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{}", text(&output.stdout));
    let read = |file: &str| std::fs::read_to_string(stage.path().join(file)).expect("it was written");
    let json = parsed(&read("both.json"));
    let versions = json["versions"].as_array().unwrap();
    assert_eq!((&versions[0]["name"], &versions[1]["name"]), (&"outage.toml".into(), &"calm.toml".into()));
    // Each is what it is alone.
    stage.json(&["--seeds", "1..3"], 0);
    assert_eq!(versions[0]["outcome"], parsed(&read("out.json")));
    let success = |version: usize| versions[version]["figures"]["success"].as_f64().unwrap();
    assert!(success(0) < 1.0 && success(1) == 1.0);
    assert_eq!(versions[1]["figures"]["calls"], serde_json::json!([["acme:greeter/api#greet", 1.0]]));
    let said = text(&output.stdout);
    let note = "the weather of the two differs; so the figures do not say which policies are better";
    assert!(said.starts_with(&format!("note       {note}\n")), "{said}");
    assert_eq!(json["notes"], serde_json::json!([note]));
    assert!(read("both.html").contains(note));
    assert!(
        said.contains("calm.toml\n           100.0 % succeeded, p50 0 ms, p99 20 ms; seeds that failed: 0 of 3\n"),
        "{said}"
    );
    let page = read("both.html");
    assert!(page.contains("<td>calm.toml<td class=\"good\">0 of 3<td>100%<td>0 ms<td>20 ms<td>1.00"), "{page}");
    assert_eq!(page.matches("seed 1</h2>").count(), 2);
    assert!(!page.contains("href=\"#r"), "there are no requests to link to");
    // Both pictures have the values of one scale.
    let labels = |picture: &str| -> Vec<String> {
        let texts = picture.split("text-anchor=\"end\">").skip(1);
        texts.map(|text| text.split('<').next().unwrap_or_default().to_string()).collect()
    };
    let pictures: Vec<Vec<String>> = page.split("seed 1</h2>").skip(1).map(labels).collect();
    assert!(pictures.len() == 2 && pictures[0].len() > 4 && pictures[0] == pictures[1], "{pictures:?}");
}

#[test]
fn scenarios_that_ask_the_same_are_compared_without_a_note() {
    let stage = Stage::of(OUTAGE);
    let said = |other: &str, arguments: &[&str]| {
        std::fs::write(stage.path().join("other.toml"), other).expect("the folder is ours");
        let output = stage.sim(&[&["outage.toml", "--compare", "other.toml"], arguments].concat());
        text(&output.stdout).lines().filter_map(|line| line.strip_prefix("note       ")).collect::<Vec<_>>().join("")
    };
    // The lines of the file are others, and what it says is the same.
    assert_eq!(said(&format!("\n\n{OUTAGE}"), &[]), "");
    assert_eq!(said(&OUTAGE.replace("/strict/Ada", "/hello/Ada"), &[]), "");
    let seeded = OUTAGE.replace("seed = 5", "seed = 6");
    assert_eq!(said(&seeded, &[]), "the files have different seeds; both run with that of the first");
    assert_eq!(said(&seeded, &["--seed", "1"]), "");
    let busy = OUTAGE.replace("per-second = 20", "per-second = 10");
    assert_eq!(said(&busy, &[]), "the traffic of the two differs; so the figures do not say which policies are better");
}

/// A target that is overloaded for a while, and what tries to reach it.
fn overloaded() -> Stage {
    front(
        "[traffic]\nrequests-per-second = 10\nduration = '10s'\npaths = [{ path = '/greet/Ada' }]\n[[weather]]\n\
         kind = 'overloaded'\nrate = '30%'\n[expect]\nsuccess = '60%'",
        "[policies.greeter]\nretry = { attempts = 3 }",
    )
}

#[test]
fn values_of_a_setting_are_tried_one_after_the_other() {
    let stage = overloaded();
    let arguments = ["--tune", "policies.greeter.retry.attempts=1,2,4", "--report", "grid.html", "--json", "grid.json"];
    let output = stage.sim(&[&["outage.toml"], &arguments[..]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{}", text(&output.stdout));
    let json = parsed(&std::fs::read_to_string(stage.path().join("grid.json")).unwrap());
    let figures = |key: &str| -> Vec<f64> {
        let versions = json["versions"].as_array().unwrap();
        let of = |version: &serde_json::Value| version["figures"][key].as_f64();
        versions.iter().filter_map(of).collect()
    };
    // The more attempts, the more succeeds, and the more is asked of the target.
    let success = figures("success");
    assert!(success.len() == 3 && success.is_sorted() && success[0] < 0.8 && success[2] > 0.97, "{success:?}");
    let calls: Vec<f64> = (0..3).map(|of| json["versions"][of]["figures"]["calls"][0][1].as_f64().unwrap()).collect();
    assert!(calls[0] == 1.0 && calls[1] > 1.2 && calls[2] > calls[1], "{calls:?}");
    let page = std::fs::read_to_string(stage.path().join("grid.html")).unwrap();
    assert!(page.contains("Success against load on <code>acme:greeter/api#greet</code>"), "{page}");
    assert_eq!(page.matches(">greeter.retry.attempts = ").count(), 3 + 3 * 3, "a row, a title, a label and a picture");
}

#[test]
fn a_setting_that_is_not_there_is_told() {
    let said = |tune: &str| text(&overloaded().sim(&["outage.toml", "--tune", tune]).stderr).to_string();
    let expected = "error: front.toml: `policies.b.retry.attempts` is to be tried, and there is no table `b` of it; there \
                    is: greeter\n";
    assert_eq!(said("policies.b.retry.attempts=1,2"), expected);
    let wrong = "error: outage.toml: `greeter.retry.attempts = 0` is to be tried, and its policies have mistakes: \
                 policies.greeter.retry.attempts: ";
    let zero = said("policies.greeter.retry.attempts=1,0");
    assert!(zero.starts_with(wrong), "{zero}");
    assert!(said("policies.greeter.retry.colour=3").contains("policies.greeter.retry.colour: "), "nothing was run");
    assert!(said("policies.greeter=").contains("a value is empty"), "{}", said("policies.greeter="));
    let many = (0..65).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let many = said(&format!("policies.greeter.retry.attempts={many}"));
    assert!(many.contains("these are 65 combinations, and 64 are the most"), "{many}");
    // Without any policies, there is nothing to tune.
    let output = Stage::of(OUTAGE).sim(&["outage.toml", "--tune", "policies.a.retry.attempts=1"]);
    assert!(text(&output.stderr).contains("there is no `config.steadfast` to have it"), "{}", text(&output.stderr));
}

/// Where there is a Chromium, it shows the page without a word.
#[test]
fn a_comparison_is_shown_by_a_browser() {
    let stage = overloaded();
    stage.sim(&["outage.toml", "--tune", "policies.greeter.retry.attempts=1,4", "--report", "grid.html"]);
    let page = format!("file://{}/grid.html", stage.path().display());
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", &page]);
    let output = match browser.output() {
        Ok(output) => output,
        Err(error) => return assert!(std::env::var_os("CI").is_none(), "chromium: {error}"),
    };
    assert!(text(&output.stdout).contains("<circle"), "{}", text(&output.stdout));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("CONSOLE"));
}
