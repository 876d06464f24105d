//! Several outcomes on one page.

use std::fmt::{self, Write};

use super::chart::{Chart, Scale};
use super::{Html, begin, end};
use crate::sim::compare::{Comparison, Version};
use crate::sim::figures::{Run, percent};
use crate::sim::summary::time;

/// More pictures than these are not compared by eye.
const PICTURES: usize = 4;

impl Comparison {
    /// A page for people: the figures of each version, load against success, and the pictures of one seed.
    ///
    /// ```
    /// let none = steadfast_host::sim::Comparison::of([]);
    /// assert!(none.to_html().starts_with("<!doctype html>"));
    /// ```
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> fmt::Result {
        begin(page, "Comparison")?;
        for note in &self.notes {
            writeln!(page, "<p class=\"bad\">{}</p>", Html(note))?;
        }
        self.table(page)?;
        self.plots(page)?;
        if self.versions.len() <= PICTURES {
            self.pictures(page)?;
        }
        end(page)
    }

    /// What happened in the course of time, of one seed and on one scale.
    fn pictures(&self, page: &mut String) -> fmt::Result {
        let seed = self.seed();
        let run_of = |version: &Version| {
            let run = version.outcome.runs.iter().find(|run| Some(run.seed) == seed)?;
            // Links to requests are for pages that have them.
            Some((version.name.clone(), Run { timelines: Vec::new(), ..run.clone() }))
        };
        let runs: Vec<(String, Run)> = self.versions.iter().filter_map(run_of).collect();
        let scale = Scale::of(runs.iter().map(|(_, run)| run));
        for (name, run) in &runs {
            writeln!(page, "<h2>{}, seed {}</h2>", Html(name), run.seed)?;
            Chart::new(run, &scale).write(page)?;
        }
        Ok(())
    }

    /// The first with which a version failed, or the first.
    fn seed(&self) -> Option<u64> {
        let mut runs = self.versions.iter().flat_map(|version| &version.outcome.runs);
        let failed = runs.clone().filter(|run| !run.held).map(|run| run.seed).min();
        failed.or_else(|| runs.next().map(|run| run.seed))
    }

    fn table(&self, page: &mut String) -> fmt::Result {
        let Some(first) = self.versions.first() else { return writeln!(page, "<p>There is nothing to compare.</p>") };
        page.push_str(
            "<h2>Figures</h2>\n<table class=\"figures\">\n<tr><th>version<th>failing seeds<th>succeeded<th>p50<th>p99",
        );
        for (to, _) in &first.figures.calls {
            write!(page, "<th>calls to <code>{}</code> per request", Html(to))?;
        }
        page.push('\n');
        for Version { name, figures, .. } in &self.versions {
            let class = if figures.failed == 0 { "good" } else { "bad" };
            write!(
                page,
                "<tr><td>{}<td class=\"{class}\">{} of {}<td>{}<td>{}<td>{}",
                Html(name),
                figures.failed,
                figures.seeds,
                percent(figures.success),
                time(figures.p50),
                time(figures.p99)
            )?;
            for (_, calls) in &figures.calls {
                write!(page, "<td>{calls:.2}")?;
            }
            page.push('\n');
        }
        writeln!(page, "</table>")
    }

    /// For each target, what a version asks of it against what succeeds.
    fn plots(&self, page: &mut String) -> fmt::Result {
        let targets = self.versions.first().map(|version| version.figures.calls.as_slice()).unwrap_or_default();
        for (number, (to, _)) in targets.iter().enumerate() {
            let point = |version: &'_ Version| (version.figures.calls[number].1, version.figures.success);
            let points: Vec<_> = self.versions.iter().map(|version| (point(version), version)).collect();
            plot(page, to, &points)?;
        }
        Ok(())
    }
}

/// The picture's own units.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
/// A label.
const LINE: f64 = 14.0;

/// Points of calls per request and success. Right is more load, and above is more success.
fn plot(page: &mut String, target: &str, points: &[((f64, f64), &Version)]) -> fmt::Result {
    let most = points.iter().map(|((calls, _), _)| *calls).fold(0.0, f64::max).max(0.01) * 1.05;
    let least = points.iter().map(|((_, success), _)| *success).fold(1.0, f64::min);
    // From a round share on, so that versions that are close are not one dot.
    let least = ((least - 0.01) * 20.0).floor().max(0.0) / 20.0;
    let x = |calls: f64| LEFT + calls / most * (WIDTH - LEFT - 10.0);
    let y = |success: f64| 10.0 + (1.0 - success) / (1.0 - least) * (HEIGHT - 40.0);
    writeln!(
        page,
        "<h2>Success against load on <code>{0}</code></h2>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Success against calls to {0} per request\">\n\
         <path class=\"grid\" d=\"M{LEFT} 10V{bottom}H{right}\"/>\n\
         <text x=\"{label}\" y=\"20\" text-anchor=\"end\">100%</text>\
         <text x=\"{label}\" y=\"{bottom}\" text-anchor=\"end\">{1}</text>\
         <text x=\"{LEFT}\" y=\"{axis}\">0</text>\
         <text x=\"{right}\" y=\"{axis}\" text-anchor=\"end\">{most:.2} calls per request</text>",
        Html(target),
        percent(least),
        bottom = HEIGHT - 30.0,
        right = WIDTH - 10.0,
        label = LEFT - 6.0,
        axis = HEIGHT - 12.0,
    )?;
    let mut labels: Vec<f64> = Vec::new();
    for ((calls, success), version) in points {
        let class = if version.figures.failed == 0 { "succeeded" } else { "failed" };
        let title = format!("{}: {} succeeded, {calls:.2} calls per request", version.name, percent(*success));
        let (x, y) = (x(*calls), y(*success));
        // Beside the dot, on the side where there is room.
        let (beside, anchor) = if x > WIDTH / 2.0 { (x - 8.0, "end") } else { (x + 8.0, "start") };
        // Below those that are there already.
        let mut line = y + 4.0;
        while let Some(other) = labels.iter().find(|other| (line - **other).abs() < LINE - 0.1) {
            line = other + LINE;
        }
        labels.push(line);
        writeln!(
            page,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}</title></circle>\
             <text x=\"{beside:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            Html(&title),
            line,
            Html(&version.name),
        )?;
    }
    writeln!(page, "</svg>")
}
