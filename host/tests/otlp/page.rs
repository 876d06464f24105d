//! The page of the metrics, as a parser that is not ours reads it.

use std::collections::BTreeMap;

use openmetrics_parser::openmetrics::parse_openmetrics;

pub type Labels = BTreeMap<String, String>;

/// The series of a page: name, labels and value.
#[derive(Clone, Debug, Default)]
pub struct Page(pub Vec<(String, Labels, f64)>);

impl Page {
    /// Reads a page, which must be what OpenMetrics says.
    pub fn read(text: &str) -> Self {
        // That a histogram may have a unit, which OpenMetrics says, is news to this parser.
        let unit = |line: &&str| line.starts_with("# UNIT ");
        let without: String = text.lines().filter(|line| !unit(line)).flat_map(|line| [line, "\n"]).collect();
        parse_openmetrics(&without).unwrap_or_else(|error| panic!("{error:?}: {text}"));
        for line in text.lines().filter(unit) {
            let (name, unit) = line["# UNIT ".len()..].split_once(' ').expect("a name and a unit");
            assert!(name.ends_with(&format!("_{unit}")) && text.contains(&format!("# TYPE {name} ")), "{line}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        Page(text.lines().filter(|line| !line.starts_with('#')).map(series).collect())
    }

    /// The value of a series; none, where it is not there.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        // As for Prometheus, an empty label is one that is not there.
        let given = |all: &Labels| all.clone().into_iter().filter(|(_, value)| !value.is_empty()).collect::<Labels>();
        self.0.iter().find(|(other, others, _)| other == name && given(others) == labels).map(|(_, _, value)| *value)
    }

    /// All series of this name.
    pub fn all(&self, name: &str) -> Vec<&Labels> {
        self.0.iter().filter(|(other, ..)| other == name).map(|(_, labels, _)| labels).collect()
    }
}

/// A line. The labels of the tests have no quotes in them.
fn series(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').expect("the end of the labels");
    let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
        let (name, value) = label.split_once("=\"").expect("a label");
        (name.to_string(), value.trim_end_matches('"').to_string())
    });
    (name.into(), labels.collect(), value.parse().expect("a number"))
}
