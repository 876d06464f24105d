//! The outcome of a scenario as one page of HTML, which needs nothing else.

mod chart;
mod comparison;

use std::fmt::{self, Write};

use chart::{Chart, Scale, timeline};

use super::figures::{Run, Timeline};
use super::outcome::Outcome;
use super::summary::{counts, time};
use crate::escape::Escaped;

impl Outcome {
    /// A page for people: what held, the figures, one axis of time, and the requests. It has all that it needs in it.
    ///
    /// ```
    /// use steadfast_host::sim::Outcome;
    ///
    /// let outcome = Outcome::from_json(r#"{ "scenario": "a.toml", "held": true, "runs": [] }"#)?;
    /// assert!(outcome.to_html().starts_with("<!doctype html>"));
    /// # Ok::<(), String>(())
    /// ```
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> fmt::Result {
        begin(page, &self.scenario)?;
        match self.runs.iter().find(|run| !run.held).or(self.runs.first()) {
            Some(run) => {
                self.write_seeds(page, run)?;
                write_properties(page, run)?;
                write_totals(page, run)?;
                page.push_str("<h2>In the course of time</h2>\n");
                Chart::new(run, &Scale::of([run])).write(page)?;
                write_requests(page, run)?;
            }
            None => page.push_str("<p>No seeds were run.</p>\n"),
        }
        end(page)
    }

    fn write_seeds(&self, page: &mut String, run: &Run) -> fmt::Result {
        let failing = self.failing();
        if self.runs.len() > 1 {
            let class = if failing.is_empty() { "good" } else { "bad" };
            writeln!(
                page,
                "<p class=\"{class}\">{} seeds, and {} of them failed. This page shows seed {}.</p>",
                self.runs.len(),
                failing.len(),
                run.seed
            )?;
        }
        let again = |seed| format!("steadfast sim {} --seed {seed}", self.scenario);
        writeln!(page, "<p class=\"soft\">Again: <code>{}</code></p>", Html(&again(run.seed)))?;
        for (file, hash) in &self.components {
            let (file, hash) = (Html(file), Html(hash));
            writeln!(page, "<p class=\"soft\">Component: <code>{file}</code>, SHA-256 <code>{hash}</code></p>")?;
        }
        if failing.len() > 1 {
            writeln!(page, "<details><summary>All seeds that failed</summary>")?;
            for seed in failing {
                writeln!(page, "<p><code>{}</code></p>", Html(&again(seed)))?;
            }
            writeln!(page, "</details>")?;
        }
        Ok(())
    }
}

/// All before the content of a page.
fn begin(page: &mut String, title: &str) -> fmt::Result {
    let title = Html(title);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n<title>{title}</title>\n<style>\n{}</style>\n<main>\n<h1>{title}</h1>\n",
        include_str!("page.css")
    )
}

/// All after it.
fn end(page: &mut String) -> fmt::Result {
    write!(page, "</main>\n<script>\n{}</script>\n</html>\n", include_str!("page.js"))
}

fn write_properties(page: &mut String, run: &Run) -> fmt::Result {
    page.push_str("<h2>What is expected</h2>\n");
    if run.properties.is_empty() {
        return writeln!(page, "<p>The scenario expects nothing.</p>");
    }
    page.push_str("<table>\n<tr><th>held<th>property<th>found<th>expected\n");
    for property in &run.properties {
        let held = if property.held { "<td class=\"good\">✓ held" } else { "<td class=\"bad\">✗ not held" };
        let [name, found, expected] = [&property.name, &property.found, &property.expected].map(|text| Html(text));
        writeln!(page, "<tr>{held}<td>{name}<td>{found}<td>{expected}")?;
    }
    writeln!(page, "</table>")
}

fn write_totals(page: &mut String, run: &Run) -> fmt::Result {
    let latency = &run.latency;
    let [p50, p90, p99, max] = [latency.p50, latency.p90, latency.p99, latency.max].map(time);
    writeln!(page, "<h2>Totals</h2>\n<table>")?;
    writeln!(page, "<tr><th>time<td>{} simulated", time(run.lasted))?;
    let answers = counts(&run.answers);
    writeln!(page, "<tr><th>requests<td>{}, {} succeeded: {}", run.requests, run.succeeded, Html(&answers))?;
    writeln!(page, "<tr><th>latency<td>p50 {p50}, p90 {p90}, p99 {p99}, longest {max}")?;
    for target in &run.targets {
        writeln!(
            page,
            "<tr><th>calls<td><code>{}</code>: {} ({:.2} per request), {} arrived: {}",
            Html(&target.to),
            target.asked,
            target.asked as f64 / run.requests.max(1) as f64,
            target.arrived,
            Html(&counts(&target.outcomes))
        )?;
    }
    writeln!(page, "</table>")
}

fn write_requests(page: &mut String, run: &Run) -> fmt::Result {
    writeln!(
        page,
        "<h2>Requests</h2>\n<p class=\"soft\">{} of {}: those that failed and those that took longest. Open one to see its \
         calls.</p>",
        run.timelines.len(),
        run.requests
    )?;
    run.timelines.iter().try_for_each(|request| write_request(page, request))
}

fn write_request(page: &mut String, request: &Timeline) -> fmt::Result {
    let class = if request.succeeded { "good" } else { "bad" };
    writeln!(
        page,
        "<details id=\"r{number}\"><summary>#{number} at {}: <code>{}</code> <span class=\"{class}\">{}</span> after {}, \
         calls: {}</summary>",
        time(request.at),
        Html(&request.request),
        Html(&request.answer),
        time(request.took),
        request.calls.len(),
        number = request.number,
    )?;
    if !request.calls.is_empty() {
        timeline(page, request)?;
        page.push_str("<table>\n<tr><th>after<th>call<th>took<th>outcome<th>arrived\n");
        for call in &request.calls {
            writeln!(
                page,
                "<tr><td>{}<td><code>{}</code><td>{}<td>{}<td>{}",
                time(call.at - request.at),
                Html(&call.to),
                time(call.took),
                Html(&call.outcome),
                if call.arrived { "yes" } else { "no" }
            )?;
        }
        page.push_str("</table>\n");
    }
    writeln!(page, "</details>")
}

/// A text as HTML has it, on one line.
struct Html<'t>(&'t str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in Escaped(self.0).to_string().chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_elsewhere_is_no_part_of_the_page() {
        assert_eq!(Html("<a href=\"x\">'&\n").to_string(), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\\n");
    }
}
