//! The text of counters, read by a parser that is not ours.

use openmetrics_parser::openmetrics::parse_openmetrics;

use super::*;
use crate::failure::{Cause, Reason};
use crate::{Counters, Event, Observer};

/// A family, its labels, and the value.
type Series = (String, Vec<(String, String)>, f64);

/// Every series, as the parser reads them.
fn read(page: &str) -> Vec<Series> {
    let families = parse_openmetrics(page).unwrap_or_else(|error| panic!("{error:?}: {page}")).families;
    let mut series = Vec::new();
    for (name, family) in families {
        let names: Vec<_> = family.get_label_names().iter().map(ToString::to_string).collect();
        for sample in family.iter_samples() {
            let labels = names.iter().filter_map(|name| {
                let set = sample.get_labelset().ok()?;
                Some((name.clone(), set.get_label_value(name)?.to_owned()))
            });
            let openmetrics_parser::OpenMetricsValue::Counter(counter) = &sample.value else { panic!("{name}") };
            series.push((name.clone(), labels.collect(), counter.value.as_f64()));
        }
    }
    series
}

fn counted(policy: Option<&'static str>, attempts: u32) -> Snapshot {
    let counters = policy.map_or_else(Counters::new, Counters::named);
    for attempt in 1..=attempts {
        (&counters).observe(&Event::AttemptStarted { attempt });
    }
    (&counters).observe(&Event::GaveUp { reason: Reason::RetryAfter, attempts });
    let delivery = crate::Delivery::NotSent;
    (&counters).observe(&Event::AttemptFailed { attempt: attempts, cause: Cause::Overloaded, delivery });
    counters.snapshot()
}

const SERIES: usize = 6 + CAUSES.len() + 2 * REASONS.len() + 3;

#[test]
fn a_page_is_what_openmetrics_says() {
    let page = counted(None, 12).to_string();
    let series = read(&page);
    assert_eq!(series.len(), SERIES);
    let of = |name: &str, label: &[(&str, &str)]| {
        let found = series.iter().find(|(found, labels, _)| {
            found == name
                && labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(label.iter().copied())
        });
        found.unwrap_or_else(|| panic!("no {name} {label:?}: {series:?}")).2
    };
    assert_eq!(of("steadfast_attempts", &[]), 12.0);
    assert_eq!(of("steadfast_gave_up", &[("reason", "retry-after")]), 1.0);
    assert_eq!(of("steadfast_gave_up", &[("reason", "deadline")]), 0.0);
    assert_eq!(of("steadfast_failures", &[("cause", "overloaded")]), 1.0);
    assert_eq!(of("steadfast_breaker_changes", &[("state", "half-open")]), 0.0);
    assert_eq!(page.lines().next(), Some("# TYPE steadfast_attempts counter"));
    assert!(page.ends_with("\n# EOF\n"));
}

#[test]
fn several_policies_share_a_page_without_a_line_twice() {
    let page = OpenMetrics::new(&[counted(Some("a"), 1), counted(None, 2), counted(Some("b"), 3)]).to_string();
    assert_eq!(read(&page).len(), 3 * SERIES);
    let mut lines: Vec<_> = page.lines().map(|line| line.rsplit_once(' ').map_or(line, |(series, _)| series)).collect();
    let all = lines.len();
    lines.retain(|line| !line.starts_with("# HELP"));
    let without_help = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((lines.len(), all - without_help), (without_help, page.matches("# TYPE").count()));
    assert_eq!(page.matches("# EOF").count(), 1);
}

#[test]
fn counters_with_one_name_are_added_up() {
    for name in [None, Some("greeter")] {
        let page = OpenMetrics::new(&[counted(name, 2), counted(Some("other"), 1), counted(name, 5)]).to_string();
        let series = read(&page);
        assert_eq!(series.len(), 2 * SERIES);
        let attempts = series.iter().filter(|(series, ..)| series == "steadfast_attempts").map(|(.., count)| *count);
        assert_eq!(attempts.collect::<Vec<_>>(), [7.0, 1.0]);
    }
}

#[test]
fn any_name_is_a_label_that_the_parser_reads_back() {
    for (name, written) in [
        ("acme:greeter/api#greet", "acme:greeter/api#greet"),
        ("a\"b", "a\\\"b"),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a\\nb"),
        ("\\n\n\"", "\\\\n\\n\\\""),
        ("Grüße, {x=1}", "Grüße, {x=1}"),
        ("", ""),
    ] {
        let page = counted(Some(name), 1).to_string();
        assert!(page.contains(&format!("steadfast_attempts_total{{policy=\"{written}\"}} 1\n")), "{page}");
        assert!(page.contains(&format!("{{policy=\"{written}\",cause=\"timeout\"}} 0\n")), "{page}");
        assert_eq!(read(&page).len(), SERIES, "{name:?}");
        let lines = page.lines().count();
        assert_eq!(lines, counted(None, 1).to_string().lines().count(), "{name:?}");
    }
}

#[test]
fn the_parser_would_see_what_is_wrong() {
    let page = counted(None, 1).to_string();
    assert!(parse_openmetrics(&page).is_ok());
    for wrong in [
        page.replace("# EOF\n", ""),
        page.replace("steadfast_attempts_total 1", "steadfast_attempts 1"),
        [page.trim_end_matches("# EOF\n"), &page].concat(),
    ] {
        assert!(parse_openmetrics(&wrong).is_err(), "{wrong}");
    }
}
