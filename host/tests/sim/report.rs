//! The page of `--report`: its figures are those of the JSON, and a browser shows it.

use std::process::Command;

use super::{OUTAGE, Stage, parsed, text};

/// The page and the JSON of a run.
fn made(stage: &Stage) -> (String, serde_json::Value) {
    let json = stage.json(&["--report", "out.html"], 0);
    (std::fs::read_to_string(stage.path().join("out.html")).expect("it was written"), parsed(&json))
}

#[test]
fn the_page_has_the_figures_of_the_json() {
    let (page, outcome) = made(&Stage::of(OUTAGE));
    let run = &outcome["runs"][0];
    let totals = format!("<td>{}, {} succeeded: ", run["requests"], run["succeeded"]);
    assert!(page.contains(&totals), "{totals}");
    for property in run["properties"].as_array().unwrap() {
        let [name, found, expected] = ["name", "found", "expected"].map(|key| property[key].as_str().unwrap());
        assert!(page.contains(&format!("<td>{name}<td>{found}<td>{expected}")), "{property}");
    }
    let requests = run["timelines"].as_array().unwrap();
    assert!(!requests.is_empty());
    for request in requests {
        let number = &request["number"];
        assert!(page.contains(&format!("<details id=\"r{number}\">")), "{request}");
        assert!(page.contains(&format!("<a href=\"#r{number}\" aria-label=\"#{number} ")), "{request}");
    }
    assert_eq!(page.matches("<details id=").count(), requests.len());
}

#[test]
fn the_page_needs_nothing_else() {
    let (page, _) = made(&Stage::of(OUTAGE));
    for part in ["src=", "<link", "@import", "url(", "http://", "https://"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_from_saved_json_is_the_same_page() {
    let stage = Stage::of(OUTAGE);
    let (page, _) = made(&stage);
    let output = stage.sim(&["out.json", "--report", "again.html", "--json", "again.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let read = |file: &str| std::fs::read_to_string(stage.path().join(file)).expect("it was written");
    assert!(read("again.json") == read("out.json"), "{}", read("again.json"));
    assert!(read("again.html") == page, "the JSON is the same, and the page differs");
    assert!(text(&output.stdout).starts_with("requests "), "{}", text(&output.stdout));
}

/// Where there is a Chromium: its script runs, and a link to a request opens it.
#[test]
fn a_link_to_a_request_opens_it_in_a_browser() {
    let stage = Stage::of(OUTAGE);
    let (_, outcome) = made(&stage);
    let number = &outcome["runs"][0]["timelines"][3]["number"];
    let page = format!("file://{}/out.html#r{number}", stage.path().display());
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", &page]);
    let output = match browser.output() {
        Ok(output) => output,
        // In CI there is one, so that this is tried.
        Err(error) => return assert!(std::env::var_os("CI").is_none(), "chromium: {error}"),
    };
    let (shown, log) = (text(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains(&format!("<details id=\"r{number}\" open=\"\">")), "{shown}");
    assert_eq!(shown.matches("open=\"\"").count(), 1);
    assert!(!log.contains("CONSOLE"), "{log}");
}
