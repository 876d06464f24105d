//! The pictures of a report, as SVG: all on one axis of time.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use super::Html;
use crate::sim::breakers::{Breaker, State};
use crate::sim::figures::{Run, Target, Timeline};
use crate::sim::summary::time;

/// The picture is scaled to its page; these are its own units.
const WIDTH: f64 = 900.0;
/// Where time begins: the labels of the values are left of it.
const LEFT: f64 = 70.0;
/// A part with values.
const HEIGHT: f64 = 110.0;
/// A ribbon of weather.
const RIBBON: f64 = 22.0;
/// Above each part, for its name.
const NAME: f64 = 26.0;

/// How far the axes go. Pictures that are compared share one.
#[derive(Default)]
pub(super) struct Scale {
    /// In seconds, as all times here.
    lasted: f64,
    latency: f64,
    /// In a second.
    requests: f64,
    /// To each target, in a second.
    calls: BTreeMap<String, f64>,
}

impl Scale {
    /// One on which all of these runs have room.
    pub fn of<'r>(runs: impl IntoIterator<Item = &'r Run>) -> Self {
        runs.into_iter().fold(Scale::default(), |mut scale, run| {
            let most = |counts: &mut dyn Iterator<Item = u64>| rate(counts.max().unwrap_or_default().max(1), run);
            let steps = &run.steps;
            scale.lasted = scale.lasted.max(run.lasted);
            scale.latency = scale.latency.max(run.latency.max).max(0.001);
            let requests = most(&mut steps.succeeded.iter().zip(&steps.failed).map(|(good, bad)| good + bad));
            scale.requests = scale.requests.max(requests);
            for target in &run.targets {
                let calls = most(&mut target.asked_by_step.iter().chain(&target.arrived_by_step).copied());
                let known = scale.calls.entry(target.to.clone()).or_default();
                *known = known.max(calls);
            }
            scale
        })
    }
}

/// So many in a step, as a number in each second.
fn rate(count: u64, run: &Run) -> f64 {
    count as f64 / run.steps.length.max(f64::MIN_POSITIVE)
}

/// As many digits as a label needs.
fn per_second(rate: f64) -> String {
    let digits = if rate < 10.0 { 1 } else { 0 };
    format!("{rate:.digits$}/s")
}

pub(super) struct Chart<'r> {
    run: &'r Run,
    scale: &'r Scale,
    /// Where the next part begins.
    top: f64,
    svg: String,
}

impl<'r> Chart<'r> {
    pub fn new(run: &'r Run, scale: &'r Scale) -> Self {
        Chart { run, scale, top: 0.0, svg: String::new() }
    }

    pub fn write(mut self, page: &mut String) -> fmt::Result {
        if !self.run.weather.is_empty() {
            self.weather()?;
        }
        for breaker in &self.run.breakers {
            self.breaker(breaker)?;
        }
        self.requests()?;
        self.latency()?;
        for target in &self.run.targets {
            self.calls(target)?;
        }
        self.axis()?;
        writeln!(
            page,
            "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"group\" aria-label=\"Weather, breakers, requests, latency and calls \
             in the course of time\">\n{}</svg>",
            self.top, self.svg
        )
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + at / self.scale.lasted.max(f64::MIN_POSITIVE) * (WIDTH - LEFT - 10.0)
    }

    /// The left end of a step, and how wide it is.
    fn step(&self, step: usize) -> (f64, f64) {
        let left = self.x(step as f64 * self.run.steps.length);
        (left, self.x((step + 1) as f64 * self.run.steps.length) - left)
    }

    fn span(&self, step: usize) -> String {
        let length = self.run.steps.length;
        format!("{} to {}", time(step as f64 * length), time((step + 1) as f64 * length))
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        self.top += NAME;
        writeln!(self.svg, "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>", self.top - 8.0, Html(name))
    }

    /// A frame for values up to `most`.
    fn frame(&mut self, most: &str) -> fmt::Result {
        let (top, bottom) = (self.top, self.top + HEIGHT);
        writeln!(
            self.svg,
            "<path class=\"grid\" d=\"M{LEFT} {top:.1}H{right}M{LEFT} {bottom:.1}H{right}\"/>\
             <text x=\"{label}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{label}\" y=\"{:.1}\" text-anchor=\"end\">0</text>",
            top + 10.0,
            Html(most),
            bottom,
            right = WIDTH - 10.0,
            label = LEFT - 6.0,
        )
    }

