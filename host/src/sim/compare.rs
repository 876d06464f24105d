//! Several outcomes side by side: other policies or components in the same weather, or a setting that is varied.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::figures::Run;
use super::outcome::Outcome;
use super::summary::time;
use crate::escape;

/// Outcomes of the same seeds, to choose from. Its text has the figures of each.
///
/// ```
/// use steadfast_host::sim::{Comparison, Outcome};
///
/// let outcome = Outcome::from_json(r#"{ "scenario": "a.toml", "held": true, "runs": [] }"#)?;
/// let comparison = Comparison::of([("a".into(), outcome.clone()), ("b".into(), outcome)]);
/// assert!(comparison.held() && comparison.to_html().starts_with("<!doctype html>"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What a reader has to know of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    pub(super) versions: Vec<Version>,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Version {
    pub name: String,
    pub figures: Figures,
    pub outcome: Outcome,
}

/// Over all seeds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Figures {
    pub seeds: usize,
    pub failed: usize,
    /// Of all requests.
    pub success: f64,
    /// In the mean of the seeds.
    pub p50: f64,
    pub p99: f64,
    /// Of each target of any version, per request. What policies keep in a store is no load on a target.
    pub calls: Vec<(String, f64)>,
}

impl Comparison {
    /// The outcomes, each with a name.
    pub fn of(versions: impl IntoIterator<Item = (String, Outcome)>) -> Self {
        let versions: Vec<(String, Outcome)> = versions.into_iter().collect();
        let runs = versions.iter().flat_map(|(_, outcome)| &outcome.runs);
        let targets = runs.flat_map(|run| &run.targets).filter(|target| !target.to.starts_with("wasi:keyvalue/"));
        let targets: BTreeSet<String> = targets.map(|target| target.to.clone()).collect();
        let version = |(name, outcome): (String, Outcome)| {
            let figures = Figures::of(&outcome.runs, &targets);
            Version { name, figures, outcome }
        };
        Comparison { notes: Vec::new(), versions: versions.into_iter().map(version).collect() }
    }

    /// With something that a reader has to know before the figures.
    ///
    /// ```
    /// let none = steadfast_host::sim::Comparison::of([]).with_note("the traffic differs");
    /// assert_eq!(none.to_string(), "note       the traffic differs\n");
    /// ```
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Whether all properties held, for all seeds of all versions.
    pub fn held(&self) -> bool {
        self.versions.iter().all(|version| version.outcome.held())
    }

    /// All figures as JSON, which is the same on each run of the same seeds.
    ///
    /// ```
    /// let none = steadfast_host::sim::Comparison::of([]);
    /// assert_eq!(none.to_json(), "{\n  \"versions\": []\n}\n");
    /// ```
    pub fn to_json(&self) -> String {
        // Texts and numbers: there is nothing in it that JSON does not have.
        escape::json(&serde_json::to_string_pretty(self).unwrap_or_default()) + "\n"
    }
}

impl Figures {
    fn of(runs: &[Run], targets: &BTreeSet<String>) -> Self {
        let requests = runs.iter().map(|run| run.requests).sum::<usize>().max(1) as f64;
        let mean = |of: fn(&Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        let asked = |to: &String| {
            let targets = runs.iter().flat_map(|run| &run.targets).filter(|target| target.to == *to);
            (to.clone(), targets.map(|target| target.asked).sum::<u64>() as f64 / requests)
        };
        Figures {
            seeds: runs.len(),
            failed: runs.iter().filter(|run| !run.held).count(),
            success: runs.iter().map(|run| run.succeeded).sum::<usize>() as f64 / requests,
            p50: mean(|run| run.latency.p50),
            p99: mean(|run| run.latency.p99),
            calls: targets.iter().map(asked).collect(),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note       {note}")?;
        }
        for Version { name, figures, .. } in &self.versions {
            let Figures { seeds, failed, success, p50, p99, calls } = figures;
            writeln!(f, "{name}")?;
            writeln!(
                f,
                "           {:.1} % succeeded, p50 {}, p99 {}; seeds that failed: {failed} of {seeds}",
                success * 100.0,
                time(*p50),
                time(*p99)
            )?;
            for (to, calls) in calls {
                writeln!(f, "           calls to {to}: {calls:.2} per request")?;
            }
        }
        Ok(())
    }
}
