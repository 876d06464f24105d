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

/// What a browser makes of a page, at this place of it, and what it says of scripts; none where there is no Chromium.
fn shown(page: &str) -> Option<String> {
    let mut browser = Command::new("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
    ]);
    let output = match browser.args(["--dump-dom", page]).output() {
        Ok(output) => output,
        // In CI there is one, so that this is tried.
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "chromium: {error}");
            return None;
        }
    };
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("CONSOLE"), "{log}");
    Some(text(&output.stdout).into())
}

#[test]
fn a_link_to_a_request_opens_it_in_a_browser() {
    let stage = Stage::of(OUTAGE);
    let (_, outcome) = made(&stage);
    let number = &outcome["runs"][0]["timelines"][3]["number"];
    let Some(shown) = shown(&format!("file://{}/out.html#r{number}", stage.path().display())) else { return };
    assert!(shown.contains(&format!("<details id=\"r{number}\" open=\"\">")), "{shown}");
    assert_eq!(shown.matches("open=\"\"").count(), 1);
}

/// The script stands for a person, who presses Tab until a dot has the focus, and Enter, which is a click on it.
#[test]
fn a_click_on_a_dot_opens_its_request_in_a_browser() {
    let stage = Stage::of(OUTAGE);
    let (page, outcome) = made(&stage);
    let number = &outcome["runs"][0]["timelines"][5]["number"];
    let person = format!(
        "<script>
        const dot = document.querySelector('svg a[href=\"#r{number}\"]');
        const person = () => {{
          dot.focus();
          document.title = document.activeElement === dot ? 'reached,' : 'not reached,';
          dot.dispatchEvent(new MouseEvent('click', {{ bubbles: true, cancelable: true }}));
          setTimeout(() => {{
            document.title += ' ' + document.activeElement.closest('details')?.id + ' has the focus';
          }}, 500);
        }};
        addEventListener('load', () => setTimeout(person, 300));
        </script>"
    );
    std::fs::write(stage.path().join("person.html"), page.replace("</html>", &format!("{person}</html>"))).unwrap();
    let Some(shown) = shown(&format!("file://{}/person.html", stage.path().display())) else { return };
    assert!(shown.contains(&format!("<title>reached, r{number} has the focus</title>")), "{shown}");
    assert!(shown.contains(&format!("<details id=\"r{number}\" open=\"\">")), "{shown}");
}