    fn weather(&mut self) -> fmt::Result {
        for weather in &self.run.weather {
            self.name(&weather.name())?;
            for step in 0..self.run.steps.succeeded.len() {
                let length = self.run.steps.length;
                let (start, end) = (step as f64 * length, (step + 1) as f64 * length);
                if !weather.is_there(start, end) {
                    continue;
                }
                // The ends of it are exact.
                let left = self.x(start.max(weather.from));
                let width = self.x(weather.until.map_or(end, |until| end.min(until))) - left;
                writeln!(
                    self.svg,
                    "<rect class=\"there\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                    self.top,
                    width + 0.2,
                    RIBBON - 10.0,
                    Html(&weather.name()),
                )?;
            }
            self.top += RIBBON - 10.0;
        }
        Ok(())
    }

    fn breaker(&mut self, breaker: &Breaker) -> fmt::Result {
        self.top += NAME;
        writeln!(
            self.svg,
            "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">Breaker {}: <tspan class=\"succeeded\">■</tspan> closed, \
             <tspan class=\"failed\">■</tspan> open, <tspan class=\"probing\">■</tspan> half-open</text>",
            self.top - 8.0,
            Html(&breaker.name),
        )?;
        let mut spans: Vec<_> = breaker.spans(self.run.lasted).collect();
        // A probe may take no time, and is to be seen: above the others, and not too narrow.
        spans.sort_by_key(|(.., state)| *state == State::HalfOpen);
        for (begin, end, state) in spans {
            let (class, word) = match state {
                State::Closed => ("succeeded", "closed"),
                State::Open => ("failed", "open"),
                State::HalfOpen => ("probing", "half-open"),
            };
            let left = self.x(begin);
            writeln!(
                self.svg,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{word} from {} to {}</title></rect>",
                self.top,
                (self.x(end) - left).max(3.0),
                RIBBON - 10.0,
                time(begin),
                time(end),
            )?;
        }
        self.top += RIBBON - 10.0;
        Ok(())
    }

    fn requests(&mut self) -> fmt::Result {
        self.top += NAME;
        writeln!(
            self.svg,
            "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">Requests by the time of their coming: \
             <tspan class=\"succeeded\">■</tspan> succeeded below, <tspan class=\"failed\">■</tspan> failed above</text>",
            self.top - 8.0
        )?;
        let steps = &self.run.steps;
        let most = self.scale.requests;
        self.frame(&per_second(most))?;
        for (number, (succeeded, failed)) in steps.succeeded.iter().zip(&steps.failed).enumerate() {
            let (left, width) = self.step(number);
            let height = |count: u64| rate(count, self.run) / most * HEIGHT;
            let bottom = self.top + HEIGHT;
            let title = format!("{}: {succeeded} succeeded, {failed} failed", self.span(number));
            for (class, base, count) in [("succeeded", 0, *succeeded), ("failed", *succeeded, *failed)] {
                if count > 0 {
                    writeln!(
                        self.svg,
                        "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                        bottom - height(base + count),
                        (width - 1.0).max(0.5),
                        height(count),
                        Html(&title),
                    )?;
                }
            }
        }
        self.top += HEIGHT;
        Ok(())
    }

    fn latency(&mut self) -> fmt::Result {
        let dots = if self.run.timelines.is_empty() { "" } else { "; a dot for each request below: click one" };
        self.name(&format!("Latency: lines for p50 and, above it, p99{dots}"))?;
        let steps = &self.run.steps;
        let most = self.scale.latency;
        self.frame(&time(most))?;
        let bottom = self.top + HEIGHT;
        let y = |took: f64| bottom - took / most * HEIGHT;
        for (class, values) in [("p50", &steps.p50), ("p99", &steps.p99)] {
            let mut path = String::new();
            for (number, took) in values.iter().enumerate() {
                let (left, width) = self.step(number);
                let command = if number == 0 { 'M' } else { 'L' };
                write!(path, "{command}{left:.1} {0:.1}H{1:.1}", y(*took), left + width)?;
            }
            writeln!(self.svg, "<path class=\"{class}\" d=\"{path}\"><title>{class}</title></path>")?;
        }
        for request in &self.run.timelines {
            let (x, y) = (self.x(request.at), y(request.took));
            let class = if request.succeeded { "succeeded" } else { "failed" };
            let title =
                format!("#{} {}: {} after {}", request.number, request.request, request.answer, time(request.took));
            writeln!(
                self.svg,
                "<a href=\"#r{}\" aria-label=\"{title}\"><circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">\
                 <title>{title}</title></circle></a>",
                request.number,
                title = Html(&title),
            )?;
        }
        self.top += HEIGHT;
        Ok(())
    }

