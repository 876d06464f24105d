//! The outcome of a scenario, for a terminal.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use super::breakers::State;
use super::figures::{Run, Timeline, TimelineCall};
use super::outcome::Outcome;

/// So many failing seeds are named; further ones are counted.
const SEEDS: usize = 20;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shown) = self.runs.iter().find(|run| !run.held).or(self.runs.first()) else {
            return f.write_str("no seeds, so nothing was run\n");
        };
        if self.runs.len() > 1 {
            let failing = self.failing();
            writeln!(f, "seeds      {}, and {} of them failed{}", self.runs.len(), failing.len(), list(&failing))?;
            writeln!(f, "           what follows is of seed {}", shown.seed)?;
        }
        write!(f, "{shown}")?;
        if !self.held {
            writeln!(f)?;
            for (file, hash) in &self.components {
                writeln!(f, "component  {file}, SHA-256 {hash}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize| part as f64 * 100.0 / self.requests.max(1) as f64;
        let latency = &self.latency;
        writeln!(
            f,
            "requests   {} in {}, {} succeeded ({:.1} %): {}",
            self.requests,
            time(self.lasted),
            self.succeeded,
            share(self.succeeded),
            counts(&self.answers)
        )?;
        writeln!(
            f,
            "latency    p50 {}, p90 {}, p99 {}, longest {}",
            time(latency.p50),
            time(latency.p90),
            time(latency.p99),
            time(latency.max)
        )?;
        for target in &self.targets {
            writeln!(
                f,
                "calls      {}: {} ({:.2} per request), {} arrived: {}",
                target.to,
                target.asked,
                target.asked as f64 / self.requests.max(1) as f64,
                target.arrived,
                counts(&target.outcomes)
            )?;
        }
        writeln!(f)?;
        for weather in &self.weather {
            let at = |step: usize| step as f64 * self.steps.length;
            let there = |step: usize| weather.is_there(at(step), at(step + 1));
            let steps = 0..self.steps.succeeded.len();
            let line: String = steps.map(|step| if there(step) { '▄' } else { ' ' }).collect();
            writeln!(f, "           {line}  {}", weather.name())?;
        }
        for breaker in &self.breakers {
            let open = breaker.spans(self.lasted).filter(|(.., state)| *state == State::Open);
            let open: Vec<_> = open.map(|(begin, end, _)| (begin, end)).collect();
            let length = self.steps.length;
            let is_open = |step: usize| {
                let (from, to) = (step as f64 * length, (step + 1) as f64 * length);
                open.iter().any(|(begin, end)| *begin < to && *end > from)
            };
            let steps = 0..self.steps.succeeded.len();
            let line: String = steps.map(|step| if is_open(step) { '▄' } else { ' ' }).collect();
            writeln!(f, "           {line}  breaker {} open", breaker.name)?;
        }
        writeln!(f, "           {}  requests that succeeded", sparkline(&self.steps.succeeded))?;
        writeln!(f, "           {}  requests that failed", sparkline(&self.steps.failed))?;
        for target in &self.targets {
            writeln!(f, "           {}  calls to {}", sparkline(&target.asked_by_step), target.to)?;
        }
        if !self.properties.is_empty() {
            writeln!(f)?;
        }
        for property in &self.properties {
            let held = if property.held { "held      " } else { "not held  " };
            writeln!(f, "{held} {}: {}; expected {}", property.name, property.found, property.expected)?;
        }
        Ok(())
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timeline { number, at, took, request, answer, calls, .. } = self;
        write!(
            f,
            "  request {number}, {request}, came at {} and was answered {answer} after {}",
            time(*at),
            time(*took)
        )?;
        if calls.is_empty() {
            f.write_str("; it had no calls made")?;
        }
        for call in calls {
            let after = call.at - at;
            let arrived = if call.arrived { "" } else { ", did not arrive" };
            let TimelineCall { to, outcome, took, .. } = call;
            write!(f, "\n    after {:>8}  {to}  {outcome} after {}{arrived}", time(after), time(*took))?;
        }
        Ok(())
    }
}

/// `, 3 and 7`; of many, the first.
fn list(seeds: &[u64]) -> String {
    let mut text = String::new();
    for (number, seed) in seeds.iter().take(SEEDS).enumerate() {
        let _ = write!(text, "{} {seed}", if number == 0 { ":" } else { "," });
    }
    if seeds.len() > SEEDS {
        let _ = write!(text, " and {} more", seeds.len() - SEEDS);
    }
    text
}

pub(super) fn counts(counts: &BTreeMap<String, u64>) -> String {
    let all: Vec<String> = counts.iter().map(|(what, count)| format!("{what} ×{count}")).collect();
    all.join(", ")
}

/// A time of so many seconds, as precise as a person reads it.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 100.0 => humantime::format_duration(Duration::from_secs(seconds as u64)).to_string(),
        _ if seconds >= 1.0 => format!("{seconds:.2} s"),
        _ if seconds >= 0.001 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds > 0.0 => format!("{:.0} µs", seconds * 1e6),
        _ => "0 ms".into(),
    }
}

/// A bar for each number; none for a zero.
fn sparkline(numbers: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().max().copied().unwrap_or_default().max(1);
    let bar = |number: &u64| match number {
        0 => ' ',
        number => BARS[usize::try_from((number * 8).div_ceil(most)).unwrap_or(8).clamp(1, 8) - 1],
    };
    numbers.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_has_its_highest_bar_at_the_most() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(sparkline(&[0, 0]), "  ");
        assert_eq!(sparkline(&[1, 1_000_000]), "▁█");
    }

    #[test]
    fn times_are_written_as_people_read_them() {
        let times = [0.0, 0.000_3, 0.2504, 3.004, 86_400.0].map(time);
        assert_eq!(times, ["0 ms", "300 µs", "250 ms", "3.00 s", "1day"]);
    }
}