    fn calls(&mut self, target: &Target) -> fmt::Result {
        self.name(&format!("Calls to {}: made (line) and arrived (area)", target.to))?;
        let most = self.scale.calls.get(&target.to).copied().unwrap_or(1.0);
        self.frame(&per_second(most))?;
        let bottom = self.top + HEIGHT;
        let mut line = String::new();
        for (number, (asked, arrived)) in target.asked_by_step.iter().zip(&target.arrived_by_step).enumerate() {
            let (left, width) = self.step(number);
            let y = |count: u64| bottom - rate(count, self.run) / most * HEIGHT;
            let title = format!("{}: {asked} made, {arrived} arrived", self.span(number));
            writeln!(
                self.svg,
                "<rect class=\"arrived\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                y(*arrived),
                bottom - y(*arrived),
                Html(&title),
            )?;
            let command = if number == 0 { 'M' } else { 'L' };
            write!(line, "{command}{left:.1} {:.1}H{:.1}", y(*asked), left + width)?;
        }
        writeln!(self.svg, "<path class=\"asked\" d=\"{line}\"/>")?;
        self.top += HEIGHT;
        Ok(())
    }

    fn axis(&mut self) -> fmt::Result {
        self.top += 18.0;
        let step = round_step(self.scale.lasted / 7.0);
        let mut at = 0.0;
        while at <= self.scale.lasted {
            let x = self.x(at);
            let anchor = match at {
                0.0 => "start",
                _ if x > WIDTH - 30.0 => "end",
                _ => "middle",
            };
            writeln!(
                self.svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.top,
                round_time(at)
            )?;
            at += step;
        }
        self.top += 8.0;
        Ok(())
    }
}

/// The next time from `least` seconds on that people count in.
fn round_step(least: f64) -> f64 {
    const MINUTES: [f64; 11] =
        [60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0];
    let decimal = 10_f64.powf(least.max(1e-9).log10().floor());
    let decimal = [1.0, 2.0, 5.0, 10.0].map(|times| times * decimal).into_iter().find(|step| *step >= least);
    match decimal {
        Some(step) if step < 30.0 => step,
        _ if least <= 30.0 => 30.0,
        _ => MINUTES.into_iter().find(|step| *step >= least).unwrap_or_else(|| (least / 86_400.0).ceil() * 86_400.0),
    }
}

/// A multiple of such a step.
fn round_time(seconds: f64) -> String {
    match seconds {
        0.0 => "0".into(),
        _ if seconds >= 60.0 => humantime::format_duration(Duration::from_secs(seconds.round() as u64)).to_string(),
        _ if seconds >= 1.0 => format!("{} s", (seconds * 100.0).round() / 100.0),
        _ => time(seconds),
    }
}

/// The calls of one request, as bars from its coming to its answer.
pub(super) fn timeline(page: &mut String, request: &Timeline) -> fmt::Result {
    /// A line for each call.
    const LINE: f64 = 16.0;
    let whole = request.took.max(f64::MIN_POSITIVE);
    let x = |at: f64| ((at - request.at) / whole).clamp(0.0, 1.0) * (WIDTH - 10.0) + 5.0;
    let height = LINE * request.calls.len() as f64 + 4.0;
    writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"Its calls in the course of time\">"
    )?;
    writeln!(page, "<path class=\"grid\" d=\"M5 0V{height:.0}M{right} 0V{height:.0}\"/>", right = WIDTH - 5.0)?;
    for (number, call) in request.calls.iter().enumerate() {
        let (left, right) = (x(call.at), x(call.at + call.took));
        let class = if call.outcome == "ok" { "succeeded" } else { "failed" };
        let title = format!("{}: {} after {}", call.to, call.outcome, time(call.took));
        writeln!(
            page,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\"><title>{}</title></rect>",
            LINE * number as f64 + 4.0,
            (right - left).max(4.0),
            Html(&title),
        )?;
    }
    writeln!(page, "</svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_the_times_that_people_count_in() {
        for (lasted, step) in [(1.0, 0.2), (8.0, 2.0), (20.0, 5.0), (42.03, 10.0), (180.0, 30.0), (3600.0, 600.0)] {
            assert!((round_step(lasted / 7.0) - step).abs() < 1e-9, "{lasted}: {}", round_step(lasted / 7.0));
        }
        assert_eq!(round_step(40.0 * 86_400.0 / 7.0), 6.0 * 86_400.0);
        assert_eq!([0.0, 0.2, 5.0, 7.5, 90.0].map(round_time), ["0", "200 ms", "5 s", "7.5 s", "1m 30s"]);
    }
}
